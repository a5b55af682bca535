package client

import (
	"context"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Txn is a transaction with conditions: if all of them hold its one branch is carried out, otherwise the other.
//
//	client.If(client.AbsentOp("/leader")).
//		Then(client.CreateOp("/leader", me, client.Ephemeral())).
//		Else(client.GetOp("/leader"))
//
// A Txn is a value that its methods do not change; they return another.
type Txn struct {
	conditions, then, otherwise []Op
}

// If begins a transaction with its conditions, each a [CheckOp] or an [AbsentOp]. Without any the Then branch is carried out.
func If(conditions ...Op) Txn { return Txn{conditions: slices.Clone(conditions)} }

// Then returns t with operations appended to the branch that is carried out if all conditions hold.
func (t Txn) Then(ops ...Op) Txn {
	t.then = slices.Concat(t.then, ops)
	return t
}

// Else returns t with operations appended to the branch that is carried out if a condition does not hold.
func (t Txn) Else(ops ...Op) Txn {
	t.otherwise = slices.Concat(t.otherwise, ops)
	return t
}

// TxnResult is the outcome of a transaction that was carried out.
type TxnResult struct {
	Held    bool     // all conditions held: the Then branch was carried out
	Failed  int      // the index of the first condition that did not hold; -1 if all held
	Results []Result // of the branch's operations
	Zxid    Zxid     // of the transaction, or, if it changed nothing, of the newest one before it
}

// Branch is the part of a [Txn] that an [Error] is about.
type Branch string

// The parts of a transaction.
const (
	BranchIf   Branch = "if"
	BranchThen Branch = "then"
	BranchElse Branch = "else"
)

// Txn carries out the branch that the conditions choose, as one transaction: all operations of the branch, each seeing those
// before it, or none. That a condition does not hold is no error, whatever the reason; TxnResult tells which. An operation
// that fails does not make the other branch run: the error is then an [*Error] with the Branch and the Index of the operation
// in it. Other errors: [ErrTooMany] operations, those of all three parts counted together;
// [ErrTooLarge]; [ErrBadArguments] for a condition that is neither check nor absence. See [Client.Create] for what holds for
// all writes.
func (c *Client) Txn(ctx context.Context, t Txn) (TxnResult, error) {
	const name = "transaction"
	r, err := c.txnRequest(&t)
	if err != nil {
		return TxnResult{}, err
	}
	if n := len(t.conditions) + len(t.then) + len(t.otherwise); n > wire.OpsMax {
		return TxnResult{}, tooManyOps(name, n)
	}
	cl := c.newCall(wire.Txn)
	cl.encode(r)
	failure := c.do(ctx, cl, name, "")
	if failure != nil {
		tellZxid(cl, failure, slices.Concat(t.conditions, t.then, t.otherwise))
		return TxnResult{}, t.explain(failure)
	}
	result := TxnResult{Zxid: cl.zxid}
	held, failed, broken := wire.DecodeTxn(cl.result, func(r znode.Result) { result.Results = append(result.Results, c.result(&r)) })
	branch := t.otherwise
	if result.Held, result.Failed = held, failed; held {
		branch, result.Failed = t.then, -1
	}
	if broken == nil && !held && failed >= len(t.conditions) {
		broken = fmt.Errorf("condition %d of %d does not hold", failed, len(t.conditions))
	}
	if broken == nil {
		tellZxid(cl, nil, t.conditions)
		tellZxid(cl, nil, branch)
		broken = tellResults(branch, result.Results)
	}
	if err := c.decoded(cl, name, "", broken); err != nil {
		return TxnResult{}, err
	}
	return result, nil
}

// txnRequest returns the request of a transaction, or what is wrong with the first part that can never be carried out.
func (c *Client) txnRequest(t *Txn) (*wire.Request, error) {
	r := &wire.Request{Kind: wire.Txn}
	for _, part := range [...]struct {
		branch Branch
		ops    []Op
		plain  *[]znode.Op
	}{{BranchIf, t.conditions, &r.If}, {BranchThen, t.then, &r.Ops}, {BranchElse, t.otherwise, &r.Else}} {
		var err *Error
		if *part.plain, err = c.checkOps(part.ops); err != nil {
			err.Branch = part.branch
			return nil, err
		}
	}
	for i, op := range t.conditions {
		if op.op.Kind != znode.OpCheck {
			kind := op.op.Kind.String()
			return nil, &Error{
				Code: wire.CodeBadArguments, Op: kind, Path: printable(op.op.Path), Index: i, Branch: BranchIf, multi: true,
				Detail: "a condition is a check or an absence, not a " + kind,
			}
		}
	}
	return r, nil
}

// explain is explainMulti for a transaction with conditions: the service counts through all three parts.
func (t *Txn) explain(err error) error {
	refused, ok := err.(*serviceError)
	if !ok || refused.failure.Path == "" {
		return explainMulti(err, nil)
	}
	i := refused.failure.Index
	for _, part := range [...]struct {
		branch Branch
		ops    []Op
	}{{BranchIf, t.conditions}, {BranchThen, t.then}, {BranchElse, t.otherwise}} {
		if i < len(part.ops) {
			op := &part.ops[i].op
			e := refused.of(op.Kind.String(), op.Path, op.Guard)
			e.Index, e.Branch, e.multi = i, part.branch, true
			return e
		}
		i -= len(part.ops)
	}
	return explainMulti(err, nil)
}
