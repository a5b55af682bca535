package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// network carries bytes between clients and servers: streams in order, each direction with delays of its own, which the run's
// faults make worse. Clients are numbered from 0, servers by their ids. All methods may be called by any goroutine.
//
//	client's end ── stream: chunks under way, each with its time of arrival ──▶ server's end
//	             ◀── stream ──
type network struct {
	trace *trace

	mu        sync.Mutex
	rng       *rand.Rand
	delay     time.Duration // mean of a chunk, one way
	listeners map[string]*listener
	links     []*link // that are not cut or closed at both ends, oldest first
	stalled   map[path]bool
	made      int // links so far
	closed    bool
}

// path is one direction between a client and a server.
type path struct {
	client int
	server uint64
	up     bool // from the client to the server
}

// link is one connection.
type link struct {
	number   int
	client   int
	server   uint64
	up, down *stream
}

func newNetwork(rng *rand.Rand, tr *trace) *network {
	return &network{trace: tr, rng: rng, delay: wireDelay, listeners: map[string]*listener{}, stalled: map[path]bool{}}
}

// listener is a server's open port.
type listener struct {
	net     *network
	server  uint64
	addr    addr
	arrived sync.Cond // on net.mu
	waiting []net.Conn
	closed  bool
}

// addr is a simulated address, which is host:port.
type addr string

func (a addr) Network() string { return "simulated" }
func (a addr) String() string  { return string(a) }

// listen opens the port of a server. One that was open before under this address is closed.
func (n *network) listen(server uint64, at string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{net: n, server: server, addr: addr(at)}
	l.arrived.L = &n.mu
	n.listeners[at] = l
	return l
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.arrived.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close implements net.Listener. Connections that nobody has accepted are reset.
func (l *listener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	if l.net.listeners[string(l.addr)] == l {
		delete(l.net.listeners, string(l.addr))
	}
	for _, c := range l.waiting {
		l.net.cutLocked(c.(*end).link)
	}
	l.waiting = nil
	l.arrived.Broadcast()
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }

// dial connects a client to a server; it waits for the way there and back, or until ctx ends where nothing gets through.
func (n *network) dial(ctx context.Context, client int, server uint64, to string) (net.Conn, error) {
	n.mu.Lock()
	way := n.about() + n.about()
	n.mu.Unlock()
	for {
		select {
		case <-time.After(way):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		n.mu.Lock()
		if !n.stalled[path{client, server, true}] && !n.stalled[path{client, server, false}] {
			break
		}
		n.mu.Unlock()
		way = redialEvery // as TCP asks again
	}
	defer n.mu.Unlock()
	l := n.listeners[to]
	if l == nil || n.closed {
		return nil, &net.OpError{Op: "dial", Net: "simulated", Addr: addr(to), Err: syscall.ECONNREFUSED}
	}
	n.made++
	w := &link{number: n.made, client: client, server: server}
	w.up, w.down = newStream(n, w, path{client, server, true}), newStream(n, w, path{client, server, false})
	n.links = append(n.links, w)
	l.waiting = append(l.waiting, &end{net: n, link: w, in: w.up, out: w.down, local: l.addr, remote: clientAddr(client)})
	l.arrived.Broadcast()
	n.trace.note("dial", uint64(client), server, uint64(w.number))
	return &end{net: n, link: w, in: w.down, out: w.up, local: clientAddr(client), remote: l.addr}, nil
}

// about draws a delay: mostly less than the mean, sometimes several times as much. The caller holds mu.
func (n *network) about() time.Duration {
	return time.Duration(1 + min(n.rng.ExpFloat64(), 8)*float64(n.delay))
}

// setDelay changes the mean delay of what is sent from now on.
func (n *network) setDelay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// stall keeps everything from arriving that is sent in one direction between a client and a server, until it is released;
// new connections between them do not come about.
func (n *network) stall(p path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stalled[p] = true
}

// release ends a stall. What has waited arrives now.
func (n *network) release(p path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.stalled, p)
	for _, w := range n.links {
		if w.up.path == p {
			w.up.arriveLocked()
		} else if w.down.path == p {
			w.down.arriveLocked()
		}
	}
}

// cut breaks all connections for which which says so. What is under way on them is lost, and both ends fail at once.
func (n *network) cut(which func(client int, server uint64) bool) (broken int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range append([]*link(nil), n.links...) {
		if which(w.client, w.server) {
			n.cutLocked(w)
			broken++
		}
	}
	return broken
}

var errReset = &net.OpError{Op: "read", Net: "simulated", Err: errors.New("connection reset by peer")}

func (n *network) cutLocked(w *link) {
	w.up.breakOff(errReset)
	w.down.breakOff(errReset)
	n.dropLocked(w)
}

// dropLocked forgets a connection that is of no use any more.
func (n *network) dropLocked(w *link) {
	for i, other := range n.links {
		if other == w {
			n.links = append(n.links[:i], n.links[i+1:]...)
			return
		}
	}
}

// close breaks everything and takes nothing new.
func (n *network) close() {
	n.cut(func(int, uint64) bool { return true })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}
