package servertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// serverNet is the network between the servers' raft ports. Every connection between two servers is dialed through it, so
// it can hold back what passes on one. What is held back is not lost: a connection stalls, as TCP does when packets are
// lost, and goes on when they come through again, unless one of the ends has given it up by then.
type serverNet struct {
	mu      sync.Mutex
	changed chan struct{}  // closed at the next change of what is below
	index   map[string]int // of the server with that raft address
	group   []int          // of each server: those of different groups do not reach each other
	blocked map[way]bool
	paused  []bool
	dead    []bool // killed: its connections are closed, new ones are refused
	links   map[*link]struct{}
}

// way is a direction between two servers.
type way struct{ from, to int }

func newServerNet(n int) *serverNet {
	return &serverNet{
		changed: make(chan struct{}), index: map[string]int{}, group: make([]int, n), blocked: map[way]bool{},
		paused: make([]bool, n), dead: make([]bool, n), links: map[*link]struct{}{},
	}
}

// change alters the network and lets whoever waits look again.
func (n *serverNet) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// open reports whether bytes pass. The caller holds mu.
func (n *serverNet) open(w way) bool {
	return !n.paused[w.from] && !n.paused[w.to] && n.group[w.from] == n.group[w.to] && !n.blocked[w]
}

// connected reports whether server i and those of running that it reaches, both ways, are a majority of all.
func (n *serverNet) connected(i int, running []bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	reached := 0
	for j := range running {
		if running[i] && running[j] && (i == j && !n.paused[i] || i != j && n.open(way{i, j}) && n.open(way{j, i})) {
			reached++
		}
	}
	return reached > len(running)/2
}

// await waits until bytes pass. Errors: that of ctx, os.ErrDeadlineExceeded, net.ErrClosed, and ECONNREFUSED for a server
// that was killed. by is zero for no deadline.
func (n *serverNet) await(ctx context.Context, w way, by time.Time, closed <-chan struct{}) error {
	var deadline <-chan time.Time
	for {
		n.mu.Lock()
		open, dead, changed := n.open(w), n.dead[w.from] || n.dead[w.to], n.changed
		n.mu.Unlock()
		switch {
		case dead:
			return syscall.ECONNREFUSED
		case open:
			return nil
		}
		if deadline == nil && !by.IsZero() {
			timer := time.NewTimer(time.Until(by))
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-changed:
		case <-closed:
			return net.ErrClosed
		case <-deadline:
			return os.ErrDeadlineExceeded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dialFrom returns the function with which server from connects to the others.
func (n *serverNet) dialFrom(from int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		to, known := n.index[addr]
		if !known {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		w := way{from, to}
		if err := n.await(ctx, w, time.Time{}, nil); err != nil {
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.dead[from] || n.dead[to] {
			conn.Close()
			return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
		}
		l := &link{Conn: conn, net: n, way: w, closed: make(chan struct{})}
		n.links[l] = struct{}{}
		return l, nil
	}
}

// kill closes all connections from and to server i; there are no new ones until it is revived.
func (n *serverNet) kill(i int) {
	var cut []*link
	n.change(func() {
		n.dead[i] = true
		for l := range n.links {
			if l.way.from == i || l.way.to == i {
				cut = append(cut, l)
			}
		}
	})
	for _, l := range cut {
		l.Close()
	}
}

// revive takes server i, which was killed, paused or stopped, back into the network.
func (n *serverNet) revive(i int) {
	n.change(func() { n.dead[i], n.paused[i] = false, false })
}

// link is one connection between two servers, at the end of the one that has dialed it.
type link struct {
	net.Conn
	net    *serverNet
	way    way // of what is written; what is read comes the other way
	closed chan struct{}
	once   sync.Once

	mu              sync.Mutex
	readBy, writeBy time.Time
}

// Read gives nothing, not even the end, while the way back is blocked. After a deadline has passed the connection is of no
// use any more: what came is lost.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	by := l.readBy
	l.mu.Unlock()
	if stalled := l.net.await(context.Background(), way{l.way.to, l.way.from}, by, l.closed); stalled != nil {
		return 0, stalled
	}
	return n, err
}

// Write takes nothing while the way is blocked.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	by := l.writeBy
	l.mu.Unlock()
	if err := l.net.await(context.Background(), l.way, by, l.closed); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

// SetReadDeadline holds for reads that begin after it.
func (l *link) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	l.readBy = t
	l.mu.Unlock()
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline holds for writes that begin after it.
func (l *link) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	l.writeBy = t
	l.mu.Unlock()
	return l.Conn.SetWriteDeadline(t)
}

// SetDeadline holds for what begins after it.
func (l *link) SetDeadline(t time.Time) error {
	if err := l.SetReadDeadline(t); err != nil {
		return err
	}
	return l.SetWriteDeadline(t)
}

// CloseWrite lets the end of what was written pass at once, also while the way is blocked: nothing comes before it then.
func (l *link) CloseWrite() error { return l.Conn.(*net.TCPConn).CloseWrite() }

// Close wakes whoever waits for a blocked way.
func (l *link) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		delete(l.net.links, l)
		l.net.mu.Unlock()
	})
	return l.Conn.Close()
}
