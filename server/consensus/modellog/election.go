package modellog

import "time"

// office is what a replica knows while it leads: of one term, and gone with it. Guarded by Cluster.mu.
type office struct {
	term  uint64
	first uint64 // the entry with which the term began
	peers []peer // by replica id - 1; its own is not used
}

// peer is a follower as the leader sees it. While all goes well entries are sent without waiting for those before them. When
// one message was refused, one at a time is sent until one fits; otherwise refusals of many would breed more of them.
type peer struct {
	match   uint64    // it has acknowledged everything up to here
	next    uint64    // what is sent to it next; more than match
	probing bool      // it has refused something, or gets a snapshot
	sent    bool      // while probing: a message is under way, or was lost; the next heartbeat sends another
	heard   time.Time // when it last answered
}

// takePart makes a replica that was opened a follower. The caller holds Cluster.mu.
func (l *Log) takePart() {
	l.takesPart = true
	l.postpone()
	l.watchLeader()
	l.work()
	l.waiting = append(l.waiting, make(onceWaiter, 1)) // the first barrier makes the log ready, if nobody else asks for one
	l.serve()
}

// postpone puts off the moment at which this replica stands for election.
func (l *Log) postpone() {
	election := l.cluster.rates.Election
	l.deadline = time.Now().Add(election + time.Duration(l.disk.rng.Int64N(int64(election))))
}

// watchLeader stands for election whenever nothing has been heard of a leader for too long.
func (l *Log) watchLeader() {
	l.after(time.Until(l.deadline), func() {
		if !time.Now().Before(l.deadline) {
			if l.office == nil {
				l.stand(false)
			}
			l.postpone()
		}
		l.watchLeader()
	})
}

// stand stands for election. The votes are cast at one instant; what could happen between two of them can happen before or
// after. Who votes must be reached, must not know a later term, must not be in touch with a leader unless that one wants it so
// (handedOver), and must have nothing that the candidate lacks. A vote is a promise not to follow an earlier term.
func (l *Log) stand(handedOver bool) {
	c, r := l.cluster, l.disk
	if l.office != nil {
		return
	}
	l.setView(0)
	term, newest := r.term+1, r.term
	voters := []*Log{l}
	for _, v := range c.replicas {
		w := v.running
		if v == r || w == nil || !w.takesPart || v.paused || c.blocked[[2]uint64{r.id, v.id}] || c.blocked[[2]uint64{v.id, r.id}] ||
			r.rng.Float64() < c.rates.Drop {
			continue
		}
		newest = max(newest, v.term)
		inTouch := time.Since(w.heard) < c.rates.Election && !handedOver
		if (v.term < term || v.term == term && c.weak.voteTwice) && !inTouch && (r.tape.atLeast(&v.tape) || c.weak.electAnyone) {
			voters = append(voters, w)
		}
	}
	if len(voters) < c.quorum() {
		l.enter(newest)
		return
	}
	for _, w := range voters {
		w.enter(term)
		w.postpone()
	}
	l.lead()
}

// enter makes this replica a follower in a term that is newer than its own. No leader of it is known yet.
func (l *Log) enter(term uint64) {
	if term > l.disk.term {
		l.disk.term, l.matched, l.office = term, 0, nil
		l.setView(0)
	}
}

// follow notes a message of the leader of a term, and reports whether that is still to be listened to. Otherwise the sender
// is told of the newer term.
func (l *Log) follow(leader, term uint64) bool {
	if now := l.disk.term; term < now {
		l.send(leader, func(w *Log) { w.enter(now) })
		return false
	}
	l.enter(term)
	l.office = nil // nil already, unless votes are cast twice on purpose
	l.heard = time.Now()
	l.postpone()
	l.setView(leader)
	return true
}

// lead begins a term, with an entry of its own.
func (l *Log) lead() {
	r := l.disk
	o := &office{term: r.term, first: r.tape.last() + 1, peers: make([]peer, len(l.cluster.replicas))}
	for i := range o.peers {
		o.peers[i].next = o.first
	}
	l.office, l.heard = o, time.Now()
	l.setView(r.id)
	r.tape.append(entry{term: o.term})
	l.sync()
	l.heartbeat(o)
}

// heartbeat shows the followers that there is a leader, and sends again what was lost, until the term is over.
func (l *Log) heartbeat(o *office) {
	if l.office != o {
		return
	}
	election := l.cluster.rates.Election
	near, reached := 1, 1
	for i := range o.peers {
		p := &o.peers[i]
		if time.Since(p.heard) < election {
			near++
		}
		if time.Since(p.heard) < aloneElections*election {
			reached++
		}
		p.sent = false
		l.replicate(uint64(i + 1))
	}
	if near >= l.cluster.quorum() {
		l.heard = time.Now()
	}
	if reached < l.cluster.quorum() && time.Since(l.heard) > aloneElections*election && l.disk.rng.IntN(patience) == 0 {
		l.stepDown()
		return
	}
	l.after(election/heartbeatsPerElection, func() { l.heartbeat(o) })
}

// stepDown ends a term without knowing of a newer one.
func (l *Log) stepDown() {
	l.office = nil
	l.setView(0)
	l.postpone()
}

// handOver tells a replica to stand for election at once. If it lacks something nothing comes of it.
func (l *Log) handOver(to uint64) {
	if l.office == nil {
		return
	}
	term := l.office.term
	l.send(to, func(w *Log) {
		if w.disk.term == term {
			w.stand(true)
		}
	})
}
