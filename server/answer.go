package server

import (
	"fmt"

	"github.com/coxswain-io/coxswain/server/watch"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// answerReady answers the reads at the front of the queue whose turn has come: no write stands before them, and a
// linearizable one is covered by a barrier. It stops while the client does not take what is there. The caller holds the
// state's lock, shared or exclusive, and c.mu.
func (c *conn) answerReady() {
	c.stalled = false
	for !c.refused {
		p := c.queue.front()
		if p == nil || p.isWrite() || p.read != nil && p.read.Level == wire.Linearizable && p.position > c.barrier.confirmed {
			return
		}
		if len(c.out) >= outHighBytes {
			c.stalled = true
			return
		}
		c.answerFront(p)
	}
}

// answerBefore answers all reads at the front of the queue, up to the first write, because that write is about to be
// applied. No barrier is needed: the entry that brings the write was proposed after these reads had arrived, so all that
// was committed before they were sent stands before it in the log. The caller holds the state's lock exclusively.
func (c *conn) answerBefore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.refused {
		p := c.queue.front()
		if p == nil || p.isWrite() {
			return
		}
		c.answerFront(p)
	}
}

func (c *conn) answerFront(front *pending) {
	p := *front
	c.queue.pop()
	if p.refusal != nil {
		c.refuseNow(p.xid, p.refusal)
	} else {
		c.answer(p.xid, p.read)
		requests.Put(p.read)
	}
	c.room.Broadcast()
}

// answerWrite puts the outcome of the write at the front of the queue into out, and answers the reads behind it whose turn
// has come. The caller holds the state's lock exclusively.
func (c *conn) answerWrite(outcome []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.queue.front()
	if c.refused || p == nil {
		return
	}
	c.out = wire.AppendReply(c.out, p.xid, outcome)
	c.queue.pop()
	c.boundOut()
	c.answerReady()
	c.room.Broadcast()
}

// answer puts the reply to a read into out. The caller holds the state's lock, shared or exclusive, and c.mu: the reply
// enters out in the order of zxids with the events, and a watch that the read sets misses nothing.
func (c *conn) answer(xid wire.Xid, req *wire.Request) {
	s := c.srv
	tree, zxid := s.st.Tree(), s.st.Zxid()
	if e := validatePaths(req); e != nil {
		c.fail(xid, zxid, wire.Code(e.Code), e)
		return
	}
	switch req.Kind {
	case wire.Get, wire.Exists:
		n := tree.Get(req.Path)
		if req.Watch && (n != nil || req.Kind == wire.Exists) && !c.watch(xid, wire.WatchData, req.Path) {
			return
		}
		if n == nil {
			c.noNode(xid, zxid, req.Path)
			break
		}
		stat := n.Stat()
		if req.Kind == wire.Get {
			c.out = wire.AppendGetReply(c.out, xid, zxid, n.Data(), &stat)
		} else {
			c.out = wire.AppendExistsReply(c.out, xid, zxid, &stat)
		}
	case wire.Children:
		c.children(xid, zxid, tree, req)
	case wire.Descendants:
		if n, ok := tree.Descendants(req.Path); ok {
			c.out = wire.AppendDescendantsReply(c.out, xid, zxid, n)
		} else {
			c.noNode(xid, zxid, req.Path)
		}
	case wire.Ephemerals:
		c.ephemerals(xid, zxid, tree, req)
	case wire.MultiRead:
		c.multiRead(xid, zxid, tree, req)
	case wire.SetWatches:
		c.setWatches(xid, zxid, req)
	case wire.RemoveWatch:
		c.removeWatch(xid, zxid, req)
	case wire.Sync:
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	default:
		c.fail(xid, zxid, wire.CodeUnimplemented, &znode.Error{})
	}
	c.boundOut()
}

// estimate finds out how large the answers to the queued reads will be, by what is there now.
func (c *conn) estimate() {
	c.srv.mu.RLock()
	defer c.srv.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	tree := c.srv.st.Tree()
	const head = 256 // of a reply, with its stat
	c.queue.estimate(func(req *wire.Request) int {
		switch req.Kind {
		case wire.Get:
			if n := tree.Get(req.Path); n != nil {
				return head + len(n.Data())
			}
		case wire.Children, wire.Ephemerals:
			return head + wire.PageBytesMax
		case wire.MultiRead:
			return wire.FrameMax
		case wire.SetWatches: // every path may have an event
			return head + 2*(len(req.DataPaths)+len(req.ExistPaths)+len(req.ChildPaths))*head
		}
		return head
	})
}

// validatePaths checks the paths of a request that is answered from the state, but for those of a MultiRead, which fail one
// by one.
func validatePaths(req *wire.Request) *znode.Error {
	switch req.Kind {
	case wire.Sync, wire.MultiRead:
		return nil
	case wire.Ephemerals:
		if req.Path == "" {
			return nil // all
		}
	case wire.SetWatches:
		for _, paths := range [][]string{req.DataPaths, req.ExistPaths, req.ChildPaths} {
			for _, path := range paths {
				if e := znode.ValidatePath(path); e != nil {
					return e
				}
			}
		}
		return nil
	}
	return znode.ValidatePath(req.Path)
}

func (c *conn) fail(xid wire.Xid, zxid znode.Zxid, code wire.Code, e *znode.Error) {
	c.out = wire.AppendFailureReply(c.out, xid, code, zxid, e)
}

func (c *conn) noNode(xid wire.Xid, zxid znode.Zxid, path string) {
	c.fail(xid, zxid, wire.CodeNoNode, &znode.Error{Path: path})
}

// watch registers a one-shot watch and answers the read with an error if the connection has too many.
func (c *conn) watch(xid wire.Xid, kind wire.WatchKind, path string) bool {
	s := c.srv
	s.watchMu.Lock()
	err := s.watches.Add(c, kind, path)
	s.watchMu.Unlock()
	if err != nil {
		c.fail(xid, s.st.Zxid(), wire.CodeTooMany, &znode.Error{Path: path, Detail: err.Error()})
	}
	return err == nil
}

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
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out, list := wire.BeginChildrenResult(out)
	p, start := newPage(req.Limit), len(out)
	tree.Children(req.Path, req.After, func(name string, child *znode.Node) bool {
		if p.full(len(out) - start) {
			return false
		}
		if req.WithStat {
			stat := child.Stat()
			out = wire.AppendChildStat(out, name, &stat)
		} else {
			out = wire.AppendChild(out, name)
		}
		return true
	})
	stat := n.Stat()
	c.out = wire.EndFrame(wire.EndChildrenResult(out, list, p.entries, p.more, &stat), frame)
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

// multiRead answers several reads at one zxid (T-8). Each has its own code; what is too large for one frame together is
// refused as a whole.
func (c *conn) multiRead(xid wire.Xid, zxid znode.Zxid, tree *znode.Tree, req *wire.Request) {
	out, frame := wire.BeginReply(c.out, xid, zxid)
	out = wire.BeginMultiReadResult(out, len(req.Reads))
	for i := range req.Reads {
		r := &req.Reads[i]
		if e := znode.ValidatePath(r.Path); e != nil {
			e.Index = i
			out = wire.AppendFailedPart(out, wire.Code(e.Code), e)
			continue
		}
		n := tree.Get(r.Path)
		if n == nil {
			out = wire.AppendFailedPart(out, wire.CodeNoNode, &znode.Error{Path: r.Path, Index: i})
			continue
		}
		out = wire.AppendPart(out)
		stat := n.Stat()
		switch r.Kind {
		case wire.Get:
			out = wire.AppendGetResult(out, n.Data(), &stat)
		case wire.Exists:
			out = wire.AppendExistsResult(out, &stat)
		default:
			var list wire.ListMark
			out, list = wire.BeginChildrenResult(out)
			p, start := newPage(0), len(out)
			tree.Children(r.Path, "", func(name string, _ *znode.Node) bool {
				if p.full(len(out) - start) {
					return false
				}
				out = wire.AppendChild(out, name)
				return true
			})
			out = wire.EndChildrenResult(out, list, p.entries, p.more, &stat)
		}
		if wire.FrameBytes(out, frame) > wire.FrameMax {
			c.fail(xid, zxid, wire.CodeTooLarge, &znode.Error{Path: r.Path, Index: i, Detail: fmt.Sprintf(
				"the answers up to this one exceed a frame of %d bytes: read fewer nodes at once", wire.FrameMax)})
			return
		}
	}
	c.out = wire.EndFrame(out, frame)
}

// setWatches registers again what the client was watching on its last connection, and delivers what it has missed.
func (c *conn) setWatches(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	s := c.srv
	list := watch.List{Data: req.DataPaths, Exist: req.ExistPaths, Child: req.ChildPaths}
	s.watchMu.Lock()
	err := s.watches.CatchUp(c, req.Since, list, s.lookup, func(_ *conn, e wire.Event) { c.out = wire.AppendEvent(c.out, e) })
	s.watchMu.Unlock()
	if err != nil {
		c.fail(xid, zxid, wire.CodeTooMany, &znode.Error{Detail: err.Error()})
	} else {
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	}
}

// removeWatch takes back a watch. If there is none it has fired, and the event is on its way.
func (c *conn) removeWatch(xid wire.Xid, zxid znode.Zxid, req *wire.Request) {
	s := c.srv
	s.watchMu.Lock()
	found := s.watches.Remove(c, req.WatchKind, req.Path)
	s.watchMu.Unlock()
	if found {
		c.out = wire.AppendEmptyReply(c.out, xid, zxid)
	} else {
		c.fail(xid, zxid, wire.CodeNoWatcher, &znode.Error{Path: req.Path})
	}
}
