package session

import "container/heap"

// Expiry is the end of a silent session, to be proposed as Expire{ID, Attempt}.
type Expiry struct {
	ID      ID
	Attempt Attempt
}

// Tick returns the sessions that were silent for longer than their timeout, longest first, at most ExpirePerTick of them;
// the rest comes with the next Tick. They are not answered from now on, whatever arrives, and are not returned again: the
// caller sees to it that what it proposes is committed in the end. Call it every 100 ms or so.
//
// If the last Tick was more than StallMS ago the server itself was asleep, and what its clients sent may still be
// unread: then every session first gets a fresh timeout. That is for their sake alone; it can only delay an end, and safety
// does not rest on it.
func (h *Host) Tick(now Mono) []Expiry {
	if h.ticked && now-h.tickedAt > StallMS {
		h.freshAt, h.fresh = now, true
	}
	h.tickedAt, h.ticked = now, true
	var silent []Expiry
	for len(h.silence.queue) > 0 && len(silent) < ExpirePerTick {
		s := h.silence.queue[0]
		if s.due > now {
			break
		}
		// Being heard does not move a session in the queue; it moves when its old place comes up.
		heardAt := s.heardAt
		if h.fresh {
			heardAt = max(heardAt, h.freshAt)
		}
		if due := heardAt + Mono(s.timeoutMS); due > now {
			s.due = due
			heap.Fix(&h.silence, 0)
			continue
		}
		h.silence.remove(s)
		s.expiring = true
		silent = append(silent, Expiry{s.id, s.attempt})
	}
	return silent
}

// silence is a heap of sessions by (due, id).
type silence struct{ queue []*hosted }

func (q *silence) push(s *hosted) { heap.Push(q, s) }

// remove takes s out; a no-op if it is not there.
func (q *silence) remove(s *hosted) {
	if s.slot >= 0 {
		heap.Remove(q, s.slot)
	}
}

func (q *silence) clear() {
	clear(q.queue)
	q.queue = q.queue[:0]
}

// Len, Less, Swap, Push and Pop are container/heap's.

func (q *silence) Len() int { return len(q.queue) }

func (q *silence) Less(i, j int) bool {
	a, b := q.queue[i], q.queue[j]
	return a.due < b.due || a.due == b.due && a.id < b.id
}

func (q *silence) Swap(i, j int) {
	q.queue[i], q.queue[j] = q.queue[j], q.queue[i]
	q.queue[i].slot, q.queue[j].slot = i, j
}

func (q *silence) Push(x any) {
	s := x.(*hosted)
	s.slot = len(q.queue)
	q.queue = append(q.queue, s)
}

func (q *silence) Pop() any {
	last := len(q.queue) - 1
	s := q.queue[last]
	q.queue[last] = nil
	q.queue = q.queue[:last]
	s.slot = -1
	return s
}
