package client

import (
	"strings"

	"github.com/coxswain-io/coxswain/znode"
)

// chroot is the path under which a view of a client sees everything: "" for the client itself, else an absolute path
// other than "/" (P-14).
type chroot string

// in returns the service's name of a path of the view.
func (r chroot) in(path string) string {
	if r == "" {
		return path
	}
	if path == "/" {
		return string(r)
	}
	return string(r) + path
}

// path returns the service's name of a path of the view, or why it can name no node, in the view's own terms: what is legal by
// itself may be too long behind the root.
func (r chroot) path(path string) (string, *znode.Error) {
	if err := znode.ValidatePath(path); err != nil || r == "" {
		return path, err
	}
	real := r.in(path)
	err := znode.ValidatePath(real)
	if err != nil {
		err.Path = r.out(err.Path)
	}
	return real, err
}

// inOp returns an operation of the view with the service's names. The path of a sequential create is a prefix, so "/" stays
// one.
func (r chroot) inOp(op znode.Op) znode.Op {
	switch {
	case r == "":
	case op.Kind == znode.OpCreate && op.Mode.Sequential():
		op.Path = string(r) + op.Path
	default:
		op.Path = r.in(op.Path)
		if op.To != "" {
			op.To = r.in(op.To)
		}
	}
	return op
}

// check returns an operation with the service's names, or why it can never be carried out, in the view's. A rule about a
// special path, such as the root, is about the service's.
func (r chroot) check(op *Op) (znode.Op, *znode.Error) {
	if op.err != nil {
		return op.op, op.err
	}
	if r == "" {
		return op.op, op.op.Validate()
	}
	// What does not begin with "/" would become legal with the root in front.
	if !strings.HasPrefix(op.op.Path, "/") {
		return op.op, znode.ValidatePath(op.op.Path)
	}
	if copies := op.op.Kind == znode.OpCopyTree || op.op.Kind == znode.OpMoveTree; copies && !strings.HasPrefix(op.op.To, "/") {
		return op.op, znode.ValidatePath(op.op.To)
	}
	real := r.inOp(op.op)
	err := real.Validate()
	if err != nil {
		err.Path = r.out(err.Path)
	}
	return real, err
}

// out returns the view's name of a path of the service. What is outside the view, which only errors can name, keeps its
// name.
func (r chroot) out(path string) string {
	if r == "" {
		return path
	}
	switch rest, ok := strings.CutPrefix(path, string(r)); {
	case ok && rest == "":
		return "/"
	case ok && rest[0] == '/':
		return rest
	}
	return path
}

// Chroot returns a view of the client that takes every path as one below the given one, which need not exist, and tells
// every path likewise. It shares the session, the connection and the limits with the client that it was made from; views of
// views are fine. Closing a view closes the session for all of them. Errors: [ErrBadArguments] for an illegal path.
func (c *Client) Chroot(path string) (*Client, error) {
	root, err := c.root.path(path)
	switch {
	case err != nil:
		return nil, invalid("chroot", err)
	case path == "/":
		return c, nil
	}
	return &Client{core: c.core, root: chroot(root)}, nil
}
