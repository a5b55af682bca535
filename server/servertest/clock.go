package servertest

import (
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/server"
)

// WithManualClock makes the servers' time stand still until [Cluster.Advance] moves it. It concerns what the servers
// themselves time: leases, silent sessions, the cluster clock and with it TTL nodes and containers. Elections, connection
// timeouts, ctime and mtime, and everything about clients stay in real time.
func WithManualClock() Option {
	clock := &manualClock{tickers: map[*manualTicker]struct{}{}}
	return func(c *server.Config) { c.Clock = clock }
}

// manualClock is a server.Clock for all servers of a cluster.
type manualClock struct {
	mu      sync.Mutex
	now     time.Duration
	tickers map[*manualTicker]struct{}
}

// manualTicker is one rhythm. A tick is handed over, not queued: who gets the second one is done with the first.
type manualTicker struct {
	every   time.Duration
	ticks   chan time.Time
	stopped chan struct{}
}

// Now implements server.Clock.
func (k *manualClock) Now() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Ticker implements server.Clock.
func (k *manualClock) Ticker(every time.Duration) (<-chan time.Time, func()) {
	t := &manualTicker{every: every, ticks: make(chan time.Time), stopped: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tickers[t] = struct{}{}
	return t.ticks, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.tickers, t)
		close(t.stopped)
	}
}

// step moves the clock by at most left, no further than to the next tick, and returns by how much when everybody has done
// what he does at that tick.
func (k *manualClock) step(left time.Duration) time.Duration {
	k.mu.Lock()
	step, tickers := left, make([]*manualTicker, 0, len(k.tickers))
	for t := range k.tickers {
		step = min(step, t.every)
		tickers = append(tickers, t)
	}
	k.now += step
	k.mu.Unlock()
	for range 2 { // the second time there is nothing to do, and it is taken when the first was done
		for _, t := range tickers {
			select {
			case t.ticks <- time.Time{}:
			case <-t.stopped:
			}
		}
	}
	return step
}

// Advance moves the time of a cluster that was started [WithManualClock] by d, in steps as small as the servers look at it,
// and waits in each step until what the servers then propose has been applied. When it returns, the cluster clock has moved
// by d, less what is left of its own step of half a second; sessions that were silent for their timeout have ended,
// leases that were not renewed too, and nodes that were due a second ago are gone, on all servers that can reach a majority.
//
// A client pings in real time, too seldom for time that flies. So in each step the kit pings for every client that is
// connected and can be heard: their sessions live on. The session of a client that has no connection at the time, because
// of a fault or because it is just changing servers, is silent. The belief of a client in its session counts its
// own, real time: after Advance the service may have ended a session that its client believes in for some more seconds.
//
// Time of servers that are stopped stands still, as that of a cluster without a majority: see the clock rule of package
// session. Advance must not be called by two goroutines at once, nor while a server is being started or stopped.
func (c *Cluster) Advance(d time.Duration) {
	c.t.Helper()
	clock, ok := c.configs[0].Clock.(*manualClock)
	if !ok {
		c.t.Fatal("Advance needs a cluster that was started WithManualClock")
	}
	c.settle()
	for d > 0 {
		c.clients.pingAll()
		d -= clock.step(d)
		c.settle()
	}
	c.converge()
}

// healthy returns, by number, the running servers that can reach a majority.
func (c *Cluster) healthy() map[int]*server.Server {
	healthy := map[int]*server.Server{}
	for i, s := range c.all() {
		if s != nil && c.reachesMajority(i) {
			healthy[i] = s
		}
	}
	return healthy
}

// settle waits until the healthy servers have a leader among them and have applied what they have proposed.
func (c *Cluster) settle() {
	healthy := c.healthy()
	made := map[int]uint64{}
	for i, s := range healthy {
		made[i], _ = s.Proposals()
	}
	until(settleTimeout, func() bool {
		leader := 0
		for i, s := range healthy {
			l := int(s.Status().Leader)
			if _, applied := s.Proposals(); applied < made[i] || healthy[l-1] == nil || leader != 0 && leader != l {
				return false
			}
			leader = l
		}
		return true
	})
}

// converge waits until the healthy servers have all come to where the first of them is now.
func (c *Cluster) converge() {
	healthy := c.healthy()
	var newest server.Status
	for _, s := range healthy {
		if st := s.Status(); st.Zxid > newest.Zxid || st.Zxid == newest.Zxid && st.ClockMS > newest.ClockMS {
			newest = st
		}
	}
	until(settleTimeout, func() bool {
		for _, s := range healthy {
			if st := s.Status(); st.Zxid < newest.Zxid || st.ClockMS < newest.ClockMS {
				return false
			}
		}
		return true
	})
}
