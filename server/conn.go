package server

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"

	"github.com/coxswain-io/coxswain/server/watch"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// conn is one client connection, which carries one session. Its reader goroutine decodes requests and answers what it
// can at once; everything that must wait stands in queue, in the order of arrival. All that goes to the client, replies
// and events, passes out and is sent from there, as much as there is in one write: see sender.
type conn struct {
	srv    *Server
	socket net.Conn
	number uint64 // in the order of acceptance; set when it is enrolled

	// Owned by the reader goroutine.
	frames   *wire.FrameReader
	request  *wire.Request
	hello    wire.Hello
	helloAt  session.Mono
	takingIn bool // it reads or decodes what the client has sent: see contain.go

	// Owned by the writer goroutine.
	sendingOut bool // it is in sendAll: see contain.go

	welcomed chan struct{} // closed when the answer to the Hello is in out
	wake     chan struct{} // capacity 1: out has something, or refused is set
	written  chan struct{} // closed when the writer has ended

	mu        sync.Mutex
	room      sync.Cond // on mu: out was taken, or queue became shorter
	id        session.ID
	attempt   session.Attempt
	out       []byte
	send      sender
	queue     queue
	barrier   barrierState
	stalled   bool                 // answers to queued reads wait for out to be taken
	replay    *watch.Replay[*conn] // of the AddWatches at the front of the queue, if a part of its answer was given
	refused   bool                 // nothing more is answered or delivered, whatever arrives; the writer closes the socket when out is sent
	welcome   bool                 // the Hello was answered
	inWatches bool                 // a read is being answered and holds watchMu: see contain.go

	leaving *watch.Leaving[*conn] // guarded by the server's watchMu; nil until its watches begin to be dropped

	place  *list.Element // in the server's silent, nil once the Hello has come; guarded by the server's connMu, as ousted
	ousted bool

	over atomic.Bool // a copy of refused, for those who may not take mu
	held atomic.Bool // this server keeps the reader from reading: what the client has sent is not its silence
}

func newConn(s *Server, socket net.Conn) *conn {
	c := &conn{
		srv: s, socket: socket, request: new(wire.Request),
		frames:   wire.NewFrameReader(socket, wire.HelloFrameMax),
		welcomed: make(chan struct{}), wake: make(chan struct{}, 1), written: make(chan struct{}),
	}
	c.room.L = &c.mu
	c.send.init(socket)
	return c
}

// run serves the connection until it ends. It returns when both goroutines are done and nothing of c is left in the server.
func (c *conn) run() {
	go c.write()
	c.converse()
	c.mu.Lock()
	c.refuseAll()
	c.mu.Unlock()
	c.signal()
	<-c.written
	c.srv.forget(c)
}

// converse is the reader goroutine's part of run.
func (c *conn) converse() {
	defer c.containReader()
	if c.shake() {
		c.read()
	}
}

// refuseAll ends all answering: what is queued is dropped, whoever waits for room goes, and the writer closes the socket
// when out is sent. The caller holds c.mu.
func (c *conn) refuseAll() {
	c.refused = true
	c.over.Store(true)
	c.queue.clear()
	c.room.Broadcast()
}

// goodbye tells the client why the connection ends, and ends it: nothing is answered after it. The caller signals.
func (c *conn) goodbye(code wire.Code, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goodbyeLocked(code, detail)
}

func (c *conn) goodbyeLocked(code wire.Code, detail string) {
	if c.refused {
		return
	}
	c.refuseAll()
	if c.welcome {
		c.out = wire.AppendGoodbye(c.out, code, detail)
	} else {
		c.out = wire.AppendWelcome(c.out, &wire.Welcome{Code: code, Version: wire.ProtocolVersion, Server: c.srv.me, Detail: detail})
		c.welcome = true
	}
}

// end is goodbye and signal, for callers that hold no lock.
func (c *conn) end(code wire.Code, detail string) {
	c.goodbye(code, detail)
	c.signal()
}

// event puts an event into out, and reports whether the connection still takes events. It must be called under the lock that
// makes the change visible.
func (c *conn) event(t watch.Told) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused {
		return false
	}
	c.tell(c, t)
	c.boundOut()
	return true
}

// dropSome removes a part of the watches of a connection that is over, and reports whether none is left. The caller holds the
// server's watchMu.
func (c *conn) dropSome() (done bool) {
	if c.leaving == nil {
		c.leaving = c.srv.watches.Leave(c)
	}
	return c.srv.watches.DropSome(c.leaving)
}

// boundOut closes a connection whose client does not read what it is sent.
func (c *conn) boundOut() {
	if len(c.out) > outMaxBytes {
		c.goodbyeLocked(wire.CodeSlowConsumer, "too much is waiting to be read on this connection")
	}
}

// session returns the session that the connection carries; zero before the handshake is done.
func (c *conn) session() (session.ID, session.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id, c.attempt
}
