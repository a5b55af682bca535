package modellog

import (
	"context"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// question is what a replica asks the leader for those who wait at its barrier: up to where must this replica have applied?
// Guarded by Cluster.mu.
//
//	replica ── question ──▶ leader ── do I still lead? ──▶ majority
//	        ◀─── index ───         ◀──────── yes ─────────
//	applied up to index: passed
type question struct {
	index    uint64
	answered bool
	passed   bool
	limit    time.Duration // until it is asked again
	asked    uint64        // how often it was asked anew since the leader changed, or the time was up
}

// Barrier calls w.BarrierDone when a read of the local state is linearizable, as consensus.Log does.
func (l *Log) Barrier(w consensus.Waiter) {
	l.cluster.mu.Lock()
	if l.over {
		l.cluster.mu.Unlock()
		w.BarrierDone(consensus.ErrClosed)
		return
	}
	defer l.cluster.mu.Unlock()
	l.waiting = append(l.waiting, w)
	l.serve()
}

// serve asks for those who wait, if no question is open. The caller holds Cluster.mu, here and below.
func (l *Log) serve() {
	if l.question != nil || l.over || len(l.waiting) == 0 {
		return
	}
	l.serving, l.waiting = l.waiting, nil
	l.question = new(question)
	l.askAgain(l.question)
}

// askAgain begins to ask anew, with short patience: a new leader does not answer before it has committed something.
func (l *Log) askAgain(q *question) {
	q.limit = l.cluster.rates.Election / 10
	l.ask(q)
}

// ask asks the leader, and again when the time is up.
func (l *Log) ask(q *question) {
	if l.question != q || q.answered {
		return
	}
	q.asked++
	asked := q.asked
	if leader := l.view.leader; leader != 0 {
		from := l.disk.id
		l.send(leader, func(w *Log) { w.answer(from, q) })
	}
	l.after(q.limit+about(l.disk.rng, l.cluster.rates.Delay), func() {
		if q.asked == asked {
			q.limit = min(2*q.limit, barrierElections*l.cluster.rates.Election)
			l.ask(q)
		}
	})
}

// answer answers a question as the leader: with what is committed now, once a majority has said that there is no newer leader.
// The leader of a new term does not know yet what was committed before it, so it says nothing.
func (l *Log) answer(asker uint64, q *question) {
	o, c := l.office, l.cluster
	if o == nil || l.commit < o.first && !c.weak.confirmOldTerm {
		return
	}
	index := l.commit
	reply := func() {
		l.send(asker, func(w *Log) {
			if w.question == q && !q.answered {
				q.index, q.answered = index, true
				w.pass()
			}
		})
	}
	agreed := map[uint64]bool{l.disk.id: true}
	if len(agreed) >= c.quorum() || c.weak.confirmNothing {
		reply()
		return
	}
	for _, r := range c.replicas {
		if r.id == l.disk.id {
			continue
		}
		l.send(r.id, func(w *Log) {
			if !w.follow(l.disk.id, o.term) {
				return
			}
			w.send(l.disk.id, func(x *Log) {
				if x.office == o && !agreed[r.id] {
					agreed[r.id] = true
					if len(agreed) == c.quorum() {
						reply()
					}
				}
			})
		})
	}
}

// pass lets those through whose question is answered, when the machine has got there.
func (l *Log) pass() {
	q := l.question
	if q == nil || !q.answered || q.passed || l.applied < q.index && !l.cluster.weak.barrierUnapplied {
		return
	}
	q.passed = true
	l.task(about(l.disk.rng, l.cluster.rates.Delay/ownShare), func() {
		l.cluster.mu.Lock()
		serving := l.serving
		l.serving = nil
		if len(serving) > 0 {
			l.ready = true
		}
		l.cluster.mu.Unlock()
		for _, w := range serving {
			w.BarrierDone(nil)
		}
		l.cluster.mu.Lock()
		defer l.cluster.mu.Unlock()
		if !l.over {
			l.question = nil
			l.serve()
		}
	})
}

// Ready waits until this replica holds everything that was acknowledged before the call. It fails with ctx's error or
// consensus.ErrClosed.
func (l *Log) Ready(ctx context.Context) error {
	w := make(onceWaiter, 1)
	l.Barrier(w)
	select {
	case err := <-w:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onceWaiter is a Waiter for one goroutine; its capacity is one.
type onceWaiter chan error

func (w onceWaiter) BarrierDone(err error) { w <- err }
