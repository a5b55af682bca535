package server

import "github.com/coxswain-io/coxswain/wire"

// pending is a request that has not been answered. Replies leave in the order of the requests, so a read waits for the
// writes before it, and a write is not applied here before the reads in front of it are answered.
type pending struct {
	position uint64 // counts the requests that were queued on this connection, from 1
	xid      wire.Xid
	bytes    int
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

// queue is the unanswered requests of a connection in order of arrival. The connection's lock guards it.
type queue struct {
	items     []pending
	head      int
	bytes     int
	next      uint64 // position of the newest request
	lastWrite uint64 // position of the newest write
}

func (q *queue) len() int { return len(q.items) - q.head }

// push appends p, gives it its position and returns that.
func (q *queue) push(p pending) uint64 {
	q.next++
	p.position = q.next
	if p.isWrite() {
		q.lastWrite = q.next
	}
	q.bytes += p.bytes
	q.items = append(q.items, p)
	return q.next
}

// behindLastWrite is how many unanswered requests came after the newest write, all of them if that is answered.
func (q *queue) behindLastWrite() int { return min(q.len(), int(q.next-q.lastWrite)) }

func (q *queue) front() *pending {
	if q.head == len(q.items) {
		return nil
	}
	return &q.items[q.head]
}

func (q *queue) pop() {
	q.bytes -= q.items[q.head].bytes
	q.items[q.head] = pending{}
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

func (q *queue) clear() { q.items, q.head, q.bytes = nil, 0, 0 }

// barrierState is how far the read barrier has come for one connection: linearizable reads up to confirmed may be
// answered, the barrier that is out will confirm those up to armed, and one more is wanted if wanted is beyond that.
type barrierState struct {
	out                      bool
	armed, confirmed, wanted uint64
}
