package client

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Create makes a node and returns its path, which for a sequential one has a number at the end, and its stat. The data are
// copied before Create returns. Errors: [ErrNoNode] (the parent; parents are not made automatically), [ErrNodeExists],
// [ErrNoChildrenForEphemerals], [ErrTooLarge], [ErrTooMany] (ephemerals of this session), [ErrBadArguments], [ErrNoSpace].
//
// Like every write it is carried out exactly once, in the order of the session's writes, whatever connections break in
// between. If ctx ends after it was numbered, Create returns, and the write is still carried out while the session lives.
func (c *Client) Create(ctx context.Context, path string, data []byte, opts ...CreateOption) (string, Stat, error) {
	const name = "create"
	op := CreateOp(path, data, opts...)
	cl, err := c.write(ctx, name, wire.Create, &op)
	if err != nil {
		return "", Stat{}, err
	}
	final, stat, err := wire.DecodeCreated(cl.result)
	return final, stat, c.decoded(cl, name, path, err)
}

// Set replaces the data of a node and returns its new stat. The data are copied before Set returns. Errors: [ErrNoNode],
// [ErrBadVersion], [ErrTooLarge], [ErrBadArguments], [ErrNoSpace]. See [Client.Create] for what holds for all writes.
func (c *Client) Set(ctx context.Context, path string, data []byte, opts ...WriteOption) (Stat, error) {
	const name = "set"
	op := SetOp(path, data, opts...)
	cl, err := c.write(ctx, name, wire.Set, &op)
	if err != nil {
		return Stat{}, err
	}
	stat, err := wire.DecodeStat(cl.result)
	return stat, c.decoded(cl, name, path, err)
}

// Delete removes a node that has no children. Errors: [ErrNoNode], [ErrBadVersion], [ErrNotEmpty], [ErrBadArguments]. See
// [Client.Create] for what holds for all writes.
func (c *Client) Delete(ctx context.Context, path string, opts ...WriteOption) error {
	const name = "delete"
	op := DeleteOp(path, opts...)
	cl, err := c.write(ctx, name, wire.Delete, &op)
	if err != nil {
		return err
	}
	return c.decoded(cl, name, path, wire.DecodeEmpty(cl.result))
}

// write sends a single write.
func (c *Client) write(ctx context.Context, name string, kind wire.Kind, op *Op) (*call, error) {
	if op.err != nil {
		return nil, invalid(name, op.err)
	}
	cl := c.newCall(kind)
	cl.encode(&wire.Request{Kind: kind, Ops: []znode.Op{op.op}})
	if err := c.do(ctx, cl, name, op.op.Path); err != nil {
		return nil, explain(err, name, op.op.Path, op.op.Guard)
	}
	return cl, nil
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
