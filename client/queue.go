package client

import (
	"slices"

	"github.com/coxswain-io/coxswain/session"
)

// queue holds the calls of a session: those in flight, in the order of their sending, which is the order of their replies;
// and those that wait for room, in the order in which they came.
type queue struct {
	inFlight []*call
	waiting  []*call
	bytes    int         // of the calls in flight
	lastSeq  session.Seq // number of the newest write
	sentSeq  session.Seq // number of the newest write that was sent
}

// prepend puts calls in front of those in flight.
func (q *queue) prepend(calls []*call) {
	for _, cl := range calls {
		cl.place = inFlight
		q.bytes += cl.size()
	}
	q.inFlight = slices.Concat(calls, q.inFlight)
}

// room reports whether cl may join the calls in flight: writes within the window, everything within bytes and number.
func (q *queue) room(cl *call, a *attached) bool {
	if cl.kind.Write() && uint64(q.lastSeq-a.acked) >= uint64(a.limits.Window) {
		return false
	}
	return len(q.inFlight) == 0 || len(q.inFlight) < queueCallsMax && q.bytes+cl.size() <= queueBytesMax
}

// push puts cl behind the calls in flight, and numbers it if it is a write: from here on it cannot be taken back.
func (q *queue) push(cl *call) {
	if cl.kind.Write() {
		q.lastSeq++
		cl.seq = q.lastSeq
	}
	cl.place = inFlight
	q.bytes += cl.size()
	q.inFlight = append(q.inFlight, cl)
}

func (q *queue) head() *call {
	if len(q.inFlight) == 0 {
		return nil
	}
	return q.inFlight[0]
}

// pop removes the head.
func (q *queue) pop() {
	cl := q.inFlight[0]
	q.inFlight[0] = nil
	q.inFlight = q.inFlight[1:]
	q.bytes -= cl.size()
	cl.place = outside
}

// remove takes out the calls in flight for which drop says so; their callers are not told.
func (q *queue) remove(drop func(*call) bool) {
	q.inFlight = slices.DeleteFunc(q.inFlight, func(cl *call) bool {
		if !drop(cl) {
			return false
		}
		q.bytes -= cl.size()
		cl.place = outside
		return true
	})
}
