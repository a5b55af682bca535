package client

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// connection is one TCP connection on which the session is attached. Two goroutines serve it, a reader and a writer; a third,
// the session's own, times the server's silence.
type connection struct {
	// immutable
	nc      net.Conn
	server  int    // index in the dialer's list
	addr    string // as it was dialed
	attempt session.Attempt
	wake    chan struct{} // for the writer: there is something in out
	rouse   chan struct{} // for the timer: it has slept because nothing was outstanding
	done    chan struct{} // closed when the connection has ended

	// owned by the reader
	frames *wire.FrameReader
	readAt time.Time // when the newest bytes had come

	// guarded by Client.mu
	direct    *direct    // nil: only the writer can write
	out       []byte     // frames that nobody writes yet
	writing   bool       // the writer is writing what it took out of out before
	crowded   bool       // since nothing was in flight last, more than one request has been
	pings     []wire.Xid // not answered yet, in the order of their sending
	restoring int        // SetWatches requests that are not answered yet
	resends   int        // in a row, without a write being answered
	resent    wire.Xid   // replies up to this xid are to sendings that were repeated since, but for those of adding
	adding    []*call    // AddWatches that were not sent again with the rest, in order: a watch is set once on a connection
	ended     error      // why the connection has ended
	timing    timing
}

func newConnection(nc net.Conn, frames *wire.FrameReader) *connection {
	return &connection{
		nc: nc, frames: frames, wake: make(chan struct{}, 1), rouse: make(chan struct{}, 1), done: make(chan struct{}),
		direct: newDirect(nc),
	}
}

// post sees to it that what was appended to out is written; behind tells that there are others to write it with. A caller that
// is alone writes its request itself, as far as the socket takes it at once: no other goroutine has to wake up for it. Where
// there are more, the writer takes the requests of all in one write. The caller holds mu.
func (conn *connection) post(behind bool) {
	alone := !behind && !conn.crowded
	conn.crowded = behind
	if !alone || conn.direct == nil || conn.writing || len(conn.out) > bufferKeepMax {
		conn.flush()
		return
	}
	n := conn.direct.write(conn.out)
	if conn.out = conn.out[:copy(conn.out, conn.out[n:])]; len(conn.out) > 0 {
		conn.flush()
	}
}

// flush wakes the writer. The caller holds mu.
func (conn *connection) flush() {
	select {
	case conn.wake <- struct{}{}:
	default:
	}
}

// close ends the connection's goroutines. The caller holds mu.
func (conn *connection) close() {
	select {
	case <-conn.done:
	default:
		close(conn.done)
		_ = conn.nc.Close()
	}
}

// serve works on a connection until it ends, and returns why.
func (c *core) serve(conn *connection) error {
	var both sync.WaitGroup
	both.Go(func() { c.drop(conn, c.receive(conn)) })
	both.Go(func() { c.drop(conn, c.transmit(conn)) })
	c.drop(conn, c.time(conn))
	both.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return conn.ended
}

// drop ends a connection because of err. What is unanswered stays for the next one. Only the first call counts, and none
// after the session's end.
func (c *core) drop(conn *connection, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.close()
	if c.conn != conn {
		return
	}
	c.conn = nil
	conn.ended = err
	c.lose()
	c.status.set(Suspended, fmt.Errorf("connection to %s lost: %w", conn.addr, err))
}

// transmit sends what is in the out buffer, all of it in one write. While one write is under way the next ones gather.
func (c *core) transmit(conn *connection) error {
	var spare []byte
	for {
		select {
		case <-conn.wake:
		case <-conn.done:
			return net.ErrClosed
		}
		runtime.Gosched() // callers that were woken together put their requests into the same write
		c.mu.Lock()
		full := conn.out
		conn.out, conn.writing = spare[:0], true
		c.mu.Unlock()
		if len(full) > 0 {
			if _, err := conn.nc.Write(full); err != nil {
				return fmt.Errorf("sending: %w", err)
			}
		}
		if spare = full; cap(spare) > bufferKeepMax {
			spare = nil
		}
		c.mu.Lock()
		conn.writing = false
		c.mu.Unlock()
	}
}

// receive takes frames from the server until the connection or the session ends.
func (c *core) receive(conn *connection) error {
	for {
		fresh := !conn.frames.Complete()
		if fresh {
			runtime.Gosched() // those who were answered go first: there is nothing to read yet, mostly
		}
		body, err := conn.frames.Next()
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		if fresh {
			conn.readAt = time.Now()
		}
		f, err := wire.DecodeServerFrame(body)
		if unknown, ok := errors.AsType[*wire.UnknownKind](err); ok && unknown != nil {
			continue // a kind of frame that a newer server sends to clients that know it
		}
		if err == nil {
			err = c.received(conn, &f)
		}
		if err != nil {
			return err
		}
	}
}

// received handles one frame. An error ends the connection.
func (c *core) received(conn *connection, f *wire.ServerFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != conn {
		return net.ErrClosed
	}
	if conn.readAt.After(conn.timing.quietSince) { // something may have been sent since
		conn.timing.quietSince = conn.readAt
	}
	switch f.Kind {
	case wire.EventFrame:
		return c.notified(conn, &f.Event)
	case wire.Goodbye:
		return c.refusedBy(f.Code, f.Detail)
	default:
		return c.replied(conn, f)
	}
}

// notified handles an event. The caller holds mu.
func (c *core) notified(conn *connection, e *wire.Event) error {
	if e.Zxid == 0 {
		return errors.New("the server has sent an event of no transaction")
	}
	if e.Type == EventGap {
		c.saw(conn, e.Zxid, 0) // it speaks for its own watch: the gaps of others may still be on their way
	} else {
		// More events of the same transaction may follow, and the connection may break before they come.
		c.saw(conn, e.Zxid, e.Zxid-1)
	}
	if e.Watch == 0 {
		c.watches.fire(e)
		return nil
	}
	if cl := c.queue.head(); len(conn.adding) > 0 || cl != nil && cl.kind == wire.AddWatches {
		conn.timing.stuckSince = conn.timing.quietSince // a long history before the answer is no standstill
	}
	c.told(e)
	return nil
}

// saw notes the zxid of what was received, and that all events up to another one have come. The caller holds mu.
func (c *core) saw(conn *connection, zxid, complete Zxid) {
	c.session.lastZxid = max(c.session.lastZxid, zxid)
	if conn.restoring == 0 {
		c.session.watchedZxid = max(c.session.watchedZxid, complete)
	}
	c.streams.complete = max(c.streams.complete, complete)
}

// refusedBy handles a code that is about the whole session or server. The caller holds mu.
func (c *core) refusedBy(code Code, detail string) error {
	err := &refusal{code, detail}
	if code == wire.CodeSessionMoved { // from this connection, the newest of this process
		c.session.foreign = c.session.attemptBase != 0
	}
	if code.EndsSession() {
		c.expire(err)
	}
	return err
}

// replied handles a reply. The caller holds mu.
func (c *core) replied(conn *connection, f *wire.ServerFrame) error {
	if len(conn.pings) > 0 && conn.pings[0] == f.Xid {
		conn.pings = conn.pings[1:]
		if f.Code != wire.CodeOK {
			return c.refusedBy(f.Code, c.detail(f))
		}
		c.counts(conn, f.Xid, f.Zxid)
		return nil
	}
	if len(conn.adding) > 0 && conn.adding[0].xid == f.Xid {
		cl := conn.adding[0]
		conn.adding = conn.adding[1:]
		if f.Code.Class() == wire.Elsewhere || f.Code.EndsSession() {
			return c.refusedBy(f.Code, c.detail(f))
		}
		conn.timing.stuckSince = conn.timing.quietSince
		c.added(cl, f)
		c.counts(conn, cl.number, f.Zxid)
		return nil
	}
	cl := c.queue.head()
	switch {
	case f.Xid <= conn.resent: // to a sending that was repeated since
		return nil
	case cl == nil || cl.xid != f.Xid:
		return fmt.Errorf("the server has answered request %d, which is not the next", f.Xid)
	}
	switch f.Code.Class() {
	case wire.Elsewhere:
		return c.refusedBy(f.Code, c.detail(f))
	case wire.Resend:
		return c.sendAgain(conn, cl, f)
	case wire.Final:
		if f.Code.EndsSession() {
			return c.refusedBy(f.Code, c.detail(f))
		}
	}
	if cl.seq != 0 {
		conn.resends = 0
	}
	conn.timing.stuckSince = conn.timing.quietSince
	if cl.kind == wire.SetWatches {
		c.restored(cl, f)
	}
	if cl.kind == wire.AddWatches {
		c.added(cl, f)
	}
	if cl.asks != nil {
		c.learned(cl.asks, f)
	}
	c.counts(conn, cl.number, f.Zxid)
	closed := cl.kind == wire.CloseSession && f.Code == wire.CodeOK
	c.answered(cl, f) // from here on cl belongs to its caller
	if closed {
		c.end(Closed, ErrClosed)
		return ErrClosed
	}
	return nil
}

// counts notes that the server has answered a request: it moves the belief in the session, and the highest zxid. The
// caller holds mu.
func (c *core) counts(conn *connection, number wire.Xid, zxid Zxid) {
	c.session.belief.Answered(conn.attempt, uint64(number))
	c.saw(conn, zxid, zxid)
}

// sendAgain sends everything from the head on again, because the server has not carried it out: a write before it was lost
// on its way, or the replies that the service keeps were too many. The caller holds mu.
func (c *core) sendAgain(conn *connection, cl *call, f *wire.ServerFrame) error {
	failure, err := wire.DecodeFailure(f.Result)
	switch conn.resends++; {
	case err != nil:
		return err
	case cl.seq == 0:
		return fmt.Errorf("the server has answered %s to a %v", f.Code.Name(), cl.kind)
	case f.Code == wire.CodeGap && failure.Actual < int64(c.session.acked):
		return c.refusedBy(wire.CodeSessionExpired, lostWrites(session.Seq(failure.Actual), c.session.acked))
	case conn.resends > resendsMax:
		return fmt.Errorf("the server has refused write %d for the %dth time: %s", cl.seq, conn.resends, f.Code.Error())
	}
	conn.resent = c.lastXid
	c.queue.remove(func(cl *call) bool { // what is no write was carried out; nothing else minds a second time
		if cl.kind == wire.AddWatches {
			conn.adding = append(conn.adding, cl)
		}
		return cl.kind == wire.AddWatches
	})
	c.sendAll(false)
	return nil
}

// detail returns the explanation in a failed reply.
func (c *core) detail(f *wire.ServerFrame) string {
	failure, err := wire.DecodeFailure(f.Result)
	if err != nil {
		return ""
	}
	return failure.Detail
}
