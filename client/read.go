package client

import (
	"context"
	"errors"
	"iter"
	"slices"

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
	Stat Stat   // zero unless asked for by [WithStats]
	Data []byte // the caller's own; nil unless asked for by [WithData], or if the child has none
}

// Page is a part of a list of children.
type Page struct {
	Children []Child
	More     bool // there are children behind the last one
	Stat     Stat // of the parent
}

// Get returns the data and the stat of a node. Errors: [ErrNoNode], [ErrNotReached] (only with [AtLeast], as
// for all reads), [ErrBadArguments].
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
	case absent(err):
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
	wanted := o.watch
	var w *Watch
	if wanted != nil {
		o.watch = &w // which is the caller's when all pages have been read
	}
	var pages [][]string
	for after := ""; ; {
		names, more, stat, err := c.childNames(ctx, path, after, &o)
		if err != nil {
			if w != nil {
				w.Close()
			}
			return nil, Stat{}, err
		}
		pages = append(pages, names)
		if more {
			after = names[len(names)-1]
			o.goOn()
			continue
		}
		if wanted != nil {
			*wanted = w
		}
		if len(pages) > 1 {
			names = slices.Concat(pages...)
		}
		return names, stat, nil
	}
}

// ChildrenPage returns at most limit children of a node, those whose names come after the given one ("" for the first
// page; 0 for as many as the server gives at once). A page may be shorter although there are more; [Page] tells. Errors as
// for [Client.Children].
func (c *Client) ChildrenPage(ctx context.Context, path, after string, limit int, opts ...ReadOption) (Page, error) {
	o := c.readOptions(opts)
	if err := checkLimit(children, path, limit); err != nil {
		return Page{}, err
	}
	return c.page(ctx, path, after, limit, &o)
}

// ChildrenSeq returns the children of a node one by one in ascending order of their names' bytes, reading a page whenever the
// one before it is used up, so that any number of them takes the memory of one page. What changes meanwhile may be among them
// or not; [Client.List] shows one point in time. An error, one of those of [Client.Children], is the last element. A watch is
// set with the first page and stays, whatever becomes of the others. Each iteration begins anew.
func (c *Client) ChildrenSeq(ctx context.Context, path string, opts ...ReadOption) iter.Seq2[Child, error] {
	return func(yield func(Child, error) bool) {
		o := c.readOptions(opts)
		for after := ""; ; {
			page, err := c.page(ctx, path, after, 0, &o)
			if err != nil {
				yield(Child{}, err)
				return
			}
			for _, child := range page.Children {
				if !yield(child, nil) {
					return
				}
				after = child.Name
			}
			if !page.More {
				return
			}
			o.goOn()
		}
	}
}

// goOn is for the pages behind the first. The watch was set with that, for all of them; and a read never goes back in time, so
// the server at hand has what that showed: there is nothing to ask the others for.
func (o *readOptions) goOn() { o.watch, o.level, o.atLeast = nil, Session, 0 }

func (c *Client) page(ctx context.Context, path, after string, limit int, o *readOptions) (Page, error) {
	cl, err := c.read(ctx, children, &wire.Request{Kind: wire.Children, Path: path, After: after, Limit: limit}, o)
	if err != nil {
		return Page{}, err
	}
	var p Page
	p.More, p.Stat, err = wire.DecodeChildren(cl.result, func(e wire.Entry) {
		p.Children = append(p.Children, Child(e))
	})
	if err == nil && p.More && len(p.Children) == 0 {
		err = errEmptyPage
	}
	return p, c.decoded(cl, children, path, err)
}

// childNames reads the names of a page.
func (c *Client) childNames(ctx context.Context, path, after string, o *readOptions) (names []string, more bool, stat Stat, err error) {
	cl, err := c.read(ctx, children, &wire.Request{Kind: wire.Children, Path: path, After: after}, o)
	if err != nil {
		return nil, false, Stat{}, err
	}
	names, more, stat, err = wire.DecodeChildNames(cl.result)
	if err == nil && more && len(names) == 0 {
		err = errEmptyPage
	}
	return names, more, stat, c.decoded(cl, children, path, err)
}

// children is what errors call the methods.
const children = "children"

// errEmptyPage is an answer from which a list cannot be read on.
var errEmptyPage = errors.New("a page without entries that is not the last")

// checkLimit refuses the limit of a page that makes no sense.
func checkLimit(name, path string, limit int) error {
	if limit < 0 {
		return &Error{Code: wire.CodeBadArguments, Op: name, Path: path, Detail: "a page has a limit of 0 or more entries"}
	}
	return nil
}

// Descendants returns how many nodes are below a node. Errors: [ErrNoNode], [ErrBadArguments].
func (c *Client) Descendants(ctx context.Context, path string, opts ...ReadOption) (int64, error) {
	const name = "descendants"
	o := c.readOptions(opts)
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
	var paths []string
	for after := ""; ; after = c.root.in(paths[len(paths)-1]) {
		cl, err := c.read(ctx, name, &wire.Request{Kind: wire.Ephemerals, Path: prefix, After: after}, &o)
		if err != nil {
			return nil, err
		}
		before := len(paths)
		more, err := wire.DecodeEphemerals(cl.result, func(path string) { paths = append(paths, c.root.out(path)) })
		if err == nil && more && len(paths) == before {
			err = errEmptyPage
		}
		if err := c.decoded(cl, name, prefix, err); err != nil {
			return nil, err
		}
		if !more {
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
	if err := c.ask(ctx, cl, name, "", nil); err != nil {
		return err
	}
	return c.decoded(cl, name, "", wire.DecodeEmpty(cl.result))
}

// LastZxid returns the newest transaction that the client has seen in any answer or event; it never goes back. A process that
// is told it can read what this one has seen with [AtLeast]. An answer's own zxid is at most as high; [WithZxid] tells it.
func (c *Client) LastZxid() Zxid {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.lastZxid
}

// read sends a read of one path.
func (c *Client) read(ctx context.Context, name string, r *wire.Request, o *readOptions) (*call, error) {
	path := r.Path
	real, wrong := c.root.path(path)
	if wrong != nil {
		return nil, invalid(name, wrong)
	}
	if why := o.wrong(r.Kind); why != "" {
		return nil, &Error{Code: wire.CodeBadArguments, Op: name, Path: printable(path), Detail: why}
	}
	r.Path, r.Level, r.AtLeast, r.AsOf = real, o.level, o.atLeast, o.asOf
	r.WithStat, r.WithData = o.withStat, o.withData
	cl := c.newCall(r.Kind)
	var w *Watch
	if o.watch != nil {
		r.Watch = true
		kind := wire.WatchData
		if r.Kind == wire.Children {
			kind = wire.WatchChild
		}
		cl.arms = watchKey{kind, r.Path}
		w = c.newWatch(cl.arms)
		w.root = c.root
		cl.watch = w
	}
	cl.encode(r)
	err := c.ask(ctx, cl, name, path, o.zxid)
	if w != nil && (err == nil || r.Kind == wire.Exists && absent(err)) {
		*o.watch = w
	}
	return cl, err
}

// absent reports whether the service has answered that the node is not there. What a context's cause holds is no answer.
func absent(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Code == wire.CodeNoNode
}

// ask sends a read, stores the zxid of its answer unless zxid is nil, and returns the error of the method.
func (c *Client) ask(ctx context.Context, cl *call, name, path string, zxid *Zxid) error {
	err := c.do(ctx, cl, name, path)
	if zxid != nil && answered(err) {
		*zxid = cl.zxid
	}
	if err != nil {
		return explain(err, name, path, znode.Guard{})
	}
	return nil
}

// wrong tells what is wrong with the options for a kind of read; empty if nothing is.
func (o *readOptions) wrong(kind wire.Kind) string {
	watchable := kind == wire.Get || kind == wire.Exists || kind == wire.Children
	lists := kind == wire.Children || kind == wire.List
	switch {
	case o.level > Session && o.atLeast == 0:
		return "a level is Linearizable or Session"
	case o.watch != nil && !watchable:
		return "no watch can be set with this read; use Get, Exists or Children"
	case o.asOf != 0 && kind != wire.List:
		return "only List and ListPage show the past"
	case (o.withStat || o.withData) && !lists:
		return "only lists bring stats or data when they are asked for"
	}
	return ""
}
