package client

import (
	"context"
	"strconv"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Op is one operation of a [Client.Multi]. An operation that can never be carried out is refused by the call that gets it.
type Op struct {
	op  znode.Op
	err *znode.Error
}

// CreateOp creates a node; see [Client.Create].
func CreateOp(path string, data []byte, opts ...CreateOption) Op {
	var o createOptions
	for _, opt := range opts {
		opt(&o)
	}
	op, err := o.op(path, data)
	return Op{op, err}
}

// SetOp replaces the data of a node; see [Client.Set].
func SetOp(path string, data []byte, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpSet, Path: path, Data: data}, opts)
}

// DeleteOp removes a node; see [Client.Delete].
func DeleteOp(path string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpDelete, Path: path}, opts)
}

// CheckOp demands that a node exists, with [IfVersion] that it has a version, and changes nothing.
func CheckOp(path string, opts ...WriteOption) Op {
	return guarded(znode.Op{Kind: znode.OpCheck, Path: path}, opts)
}

func guarded(op znode.Op, opts []WriteOption) Op {
	for _, opt := range opts {
		opt(&op)
	}
	return Op{op, op.Validate()}
}

// Result is the outcome of one operation of a multi.
type Result struct {
	Path string // of the node; for a create the final one
	Stat Stat   // as of this operation; zero for a delete and a check
}

// Multi carries out operations as one transaction: all, each seeing those before it, or none (T-1, T-2). Nobody ever sees
// a part. The error of a failed one is an [*Error] whose Index is the operation that failed; no operation at all is fine
// and asks nobody. See [Client.Create] for what holds for all writes.
func (c *Client) Multi(ctx context.Context, ops ...Op) ([]Result, error) {
	const name = "multi"
	if len(ops) == 0 {
		return nil, nil
	}
	r := wire.Request{Kind: wire.Multi, Ops: make([]znode.Op, len(ops))}
	for i, op := range ops {
		if op.err != nil {
			err := invalid(op.op.Kind.String(), op.err)
			err.Index, err.multi = i, true
			return nil, err
		}
		r.Ops[i] = op.op
	}
	if len(ops) > wire.OpsMax {
		return nil, &Error{Code: wire.CodeTooMany, Op: name, Detail: strconv.Itoa(len(ops)) + " operations, the limit is " + strconv.Itoa(wire.OpsMax) + "; split them"}
	}
	cl := c.newCall(wire.Multi)
	cl.encode(&r)
	if err := c.do(ctx, cl, name, ""); err != nil {
		return nil, explainMulti(err, ops)
	}
	results := make([]Result, 0, len(ops))
	err := wire.DecodeMulti(cl.result, func(r znode.Result) { results = append(results, Result{r.Path, r.Stat}) })
	return results, c.decoded(cl, name, "", err)
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
