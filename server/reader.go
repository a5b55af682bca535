package server

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// requests is where queued reads keep their decoded request until they are answered.
var requests = sync.Pool{New: func() any { return new(wire.Request) }}

// read is the reader goroutine's loop: one request after the other, until the connection or the session ends. What it has
// answered by the time that it would have to wait for more goes out in one write.
func (c *conn) read() {
	heard := false // the session was heard since the last time that reading could block
	for {
		if !c.frames.Complete() {
			c.arm()
			c.flush()
			heard = false
		}
		c.takingIn = true
		body, err := c.frames.Next()
		c.takingIn = false
		var tooLarge *wire.FrameTooLarge
		if err != nil && !errors.As(err, &tooLarge) {
			return
		}
		if !heard {
			// Everything that is complete in the buffer was sent before now, so hearing it once, now, is never too early
			// for the client's belief and saves a clock reading per request.
			if !c.srv.hear(c) {
				return
			}
			heard = true
		}
		if tooLarge != nil {
			if !c.tooLarge(tooLarge) {
				return
			}
			continue
		}
		if !c.serve(body) {
			return
		}
	}
}

// tooLarge answers a frame over the limit, which was skipped and not stored. The connection stays; a numbered write uses
// up its number, so that the writes behind it are not held back.
func (c *conn) tooLarge(f *wire.FrameTooLarge) bool {
	c.takingIn = true
	kind, xid, seq, ack, ok := wire.PeekHeader(f.Head)
	c.takingIn = false
	detail := fmt.Sprintf("the request has %d bytes, the limit is %d", f.Length, wire.FrameMax)
	if !ok {
		c.end(wire.CodeMarshalling, detail)
		return false
	}
	if seq == 0 {
		return c.refuse(xid, wire.CodeTooLarge, detail)
	}
	header := wire.AppendArray(nil, 4)
	for _, field := range []uint64{uint64(kind), uint64(xid), uint64(seq), uint64(ack)} {
		header = wire.AppendUint(header, field)
	}
	return c.submit(xid, wire.CodeTooLarge, header)
}

// serve handles one request frame and reports whether the connection goes on.
func (c *conn) serve(body []byte) bool {
	req := c.request
	c.takingIn = true
	err := wire.DecodeRequest(body, req)
	c.takingIn = false
	var malformed *wire.Malformed
	switch {
	case errors.As(err, &malformed):
		c.end(wire.CodeMarshalling, "request that cannot be decoded: "+err.Error())
		return false
	case req.Seq != 0 && (req.Kind.Write() || !req.Kind.Known()):
		return c.submit(req.Xid, wire.CodeOK, body) // a numbered request is answered by the log, also with a refusal
	case err != nil:
		code, detail := state.RefusalOf(err)
		return c.refuse(req.Xid, code, detail)
	case req.Kind.Write():
		return c.refuse(req.Xid, wire.CodeBadArguments, "a write needs a sequence number")
	case req.Seq != 0:
		c.end(wire.CodeMarshalling, "only writes have a sequence number")
		return false
	}
	switch req.Kind {
	case wire.Ping:
		return c.pong(req.Xid)
	case wire.SetWatches, wire.RemoveWatch:
		req.Level = wire.Session // they wait for their turn, not for a barrier
	case wire.AddWatches:
		req.Level, req.AtLeast = wire.AtLeast, req.Newest() // what they are to begin behind must have been reached
	}
	switch {
	case req.Level != wire.AtLeast:
		req.AtLeast = 0
	case c.srv.seen() >= req.AtLeast:
		req.Level = wire.Session
	default:
		req.Level = wire.Linearizable // then this server has all that there is, and answers if that is enough
	}
	return c.ask(req, len(body))
}

// submit queues a write and adds it to the open batch.
func (c *conn) submit(xid wire.Xid, refusal wire.Code, body []byte) bool {
	c.mu.Lock()
	if c.queue.reads > readsBeforeWriteMax {
		c.mu.Unlock()
		c.estimate()
		c.mu.Lock()
	}
	if !c.waitUntil(c.hasRoomForWrite) {
		c.mu.Unlock()
		return false
	}
	id := c.id
	trees, brings := 0, min(len(body), wire.DataMax)
	if refusal == wire.CodeOK && (wholeTrees(c.request.Ops) || wholeTrees(c.request.Else)) {
		trees, brings = treeOpBytes, wire.DataMax
	}
	c.queue.push(pending{xid: xid, bytes: len(body), brings: brings})
	c.mu.Unlock()
	return c.srv.proposer.wait(c, func(b *batch) {
		b.trees += trees
		b.commands.Write(id, refusal, body)
		b.waiters = append(b.waiters, waiter{conn: c})
	})
}

// wholeTrees reports whether operations can change up to znode.MaxTreeNodes nodes.
func wholeTrees(ops []znode.Op) bool {
	return slices.ContainsFunc(ops, func(op znode.Op) bool {
		return op.Kind == znode.OpDeleteTree || op.Kind == znode.OpCopyTree || op.Kind == znode.OpMoveTree || op.Flags&^znode.CreateIfAbsent != 0
	})
}

// hasRoomForWrite reports whether a write may be proposed: see readsBeforeWriteMax. Watches that are being added have to be
// told all that they have missed first, which takes its time. The caller holds c.mu.
func (c *conn) hasRoomForWrite() bool {
	return c.hasRoom() && c.queue.replays == 0 && (c.queue.reads <= readsBeforeWriteMax || c.queue.replies <= repliesBeforeWriteMax)
}

// hasRoom reports whether one more request may be taken in: not too much is unanswered, or unread by the client. The
// caller holds c.mu.
func (c *conn) hasRoom() bool {
	return c.queue.len() < pendingMax && c.queue.bytes < pendingBytesMax && len(c.out) < outHighBytes
}

// waitUntil blocks the reader, and so in the end the client, until ready. The caller holds c.mu. It reports false when the
// connection is ending.
func (c *conn) waitUntil(ready func() bool) bool {
	defer c.held.Store(false)
	for !c.refused && !ready() {
		c.held.Store(true)
		if c.stalled || !c.barrier.out && c.barrier.wanted > c.barrier.confirmed {
			// What fills the queue may be reads whose turn has come, or whose barrier nobody has asked for yet.
			c.mu.Unlock()
			moved := c.arm()
			c.mu.Lock()
			if moved || c.refused || ready() {
				continue
			}
		}
		c.signal()
		c.room.Wait()
	}
	return !c.refused
}

// ask answers a read, or what else needs no log: at once if nothing is queued before it and it may see this server's own
// state as it is, else in turn. bytes is what it counts for in the queue.
func (c *conn) ask(req *wire.Request, bytes int) bool {
	c.mu.Lock()
	// Only this goroutine puts anything into the queue, so it stays empty while the locks are taken in their order.
	if c.queue.len() == 0 && req.Level == wire.Session && len(c.out) < outHighBytes {
		c.mu.Unlock()
		c.srv.mu.RLock()
		defer c.srv.mu.RUnlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refused {
			return false
		}
		if !c.answer(req.Xid, req) {
			c.enqueue(req, bytes)
		}
		c.sendLong()
		return true
	}
	defer c.mu.Unlock()
	if !c.waitUntil(c.hasRoom) {
		return false
	}
	position := c.enqueue(req, bytes)
	if req.Level == wire.Linearizable {
		c.barrier.wanted = position
	}
	return true
}

// sendLong lets the writer begin to send when the reader, which flushes when it has taken in all that had arrived, has
// answered much before it comes to that. The caller holds c.mu.
func (c *conn) sendLong() {
	if len(c.out) >= outKeepBytes || c.refused {
		c.signal()
	}
}

// enqueue puts a read into the queue, which keeps the request. The caller holds c.mu.
func (c *conn) enqueue(req *wire.Request, bytes int) (position uint64) {
	position = c.queue.push(pending{xid: req.Xid, bytes: bytes, read: req})
	c.request = requests.Get().(*wire.Request)
	// A session read needs no barrier, and what stood before it may have been answered in the meantime: arm looks again.
	c.stalled = true
	return position
}

// arm asks for a read barrier for everything that was queued since the last one. The reader calls it when it has taken in
// all that had arrived, so that many reads share one. It reports whether it has done anything that could make room.
func (c *conn) arm() bool {
	c.mu.Lock()
	stalled := c.stalled && len(c.out) < outHighBytes
	ask := !c.barrier.out && c.barrier.wanted > c.barrier.confirmed && !c.refused
	if ask {
		c.barrier.out, c.barrier.armed = true, c.barrier.wanted
	}
	c.mu.Unlock()
	if ask {
		c.srv.raft.Barrier(c)
	}
	if stalled {
		c.srv.resume(c)
	}
	return ask || stalled
}

// BarrierDone answers the reads that the barrier covers: what this server's state shows now is no older than anything that
// was acknowledged anywhere when they were sent.
func (c *conn) BarrierDone(err error) {
	if err != nil {
		return // the log is closing, and the connection with it
	}
	c.mu.Lock()
	c.barrier.out = false
	c.barrier.confirmed = c.barrier.armed
	c.mu.Unlock()
	c.srv.resume(c)
	c.arm()
	c.signal()
}

// pong answers a ping from memory. It overtakes whatever is queued: it says that the server is alive and may speak for
// the session, nothing else. A client that does not read what it is sent gets none, and is not read from.
func (c *conn) pong(xid wire.Xid) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waitUntil(func() bool { return len(c.out) < outHighBytes }) {
		return false
	}
	c.out = wire.AppendEmptyReply(c.out, xid, c.srv.seen())
	c.sendLong()
	return true
}

// refuse answers a request that is not carried out, in its turn.
func (c *conn) refuse(xid wire.Xid, code wire.Code, detail string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waitUntil(c.hasRoom) {
		return false
	}
	no := &refusal{code, detail}
	if c.queue.len() == 0 {
		c.refuseNow(xid, no)
		c.sendLong()
	} else {
		c.queue.push(pending{xid: xid, bytes: len(detail), refusal: no})
		c.stalled = true
	}
	return true
}

func (c *conn) refuseNow(xid wire.Xid, no *refusal) {
	c.out = wire.AppendFailureReply(c.out, xid, no.code, c.srv.seen(), &znode.Error{Detail: no.detail})
}
