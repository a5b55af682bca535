package client

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Node is what a read of a node gives.
type Node struct {
	Data []byte // the caller's own; nil if the node has none
	Stat Stat
}

// Child is one entry of a list of children.
type Child struct {
	Name string
	Stat Stat // zero unless asked for by [WithStats]
}

// Page is a part of a list of children.
type Page struct {
	Children []Child
	More     bool // there are children behind the last one
	Stat     Stat // of the parent
}

// Get returns the data and the stat of a node. Errors: [ErrNoNode], [ErrBadArguments].
//
// A read sees all writes of its session that were made before it. When the connection breaks it is sent again on the next. If
// ctx ends, the call returns and the answer is dropped.
func (c *Client) Get(ctx context.Context, path string, opts ...ReadOption) (Node, error) {
	const name = "get"
	o := c.readOptions(opts)
	cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Get, Path: path}, &o)
	if err != nil {
		return Node{}, err
	}
	data, stat, err := wire.DecodeGot(cl.result)
	return Node{data, stat}, c.decoded(cl, name, path, err)
}

// Exists returns the stat of a node, and whether it is there: absence is no error, and a watch ([WithWatch]) is then set too
// and fires when the node is created. Errors: [ErrBadArguments].
func (c *Client) Exists(ctx context.Context, path string, opts ...ReadOption) (Stat, bool, error) {
	const name = "exists"
	o := c.readOptions(opts)
	cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Exists, Path: path}, &o)
	switch {
	case errors.Is(err, ErrNoNode):
		return Stat{}, false, nil
	case err != nil:
		return Stat{}, false, err
	}
	stat, err := wire.DecodeStat(cl.result)
	return stat, err == nil, c.decoded(cl, name, path, err)
}

// Children returns the names of all children of a node in ascending order of their bytes, and the node's stat. A long list
// is read in pages: what changes meanwhile may be in it or not, and a watch set with the call fires for it. Errors:
// [ErrNoNode], [ErrBadArguments].
func (c *Client) Children(ctx context.Context, path string, opts ...ReadOption) ([]string, Stat, error) {
	o := c.readOptions(opts)
	var names []string
	after := ""
	for {
		page, err := c.page(ctx, path, after, 0, &o)
		if err != nil {
			return nil, Stat{}, err
		}
		for _, child := range page.Children {
			names = append(names, child.Name)
		}
		if !page.More || len(page.Children) == 0 {
			return names, page.Stat, nil
		}
		after = names[len(names)-1]
		o.watch = nil // set with the first page, for all of them
	}
}

// ChildrenPage returns at most limit children of a node, those whose names come after the given one ("" for the first
// page; 0 for as many as the server gives at once). A page may be shorter although there are more; [Page] tells. Errors as
// for [Client.Children].
func (c *Client) ChildrenPage(ctx context.Context, path, after string, limit int, opts ...ReadOption) (Page, error) {
	o := c.readOptions(opts)
	if limit < 0 {
		return Page{}, &Error{Code: wire.CodeBadArguments, Op: "children", Path: path, Detail: "a page has a limit of 0 or more entries"}
	}
	return c.page(ctx, path, after, limit, &o)
}

func (c *Client) page(ctx context.Context, path, after string, limit int, o *readOptions) (Page, error) {
	const name = "children"
	cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Children, Path: path, After: after, Limit: limit, WithStat: o.withStat}, o)
	if err != nil {
		return Page{}, err
	}
	var p Page
	p.More, p.Stat, err = wire.DecodeChildren(cl.result, func(name string, stat Stat) {
		p.Children = append(p.Children, Child{name, stat})
	})
	return p, c.decoded(cl, name, path, err)
}

// Descendants returns how many nodes are below a node. Errors: [ErrNoNode], [ErrBadArguments].
func (c *Client) Descendants(ctx context.Context, path string, opts ...ReadOption) (int64, error) {
	const name = "descendants"
	o := c.readOptions(opts)
	o.watch = nil
	cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Descendants, Path: path}, &o)
	if err != nil {
		return 0, err
	}
	n, err := wire.DecodeDescendants(cl.result)
	return n, c.decoded(cl, name, path, err)
}

// Ephemerals returns the paths of this session's ephemeral nodes at or below prefix, in ascending order: "/a" has "/a" and
// "/a/b", not "/ab"; "/" has all. Errors: [ErrBadArguments].
func (c *Client) Ephemerals(ctx context.Context, prefix string, opts ...ReadOption) ([]string, error) {
	const name = "ephemerals"
	o := c.readOptions(opts)
	o.watch = nil
	var paths []string
	for after := ""; ; after = paths[len(paths)-1] {
		cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Ephemerals, Path: prefix, After: after}, &o)
		if err != nil {
			return nil, err
		}
		before := len(paths)
		more, err := wire.DecodeEphemerals(cl.result, func(path string) { paths = append(paths, path) })
		if err := c.decoded(cl, name, prefix, err); err != nil {
			return nil, err
		}
		if !more || len(paths) == before {
			return paths, nil
		}
	}
}

// Sync returns when the server at hand has everything that anybody's call had returned from before Sync was called. Reads
// at [Session] level after it are then as fresh as that.
func (c *Client) Sync(ctx context.Context) error {
	const name = "sync"
	cl := c.newCall(wire.Sync)
	cl.encode(&wire.Request{Kind: wire.Sync})
	if err := c.do(ctx, cl, name, ""); err != nil {
		return explain(err, name, "", znode.Guard{})
	}
	return c.decoded(cl, name, "", wire.DecodeEmpty(cl.result))
}

// read sends a read of one path.
func (c *Client) read(ctx context.Context, name string, r *wire.Request, o *readOptions) (*call, error) {
	if err := znode.ValidatePath(r.Path); err != nil {
		return nil, invalid(name, err)
	}
	if !o.level.Valid() {
		return nil, &Error{Code: wire.CodeBadArguments, Op: name, Path: r.Path, Detail: "a level is Linearizable or Session"}
	}
	cl := c.newCall(r.Kind)
	var w *Watch
	if r.Level = o.level; o.watch != nil {
		r.Watch = true
		kind := wire.WatchData
		if r.Kind == wire.Children {
			kind = wire.WatchChild
		}
		cl.arms = watchKey{kind, r.Path}
		w = c.newWatch(cl.arms)
		cl.watch = w
	}
	cl.encode(r)
	err := c.do(ctx, cl, name, r.Path)
	if err != nil {
		err = explain(err, name, r.Path, znode.Guard{})
	}
	if w != nil && (err == nil || r.Kind == wire.Exists && errors.Is(err, ErrNoNode)) {
		*o.watch = w
	}
	return cl, err
}
