package server

import "github.com/coxswain-io/coxswain/wire"

// pending is a request that has not been answered. Replies leave in the order of the requests, so a read waits for the
// writes before it, and a write is not applied here before the reads in front of it are answered.
type pending struct {
	position uint64 // counts the requests that were queued on this connection, from 1
	xid      wire.Xid
	bytes    int
	reply    int           // estimated bytes of the answer; 0: not estimated yet
	brings   int           // of a write: bytes that a node may have after it
	read     *wire.Request // answered from the state, in turn
	refusal  *refusal      // or answered with an error, in turn
	// neither: a write, which the log answers
}

// refusal is the answer to a request that is not carried out.
type refusal struct {
	code   wire.Code
	detail string
}

func (p *pending) isWrite() bool { return p.read == nil && p.refusal == nil }

// replays reports whether the answer looks at the history. That to an AddWatches may be given in parts.
func (p *pending) replays() bool {
	return p.read != nil && (p.read.Kind == wire.AddWatches || p.read.Kind == wire.List && p.read.AsOf != 0)
}

// long reports whether the answer may take milliseconds: after one of these the state's lock is given back, and none is
// answered after a write in the course of an apply.
func (p *pending) long() bool { return p.replays() || p.read != nil && p.read.Kind == wire.MultiRead }

// queue is the unanswered requests of a connection in order of arrival. The connection's lock guards it.
type queue struct {
	items     []pending
	head      int
	bytes     int    // of the requests
	next      uint64 // position of the newest request
	reads     int    // how many of them are no writes
	replays   int    // how many of them look at the history
	replies   int    // sum of the estimated answers of those
	estimated uint64 // position up to which they were estimated
}

func (q *queue) len() int { return len(q.items) - q.head }

// push appends p, gives it its position and returns that.
func (q *queue) push(p pending) uint64 {
	q.next++
	p.position = q.next
	if !p.isWrite() {
		q.reads++
	}
	if p.replays() {
		q.replays++
	}
	q.bytes += p.bytes
	q.items = append(q.items, p)
	return q.next
}

// estimate fills in how large the answers will be that were not estimated yet.
func (q *queue) estimate(of func(r *wire.Request, brought int) int) {
	brought := 0 // by the session's own writes, which are applied before the reads behind them are answered
	for i := range q.items[q.head:] {
		brought = max(brought, q.items[q.head+i].brings)
	}
	for i := len(q.items) - 1; i >= q.head && q.items[i].position > q.estimated; i-- {
		if p := &q.items[i]; p.read != nil {
			p.reply = of(p.read, brought)
			q.replies += p.reply
		}
	}
	q.estimated = q.next
}

func (q *queue) front() *pending {
	if q.head == len(q.items) {
		return nil
	}
	return &q.items[q.head]
}

func (q *queue) pop() {
	p := &q.items[q.head]
	q.bytes -= p.bytes
	q.replies -= p.reply
	if !p.isWrite() {
		q.reads--
	}
	if p.replays() {
		q.replays--
	}
	*p = pending{}
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head >= 1024 && q.head*2 >= len(q.items): // a queue that never runs empty must not grow for ever
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
}

func (q *queue) clear() { *q = queue{next: q.next, estimated: q.next} }

// barrierState is how far the read barrier has come for one connection: linearizable reads up to confirmed may be
// answered, the barrier that is out will confirm those up to armed, and one more is wanted if wanted is beyond that.
type barrierState struct {
	out                      bool
	armed, confirmed, wanted uint64
}
