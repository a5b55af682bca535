package server

import (
	"fmt"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// page counts what goes into one page of a list and says when it is full.
type page struct {
	limit   int
	entries int
	more    bool // something was left over
}

func newPage(asked int) page {
	if asked <= 0 || asked > wire.PageLimitMax {
		asked = wire.PageLimitMax
	}
	return page{limit: asked}
}

// full reports whether another entry must wait for the next page, of which bytes are already taken in this one.
func (p *page) full(bytes int) bool {
	p.more = p.entries >= p.limit || bytes >= wire.PageBytesMax
	if !p.more {
		p.entries++
	}
	return p.more
}

// children answers with one page of a node's children in order of name, and says whether there are more.
func (c *conn) children(xid wire.Xid, zxid znode.Zxid, tree *znode.Tree, req *wire.Request) {
	n := tree.Get(req.Path)
	if n == nil {
		c.noNode(xid, zxid, req.Path)
		return
	}
	if req.Watch && !c.watch(xid, wire.WatchChild, req.Path) {
		return
	}
	stat := n.Stat()
	c.longList(stat.NumChildren)
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginChildrenResult(out)
	p, start := newPage(req.Limit), len(out)
	tree.Children(req.Path, req.After, func(name string, child *znode.Node) bool {
		if p.full(len(out) - start) {
			return false
		}
		out = appendEntry(out, name, child, req)
		return true
	})
	c.out = wire.EndFrame(wire.EndChildrenResult(out, list, p.entries, p.more, &stat), frame)
}

// appendEntry appends one node to a list, with what the request asks for.
func appendEntry(out []byte, name string, n *znode.Node, req *wire.Request) []byte {
	if req.WithStat || req.WithData {
		return wire.AppendNodeEntry(out, name, n, req.WithStat, req.WithData)
	}
	return wire.AppendEntry(out, name)
}

// list answers with one page of a node and all below it: as of now, or as of the zxid that the first page told, for which
// what has changed since is taken back.
func (c *conn) list(xid wire.Xid, zxid znode.Zxid, tree *znode.Tree, req *wire.Request) {
	asOf := req.AsOf
	if asOf == 0 {
		asOf = zxid
	}
	if asOf > zxid {
		c.notReached(xid, zxid, asOf)
		return
	}
	nodes, _ := tree.Descendants(req.Path) // as of now, which is near enough
	c.longList(nodes)
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginListResult(out)
	p, start := newPage(req.Limit), len(out)
	visit := func(path string, n *znode.Node) bool {
		if p.full(len(out) - start) {
			return false
		}
		out = appendEntry(out, path, n, req)
		return true
	}
	var there bool
	if asOf == zxid {
		there = tree.Walk(req.Path, req.After, func(n *znode.Node) bool { return visit(n.Path(), n) })
	} else {
		past, ok := c.srv.ring.Past(tree, req.Path, asOf, zxid)
		if !ok {
			c.fail(xid, zxid, wire.CodeCompacted, &znode.Error{Path: req.Path, Detail: fmt.Sprintf(
				"the list is of zxid %v and the history of this server begins at %v: begin a new list", asOf, c.srv.ring.Floor())})
			return
		}
		there = past.Walk(tree, req.Path, req.After, visit)
	}
	if !there {
		c.noNode(xid, zxid, req.Path)
		return
	}
	c.out = wire.EndFrame(wire.EndListResult(out, list, p.entries, p.more, asOf), frame)
}

// sessions answers with one page of the sessions of the cluster in order of id.
func (c *conn) sessions(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	table, tree := c.srv.st.Sessions(), c.srv.st.Tree()
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginSessionsResult(out)
	p, start := newPage(req.Limit), len(out)
	table.Each(req.AfterID, func(i session.Info) bool {
		if p.full(len(out) - start) {
			return false
		}
		e := wire.SessionEntry{
			ID: i.ID, Name: i.Name, Server: i.Server, Attached: i.Attached, TimeoutMS: i.TimeoutMS,
			Ephemerals: tree.EphemeralCount(uint64(i.ID)), LastSeq: i.Last,
		}
		if !i.Attached {
			e.LeftMS = max(0, int64(i.Deadline-table.Clock()))
		}
		out = wire.AppendSessionEntry(out, &e)
		return true
	})
	c.out = wire.EndFrame(wire.EndSessionsResult(out, list, p.entries, p.more), frame)
}

// outcomes answers with the recorded replies of a session's writes, one page of them.
func (c *conn) outcomes(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	type recorded struct {
		seq   session.Seq
		reply []byte
	}
	var replies []recorded
	bytes, more := 0, false
	tomb, ok := c.srv.st.Sessions().Outcomes(req.Target, secretOf(req.Password), req.FromSeq, func(seq session.Seq, reply []byte) bool {
		if more = bytes >= wire.PageBytesMax; !more {
			replies = append(replies, recorded{seq, reply})
			bytes += len(reply)
		}
		return !more
	})
	if !ok {
		c.fail(xid, zxid, wire.CodeNoSession, &znode.Error{Detail: fmt.Sprintf(
			"session %v is not remembered, or has another password", req.Target)})
		return
	}
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginOutcomesResult(out, wire.OutcomesHead{Ended: tomb.Ended, Acked: tomb.Acked, Last: tomb.Last})
	for _, r := range replies {
		out = wire.AppendRecordedOutcome(out, r.seq, r.reply)
	}
	c.out = wire.EndFrame(wire.EndOutcomesResult(out, list, len(replies), more), frame)
}

// ephemerals answers with one page of the paths that the session owns.
func (c *conn) ephemerals(xid wire.Xid, zxid znode.Zxid, tree *znode.Tree, req *wire.Request) {
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginEphemeralsResult(out)
	p, start := newPage(req.Limit), len(out)
	tree.Ephemerals(uint64(c.id), req.Path, req.After, func(path string) bool {
		if p.full(len(out) - start) {
			return false
		}
		out = wire.AppendString(out, path)
		return true
	})
	c.out = wire.EndFrame(wire.EndEphemeralsResult(out, list, p.entries, p.more), frame)
}
