package session

// server is one server of the model: it does with its Host and its Table what the real one does.
type server struct {
	w     *world
	index int
	id    Server
	clock clock

	table   *Table // as far as applied; it survives crashes
	applied int
	coming  bool // an eventApply is under way

	up            bool
	boot          Boot
	pausedUntil   int64 // SIGSTOP: messages wait, the clock goes on
	isolatedUntil int64 // from the log

	// Of this boot.
	host      *Host
	number    uint64
	opens     uint64
	open      batch  // being filled
	flight    *batch // proposed, not yet applied here
	flightAt  int64
	clockAt   Mono // when the table's clock was applied here
	steppedAt Mono
	asked     map[attempt]Mono // when the request for an attach arrived; for the planted flaws only
}

type attempt struct {
	id ID
	a  Attempt
}

// waiter is who waits for the outcome of a command.
type waiter struct {
	msg     message
	heardAt Mono
	waits   bool
}

func (s *server) now() Mono { return s.clock.at(s.w.now) }

func (s *server) start() {
	s.up = true
	s.boot++
	s.w.seen.boots++
	s.host = NewHost(s.id, s.boot)
	s.number, s.opens, s.open, s.flight = 0, 0, batch{}, nil
	s.clockAt, s.steppedAt = s.now(), s.now()
	s.asked = map[attempt]Mono{}
	s.add(command{kind: commandBeat, number: s.host.Beat(s.now())}, waiter{}) // tells that the older boot is dead
	s.flush()
	s.w.at(s.w.now+s.w.Int64N(100), event{kind: eventPulse, whom: s.index})
	s.notice()
}

func (s *server) crash(length int64) {
	if s.up {
		s.up = false
		s.w.at(s.w.now+length, event{kind: eventRestart, whom: s.index})
	}
}

// absent reports whether e cannot be handled now, and puts it off or drops it.
func (s *server) absent(e event) bool {
	switch {
	case !s.up:
		return true
	case s.w.now < s.pausedUntil:
		s.w.at(s.pausedUntil+s.w.Int64N(5), e)
		return true
	}
	return false
}

// pulse is the ticker: expire the silent, renew the lease, move the clock, propose.
func (s *server) pulse() {
	if s.absent(event{kind: eventPulse, whom: s.index}) {
		return
	}
	w, now := s.w, s.now()
	if s.host.ticked && now-s.host.tickedAt > StallMS {
		w.seen.stalls++
	}
	w.at(w.now+100+w.Int64N(100), event{kind: eventPulse, whom: s.index})
	for _, e := range s.host.Tick(now) {
		if w.flaw == answersAfterExpire {
			s.host.sessions[e.ID].expiring = false
		}
		s.add(command{kind: commandExpire, id: e.ID, attempt: e.Attempt}, waiter{})
	}
	if s.host.BeatDue(now, false) {
		s.add(command{kind: commandBeat, number: s.host.Beat(now)}, waiter{})
	}
	// One server leads; now and then another believes that it does.
	if (w.log.leader == s.index || w.IntN(8) == 0) && now-s.steppedAt >= Mono(w.stepEvery) {
		s.steppedAt = now
		if step := Clock(now - s.clockAt); step > 0 && s.table.Len() > 0 {
			s.add(command{kind: commandAdvance, from: s.table.Clock(), to: s.table.Clock() + step}, waiter{})
		}
	}
	if s.flight != nil && (w.chance(w.copies) || w.now-s.flightAt > 1000) {
		s.repropose()
	}
	s.flush()
}

func (s *server) add(c command, wait waiter) {
	s.open.commands = append(s.open.commands, c)
	s.open.waiters = append(s.open.waiters, wait)
}

// flush proposes the open batch unless one is in flight.
func (s *server) flush() {
	if s.flight != nil || len(s.open.commands) == 0 {
		return
	}
	s.number++
	b := s.open
	b.server, b.boot, b.number = s.id, s.boot, s.number
	s.open = batch{}
	s.flight = &b
	s.repropose()
}

func (s *server) repropose() {
	if s.up && s.flight != nil {
		s.flightAt = s.w.now
		s.w.propose(s, s.flight)
	}
}

// notice arranges for the replica to apply what is new, sooner or later.
func (s *server) notice() {
	if !s.coming {
		s.coming = true
		s.w.at(s.w.now+1+s.w.Int64N(s.w.lagMS), event{kind: eventApply, whom: s.index})
	}
}

func (s *server) wakeApply() {
	w := s.w
	if !s.up {
		s.coming = false
		return
	}
	if s.absent(event{kind: eventApply, whom: s.index}) {
		return
	}
	if w.now < s.isolatedUntil {
		w.at(s.isolatedUntil+w.Int64N(20), event{kind: eventApply, whom: s.index})
		return
	}
	s.coming = false
	behind := len(w.log.entries) - s.applied
	if behind > 10 && w.snapshots && w.IntN(2) == 0 {
		s.install()
	} else {
		for range min(behind, 1+w.IntN(2<<w.IntN(6))) {
			s.applyEntry(w.log.entries[s.applied], s.applied+1)
			s.applied++
		}
	}
	s.flush()
	if s.applied < len(w.log.entries) {
		s.notice()
	}
}

// install takes over a snapshot of the newest state.
func (s *server) install() {
	t, err := Restore(s.w.log.table.Snapshot())
	if err != nil {
		panic(err)
	}
	s.w.seen.snapshots++
	s.table = s.w.table(t)
	s.applied = len(s.w.log.entries)
	s.clockAt = s.now()
	s.host.Reconcile(s.table, s.now())
}

func (s *server) applyEntry(b *batch, index int) {
	var waiters []waiter
	mine := b.server == s.id && b.boot == s.boot
	if mine && s.flight != nil && s.flight.number == b.number {
		waiters, s.flight = s.flight.waiters, nil
	}
	for i := range b.commands {
		c := &b.commands[i]
		e := s.w.apply(s.table, b, c, index<<8+i)
		var wait waiter
		if waiters != nil {
			wait = waiters[i]
		}
		s.deliver(c, e, mine, wait)
	}
}

// deliver does what the effect of a command asks of this server.
func (s *server) deliver(c *command, e effect, mine bool, wait waiter) {
	w := s.w
	switch c.kind {
	case commandWrite, commandClose:
		if wait.waits && (e.ended || w.trusting || s.host.MayAnswer(c.id, wait.msg.attempt, s.now()) || w.flaw == noServerLease) {
			kind := answered
			if c.kind == commandClose && e.ended || e.code == CodeExpired {
				kind = over
			}
			r := message{kind: kind, seq: c.seq, code: e.code, reply: e.reply}
			if i, ok := s.table.Get(c.id); ok {
				r.last = i.Last
			}
			s.respond(wait.msg, r)
		}
		if e.ended {
			s.host.Detached(c.id)
		}
	case commandOpen, commandAttach:
		if e.code == CodeOK && mine {
			info, _ := s.table.Get(e.id)
			s.attached(e, info, wait)
		} else if e.code == CodeOK {
			if s.host.sessions[e.id] != nil {
				w.seen.moves++
			}
			s.host.Detached(e.id)
		}
		if wait.waits {
			info, _ := s.table.Get(e.id)
			kind := welcome
			switch {
			case e.code == CodeExpired:
				kind = over
			case e.code != CodeOK:
				kind = refused
			}
			s.respond(wait.msg, message{kind: kind, id: e.id, code: e.code, timeoutMS: info.TimeoutMS, last: info.Last})
		}
	case commandExpire:
		if e.ended {
			s.host.Detached(c.id)
		}
	case commandBeat:
		if mine && e.renewed {
			s.host.BeatApplied(c.number)
		}
	case commandAdvance:
		if !e.advanced.Applied {
			return
		}
		s.clockAt = s.now()
		for _, ended := range e.advanced.LeasesEnded {
			if ended == s.id && w.flaw != keepsAcrossLeaseEnd {
				s.host.LeaseEnded()
			}
		}
		for _, id := range e.advanced.Expired {
			s.host.Detached(id)
		}
	}
}

// attached notes an attachment to this server, first-hand or of a copy that nobody waits for any more.
func (s *server) attached(e effect, i Info, wait waiter) {
	heardAt, asked := s.now(), s.asked[attempt{e.id, e.attempt}]
	if wait.waits {
		heardAt = wait.heardAt
		s.asked[attempt{e.id, e.attempt}] = heardAt
	} else if known := s.host.sessions[e.id]; known != nil && known.attempt == e.attempt {
		s.w.seen.copies++
		switch s.w.flaw {
		case attachHeardEarlier:
			s.host.Detached(e.id)
			heardAt = asked
		case attachHeardLater:
			s.host.Detached(e.id)
		}
	}
	s.host.Attached(e.id, e.attempt, i.TimeoutMS, heardAt)
}

// receive handles a client's message.
func (s *server) receive(m message) {
	if m.boot != s.boot || s.absent(event{kind: eventRequest, whom: s.index, msg: m}) {
		return // the connection died with the process
	}
	now := s.now()
	if m.kind == hello {
		if s.host.BeatDue(now, true) {
			s.add(command{kind: commandBeat, number: s.host.Beat(now)}, waiter{})
		}
		c := command{kind: commandAttach, id: m.id, attempt: m.attempt, secret: m.secret}
		if m.id == 0 {
			s.opens++
			c = command{kind: commandOpen, secret: m.secret, timeoutMS: m.timeoutMS, number: s.opens}
		}
		s.add(c, waiter{msg: m, heardAt: now, waits: true})
		s.flush()
		return
	}
	if !s.hears(m, now) {
		if !s.w.rude {
			s.respond(m, message{kind: refused, code: CodeNoLease})
		}
		return
	}
	switch m.kind {
	case ping:
		s.respond(m, message{kind: answered})
	case write:
		s.add(command{kind: commandWrite, id: m.id, seq: m.seq, ack: m.ack, payload: m.payload}, waiter{msg: m, waits: true})
		s.flush()
	case bye:
		s.add(command{kind: commandClose, id: m.id, seq: m.seq, ack: m.ack}, waiter{msg: m, waits: true})
		s.flush()
	}
}

// hears is Host.Hear, with what is planted.
func (s *server) hears(m message, now Mono) bool {
	a := m.attempt
	known := s.host.sessions[m.id]
	if s.w.flaw == unnumberedAttempts && known != nil {
		a = known.attempt // connections cannot be told apart either
	}
	if s.w.flaw == noMargin && s.host.covered {
		at := s.host.coverUntil
		s.host.coverUntil += LeaseMS - shortened(LeaseMS)
		defer func() { s.host.coverUntil = at }()
	}
	ok := s.host.Hear(m.id, a, now)
	return ok || s.w.flaw == noServerLease && known != nil && known.attempt == a && !known.expiring
}

func (s *server) respond(to message, r message) {
	r.session, r.attempt, r.request = to.session, to.attempt, to.request
	s.w.deliverMessage(to.client, s.index, 1, event{kind: eventResponse, whom: to.client, msg: r})
}
