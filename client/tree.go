package client

import (
	"context"

	"github.com/coxswain-io/coxswain/wire"
)

// DeleteTree removes a node and all nodes below it as one transaction, and returns how many they were. What is expected of the
// node by options is about the top one. Errors: [ErrNoNode], [ErrBadVersion], [ErrMismatch], [ErrTooMany] (more nodes than one
// transaction may change: delete parts first), [ErrBadArguments] (the root, or a node that is reserved). See [Client.Create]
// for what holds for all writes.
func (c *Client) DeleteTree(ctx context.Context, path string, opts ...WriteOption) (int64, error) {
	const name = "delete tree"
	op := DeleteTreeOp(path, opts...)
	cl, err := c.write(ctx, name, &op)
	if err != nil {
		return 0, err
	}
	count, err := wire.DecodeDeleted(cl.result)
	return count, c.decoded(cl, name, path, err)
}

// CopyTree copies a node and all nodes below it to a path at which there is nothing and whose parent is there, as one
// transaction, and returns the stat of the copy's top and the number of nodes. The copies are new nodes: their czxid is that of
// the copying, their versions begin at 0; container and TTL nodes stay such. What is expected by options is about the
// original's top. Errors: [ErrNoNode] (the original, or the parent of the copy: the error's Path tells), [ErrNodeExists],
// [ErrBadVersion], [ErrMismatch], [ErrTooMany], [ErrTooLarge] (more nodes or data than one transaction may make, or a path that
// becomes too long), [ErrNoChildrenForEphemerals], [ErrBadArguments] (a copy inside the original, or an ephemeral node in it,
// which belongs to a session), [ErrNoSpace]. See [Client.Create] for what holds for all writes.
func (c *Client) CopyTree(ctx context.Context, from, to string, opts ...WriteOption) (Stat, int64, error) {
	return c.copyTree(ctx, "copy tree", CopyTreeOp(from, to, opts...))
}

// MoveTree moves a node and all nodes below it to a path at which there is nothing and whose parent is there, as one
// transaction: nobody ever sees both, or neither. It is a [Client.CopyTree] with the deletion of the original, so the moved
// nodes are new ones to guards and watches; but ephemeral nodes are moved too, and still belong to their sessions. Results
// and errors as for CopyTree.
func (c *Client) MoveTree(ctx context.Context, from, to string, opts ...WriteOption) (Stat, int64, error) {
	return c.copyTree(ctx, "move tree", MoveTreeOp(from, to, opts...))
}

func (c *Client) copyTree(ctx context.Context, name string, op Op) (Stat, int64, error) {
	cl, err := c.write(ctx, name, &op)
	if err != nil {
		return Stat{}, 0, err
	}
	_, stat, count, err := wire.DecodeCopied(cl.result)
	return stat, count, c.decoded(cl, name, op.op.Path, err)
}
