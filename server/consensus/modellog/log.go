package modellog

import (
	"context"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// Log is one start of a replica, from Open to Close or Crash. Its methods promise what those of consensus.Log promise, and
// may be called by any goroutine.
type Log struct {
	// Immutable after Open.
	cluster *Cluster
	disk    *replica
	cfg     consensus.Config
	machine consensus.Machine
	boot    uint64

	closing chan struct{}  // closed when the log closes or crashes
	tasks   sync.WaitGroup // whatever is calling back

	// Guarded by Cluster.mu.
	over      bool
	takesPart bool // after Open: messages reach it
	view      *view
	office    *office   // not nil: it leads, as far as it knows
	heard     time.Time // when it last heard of the leader, or as the leader of a majority
	deadline  time.Time // when it stands for election
	matched   uint64    // its entries up to here are those of the leader of its term
	syncing   bool
	commit    uint64
	applied   uint64
	ready     bool // a barrier has been passed

	working      bool // a step of the machine is under way or about to be
	wantSnapshot bool
	snapshotting bool
	install      *snapshot // that came from the leader and is not in the machine yet

	sequence    uint64
	submissions []*submission // in the order of their numbers

	waiting  []consensus.Waiter // for the next question
	serving  []consensus.Waiter // those of question
	question *question

	changes []*view // that LeaderChanged has not been told of
	telling bool
}

// view is what a replica believes about the leader.
type view struct {
	leader, term uint64        // leader 0: none is known
	changed      chan struct{} // closed when there is a newer view
}

func newLog(c *Cluster, r *replica, cfg consensus.Config, m consensus.Machine) *Log {
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { panic(err) }
	}
	return &Log{
		cluster: c, disk: r, cfg: cfg, machine: m, boot: r.boots, closing: make(chan struct{}),
		view: &view{term: r.term, changed: make(chan struct{})},
	}
}

// Boot returns how often this replica has been opened, this time included.
func (l *Log) Boot() uint64 { return l.boot }

// Leader returns the leader as this replica knows it. known is false if it knows none.
func (l *Log) Leader() (replica, term uint64, known bool) {
	v := l.currentView()
	return v.leader, v.term, v.leader != 0
}

// IsLeader reports whether this replica believes that it leads. Another may already have been elected.
func (l *Log) IsLeader() bool { return l.currentView().leader == l.disk.id }

func (l *Log) currentView() *view {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	return l.view
}

// Status returns what this replica knows. Members are those of its configuration.
func (l *Log) Status() consensus.Status {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	return consensus.Status{
		Replica: l.disk.id, Leader: l.view.leader, Term: l.view.term, Applied: l.applied, Boot: l.boot, Ready: l.ready,
		Members: maps.Clone(l.cfg.Members),
	}
}

// WriteMetrics writes nothing: the real log's metrics are about what the model does not have, connections and files.
func (l *Log) WriteMetrics(io.Writer) {}

// AddMember refuses.
func (l *Log) AddMember(context.Context, uint64, string) error { return refuseMember() }

// RemoveMember refuses.
func (l *Log) RemoveMember(context.Context, uint64) error { return refuseMember() }

func refuseMember() error {
	return &consensus.Refusal{Reason: consensus.ReasonConfig, Detail: "the members of a model do not change"}
}

// TransferLeadership makes another replica the leader and returns when this one knows that it no longer leads, at once if it
// does not. It fails with ctx's error if nobody takes over in time, or with consensus.ErrClosed.
func (l *Log) TransferLeadership(ctx context.Context) error {
	n := uint64(len(l.cluster.replicas))
	if n == 1 {
		return nil
	}
	return l.transfer(ctx, func(attempt uint64) uint64 { return (l.disk.id+attempt%(n-1))%n + 1 },
		func(v *view) bool { return v.leader != l.disk.id })
}

// TransferLeadershipTo makes a replica the leader and returns when this one sees it lead. It refuses with a
// consensus.Refusal if there is none of that id, and fails with an error that wraps ctx's, or with consensus.ErrClosed.
func (l *Log) TransferLeadershipTo(ctx context.Context, to uint64) error {
	if to == 0 || to > uint64(len(l.cluster.replicas)) {
		return &consensus.Refusal{Reason: consensus.ReasonUnknownMember, Detail: fmt.Sprintf("there is no replica %d", to)}
	}
	return l.transfer(ctx, func(uint64) uint64 { return to }, func(v *view) bool { return v.leader == to })
}

// transfer asks the leader to hand over until done says that it has.
func (l *Log) transfer(ctx context.Context, to func(attempt uint64) uint64, done func(*view) bool) error {
	for attempt := uint64(0); ; attempt++ {
		l.cluster.mu.Lock()
		v, again := l.view, l.cluster.rates.Election
		if v.leader != 0 && !done(v) {
			next := to(attempt)
			l.send(v.leader, func(w *Log) { w.handOver(next) })
		}
		l.cluster.mu.Unlock()
		if done(v) {
			return nil
		}
		if err := l.pause(ctx, v.changed, again); err != nil {
			return fmt.Errorf("the leadership is not handed over: %w", err)
		}
	}
}

// pause returns nil when changed is closed or the time is over.
func (l *Log) pause(ctx context.Context, changed <-chan struct{}, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return consensus.ErrClosed
	}
	return nil
}

// setView notes a leader, or that none is known, in the present term. The caller holds Cluster.mu.
func (l *Log) setView(leader uint64) {
	old := l.view
	if old.leader == leader && old.term == l.disk.term {
		return
	}
	l.view = &view{leader: leader, term: l.disk.term, changed: make(chan struct{})}
	close(old.changed)
	if leader != 0 {
		l.proposeAgain()
		if l.question != nil {
			l.askAgain(l.question)
		}
	}
	if l.cfg.LeaderChanged != nil {
		l.changes = append(l.changes, l.view)
		if !l.telling {
			l.telling = true
			l.task(about(l.disk.rng, l.cluster.rates.Delay), l.tell)
		}
	}
}

// tell tells LeaderChanged what it has not been told.
func (l *Log) tell() {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	for len(l.changes) > 0 && !l.over {
		v := l.changes[0]
		l.changes = l.changes[1:]
		l.outside(func() { l.cfg.LeaderChanged(v.leader, v.term) })
	}
	l.telling = false
}

// Close ends this start and waits for everything that is calling back; everybody who waits gets consensus.ErrClosed. Its
// disk keeps no more than after a crash. The machine is not used any more when it returns.
func (l *Log) Close() error {
	l.shut()
	l.tasks.Wait()
	return nil
}

// shut ends this start, and tells those who wait at a barrier.
func (l *Log) shut() {
	c, r := l.cluster, l.disk
	c.mu.Lock()
	if l.over {
		c.mu.Unlock()
		return
	}
	l.over, l.takesPart, l.office = true, false, nil
	close(l.closing)
	r.running, r.paused, r.held = nil, false, nil
	r.tape.crash(r.rng)
	waiters := append(l.serving, l.waiting...)
	l.serving, l.waiting, l.question = nil, nil, nil
	c.mu.Unlock()
	for _, w := range waiters {
		w.BarrierDone(consensus.ErrClosed)
	}
}
