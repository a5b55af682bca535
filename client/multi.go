package client

import (
	"context"
	"fmt"
	"strconv"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Op is one operation of a [Client.Multi] or a [Client.Txn]. An operation that can never be carried out is refused by the
// call that gets it.
type Op struct {
	op  znode.Op
	err *znode.Error // its options do not go together

	existed *bool // Existed
	zxid    *Zxid // WithZxid
}

// CreateOp creates a node; see [Client.Create].
func CreateOp(path string, data []byte, opts ...CreateOption) Op {
	if len(opts) == 0 {
		return (&createOptions{}).op(path, data)
	}
	var o createOptions
	for _, opt := range opts {
		opt.forCreate(&o)
	}
	return o.op(path, data)
}

// SetOp replaces the data of a node; see [Client.Set].
func SetOp(path string, data []byte, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpSet, Path: path, Data: data}, opts)
}

// DeleteOp removes a node; see [Client.Delete].
func DeleteOp(path string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpDelete, Path: path}, opts)
}

// CheckOp demands that a node exists, with [IfVersion], [IfCzxid], [IfMzxid] and [IfData] that it is as expected, and
// changes nothing.
func CheckOp(path string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpCheck, Path: path}, opts)
}

// AbsentOp demands that there is no node, and changes nothing. It fails with [ErrNodeExists].
func AbsentOp(path string) Op {
	return Op{op: znode.Op{Kind: znode.OpCheck, Path: path, Guard: znode.Guard{}.AndAbsent()}}
}

// GetOp reads the data and the stat of a node as the operations before it have left it, and changes nothing. An absent node
// is no error: the [Result] tells. The data that one transaction reads are at most a mebibyte, all of them together.
func GetOp(path string) Op { return Op{op: znode.Op{Kind: znode.OpRead, Path: path}} }

// DeleteTreeOp removes a node and all below it; see [Client.DeleteTree].
func DeleteTreeOp(path string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpDeleteTree, Path: path}, opts)
}

// CopyTreeOp copies a node and all below it; see [Client.CopyTree].
func CopyTreeOp(from, to string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpCopyTree, Path: from, To: to}, opts)
}

// MoveTreeOp moves a node and all below it; see [Client.MoveTree].
func MoveTreeOp(from, to string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpMoveTree, Path: from, To: to}, opts)
}

func guarded(plain znode.Op, opts []WriteOption) Op {
	if len(opts) == 0 {
		return Op{op: plain}
	}
	op := Op{op: plain}
	for _, opt := range opts {
		opt.forWrite(&op)
	}
	return op
}

// Result is the outcome of one operation of a transaction.
type Result struct {
	Path    string // of the node; for a create the final one, for a copy or a move the new one
	Stat    Stat   // as of this operation; zero for what deletes or checks, and of an absent node
	Existed bool   // CreateOp with [IfAbsent]: the node was there already. GetOp: it is there
	Data    []byte // GetOp; the caller's own, nil if the node has none
	Count   int64  // DeleteTreeOp, CopyTreeOp, MoveTreeOp: how many nodes
}

// Multi carries out operations as one transaction: all, each seeing those before it, or none (T-1, T-2). Nobody ever sees
// a part. The error of a failed one is an [*Error] whose Index is the operation that failed; no operation at all is fine
// and asks nobody. Other errors: [ErrTooMany] operations, [ErrTooLarge]. See [Client.Create] for what holds for all writes.
func (c *Client) Multi(ctx context.Context, ops ...Op) ([]Result, error) {
	const name = "multi"
	if len(ops) == 0 {
		return nil, nil
	}
	plain, wrong := c.checkOps(ops)
	switch {
	case wrong != nil:
		return nil, wrong
	case len(ops) > wire.OpsMax:
		return nil, tooManyOps(name, len(ops))
	}
	cl := c.newCall(wire.Multi)
	cl.encode(&wire.Request{Kind: wire.Multi, Ops: plain})
	err := c.do(ctx, cl, name, "")
	tellZxid(cl, err, ops)
	if err != nil {
		return nil, explainMulti(err, ops)
	}
	results := make([]Result, 0, len(ops))
	err = wire.DecodeMulti(cl.result, func(r znode.Result) { results = append(results, c.result(&r)) })
	if err == nil {
		err = tellResults(ops, results)
	}
	return results, c.decoded(cl, name, "", err)
}

// checkOps returns operations with the service's names, or what is wrong with the first that can never be carried out.
func (c *Client) checkOps(ops []Op) ([]znode.Op, *Error) {
	plain := make([]znode.Op, len(ops))
	for i := range ops {
		var err *znode.Error
		if plain[i], err = c.root.check(&ops[i]); err != nil {
			e := invalid(ops[i].op.Kind.String(), err)
			e.Index, e.multi = i, true
			return nil, e
		}
	}
	return plain, nil
}

// tooManyOps is the error of a transaction of n operations.
func tooManyOps(name string, n int) *Error {
	return &Error{Code: wire.CodeTooMany, Op: name,
		Detail: strconv.Itoa(n) + " operations, the limit is " + strconv.Itoa(wire.OpsMax) + "; split them"}
}

// result returns the result of one operation as the view tells it.
func (c *Client) result(r *znode.Result) Result {
	return Result{Path: c.root.out(r.Path), Stat: r.Stat, Existed: r.Existed, Data: r.Data, Count: r.Count}
}

// tellZxid stores the zxid of an answer for the operations that want to know it. err is that of the call.
func tellZxid(cl *call, err error, ops []Op) {
	if !answered(err) {
		return
	}
	for i := range ops {
		if ops[i].zxid != nil {
			*ops[i].zxid = cl.zxid
		}
	}
}

// tellResults stores the rest of what operations want to know. The error is one of decoding: there are more or fewer results
// than operations.
func tellResults(ops []Op, results []Result) error {
	if len(results) != len(ops) {
		return fmt.Errorf("%d results for %d operations", len(results), len(ops))
	}
	for i := range ops {
		if ops[i].existed != nil {
			*ops[i].existed = results[i].Existed
		}
	}
	return nil
}

// explainMulti is explain for the operation that failed.
func explainMulti(err error, ops []Op) error {
	refused, ok := err.(*serviceError)
	if !ok {
		return err
	}
	i := refused.failure.Index
	if i >= len(ops) || refused.failure.Path == "" {
		return refused.of("multi", "", znode.Guard{}) // about the transaction as a whole
	}
	e := refused.of(ops[i].op.Kind.String(), ops[i].op.Path, ops[i].op.Guard)
	e.multi = true
	return e
}
