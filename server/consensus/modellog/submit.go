package modellog

import (
	"bytes"
	"context"
	"slices"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// submission is a Submit that has not returned. Guarded by Cluster.mu.
type submission struct {
	entry    entry
	applied  chan struct{} // closed some time after the first copy was applied
	proposed uint64        // how often
}

// Submit puts cmd into the log and returns nil when this replica has applied it, as consensus.Log does: another copy is
// proposed when the leader changes, or when the time is up.
func (l *Log) Submit(ctx context.Context, cmd []byte) error {
	if len(cmd) == 0 || len(cmd) > consensus.CommandBytesMax {
		return consensus.ErrCommandTooLarge
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := l.cluster
	s := &submission{applied: make(chan struct{})}
	c.mu.Lock()
	if l.over {
		c.mu.Unlock()
		return consensus.ErrClosed
	}
	l.sequence++
	s.entry = entry{cmd: bytes.Clone(cmd), from: origin{replica: l.disk.id, boot: l.boot, seq: l.sequence}}
	l.submissions = append(l.submissions, s)
	l.propose(s)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		l.withdraw(s)
	}()
	select {
	case <-s.applied:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return consensus.ErrClosed
	}
}

// propose sends the leader a copy, and another when the time is up. The caller holds Cluster.mu, here and below.
func (l *Log) propose(s *submission) {
	if !slices.Contains(l.submissions, s) {
		return
	}
	s.proposed++
	proposed, e := s.proposed, s.entry
	if l.view.leader != 0 {
		l.send(l.view.leader, func(w *Log) { w.take(e) })
	}
	rates := l.cluster.rates
	l.after(submitElections*rates.Election+about(l.disk.rng, rates.Delay), func() {
		if s.proposed == proposed {
			l.propose(s)
		}
	})
}

// proposeAgain proposes all submissions to a new leader: the old one may have taken them with it. Each goes at an instant of
// its own.
func (l *Log) proposeAgain() {
	for _, s := range l.submissions {
		l.after(about(l.disk.rng, l.cluster.rates.Delay/ownShare), func() { l.propose(s) })
	}
}

// withdraw proposes a submission no more, and reports whether it still was.
func (l *Log) withdraw(s *submission) bool {
	i := slices.Index(l.submissions, s)
	if i >= 0 {
		l.submissions = slices.Delete(l.submissions, i, i+1)
	}
	return i >= 0
}

// release lets the Submit of an entry return, if it is one of this start and the first copy. Each returns at an instant of
// its own.
func (l *Log) release(from origin) {
	if from.replica != l.disk.id || from.boot != l.boot {
		return
	}
	for _, s := range l.submissions {
		if s.entry.from == from {
			l.withdraw(s)
			l.after(about(l.disk.rng, l.cluster.rates.Delay/ownShare), func() { close(s.applied) })
			return
		}
	}
}
