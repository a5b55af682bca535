package client

import (
	"context"
	"iter"

	"github.com/coxswain-io/coxswain/wire"
)

// Entry is one node in a recursive list.
type Entry struct {
	Path string
	Stat Stat   // zero unless asked for by [WithStats]
	Data []byte // the caller's own; nil unless asked for by [WithData], or if the node has none
}

// ListPage is a part of a recursive list.
type ListPage struct {
	Entries []Entry
	More    bool // there are nodes behind the last one
	Zxid    Zxid // the list shows the tree as it was right after this transaction; the next page is to show the same ([AsOf])
}

// List returns a node and all nodes below it one by one, all as of one point in time, whatever changes meanwhile: a node comes
// before its children, and those are in ascending order of their names' bytes. It reads a page whenever the one before it is
// used up, so that any number of nodes takes the memory of one page. [WithZxid] tells the point in time, [AsOf] chooses it.
//
// An error is the last element: [ErrNoNode], [ErrBadArguments], or [ErrCompacted] if the list took so long that the servers do not
// remember its point in time any more. What was listed until then is right; the list is to be begun again. Each iteration
// begins anew.
func (c *Client) List(ctx context.Context, path string, opts ...ReadOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		o := c.readOptions(opts)
		for after := ""; ; {
			page, err := c.listPage(ctx, path, after, 0, &o)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, entry := range page.Entries {
				if !yield(entry, nil) {
					return
				}
				after = entry.Path
			}
			if !page.More {
				return
			}
			o.goOn()
			o.asOf = page.Zxid
		}
	}
}

// ListPage returns at most limit nodes of the list of [Client.List], those behind the path after ("" for the first page; 0 for
// as many as the server gives at once). The pages show one point in time if each but the first is asked for with [AsOf] the
// Zxid of the first. A page may be shorter although there are more; [ListPage] tells. Errors as for List.
func (c *Client) ListPage(ctx context.Context, path, after string, limit int, opts ...ReadOption) (ListPage, error) {
	const name = "list"
	o := c.readOptions(opts)
	if err := checkLimit(name, path, limit); err != nil {
		return ListPage{}, err
	}
	return c.listPage(ctx, path, after, limit, &o)
}

func (c *Client) listPage(ctx context.Context, path, after string, limit int, o *readOptions) (ListPage, error) {
	const name = "list"
	if after != "" {
		real, err := c.root.path(after)
		if err != nil {
			return ListPage{}, invalid(name, err)
		}
		after = real
	}
	cl, err := c.read(ctx, name, &wire.Request{Kind: wire.List, Path: path, After: after, Limit: limit}, o)
	if err != nil {
		return ListPage{}, err
	}
	var p ListPage
	p.More, p.Zxid, err = wire.DecodeList(cl.result, func(e wire.Entry) {
		p.Entries = append(p.Entries, Entry{c.root.out(e.Name), e.Stat, e.Data})
	})
	switch {
	case err != nil:
	case p.More && len(p.Entries) == 0:
		err = errEmptyPage
	case o.zxid != nil:
		*o.zxid = p.Zxid
	}
	return p, c.decoded(cl, name, path, err)
}
