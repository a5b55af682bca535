package simulation

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// stream is one direction of a connection. Guarded by the network's mu.
type stream struct {
	net   *network
	link  *link
	path  path
	moved sync.Cond // something has arrived, was read, or has ended

	underway []chunk   // in the order of sending and of arrival
	sent     int       // bytes in underway and arrived: what the buffers of both sides hold
	latest   time.Time // when the newest chunk arrives
	arrived  []byte
	finished bool  // the end of the stream has arrived
	shut     bool  // the sender has closed it
	deaf     bool  // the receiver has closed his end
	broken   error // both sides get it; what was under way is lost
}

// chunk is what one Write has sent, or the end of the stream.
type chunk struct {
	bytes []byte
	at    time.Time
	last  bool
}

func newStream(n *network, l *link, p path) *stream {
	s := &stream{net: n, link: l, path: p}
	s.moved.L = &n.mu
	return s
}

// send puts a chunk on its way.
func (s *stream) send(c chunk) {
	now := time.Now()
	c.at = now.Add(s.net.about())
	if c.at.Before(s.latest) {
		c.at = s.latest // nothing overtakes on a connection
	}
	s.latest = c.at
	s.underway = append(s.underway, c)
	s.sent += len(c.bytes)
	time.AfterFunc(c.at.Sub(now), func() {
		s.net.mu.Lock()
		defer s.net.mu.Unlock()
		s.arriveLocked()
	})
}

// arriveLocked takes in what is due, unless the way is stalled.
func (s *stream) arriveLocked() {
	if s.broken != nil || s.net.stalled[s.path] {
		return
	}
	now := time.Now()
	for len(s.underway) > 0 && !s.underway[0].at.After(now) {
		c := s.underway[0]
		s.underway = s.underway[1:]
		s.net.trace.bytes(s.link.number, s.path.up, c.bytes)
		if s.deaf {
			continue
		}
		s.arrived = append(s.arrived, c.bytes...)
		s.finished = s.finished || c.last
		s.moved.Broadcast()
	}
}

// breakOff ends the stream for both sides.
func (s *stream) breakOff(err error) {
	if s.broken == nil {
		s.broken = err
		s.underway, s.arrived, s.sent = nil, nil, 0
		s.moved.Broadcast()
	}
}

// end is one side's net.Conn.
type end struct {
	net           *network
	link          *link
	in, out       *stream
	local, remote addr

	// Guarded by net.mu.
	closed      bool
	read, write deadline
}

// deadline wakes who waits when it has passed.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set changes the deadline. The caller holds the network's mu.
func (d *deadline) set(at time.Time, wake *sync.Cond) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = at; at.IsZero() {
		return
	}
	if left := time.Until(at); left > 0 {
		d.timer = time.AfterFunc(left, func() {
			wake.L.Lock()
			defer wake.L.Unlock()
			wake.Broadcast()
		})
		return
	}
	wake.Broadcast()
}

// Read implements net.Conn.
func (e *end) Read(p []byte) (int, error) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	for {
		s := e.in
		switch {
		case e.closed:
			return 0, net.ErrClosed
		case s.broken != nil:
			return 0, s.broken
		case e.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.arrived) > 0 && len(p) > 0:
			n := copy(p, s.arrived)
			s.arrived = s.arrived[n:]
			s.sent -= n
			s.moved.Broadcast() // who waits for room
			return n, nil
		case s.finished:
			return 0, io.EOF
		}
		s.moved.Wait()
	}
}

// Write implements net.Conn. It waits while the receiver does not take what was sent before. p is not retained.
func (e *end) Write(p []byte) (n int, err error) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	for n < len(p) {
		s := e.out
		switch {
		case e.closed:
			return n, net.ErrClosed
		case s.broken != nil:
			return n, s.broken
		case e.write.passed():
			return n, os.ErrDeadlineExceeded
		case s.deaf: // the other side has closed: it resets
			e.net.cutLocked(e.link)
			return n, s.broken
		case s.sent < windowBytes:
			part := p[n:min(len(p), n+windowBytes-s.sent)]
			s.send(chunk{bytes: append([]byte(nil), part...)})
			n += len(part)
			continue
		}
		s.moved.Wait()
	}
	return n, nil
}

// Close implements net.Conn. What was written still arrives.
func (e *end) Close() error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.closed = true
	e.read.set(time.Time{}, &e.in.moved)
	e.write.set(time.Time{}, &e.out.moved)
	e.in.deaf = true
	e.in.moved.Broadcast()
	if e.out.broken == nil && !e.out.shut {
		e.out.shut = true
		e.out.send(chunk{last: true})
	}
	e.out.moved.Broadcast()
	if e.in.shut {
		e.net.dropLocked(e.link)
	}
	return nil
}

// LocalAddr implements net.Conn.
func (e *end) LocalAddr() net.Addr { return e.local }

// RemoteAddr implements net.Conn.
func (e *end) RemoteAddr() net.Addr { return e.remote }

// SetDeadline implements net.Conn.
func (e *end) SetDeadline(t time.Time) error {
	if err := e.SetReadDeadline(t); err != nil {
		return err
	}
	return e.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (e *end) SetReadDeadline(t time.Time) error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.read.set(t, &e.in.moved)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (e *end) SetWriteDeadline(t time.Time) error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.write.set(t, &e.out.moved)
	return nil
}

func clientAddr(client int) addr { return addr(fmt.Sprintf("client-%d:1", client)) }
