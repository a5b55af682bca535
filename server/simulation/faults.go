package simulation

import "time"

// fault is a kind of fault.
type fault int

const (
	crash      fault = iota // a server loses power and comes back
	blackout                // all servers do, each comes back when it likes
	restart                 // a server is drained, stopped and started
	pause                   // a server stands still
	isolation               // a server is cut off from the others, its clients are not
	exile                   // so is one, until the others have ended the sessions of all who stayed with it
	oneWay                  // the log's messages from one server to another, or all to one, are lost
	noClients               // a server is cut off from its clients, not from the others
	silence                 // a client hears and is heard by nobody; often for longer than its timeout
	halfDeaf                // one direction between a client and a server
	reset                   // connections are cut: of a client, of a server, or all
	deposition              // the leader loses its office
	transfer                // the leader hands over
	storm                   // it does so again and again
	snapshot                // a server takes a snapshot and forgets the entries before it
	badLog                  // the log's messages are slow, lost and doubled
	slowWire                // clients' bytes are slow
	drift                   // a server's clock runs too fast or too slow
	leap                    // a server's clock jumps forward, as after a suspension
	lag                     // a server learns late what was decided, or is slow to carry it out
	faultKinds
)

var faultNames = [faultKinds]string{
	"crash", "blackout", "restart", "pause", "isolation", "exile", "one way", "no clients", "silence", "half deaf", "reset", "deposition",
	"transfer", "storm", "snapshot", "bad log", "slow wire", "drift", "leap", "lag",
}

// attack makes a fault.
func (m *nemesis) attack() {
	kind := fault(m.rng.IntN(int(faultKinds)))
	if kind == blackout && m.rng.IntN(3) > 0 {
		kind = crash // the whole cluster goes less often
	}
	m.inflict(kind)
}

// inflict makes a fault of one kind.
func (m *nemesis) inflict(kind fault) {
	n, lasts := m.node(), m.about(faultLasts)
	m.c.trace.note(faultNames[kind], n.id)
	m.counts[kind]++
	switch kind {
	case crash:
		m.crash(n)
	case blackout:
		for _, n := range m.c.nodes {
			m.crash(n)
		}
	case restart:
		if n.srv != nil {
			m.c.drain(n)
			m.down(n)
		}
	case pause:
		m.pause(n, lasts)
	case isolation:
		m.block(lasts, append(m.ways(0, n.id), m.ways(n.id, 0)...)...)
	case exile:
		m.exile(n)
	case oneWay:
		from := m.node().id
		if m.rng.IntN(2) == 0 {
			from = 0
		}
		m.block(lasts, m.ways(from, n.id)...)
	case noClients:
		m.stall(lasts, m.paths(-1, n.id, true, true)...)
	case silence:
		if m.rng.IntN(2) == 0 {
			lasts += sessionTimeout
		}
		m.stall(lasts, m.paths(m.client(), 0, true, true)...)
	case halfDeaf:
		up := m.rng.IntN(2) == 0
		m.stall(lasts, m.paths(m.client(), n.id, up, !up)...)
	case reset:
		m.reset(n)
	case deposition:
		m.c.model.Depose()
	case transfer:
		m.c.model.Transfer(n.id)
	case storm:
		for i := range stormTransfers {
			m.later(time.Duration(i)*stormEvery, func() { m.c.model.Transfer(m.node().id) })
		}
	case snapshot:
		m.c.model.Snapshot(n.id)
	case badLog:
		bad := calm
		bad.Delay *= time.Duration(1 + m.rng.IntN(10))
		bad.Drop, bad.Duplicate = 0.3*m.rng.Float64(), 0.3*m.rng.Float64()
		m.c.model.SetRates(bad)
		m.later(lasts, func() { m.c.model.SetRates(calm) })
	case slowWire:
		m.c.net.setDelay(wireDelayBad)
		m.later(lasts, func() { m.c.net.setDelay(wireDelay) })
	case drift:
		n.clock.setRate(1 + driftMax*(2*m.rng.Float64()-1))
	case leap:
		n.clock.step(m.about(2 * sessionTimeout))
	case lag:
		if m.rng.IntN(3) == 0 {
			n.lag.Store(int64(m.about(lagMean)))
		} else {
			m.c.model.Late(n.id, lateTimes)
		}
		m.later(2*lasts, func() {
			n.lag.Store(0)
			m.c.model.Late(n.id, 0)
		})
	}
}

// exile cuts a server off for longer than the others can wait for it: then all sessions are over that nobody has taken elsewhere.
// Half of the times nothing else goes wrong meanwhile, which could make its clients leave.
func (m *nemesis) exile(n *node) {
	if time.Now().Before(m.exiled) {
		return // of three servers, two that are cut off are a cluster that stands still
	}
	lasts := exileMin + m.about(faultLasts)
	m.exiled = time.Now().Add(lasts)
	m.block(lasts, append(m.ways(0, n.id), m.ways(n.id, 0)...)...)
	if m.rng.IntN(2) == 0 {
		m.quietUntil = m.exiled
	}
}

func (m *nemesis) client() int { return m.rng.IntN(m.clients) }

func (m *nemesis) crash(n *node) {
	if n.srv != nil {
		m.c.crash(n)
		m.down(n)
	}
}

// pause stops a server: it neither hears nor says anything, and its clock goes on.
func (m *nemesis) pause(n *node, lasts time.Duration) {
	still := m.paths(-1, n.id, true, true)
	m.c.model.Pause(n.id)
	n.clock.stop()
	m.hold(still)
	m.later(lasts, func() {
		n.clock.start()
		m.c.model.Resume(n.id)
		m.letGo(still)
	})
}

func (m *nemesis) reset(n *node) {
	client := m.client()
	switch m.rng.IntN(3) {
	case 0:
		m.c.net.cut(func(int, uint64) bool { return true })
	case 1:
		m.c.net.cut(func(_ int, server uint64) bool { return server == n.id })
	default:
		m.c.net.cut(func(i int, _ uint64) bool { return i == client })
	}
}

// ways returns the pairs of different servers; 0 is all.
func (m *nemesis) ways(from, to uint64) [][2]uint64 {
	var all [][2]uint64
	for _, a := range m.c.nodes {
		for _, b := range m.c.nodes {
			if a != b && (from == 0 || a.id == from) && (to == 0 || b.id == to) {
				all = append(all, [2]uint64{a.id, b.id})
			}
		}
	}
	return all
}
