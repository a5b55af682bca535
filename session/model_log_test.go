package session

import (
	"encoding/binary"
	"fmt"
)

// committed is the log and the quorum behind it. A batch may be proposed any number of times; every copy that arrives is an
// entry of its own, possibly after newer ones. Its table is the newest state: what is true at this very moment.
type committed struct {
	entries       []*batch
	table         *Table
	noQuorumUntil int64
	leader        int
	movedAt       int64       // when the clock last moved
	writes        map[ID]int  // how many of a session's writes took effect
	ends          map[ID]bool // sessions that are over
}

func newCommitted() committed {
	return committed{table: NewTable(), writes: map[ID]int{}, ends: map[ID]bool{}}
}

func (l *committed) took(id ID) int { return l.writes[id] }

// batch is what a server proposes as one entry.
type batch struct {
	server   Server
	boot     Boot
	number   uint64
	commands []command
	waiters  []waiter // of the proposing server, taken by the first copy applied there
}

type commandKind uint8

const (
	commandWrite commandKind = iota
	commandClose             // a write whose effect is the end of the session
	commandOpen
	commandAttach
	commandExpire
	commandBeat
	commandAdvance
)

type command struct {
	kind      commandKind
	id        ID
	attempt   Attempt
	seq, ack  Seq
	payload   uint64
	number    uint64
	timeoutMS int64
	secret    Secret
	from, to  Clock
}

// effect is what a command did to a table.
type effect struct {
	code     Code
	verdict  Verdict
	id       ID
	attempt  Attempt
	reply    []byte
	renewed  bool
	ended    bool
	advanced Advanced
}

// apply is the one function that carries out commands, on the newest state as on every replica.
func (w *world) apply(t *Table, b *batch, c *command, index int) effect {
	e := effect{id: c.id, attempt: c.attempt}
	switch c.kind {
	case commandWrite, commandClose:
		e.verdict, e.reply, e.code = t.Admit(c.id, c.seq, c.ack)
		switch {
		case e.verdict == Apply && c.kind == commandClose:
			t.Record(c.id, c.seq, nil)
			e.ended = t.Close(c.id)
		case e.verdict == Apply:
			e.reply = binary.LittleEndian.AppendUint64(nil, c.payload)
			t.Record(c.id, c.seq, e.reply)
		}
	case commandOpen:
		e.id, e.attempt = ID(index), 1
		e.code = t.Open(e.id, Open{Secret: c.secret, TimeoutMS: c.timeoutMS, Server: b.server, Boot: b.boot, Number: c.number})
	case commandAttach:
		if i, ok := t.Get(c.id); ok && w.flaw == unnumberedAttempts {
			e.attempt = i.Attempt + 1
		}
		e.code = t.Attach(c.id, c.secret, e.attempt, b.server, b.boot)
	case commandExpire:
		e.ended = t.Expire(c.id, c.attempt)
	case commandBeat:
		e.renewed = t.Beat(Beat{Server: b.server, Boot: b.boot, Number: c.number})
	case commandAdvance:
		e.advanced = t.Advance(c.from, c.to)
	}
	return e
}

// propose sends a copy of b on its way to the quorum.
func (w *world) propose(s *server, b *batch) {
	if w.chance(w.dropped) {
		return
	}
	delay := 1 + w.Int64N(10)
	if w.chance(w.slow) {
		delay += w.Int64N(w.slowMS)
	}
	start := w.now
	if w.now < s.isolatedUntil {
		if w.IntN(2) == 0 {
			return
		}
		start = s.isolatedUntil // it was stuck in a buffer
	}
	w.at(start+delay, event{kind: eventSubmit, batch: b})
}

func (l *committed) submitted(w *world, b *batch) {
	if w.now < l.noQuorumUntil {
		if w.IntN(2) == 0 {
			w.at(l.noQuorumUntil+w.Int64N(50), event{kind: eventSubmit, batch: b})
		}
		return
	}
	l.entries = append(l.entries, b)
	for i := range b.commands {
		l.commit(w, b, &b.commands[i], len(l.entries)<<8+i)
	}
	for _, s := range w.servers {
		s.notice()
	}
}

// commit makes a command part of what is true and checks it against everything that is believed.
func (l *committed) commit(w *world, b *batch, c *command, index int) {
	before := l.table.Clock()
	e := w.apply(l.table, b, c, index)
	switch {
	case e.ended && c.kind == commandExpire:
		w.expired(c.id)
	case e.ended:
		l.ends[c.id] = true
	case e.verdict == Apply:
		l.writes[c.id]++
		if got := uint64(l.writes[c.id]); got != uint64(c.seq) || got != c.payload>>8 {
			w.violated(fmt.Sprintf("write %d of session %v took effect as number %d", c.payload>>8, c.id, got))
		}
	case e.advanced.Applied:
		// The proposer measured since it applied the value before, so since later than that was committed.
		step, passed := int64(l.table.Clock()-before), w.now-l.movedAt
		if step*256 > (passed+1)*(256+longestSkew)+256 {
			w.violated(fmt.Sprintf("the cluster clock moved by %d ms in %d ms", step, passed))
		}
		l.movedAt = w.now
		w.seen.leaseEnds += len(e.advanced.LeasesEnded)
		w.seen.deadlines += len(e.advanced.Expired)
		for _, id := range e.advanced.Expired {
			w.expired(id)
		}
	}
	switch {
	case e.verdict == Replay:
		w.seen.replays++
	case e.code == CodeGap:
		w.seen.gaps++
	case e.code == CodeLateAttempt:
		w.seen.lateAttempts++
	case c.kind == commandExpire && !e.ended:
		w.seen.voidExpires++
	}
}

// expired is called at the moment when a session has ended against its will.
func (w *world) expired(id ID) {
	w.seen.expiries++
	w.log.ends[id] = true
	for _, c := range w.clients {
		if c.id != id {
			continue
		}
		if w.calm && !c.dead {
			w.seen.calmEnds++
		}
		w.checkBelief(c)
	}
}

// checkBelief is the law: what is over is not believed in. It is called whenever either side changes.
func (w *world) checkBelief(c *client) {
	if c.id != 0 && w.log.ends[c.id] && !c.closing && c.belief.Valid(c.clock.at(w.now)) {
		w.violated(fmt.Sprintf("at %d ms client %d believes in session %v, which has expired", w.now, c.index, c.id))
	}
}
