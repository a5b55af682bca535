package modellog

import (
	"slices"
	"time"
)

// take appends a proposal to the log, if this replica leads; otherwise it is lost. The caller holds Cluster.mu, here and in
// the whole file.
func (l *Log) take(e entry) {
	if l.office == nil {
		return
	}
	e.term = l.office.term
	l.disk.tape.append(e)
	l.sync()
	for _, r := range l.cluster.replicas {
		l.replicate(r.id)
	}
}

// replicate sends a follower what it may not have: entries, as many as one message takes, or a snapshot if the entries have
// been forgotten. With nothing to send it is a heartbeat, and tells what is committed.
func (l *Log) replicate(to uint64) {
	if to == l.disk.id {
		return
	}
	t, p, from, term := &l.disk.tape, &l.office.peers[to-1], l.disk.id, l.office.term
	if p.probing && p.sent {
		return
	}
	p.sent = true
	p.next = min(p.next, t.last()+1) // it is, unless one that lacks entries was elected on purpose
	if p.next <= t.base {
		s := l.disk.snapshot
		p.next, p.probing = s.index+1, true
		l.send(to, func(w *Log) {
			if w.follow(from, term) {
				w.takeSnapshot(s)
			}
		})
		return
	}
	previous := p.next - 1
	previousTerm, _ := t.term(previous)
	entries, commit := t.part(previous, 1+l.disk.rng.IntN(batchMax)), l.commit
	if !p.probing {
		p.next += uint64(len(entries))
	}
	l.send(to, func(w *Log) {
		if w.follow(from, term) {
			w.takeEntries(from, previous, previousTerm, entries, commit)
		}
	})
}

// takeEntries takes what the leader sent, if it fits. What is here and differs is cut off.
func (l *Log) takeEntries(leader, previous, previousTerm uint64, entries []entry, commit uint64) {
	t := &l.disk.tape
	if previous < t.base { // the same as the leader's, being committed
		known := min(t.base-previous, uint64(len(entries)))
		previous, entries = previous+known, entries[known:]
		previousTerm = t.baseTerm
	}
	if has, ok := t.term(previous); previous > t.last() {
		l.refuse(leader, previous, t.last())
		return
	} else if ok && has != previousTerm {
		l.refuse(leader, previous, l.commit) // up to there it is the same as the leader's for certain
		return
	}
	for i, e := range entries {
		index := previous + 1 + uint64(i)
		if has, ok := t.term(index); ok && has == e.term {
			continue
		} else if ok {
			if index <= l.commit {
				return // cannot be, unless a rule is broken on purpose
			}
			t.cut(index - 1)
		}
		t.append(e)
	}
	l.matched = max(l.matched, previous+uint64(len(entries)))
	l.learnCommit(min(commit, l.matched))
	l.acknowledge()
	l.sync()
}

// refuse tells the leader that what it sent does not fit here after previous, and that it should go on after end.
func (l *Log) refuse(leader, previous, end uint64) {
	from, term := l.disk.id, l.disk.term
	l.send(leader, func(w *Log) {
		o := w.office
		if o == nil || o.term != term {
			return
		}
		p := &o.peers[from-1]
		if p.heard = time.Now(); previous <= p.match || p.probing && previous != p.next-1 {
			return // the answer to an older message
		}
		p.next, p.probing, p.sent = max(p.match+1, min(previous, end+1)), true, false
		w.replicate(from)
	})
}

// sync writes what memory has to the disk, one write after the other.
func (l *Log) sync() {
	t := &l.disk.tape
	if l.syncing || t.durable == t.last() {
		return
	}
	l.syncing = true
	target, cuts := t.last(), t.cuts
	l.after(about(l.disk.rng, l.cluster.rates.Disk), func() {
		l.syncing = false
		if t.cuts == cuts {
			t.synced(target)
		}
		l.acknowledge()
		l.sync()
	})
}

// acknowledge tells the leader what is on disk here and the same as there.
func (l *Log) acknowledge() {
	if l.office != nil {
		l.advance()
		return
	}
	if l.view.leader == 0 {
		return
	}
	from, term, index := l.disk.id, l.disk.term, min(l.matched, l.disk.tape.durable)
	if l.cluster.weak.ackUnsynced {
		index = l.matched
	}
	l.send(l.view.leader, func(w *Log) { w.takeAcknowledgement(from, term, index) })
}

func (l *Log) takeAcknowledgement(from, term, index uint64) {
	o := l.office
	if o == nil || o.term != term {
		return
	}
	p := &o.peers[from-1]
	p.heard = time.Now()
	if index >= p.next-1 {
		p.probing = false
	}
	news := index > p.match
	p.match = max(p.match, index)
	p.next = max(p.next, p.match+1)
	l.advance()
	if news && p.next <= l.disk.tape.last() {
		l.replicate(from)
	}
}

// advance commits what a majority has on disk, if it reaches into this term: an entry of an earlier one could still be
// replaced, however many have it.
func (l *Log) advance() {
	o, c, t := l.office, l.cluster, &l.disk.tape
	have := make([]uint64, len(o.peers))
	for i := range o.peers {
		have[i] = o.peers[i].match
	}
	have[l.disk.id-1] = t.durable
	slices.Sort(have)
	index := min(have[len(have)-c.quorum()], t.last())
	if c.weak.commitAlone {
		index = t.durable
	}
	if index <= l.commit || index < o.first {
		return
	}
	for i := uint64(len(c.truth)) + 1; i <= index; i++ {
		c.truth = append(c.truth, t.entries[i-t.base-1])
	}
	l.learnCommit(index)
	for _, r := range c.replicas {
		l.replicate(r.id)
	}
}

// learnCommit notes up to where the log is committed. That is not on disk.
func (l *Log) learnCommit(index uint64) {
	if index <= l.commit {
		return
	}
	if l.cluster.weak.releaseEarly {
		for i := l.commit; i < index; i++ {
			l.release(l.disk.tape.entries[i-l.disk.tape.base].from)
		}
	}
	l.commit = index
	l.work()
}

// takeSnapshot replaces the log up to a snapshot of the leader, if this replica does not have as much.
func (l *Log) takeSnapshot(s *snapshot) {
	l.matched = max(l.matched, s.index)
	if s.index > l.commit {
		l.disk.snapshot, l.install = s, s
		l.disk.tape.forget(s.index, s.term)
		l.commit = s.index
		l.work()
	}
	l.acknowledge()
}
