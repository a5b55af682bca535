package server

import "github.com/coxswain-io/coxswain/wire"

// pending is a request that has not been answered. Replies leave in the order of the requests, so a read waits for the
// writes before it, and a write is not applied here before the reads in front of it are answered.
type pending struct {
	position uint64 // counts the requests that were queued on this connection, from 1
	xid      wire.Xid
	read     *wire.Request // nil: a write, which the log answers
}

// queue is the unanswered requests of a connection in order of arrival. The connection's lock guards it.
type queue struct {
	items []pending
	head  int
	next  uint64
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(xid wire.Xid, read *wire.Request) uint64 {
	q.next++
	q.items = append(q.items, pending{q.next, xid, read})
	return q.next
}

func (q *queue) front() *pending {
	if q.head == len(q.items) {
		return nil
	}
	return &q.items[q.head]
}

func (q *queue) pop() {
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

func (q *queue) clear() { q.items, q.head = nil, 0 }

// barrierState is how far the read barrier has come for one connection: linearizable reads up to confirmed may be
// answered, the barrier that is out will confirm those up to armed, and one more is wanted if wanted is beyond that.
type barrierState struct {
	out                      bool
	armed, confirmed, wanted uint64
}
