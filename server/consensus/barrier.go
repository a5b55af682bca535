package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4"
)

// Waiter waits at a read barrier.
type Waiter interface {
	// BarrierDone is called once: with nil when this replica's state holds everything that had been acknowledged to
	// anybody when the waiter was given to [Log.Barrier], or with [ErrClosed]. It is called from the barrier's
	// goroutine, which serves all waiters, and must not block.
	BarrierDone(err error)
}

// barrier collects waiters while one ReadIndex is in flight; they share the next. Thousands of separate ones would cost
// a round of heartbeats each and, on a follower, lose answers.
//
//	waiting ──swap──▶ serving ── ReadIndex, again until it succeeds ──▶ BarrierDone of each
type barrier struct {
	mu      sync.Mutex
	waiting []Waiter
	closed  bool
	wake    chan struct{} // capacity 1: waiting is not empty, or closed
}

// Barrier calls w.BarrierDone when a read of the local state is linearizable: when everything that was acknowledged
// anywhere before this call has been applied here. It waits for a leader as long as it takes. It does not block, and
// retains w until then.
func (l *Log) Barrier(w Waiter) {
	b := &l.barrier
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		w.BarrierDone(ErrClosed)
		return
	}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// runBarrier serves waiters until the log closes.
func (l *Log) runBarrier() {
	b := &l.barrier
	var serving []Waiter
	for err := error(nil); err == nil; {
		select {
		case <-b.wake:
		case <-l.closing:
		}
		b.mu.Lock()
		serving, b.waiting = b.waiting, serving[:0]
		b.mu.Unlock()
		if len(serving) > 0 {
			l.stats.barrierWaiters.Add(len(serving))
			if err = l.readIndex(); err == nil {
				l.ready.Store(true)
			}
		} else if l.isClosing() {
			err = ErrClosed
		}
		for i, w := range serving {
			w.BarrierDone(err)
			serving[i] = nil
		}
	}
	b.mu.Lock()
	b.closed = true
	serving, b.waiting = b.waiting, nil
	b.mu.Unlock()
	for _, w := range serving {
		w.BarrierDone(ErrClosed)
	}
}

// readIndex returns nil when the local state has caught up with what was committed at some moment during the call. It
// tries until that works; it fails only with ErrClosed.
func (l *Log) readIndex() error {
	limit := barrierTicks * l.cfg.Tick
	for {
		askedIn := l.leadership.view()
		if askedIn.leader == 0 {
			select {
			case <-askedIn.changed:
				limit = barrierRetryTicks * l.cfg.Tick
				continue
			case <-l.closing:
				return ErrClosed
			}
		}
		done, err := l.tryReadIndex(askedIn, limit)
		if done || err != nil {
			return err
		}
		if l.leadership.view().same(askedIn) {
			limit = min(2*limit, barrierTicks*l.cfg.Tick)
		} else {
			limit = barrierRetryTicks * l.cfg.Tick
		}
	}
}

// tryReadIndex makes one attempt.
func (l *Log) tryReadIndex(askedIn *view, limit time.Duration) (bool, error) {
	l.stats.barrierRounds.Inc()
	var outcome chan dragonboat.RequestResult
	request, err := l.requestReadIndex(limit)
	if err == nil {
		outcome = request.AppliedC()
	} else {
		limit = pauseTicks * l.cfg.Tick
	}
	// Dragonboat counts its time-outs in ticks of a loop that may itself stand still; this one does not.
	late := time.NewTimer(2 * limit)
	defer late.Stop()
	select {
	case result := <-outcome:
		request.Release()
		if result.Completed() {
			return true, nil
		}
		if result.Timeout() {
			return false, nil
		}
	case <-late.C:
		return false, nil
	case <-askedIn.changed:
		return false, nil
	case <-l.closing:
		return false, ErrClosed
	}
	// Dropped: the leader is not ready, or gone.
	pause := time.NewTimer(pauseTicks * l.cfg.Tick)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-askedIn.changed:
	case <-l.closing:
		return false, ErrClosed
	}
	return false, nil
}

func (l *Log) requestReadIndex(limit time.Duration) (*dragonboat.RequestState, error) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	return l.host.ReadIndex(shardID, limit)
}

// Ready waits until this replica's state holds everything that was acknowledged before the call: after a start, until
// the log has been replayed and a leader found. It fails with ctx's error or [ErrClosed].
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
