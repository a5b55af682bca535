package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4"
)

// submissions are the Submits of this process that have not been applied, by sequence number.
type submissions struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan struct{}
}

func (s *submissions) add() (seq uint64, applied <-chan struct{}) {
	c := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.waiting[s.next] = c
	return s.next, c
}

func (s *submissions) remove(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, seq)
}

// applied releases the Submit of an entry, when the first copy of it has been applied.
func (s *submissions) applied(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.waiting[seq]; ok {
		close(c)
		delete(s.waiting, seq)
	}
}

// Submit puts cmd into the log and returns nil when this replica has applied it. It waits as long as that takes:
// without a leader it waits for one, and when the leader changes, or a proposal is refused, lost or late, it proposes
// another copy at once. So cmd may be applied several times, even after Submit has returned, and must have its effect
// only once (sequence rule).
//
// It fails with ctx's error or [ErrClosed]; then the command may or may not be applied, now or later, here or elsewhere.
// It fails with [ErrCommandTooLarge] without any effect. cmd is not retained. Any number of goroutines may submit, but
// their order in the log is then arbitrary; one after the other keeps it.
func (l *Log) Submit(ctx context.Context, cmd []byte) error {
	if len(cmd) == 0 || len(cmd) > CommandBytesMax {
		return ErrCommandTooLarge
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	seq, applied := l.submissions.add()
	defer l.submissions.remove(seq)
	entry := appendEntry(make([]byte, 0, 31+len(cmd)), origin{replica: l.cfg.ReplicaID, boot: l.boot, seq: seq}, cmd)
	l.stats.submits.Inc()
	for {
		sentIn := l.leadership.view()
		var request *dragonboat.RequestState
		if sentIn.leader != 0 {
			var err error
			l.stats.proposals.Inc()
			if request, err = l.propose(entry); err != nil {
				request = nil
			}
		}
		if done, err := l.awaitApplied(ctx, applied, request, sentIn); done || err != nil {
			return err
		}
	}
}

// awaitApplied returns true when the submission has been applied, false when it should be proposed again. request is
// nil if there was nobody to propose to, or the library refused.
func (l *Log) awaitApplied(ctx context.Context, applied <-chan struct{}, request *dragonboat.RequestState, sentIn *view) (bool, error) {
	var outcome chan dragonboat.RequestResult
	var pause <-chan time.Time
	if request != nil {
		outcome = request.AppliedC()
	} else if sentIn.leader != 0 {
		pause = time.After(pauseTicks * l.cfg.Tick)
	}
	for now := sentIn; ; {
		select {
		case <-applied:
			return true, nil
		case result := <-outcome:
			request.Release()
			if result.Completed() {
				return true, nil
			}
			if result.Timeout() {
				return false, nil
			}
			// Dropped: the library saw no leader, or one that hands over. It is about to say so.
			outcome, pause = nil, time.After(pauseTicks*l.cfg.Tick)
		case <-now.changed:
			if now = l.leadership.view(); now.leader != 0 && !now.same(sentIn) {
				return false, nil // the old leader may have taken the proposal with it
			}
		case <-pause:
			if now.leader != 0 {
				return false, nil
			}
			pause = nil // nobody to propose to: wait for the change
		case <-ctx.Done():
			return false, ctx.Err()
		case <-l.closing:
			return false, ErrClosed
		}
	}
}

// propose hands a copy of entry to Dragonboat.
func (l *Log) propose(entry []byte) (*dragonboat.RequestState, error) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	return l.host.Propose(l.session, entry, submitTicks*l.cfg.Tick)
}
