package server

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// sender is the sending side of a connection. What is in out is sent by the writer goroutine, or, before it waits for the
// next request, by the reader, as long as the socket takes it at once: that saves waking the writer for each answer of a
// client that asks one thing after the other. One at a time has the right to write, by taking out; the writer alone waits
// for the client, and it alone closes the socket.
type sender struct {
	raw     syscall.RawConn // nil: whatever is sent, the writer sends it
	attempt func(fd uintptr) bool

	// Guarded by the connection's mu.
	writing bool   // somebody has taken out and is sending that
	spare   []byte // the buffer that out changes places with

	// Owned by whoever has set writing.
	sending []byte
	n       int // how much of it was sent
}

func (w *sender) init(socket net.Conn) {
	w.attempt = func(fd uintptr) bool {
		for {
			n, err := syscall.Write(int(fd), w.sending)
			if err != syscall.EINTR {
				w.n = max(n, 0)
				return true // sent or not: never wait here
			}
		}
	}
	if s, ok := socket.(syscall.Conn); ok {
		w.raw, _ = s.SyscallConn() // fails only on a closed socket, which the writer finds out about
	}
}

// try sends what goes without waiting, and returns the rest. An error is met again by who sends that.
func (w *sender) try(sending []byte) (rest []byte) {
	if w.raw == nil {
		return sending
	}
	w.sending, w.n = sending, 0
	_ = w.raw.Write(w.attempt)
	w.sending = nil
	return sending[w.n:]
}

// take takes all that is there to be sent, and with it the right to write, unless somebody has that. The caller holds c.mu.
func (c *conn) take() (sending []byte, ok bool) {
	if c.send.writing {
		return nil, false // who is sending looks again afterwards
	}
	c.send.writing = true
	sending = c.out
	c.out, c.send.spare = c.send.spare[:0], nil
	c.room.Broadcast()
	return sending, true
}

// taken gives back the right to write and the buffer that was sent. The caller holds c.mu.
func (c *conn) taken(sending []byte) {
	c.send.writing = false
	switch size := cap(sending); {
	case size <= outKeepBytes:
		c.send.spare = sending[:0]
	case size >= pageBufferBytes && size <= 2*pageBufferBytes:
		pageBuffers.Put(&sending)
	}
}

// pageBuffers are buffers for out with room for a page of a list, which are too large for each connection to keep one.
var pageBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, pageBufferBytes)
	return &b
}}

// longList makes room in out for a page of a list that has so many entries, if they are many. The caller holds c.mu.
func (c *conn) longList(entries int64) {
	if entries < longListEntries || cap(c.out)-len(c.out) >= wire.PageBytesMax {
		return
	}
	c.out = append((*pageBuffers.Get().(*[]byte))[:0], c.out...)
}

// flush sends what is in out if that can be done at once; otherwise, and if there is more to do than to send, it wakes the
// writer. It never waits for the client. The caller holds no lock.
func (c *conn) flush() {
	c.mu.Lock()
	if len(c.out) > 0 && !c.refused {
		if sending, ok := c.take(); ok {
			c.mu.Unlock()
			rest := c.send.try(sending)
			c.mu.Lock()
			if len(rest) > 0 {
				c.out = append(rest, c.out...)
				sending = nil
			}
			c.taken(sending)
		}
	}
	more := len(c.out) > 0 || c.refused || c.stalled
	c.mu.Unlock()
	if more {
		c.signal()
	}
}

// write is the writer goroutine: it sends what nobody else could send at once, goes on with reads that had to wait for
// their answers to be taken, and ends the connection.
func (c *conn) write() {
	defer close(c.written)
	defer c.socket.Close()
	defer c.containWriter()
	for range c.wake {
		c.mu.Lock()
		sending, ok := c.take()
		closing, stalled := c.refused, c.stalled
		c.mu.Unlock()
		if !ok {
			continue
		}
		c.sendingOut = true
		err := c.sendAll(sending, closing)
		c.sendingOut = false
		c.mu.Lock()
		c.taken(sending)
		if err != nil {
			c.refuseAll()
		}
		c.mu.Unlock()
		if err != nil || closing {
			return // closing the socket ends the reader, if it is not waiting for room
		}
		if stalled {
			c.srv.resume(c)
			c.signal()
		}
	}
}

// sendAll sends all of sending, as long as the client takes it. The writer goroutine calls it, with the right to write.
func (c *conn) sendAll(sending []byte, closing bool) error {
	if len(sending) == 0 {
		return nil // woken for something else than to send
	}
	rest := c.send.try(sending)
	if len(rest) == 0 {
		return nil
	}
	timeout := writeTimeout
	if closing {
		timeout = goodbyeTimeout
	}
	_ = c.socket.SetWriteDeadline(time.Now().Add(timeout)) // fails only on a closed socket, as Write then does
	_, err := c.socket.Write(rest)
	_ = c.socket.SetWriteDeadline(time.Time{}) // one that has passed would fail the next try
	return err
}

// signal wakes the writer. It may be called with or without locks.
func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
