package server

import (
	"fmt"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// answerReady answers the reads at the front of the queue whose turn has come: no write stands before them, and a
// linearizable one is covered by a barrier. It stops while the client does not take what is there. inApply tells that the
// state's lock is held exclusively: what takes long is then left for later. The caller holds the state's lock and c.mu.
func (c *conn) answerReady(inApply bool) {
	c.stalled = false
	for !c.refused {
		p := c.queue.front()
		if p == nil || p.isWrite() || p.read != nil && p.read.Level == wire.Linearizable && p.position > c.barrier.confirmed {
			return
		}
		long := p.long()
		if len(c.out) >= outHighBytes || long && inApply || !c.answerFront(p) || long {
			c.stalled = true
			return
		}
	}
}

// answerBefore answers all reads at the front of the queue, up to the first write, because that write is about to be
// applied. No barrier is needed: the entry that brings the write was proposed after these reads had arrived, so all that
// was committed before they were sent stands before it in the log. Watches that are being added with what they have missed
// are not among them: a write is only proposed when they are in place. The caller holds the state's lock exclusively.
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

// answerFront answers the request at the front of the queue and takes it out, unless there is more to answer than fits:
// then it reports false and the request stays.
func (c *conn) answerFront(front *pending) bool {
	p := *front
	switch {
	case p.refusal != nil:
		c.queue.pop()
		c.refuseNow(p.xid, p.refusal)
	case !c.answer(p.xid, p.read):
		return false
	case c.refused: // the answer was too much: the connection ends, and its queue is empty
		return true
	default:
		c.queue.pop()
		requests.Put(p.read)
	}
	c.room.Broadcast()
	return true
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
	c.answerReady(true)
	c.room.Broadcast()
}

// answer puts the reply to a read into out. The caller holds the state's lock, shared or exclusive, and c.mu: the reply
// enters out in the order of zxids with the events, and a watch that the read sets misses nothing. It reports false if the
// answer is not complete: what watches that are being added have missed is told in parts.
func (c *conn) answer(xid wire.Xid, req *wire.Request) (complete bool) {
	complete = true // also after a panic: nothing more is answered then
	defer c.containAnswer(xid, len(c.out))
	s := c.srv
	tree, zxid := s.st.Tree(), s.st.Zxid()
	e := validatePaths(req)
	switch {
	case e != nil:
		c.fail(xid, zxid, wire.Code(e.Code), e)
		return true
	case req.AtLeast > zxid:
		c.notReached(xid, zxid, req.AtLeast)
		return true
	}
	switch req.Kind {
	case wire.Get, wire.Exists:
		n := tree.Get(req.Path)
		if req.Watch && (n != nil || req.Kind == wire.Exists) && !c.watch(xid, wire.WatchData, req.Path) {
			return true
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
	case wire.List:
		c.list(xid, zxid, tree, req)
	case wire.Sessions:
		c.sessions(xid, zxid, req)
	case wire.Outcomes:
		c.outcomes(xid, zxid, req)
	case wire.MultiRead:
		c.multiRead(xid, zxid, tree, req)
	case wire.AddWatches:
		if !c.addWatches(xid, zxid, req) {
			return false
		}
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
	return true
}

// estimate finds out how large the answers to the queued reads will be, by what is there now.
func (c *conn) estimate() {
	c.srv.mu.RLock()
	defer c.srv.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	tree := c.srv.st.Tree()
	const head = 256 // of a reply, with its stat
	c.queue.estimate(func(req *wire.Request, brought int) int {
		switch req.Kind {
		case wire.Get:
			if n := tree.Get(req.Path); n != nil {
				brought = max(brought, len(n.Data()))
			}
			return head + brought
		case wire.Children, wire.List:
			if req.WithData {
				return head + wire.PageBytesMax + wire.DataMax
			}
			return head + wire.PageBytesMax
		case wire.Ephemerals, wire.Sessions:
			return head + wire.PageBytesMax
		case wire.MultiRead, wire.Outcomes:
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
	case wire.Sync, wire.MultiRead, wire.Sessions, wire.Outcomes:
		return nil
	case wire.AddWatches:
		for i := range req.WatchList {
			if e := znode.ValidatePath(req.WatchList[i].Path); e != nil {
				return e
			}
		}
		return nil
	case wire.Ephemerals:
		if req.Path == "" {
			return nil // all
		}
	case wire.RemoveWatch:
		if req.WatchKind == wire.WatchPersistent {
			return nil // whatever the path
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

// notReached answers a read that asks for a zxid which this server has not come to, although it has all that was committed
// when the read was sent.
func (c *conn) notReached(xid wire.Xid, zxid, want znode.Zxid) {
	c.fail(xid, zxid, wire.CodeNotReached, &znode.Error{Detail: fmt.Sprintf("the read asks for zxid %v, the newest is %v", want, zxid)})
}

func (c *conn) noNode(xid wire.Xid, zxid znode.Zxid, path string) {
	c.fail(xid, zxid, wire.CodeNoNode, &znode.Error{Path: path})
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
		if wire.FrameBytes(out, frame)+len(n.Data()) > wire.FrameMax && r.Kind == wire.Get {
			c.multiReadTooLarge(xid, zxid, i, r.Path)
			return
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
				out = wire.AppendEntry(out, name)
				return true
			})
			out = wire.EndChildrenResult(out, list, p.entries, p.more, &stat)
		}
		if wire.FrameBytes(out, frame) > wire.FrameMax {
			c.multiReadTooLarge(xid, zxid, i, r.Path)
			return
		}
	}
	c.out = wire.EndFrame(out, frame)
}

// multiReadTooLarge refuses a MultiRead because of its part i.
func (c *conn) multiReadTooLarge(xid wire.Xid, zxid znode.Zxid, i int, path string) {
	c.fail(xid, zxid, wire.CodeTooLarge, &znode.Error{Path: path, Index: i, Detail: fmt.Sprintf(
		"the answers up to this one exceed a frame of %d bytes: read fewer nodes at once", wire.FrameMax)})
}
