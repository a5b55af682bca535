package session

import "math/rand/v2"

// The lease model runs servers (each a Host and a lagging Table), clients (each a Belief), the log that joins them and
// everything that goes wrong between them, on simulated time, from one seed. The types under test are the real ones; what
// is modelled is the rest of the world: see model_log_test.go, model_server_test.go and model_client_test.go.
//
// Times are real time in ms since the start, which nobody in the model can read, unless they are a Mono.

// flaw is a simplification of the rules that the model must find to be unsafe. Each is planted in the use of the real
// types, at the place where a careless caller would have it; only the slack is inside, in Table.slack.
type flaw int

const (
	sound               flaw = iota
	noServerLease            // a server answers whether or not its lease is covered
	noMaxStep                // lease ends and deadlines without MaxStepMS
	beliefFromReply          // a client believes for a timeout from the moment of the reply
	beliefFromResending      // … from the last sending of the request that was answered
	answersAfterExpire       // a server goes on answering a session whose end it has proposed
	keepsAcrossLeaseEnd      // a server keeps its sessions when it applies the end of its own lease
	unnumberedAttempts       // the attach applied last wins, however old
	oldConnectionsCount      // a client counts answers on connections it has left
	attachHeardEarlier       // an Attach applied again resets the session to when it was sent
	attachHeardLater         // an Attach applied again makes the session new, so that it is answered again
	noMargin                 // what must end first does not end earlier, though the clocks run unequally
	flaws
)

func (f flaw) String() string {
	return [...]string{"sound", "no server lease", "no maxStep", "belief counted from the reply", "belief counted from a re-sending",
		"answers after proposing an Expire", "keeps sessions across the end of its own lease", "attempts not numbered",
		"answers on old connections count", "re-applied Attach: heard earlier", "re-applied Attach: heard later",
		"no margin for unequal clocks"}[f]
}

// temper is what a seed's world is like.
type temper struct {
	calm       bool    // nothing goes wrong
	skew       int64   // clock rates are in [256-skew, 256+skew] / 256
	loss, dup  float64 // of messages between clients and servers
	late       float64 // share of messages that are very late
	lateMS     int64   // how late, at most
	badLinks   bool    // the links between a client and a server fail for seconds, one way or both
	dropped    float64 // proposals that are lost
	slow       float64 // share of proposals that commit very late
	slowMS     int64
	copies     float64 // chance per pulse to propose the batch in flight again
	stepEvery  int64   // interval of Advances in ms
	lagMS      int64   // how far behind a replica may apply
	snapshots  bool    // a replica that is far behind gets a snapshot
	faultEvery int64   // mean time between faults in ms
	rude       bool    // servers drop what they may not answer without a word
	trusting   bool    // servers send the reply of a write that they heard without asking MayAnswer
	clinging   bool    // clients ping on their old connection until the new one is welcomed
	patience   int64   // how long a client waits for an answer before it moves, in 1/8 timeouts
}

// longestSkew keeps the ratio of any two clocks below 8/7, which is what ClockMarginDivisor allows for.
const longestSkew = 16

func drawTemper(r *rand.Rand) temper {
	chance := func(most float64) float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return r.Float64() * most
	}
	t := temper{
		calm: r.IntN(16) == 0, skew: r.Int64N(longestSkew + 1),
		loss: chance(0.3), dup: chance(0.3), late: chance(0.4), lateMS: 200 + r.Int64N(4000), badLinks: r.IntN(2) == 0,
		dropped: chance(0.4), slow: chance(0.4), slowMS: 200 + r.Int64N(1000<<r.IntN(5)), copies: chance(0.4),
		stepEvery: 200 + r.Int64N(1000), lagMS: 5 << r.IntN(10), snapshots: r.IntN(2) == 0,
		faultEvery: 300 + r.Int64N(4000), rude: r.IntN(2) == 0, trusting: r.IntN(2) == 0,
		clinging: r.IntN(2) == 0, patience: 2 + r.Int64N(6<<r.IntN(5)),
	}
	if t.calm {
		t = temper{calm: true, skew: r.Int64N(longestSkew + 1), lateMS: 1, slowMS: 1, stepEvery: 500, lagMS: 10, faultEvery: 1 << 40, patience: 4}
	}
	return t
}

// clock is a monotonic clock that runs at its own rate. It goes on while its owner is paused.
type clock struct{ offset, rate int64 }

func (c clock) at(real int64) Mono { return Mono(c.offset + real*c.rate>>8) }

type eventKind uint8

const (
	eventPulse    eventKind = iota // server: its ticker
	eventApply                     // server: there is more of the log
	eventRequest                   // server: a client's message
	eventRestart                   // server
	eventSubmit                    // log: a proposal reaches the quorum
	eventThink                     // client: its ticker
	eventResponse                  // client: a server's message
	eventFault                     // world
)

type event struct {
	kind  eventKind
	whom  int
	msg   message
	batch *batch
}

// world is one run.
type world struct {
	*rand.Rand
	temper
	flaw    flaw
	now     int64
	queue   []due
	slots   []event
	free    []int32
	entered int32
	log     committed
	servers []*server
	clients []*client
	// cut[c][s][0] is until when messages from client c to server s are lost, [1] from s to c.
	cut     [][][2]int64
	overlap string // the first violation
	seen    sightings
}

// sightings counts what happened in a world.
type sightings struct {
	expiries     int // sessions ended against their will, of which
	deadlines    int // … when detached
	calmEnds     int // … in a calm world while their client was pinging
	calmDoubts   int // times that a client in a calm world did not believe in its session
	leaseEnds    int
	boots        int
	moves        int // attachments to another server than before
	copies       int // Attach applied again on its own server
	lateAttempts int
	voidExpires  int
	snapshots    int
	stalls       int // ticks after a sleep
	replays      int
	gaps         int
}

// due orders events by time, and at the same time as they were entered.
type due struct {
	at    int64
	order int32
	slot  int32
}

func (d due) before(o due) bool { return d.at < o.at || d.at == o.at && d.order < o.order }

func (w *world) at(t int64, e event) {
	var slot int32
	if n := len(w.free); n > 0 {
		slot, w.free = w.free[n-1], w.free[:n-1]
		w.slots[slot] = e
	} else {
		slot = int32(len(w.slots))
		w.slots = append(w.slots, e)
	}
	w.entered++
	q := append(w.queue, due{max(t, w.now), w.entered, slot})
	for i := len(q) - 1; i > 0 && q[i].before(q[(i-1)/2]); i = (i - 1) / 2 {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
	}
	w.queue = q
}

func (w *world) next() event {
	q := w.queue
	first, n := q[0], len(q)-1
	q[0] = q[n]
	q = q[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && q[c+1].before(q[c]) {
			c++
		}
		if !q[c].before(q[i]) {
			break
		}
		q[i], q[c] = q[c], q[i]
		i = c
	}
	w.queue = q
	w.now = first.at
	e := w.slots[first.slot]
	w.slots[first.slot] = event{}
	w.free = append(w.free, first.slot)
	return e
}

// run plays the world until the given time, or the first violation.
func (w *world) run(until int64) {
	for w.overlap == "" && w.queue[0].at <= until {
		e := w.next()
		switch e.kind {
		case eventPulse:
			w.servers[e.whom].pulse()
		case eventApply:
			w.servers[e.whom].wakeApply()
		case eventRequest:
			w.servers[e.whom].receive(e.msg)
		case eventRestart:
			w.servers[e.whom].start()
		case eventSubmit:
			w.log.submitted(w, e.batch)
		case eventThink:
			w.clients[e.whom].think()
		case eventResponse:
			w.clients[e.whom].receive(e.msg)
		case eventFault:
			w.fault()
		}
	}
	w.now = max(w.now, until)
}

func newWorld(seed uint64, f flaw) *world {
	r := rand.New(rand.NewPCG(seed, 0x636f78))
	return newWorldOf(r, drawTemper(r), f)
}

func newWorldOf(r *rand.Rand, t temper, f flaw) *world {
	w := &world{Rand: r, temper: t, flaw: f, log: newCommitted()}
	w.table(w.log.table)
	for i := range 3 {
		s := &server{w: w, index: i, id: Server(i + 1), clock: w.newClock(), table: w.table(NewTable())}
		w.servers = append(w.servers, s)
		s.start()
	}
	w.cut = make([][][2]int64, 3)
	for i := range w.cut {
		w.cut[i] = make([][2]int64, len(w.servers))
		c := &client{w: w, index: i, clock: w.newClock()}
		c.renew()
		w.clients = append(w.clients, c)
		w.at(w.Int64N(300), event{kind: eventThink, whom: i})
	}
	w.at(w.Int64N(w.faultEvery), event{kind: eventFault})
	return w
}

// table plants in a table what is planted inside.
func (w *world) table(t *Table) *Table {
	if w.flaw == noMaxStep {
		t.slack = 0
	}
	return t
}

func (w *world) newClock() clock {
	return clock{offset: w.Int64N(1 << 30), rate: 256 - w.skew + w.Int64N(2*w.skew+1)}
}

// chance reports true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.Float64() < p }

// fault lets something go wrong, and arranges for the next.
func (w *world) fault() {
	w.at(w.now+1+w.Int64N(2*w.faultEvery), event{kind: eventFault})
	s, c := w.servers[w.IntN(len(w.servers))], w.clients[w.IntN(len(w.clients))]
	length := 20 + w.Int64N(100<<w.IntN(8)) // up to 12 s
	switch w.IntN(10) {
	case 0:
		s.crash(length)
	case 1: // SIGSTOP
		s.pausedUntil = w.now + length
	case 2:
		c.pausedUntil = w.now + length
	case 3, 4: // cut off from the quorum, not from clients
		s.isolatedUntil = w.now + length
	case 5:
		w.log.noQuorumUntil = w.now + length/2
	case 6: // a change of leader: whoever has a batch in flight proposes it again at once
		w.log.leader = w.IntN(len(w.servers))
		for _, s := range w.servers {
			s.repropose()
		}
	case 7:
		c.left = true // as if its connection had broken
	case 8:
		if w.badLinks {
			w.cut[c.index][s.index][w.IntN(2)] = w.now + length
		}
	case 9:
		if w.badLinks {
			for i := range w.servers {
				w.cut[c.index][i][w.IntN(2)] = w.now + length
			}
		}
	}
}

// heal ends all faults but those of single messages.
func (w *world) heal() {
	w.temper = temper{calm: true, lateMS: 1, slowMS: 1, stepEvery: 500, lagMS: 10, faultEvery: 1 << 40, patience: 4}
	w.log.noQuorumUntil = 0
	for i, s := range w.servers {
		s.pausedUntil, s.isolatedUntil = 0, 0
		if !s.up {
			s.start()
		}
		for _, cut := range w.cut {
			cut[i] = [2]int64{}
		}
	}
}

// violated records a violation of safety.
func (w *world) violated(what string) {
	if w.overlap == "" {
		w.overlap = what
	}
}
