package process_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// cut says how a connection is to break.
type cut uint8

const (
	whole    cut = iota
	atOnce       // wherever it is
	between      // behind a frame
	inside       // in the middle of a frame
	torn         // between two events of one transaction
	halfSent     // in the middle of what the client sends
	cuts
)

// line is the network of one client: it counts the client's connections, cuts them, and reads along what matters for the
// rules of one-shot watches over reconnects.
type line struct {
	bug bug

	mu       sync.Mutex
	rng      *rand.Rand
	live     map[*tap]struct{}
	dials    int
	down     bool     // nothing gets through
	restores []window // in order
	bugs     int      // committed
	frames   int      // events
	cut      [cuts]int
	found    []*violation // in the order of what the client was sent
}

// window is a SetWatches request of a client: what it had been told of when the connection broke, and the state by which the
// server told it the rest (W-13). Whether the client has got the answer shows in what it says next.
type window struct {
	since, state client.Zxid
	answered     bool
}

func newLine(seed uint64, b bug) *line {
	return &line{bug: b, rng: rand.New(rand.NewPCG(seed, 1)), live: map[*tap]struct{}{}}
}

// dial is for [client.Config].DialContext.
func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, errors.New("the line is down")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &tap{Conn: conn, line: l, frames: wire.NewFrameReader(conn, wire.ReplyFrameMax),
		restoring: map[wire.Xid]int{}, adding: map[wire.Xid][]wire.WatchID{}, adds: map[wire.WatchID]bool{}}
	l.live[t] = struct{}{}
	l.dials++
	return t, nil
}

// breakOne makes one of the client's connections break, in a way that chance chooses.
func (l *line) breakOne() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.live {
		if t.plan == whole {
			t.plan, t.left = atOnce+cut(l.rng.IntN(int(cuts-atOnce))), 1+l.rng.IntN(20)
			if t.plan == atOnce {
				l.cut[atOnce]++
				_ = t.Conn.Close()
			}
		}
		return
	}
}

// silence cuts everything, or lets it be dialed again.
func (l *line) silence(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	for t := range l.live {
		if down {
			_ = t.Conn.Close()
		}
	}
}

func (l *line) windows() []window {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append([]window(nil), l.restores...)
	for i := range all[:max(0, len(all)-1)] {
		// A client that begins further back had not got the answer, though it was on its way.
		all[i].answered = all[i].answered && all[i+1].since >= all[i].state
	}
	return all
}

// silent reports whether nothing gets through.
func (l *line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

func (l *line) committed() {
	l.mu.Lock()
	l.bugs++
	l.mu.Unlock()
}
