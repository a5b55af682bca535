package client

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Create makes a node and returns its path, which for a sequential one has a number at the end, and its stat. The data are
// copied before Create returns. Errors: [ErrNoNode] (the parent is absent, and neither [Parents] nor [ContainerParents] was
// asked for), [ErrNodeExists] (not with [IfAbsent]), [ErrNoChildrenForEphemerals], [ErrTooLarge], [ErrTooMany] (ephemerals of
// this session, or parents to make), [ErrBadArguments], [ErrNoSpace].
//
// Like every write it is carried out exactly once, in the order of the session's writes, whatever connections break in
// between. If ctx ends after it was numbered, Create returns, and the write is still carried out while the session lives.
func (c *Client) Create(ctx context.Context, path string, data []byte, opts ...CreateOption) (string, Stat, error) {
	const name = "create"
	op := CreateOp(path, data, opts...)
	cl, err := c.write(ctx, name, &op)
	if err != nil {
		return "", Stat{}, err
	}
	final, stat, existed, err := wire.DecodeCreated(cl.result)
	if op.existed != nil && err == nil {
		*op.existed = existed
	}
	return c.root.out(final), stat, c.decoded(cl, name, path, err)
}

// Set replaces the data of a node and returns its new stat. The data are copied before Set returns. Errors: [ErrNoNode],
// [ErrBadVersion], [ErrMismatch], [ErrTooLarge], [ErrBadArguments], [ErrNoSpace]. See [Client.Create] for what holds for all
// writes.
func (c *Client) Set(ctx context.Context, path string, data []byte, opts ...WriteOption) (Stat, error) {
	const name = "set"
	op := SetOp(path, data, opts...)
	cl, err := c.write(ctx, name, &op)
	if err != nil {
		return Stat{}, err
	}
	stat, err := wire.DecodeStat(cl.result)
	return stat, c.decoded(cl, name, path, err)
}

// Delete removes a node that has no children. Errors: [ErrNoNode], [ErrBadVersion], [ErrMismatch], [ErrNotEmpty],
// [ErrBadArguments]. See [Client.Create] for what holds for all writes.
func (c *Client) Delete(ctx context.Context, path string, opts ...WriteOption) error {
	const name = "delete"
	op := DeleteOp(path, opts...)
	cl, err := c.write(ctx, name, &op)
	if err != nil {
		return err
	}
	return c.decoded(cl, name, path, wire.DecodeEmpty(cl.result))
}

// write sends a single write.
func (c *Client) write(ctx context.Context, name string, op *Op) (*call, error) {
	plain, wrong := c.root.check(op)
	if wrong != nil {
		return nil, invalid(name, wrong)
	}
	cl := c.newCall(wire.Kind(plain.Kind))
	cl.encode(&wire.Request{Kind: cl.kind, Ops: []znode.Op{plain}})
	err := c.do(ctx, cl, name, op.op.Path)
	if op.zxid != nil && answered(err) {
		*op.zxid = cl.zxid
	}
	if err != nil {
		return nil, explain(err, name, op.op.Path, op.op.Guard)
	}
	return cl, nil
}

// answered reports whether a call that ended with err has an answer of the service's, be it a refusal.
func answered(err error) bool {
	_, refused := err.(*serviceError)
	return err == nil || refused
}

// explain turns a refusal into the error that a method returns; other errors stay as they are.
func explain(err error, name, path string, guard znode.Guard) error {
	if refused, ok := err.(*serviceError); ok {
		return refused.of(name, path, guard)
	}
	return err
}

// decoded gives a call back when its result has been decoded, and says so if it was not what it should be.
func (c *Client) decoded(cl *call, name, path string, err error) error {
	c.recycle(cl)
	if err != nil {
		return fmt.Errorf("%s %s: the server's answer cannot be read: %w", name, path, err)
	}
	return nil
}
