package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// nemesis breaks things at random and mends them again, one thing after another in one goroutine, several broken at a time.
type nemesis struct {
	c       *cluster
	rng     *rand.Rand
	clients int

	repairs []repair
	blocks  map[[2]uint64]int // of the log's messages: how many faults block them
	stalls  map[path]int
	counts  [faultKinds]int
	err     error // a server could not be started

	exiled     time.Time // until when a server is cut off
	quietUntil time.Time // until when there are no further faults
}

// repair is what ends a fault.
type repair struct {
	at   time.Time
	mend func()
}

func newNemesis(rng *rand.Rand, c *cluster, clients int) *nemesis {
	return &nemesis{c: c, rng: rng, clients: clients, blocks: map[[2]uint64]int{}, stalls: map[path]int{}}
}

// run makes faults until ctx ends, and then mends everything.
func (m *nemesis) run(ctx context.Context) {
	next := time.Now().Add(m.about(faultEvery))
	for ctx.Err() == nil {
		at := next
		if len(m.repairs) > 0 && m.repairs[0].at.Before(at) {
			at = m.repairs[0].at
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(at)):
			if at.Equal(next) {
				m.attack()
				next = time.Now().Add(m.about(faultEvery))
				if next.Before(m.quietUntil) {
					next = m.quietUntil
				}
			} else {
				m.mendNext()
			}
		}
	}
	for len(m.repairs) > 0 {
		m.mendNext()
	}
	m.heal()
}

// heal makes good weather and starts who is down.
func (m *nemesis) heal() {
	m.c.trace.note("heal")
	m.c.model.Heal()
	m.c.model.SetRates(calm)
	m.c.net.setDelay(wireDelay)
	for _, n := range m.c.nodes {
		n.clock.setRate(1)
		n.lag.Store(0)
		m.c.model.Late(n.id, 0)
		if n.srv == nil {
			m.start(n)
		}
	}
}

func (m *nemesis) mendNext() {
	first := m.repairs[0]
	m.repairs = m.repairs[1:]
	first.mend()
}

// later plans the end of a fault.
func (m *nemesis) later(after time.Duration, mend func()) {
	r := repair{time.Now().Add(after), mend}
	at, _ := slices.BinarySearchFunc(m.repairs, r, func(a, b repair) int { return a.at.Compare(b.at) })
	m.repairs = slices.Insert(m.repairs, at, r)
}

func (m *nemesis) about(mean time.Duration) time.Duration {
	return time.Duration(1 + min(m.rng.ExpFloat64(), 6)*float64(mean))
}

func (m *nemesis) node() *node { return m.c.nodes[m.rng.IntN(len(m.c.nodes))] }

func (m *nemesis) start(n *node) {
	if err := m.c.start(n); err != nil && m.err == nil {
		m.err = err
	}
}

// down has a server started again later.
func (m *nemesis) down(n *node) {
	m.later(m.about(faultLasts), func() {
		if n.srv == nil {
			m.start(n)
		}
	})
}

// block loses messages of the log for a while.
func (m *nemesis) block(lasts time.Duration, pairs ...[2]uint64) {
	for _, p := range pairs {
		m.blocks[p]++
		m.c.model.Block(p[0], p[1])
	}
	m.later(lasts, func() {
		for _, p := range pairs {
			m.blocks[p]--
		}
		m.c.model.Heal()
		for from := range uint64(len(m.c.nodes)) { // the model heals all at once, and others are still to last
			for to := range uint64(len(m.c.nodes)) {
				if m.blocks[[2]uint64{from + 1, to + 1}] > 0 {
					m.c.model.Block(from+1, to+1)
				}
			}
		}
	})
}

// stall keeps bytes of clients from arriving for a while.
func (m *nemesis) stall(lasts time.Duration, paths ...path) {
	m.hold(paths)
	m.later(lasts, func() { m.letGo(paths) })
}

func (m *nemesis) hold(paths []path) {
	for _, p := range paths {
		m.stalls[p]++
		m.c.net.stall(p)
	}
}

func (m *nemesis) letGo(paths []path) {
	for _, p := range paths {
		if m.stalls[p]--; m.stalls[p] == 0 {
			m.c.net.release(p)
		}
	}
}

// paths returns both directions, or one, between clients and servers; 0 and -1 mean all.
func (m *nemesis) paths(client int, server uint64, up, down bool) []path {
	var all []path
	for i := range m.clients {
		for _, n := range m.c.nodes {
			if client >= 0 && i != client || server != 0 && n.id != server {
				continue
			}
			if up {
				all = append(all, path{i, n.id, true})
			}
			if down {
				all = append(all, path{i, n.id, false})
			}
		}
	}
	return all
}
