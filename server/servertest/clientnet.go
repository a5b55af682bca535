package servertest

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// clientNet is the network between clients and servers: a front for each server, to whose address clients connect.
type clientNet struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change of what is below
	fronts  []*front
	held    map[client.SessionID]bool // sessions to and from which nothing passes
	drops   []*drop
	running sync.WaitGroup // all goroutines of fronts and passages
}

// front takes the connections of the clients of one server and passes on what comes, unless it is told not to.
type front struct {
	net  *clientNet
	addr string // where clients connect

	// guarded by net.mu
	listener net.Listener // nil while the server is stopped
	backend  string       // the server's own address
	passages map[*passage]struct{}
	paused   bool          // nothing passes
	refusing bool          // connections are closed at once
	delay    time.Duration // of each frame, each way
}

// drop is a reply to be swallowed.
type drop struct {
	session client.SessionID // 0: any session's
	front   *front           // nil: any server's
	done    chan struct{}    // closed when it has been
}

func newClientNet() *clientNet {
	return &clientNet{changed: make(chan struct{}), held: map[client.SessionID]bool{}}
}

func (n *clientNet) addFront(addr string) {
	n.fronts = append(n.fronts, &front{net: n, addr: addr, passages: map[*passage]struct{}{}})
}

// change alters what passes and lets whoever waits look again.
func (n *clientNet) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// open takes connections for the server at backend.
func (f *front) open(backend string) error {
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return err
	}
	f.net.change(func() { f.listener, f.backend, f.paused = listener, backend, false })
	f.net.running.Go(func() { f.accept(listener) })
	return nil
}

// shut refuses connections from now on. Those there are stay.
func (f *front) shut() {
	f.net.change(func() {
		if f.listener != nil {
			f.listener.Close()
			f.listener = nil
		}
	})
}

// cut closes all connections that there are, without a word.
func (f *front) cut() {
	f.net.mu.Lock()
	all := make([]*passage, 0, len(f.passages))
	for p := range f.passages {
		all = append(all, p)
	}
	f.net.mu.Unlock()
	for _, p := range all {
		p.close()
	}
}

// accept takes connections until the listener is closed. While the server is paused they wait as in the kernel's queue.
func (f *front) accept(listener net.Listener) {
	for {
		socket, err := listener.Accept()
		if err != nil {
			return
		}
		for {
			f.net.mu.Lock()
			ours, paused, changed := f.listener == listener, f.paused, f.net.changed
			refused := !ours || f.refusing
			f.net.mu.Unlock()
			if paused && ours {
				<-changed
				continue
			}
			if refused {
				socket.Close()
			} else {
				f.admit(socket)
			}
			break
		}
	}
}

// admit connects a client to the server.
func (f *front) admit(socket net.Conn) {
	f.net.mu.Lock()
	backend := f.backend
	f.net.mu.Unlock()
	upstream, err := net.Dial("tcp", backend)
	if err != nil {
		socket.Close()
		return
	}
	p := newPassage(f, socket, upstream)
	f.net.mu.Lock()
	f.passages[p] = struct{}{}
	late := f.listener == nil || f.refusing
	f.net.mu.Unlock()
	p.start()
	if late { // whoever shut the front has not seen this one
		p.close()
	}
}

// swallow takes the order to drop the reply to a write of p, if there is one. The caller holds mu.
func (n *clientNet) swallow(p *passage) *drop {
	i := slices.IndexFunc(n.drops, func(d *drop) bool {
		return (d.session == 0 || d.session == p.session) && (d.front == nil || d.front == p.front)
	})
	if i < 0 {
		return nil
	}
	d := n.drops[i]
	n.drops = slices.Delete(n.drops, i, i+1)
	return d
}

// pingAll makes the servers hear every session whose client is connected and not held back, and waits until they have.
func (n *clientNet) pingAll() {
	n.mu.Lock()
	var all []*passage
	for _, f := range n.fronts {
		for p := range f.passages {
			if p.session != 0 && !p.stalled() {
				all = append(all, p)
			}
		}
	}
	n.mu.Unlock()
	var heard sync.WaitGroup
	for _, p := range all {
		heard.Go(p.ping)
	}
	heard.Wait()
}
