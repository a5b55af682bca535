package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// call is one request on its way through the client. A caller makes it and waits for done; everything between belongs to
// whoever holds the client's mutex.
type call struct {
	// set by the caller
	kind  wire.Kind
	body  []byte // encoded; holds a copy of all that the caller gave
	arms  watchKey
	watch *Watch // to put into the table when the read has succeeded

	restores []watchKey         // SetWatches: what it sets again
	adds     []*PersistentWatch // AddWatches: what it sets
	asks     *question          // Outcomes: what it asks for the client itself; a write in question: where it is
	last     bool               // the request behind which a session is handed over

	// guarded by Client.mu
	renewals  int         // sessions before the one in which it was submitted
	seq       session.Seq // 0: not a write, or not numbered yet
	xid       wire.Xid    // of the newest sending
	number    wire.Xid    // of the first sending on this connection; the belief counts from it
	place     place
	sent      bool // at least once
	abandoned bool // nobody waits any more

	// written before done is signalled
	ended  *ending // instead of a reply
	code   Code
	zxid   Zxid
	result []byte

	done chan struct{} // one signal, when the call is finished
}

// place is where a call is.
type place uint8

const (
	outside    place = iota // not in the queue yet, or finished
	waiting                 // for room
	inFlight                // in the queue of unanswered calls
	questioned              // a write of a session that has ended; the service is asked what became of it
)

// newCall returns a call of the client's own pool: one for all clients would carry channels between synctest bubbles.
func (c *core) newCall(kind wire.Kind) *call {
	cl, ok := c.calls.Get().(*call)
	if !ok {
		cl = &call{done: make(chan struct{}, 1)}
	}
	*cl = call{kind: kind, body: cl.body[:0], result: cl.result[:0], done: cl.done}
	return cl
}

// recycle gives a finished call back; its caller must not use it, or its result, any more.
func (c *core) recycle(cl *call) {
	if cap(cl.body)+cap(cl.result) <= callKeepMax {
		c.calls.Put(cl)
	}
}

func (cl *call) encode(r *wire.Request) { cl.body = wire.AppendRequestBody(cl.body[:0], r) }

// ofConnection reports whether the call means something only on the connection on which it was sent.
func (cl *call) ofConnection() bool {
	return cl.kind == wire.SetWatches || cl.kind == wire.RemoveWatch || cl.kind == wire.AddWatches
}

// size is what the call counts for in queueBytesMax.
func (cl *call) size() int { return len(cl.body) + wire.RequestHeadMax }

// do sends a call of the view and waits for its end; see core.do.
func (c *Client) do(ctx context.Context, cl *call, op, path string) error {
	if err := c.submit(ctx, cl, op, path); err != nil {
		return err
	}
	return c.await(ctx, cl, op, path)
}

// await waits for the end of a call of the view that was submitted. What the service tells about paths is told as the view
// names them.
func (c *Client) await(ctx context.Context, cl *call, op, path string) error {
	err := c.core.await(ctx, cl, op, path)
	if refused, ok := err.(*serviceError); ok && refused.failure.Path != "" {
		refused.failure.Path = c.root.out(refused.failure.Path)
	}
	return err
}

// await waits for the end of a call that was submitted. The error is of ctx ([*WaitError]), of the session ([*Error],
// [ErrClosed]), or what the service answered; with nil cl holds a successful reply. After an error cl must not be used any
// more.
func (c *core) await(ctx context.Context, cl *call, op, path string) error {
	select {
	case <-cl.done:
	case <-ctx.Done():
		if err := c.abandon(ctx, cl, op, path); err != nil {
			return err
		}
	}
	if cl.ended != nil {
		return cl.ended.of(op, path)
	}
	if cl.code == wire.CodeOK {
		return nil
	}
	f, err := wire.DecodeFailure(cl.result)
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, path, err)
	}
	return &serviceError{cl.code, f}
}

// submit puts cl in flight, or in the line for room.
func (c *core) submit(ctx context.Context, cl *call, op, path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.renewals = c.renewals
	switch {
	case c.status.state == Expired:
		return (&ending{state: Expired, detail: detailOf(c.status.err)}).of(op, path)
	case c.status.state == Closed:
		return c.ended
	case c.status.closing && cl.kind != wire.CloseSession:
		return ErrClosed
	case c.status.handingOff && cl.kind != wire.CloseSession && !cl.last:
		return ErrHandedOver
	case int64(cl.size()) > c.session.limits.FrameBytes:
		return &Error{Code: wire.CodeTooLarge, Op: op, Path: path, asked: path,
			Detail: fmt.Sprintf("the request has %d bytes, the limit is %d", cl.size(), c.session.limits.FrameBytes)}
	case ctx.Err() != nil:
		return c.waitError(ctx, cl, op, path)
	case len(c.queue.waiting) > 0 || !c.queue.room(cl, &c.session):
		cl.place = waiting
		c.queue.waiting = append(c.queue.waiting, cl)
	default:
		c.launch(cl)
	}
	return nil
}

// launch puts cl in flight and, if there is a connection, sends it. The caller holds mu.
func (c *core) launch(cl *call) {
	if cl.arms.kind != 0 {
		c.watches.arming(cl.arms)
	}
	behind := len(c.queue.inFlight) > 0
	if c.conn != nil {
		c.conn.expect(behind)
	}
	c.queue.push(cl)
	if c.conn != nil {
		c.send(cl, true)
		c.conn.post(behind || cl.abandoned) // what nobody waits for can wait for what comes next
	}
}

// send puts cl into the connection's buffer; first tells that it was not sent on this connection before. The caller holds mu.
func (c *core) send(cl *call, first bool) {
	cl.xid, cl.sent = c.nextXid(), true
	c.queue.sentSeq = max(c.queue.sentSeq, cl.seq)
	if first {
		cl.number = cl.xid
	}
	c.conn.out = wire.AppendEncodedRequest(c.conn.out, cl.kind, cl.xid, cl.seq, c.session.acked, cl.body)
}

// nextXid numbers a request that is sent now. What is written at once counts as sent when the first of it was. The caller
// holds mu.
func (c *core) nextXid() wire.Xid {
	if t := &c.conn.timing; len(c.conn.out) == 0 {
		t.sentAt = time.Now()
		t.reading = c.reading(t.sentAt)
	}
	c.lastXid++
	c.session.belief.Sent(uint64(c.lastXid), c.conn.timing.reading)
	return c.lastXid
}

// sendAll sends everything in flight, in order, with new xids: on a new connection (first), or because the server has not
// carried out the head. The caller holds mu.
func (c *core) sendAll(first bool) {
	for _, cl := range c.queue.inFlight {
		c.send(cl, first)
	}
	c.conn.flush()
}

// abandon gives up waiting for cl. It returns nil if the reply has come after all.
func (c *core) abandon(ctx context.Context, cl *call, op, path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.waitError(ctx, cl, op, path)
	switch cl.place {
	case outside:
		<-cl.done // it has been signalled
		return nil
	case waiting:
		c.queue.waiting = slices.DeleteFunc(c.queue.waiting, func(w *call) bool { return w == cl })
		c.admit() // what stood behind it may have room
	case inFlight:
		// A write has its number: it stays and will be sent. So does a read that was sent, for the order of replies.
		cl.abandoned, cl.watch = true, nil
		if cl.seq == 0 && (c.conn == nil || !cl.sent) {
			c.queue.remove(func(r *call) bool { return r == cl })
			c.disarm(cl)
			c.admit()
		}
	case questioned:
		c.unquestion(cl)
	}
	return err
}

// waitError is the error of a call that waits no longer. The caller holds mu.
func (c *core) waitError(ctx context.Context, cl *call, op, path string) error {
	err := gaveUp(ctx, op, path)
	err.State, err.Last, err.queued = c.status.state, c.status.err, cl.seq != 0
	if err.write = c.writeOf(cl); cl.place == questioned {
		err.write, err.unknown = cl.asks.writeOf(cl), true
	}
	return err
}

// admit puts calls in flight that wait for room, as many as there is room for. The caller holds mu.
func (c *core) admit() {
	n := 0
	for n < len(c.queue.waiting) && c.queue.room(c.queue.waiting[n], &c.session) {
		c.launch(c.queue.waiting[n])
		n++
	}
	if n > 0 {
		c.queue.waiting = slices.Delete(c.queue.waiting, 0, n)
	}
}

// answered finishes the head of the queue with a reply. The caller holds mu.
func (c *core) answered(cl *call, f *wire.ServerFrame) {
	c.queue.pop()
	if cl.seq != 0 {
		c.session.acked = cl.seq
	}
	cl.code, cl.zxid = f.Code, f.Zxid
	c.armed(cl, f.Code)
	if !cl.abandoned {
		cl.result = append(cl.result, f.Result...)
		cl.done <- struct{}{}
	}
	c.admit()
}

// detailOf returns the explanation of a server's refusal.
func detailOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.detail
	}
	return ""
}

// lose takes out of the queue what means nothing without the connection that has ended. The caller holds mu.
func (c *core) lose() {
	c.streams.interrupt()
	c.queue.remove(func(cl *call) bool {
		switch {
		case cl.ofConnection():
			return true
		case cl.abandoned && cl.seq == 0 && cl.asks == nil:
			c.disarm(cl)
			return true
		}
		return false
	})
	c.admit()
}
