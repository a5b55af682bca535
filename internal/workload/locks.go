package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/recipes"
)

// Locks lets clients take turns at two locks and a leadership, and use what each protects, behind a gate, until Operations uses
// were made or ctx has ended. It returns the uses of each, in the order in which the gate saw them. Some holders leave without
// a word and come back to the resource when their session is over, and some rest for longer than a session lives: whether they
// then still hold anything depends on the faults of the caller. It returns when all clients are closed. The error is one that
// nothing explains, or that an observer of the election was told a term that is not newer than the one before.
func Locks(ctx context.Context, cfg Config) (map[string][]history.Use, error) {
	l := &locks{
		run: newRun(cfg.withDefaults()), gate: recipes.NewMemoryGate(0),
		names: []string{"lock-1", "lock-2", "election"}, uses: map[string][]history.Use{},
	}
	err := l.all(ctx)
	return l.uses, err
}

// locks is one run of Locks.
type locks struct {
	run   *run
	gate  *recipes.MemoryGate
	names []string

	mu   sync.Mutex
	uses map[string][]history.Use
}

func (l *locks) all(ctx context.Context) error {
	r := l.run
	defer r.drop()
	if err := r.host.lays(ctx); err != nil {
		return fmt.Errorf("making %s: %w", r.top, err)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	var observing sync.WaitGroup
	var seen error
	observing.Go(func() { seen = l.observes(working) })
	err := r.each(func(w *worker) error {
		err := l.work(working, w)
		if err != nil {
			stop()
		}
		return err
	})
	stop()
	observing.Wait()
	r.cfg.Calm()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitsMax*r.cfg.Timeout)
	defer cancel()
	return errors.Join(err, seen, r.each(func(w *worker) error {
		if w.session == nil {
			return nil
		}
		return w.closes(ending)
	}))
}

func (l *locks) work(ctx context.Context, w *worker) error {
	for ctx.Err() == nil && l.run.left.Load() > 0 {
		if err := w.ready(ctx); err != nil || w.session == nil {
			return err
		}
		if err := l.turn(ctx, w); err != nil && !passes(err) {
			return err
		}
		if w.session != nil {
			w.look()
		}
		pause(ctx, w.random, l.run.cfg.Think)
	}
	return nil
}

// passes reports whether an error on the way to a lock, or back, is one that faults explain.
func passes(err error) bool {
	return is(err, context.DeadlineExceeded, context.Canceled, client.ErrSessionExpired, client.ErrSuspect, client.ErrClosed,
		recipes.ErrLost) || client.Retryable(err)
}

// turn takes one of the locks, uses what it protects, and gives it back, or leaves.
func (l *locks) turn(ctx context.Context, w *worker) error {
	name := l.names[w.random.IntN(len(l.names))]
	timeout := l.run.cfg.Timeout
	waiting, cancel := context.WithTimeout(ctx, 4*timeout)
	defer cancel()
	hold, err := l.acquire(waiting, w, name)
	if err != nil {
		return err
	}
	for range 1 + w.random.IntN(3) {
		if w.draw.chance(4) {
			rest(ctx, timeout+timeout/2)
		}
		if err := l.use(w, name, hold); err != nil {
			return err
		}
		pause(ctx, w.random, l.run.cfg.Think)
	}
	releasing, enough := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer enough()
	if !w.draw.chance(6) {
		return hold.Release(releasing)
	}
	gone, cut := context.WithCancel(ctx)
	cut()
	_ = w.session.client.Close(gone) // the service hears nothing of it
	w.leave()
	rest(ctx, time.Duration(w.random.Int64N(int64(2*timeout))))
	if err := l.use(w, name, hold); err != nil {
		return err
	}
	_ = hold.Release(releasing) // of a client that is closed: ends its goroutine
	return nil
}

func (l *locks) acquire(ctx context.Context, w *worker, name string) (*recipes.Hold, error) {
	path := below(l.run.top, name)
	if name != "election" {
		return recipes.NewLock(w.session.client, path).Acquire(ctx)
	}
	leadership, err := recipes.NewElection(w.session.client, path).Campaign(ctx, w.draw.data())
	if err != nil {
		return nil, err
	}
	return leadership.Hold, nil
}

// use uses a resource once, if the gate lets it, whatever the holder believes.
func (l *locks) use(w *worker, name string, hold *recipes.Hold) error {
	l.run.take(1)
	u := history.Use{Holder: w.index, Fence: hold.Fence()}
	look := func() {
		u.Believed = hold.Err() == nil
		u.At = l.run.cfg.Now()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.uses[name] = append(l.uses[name], u)
	}
	err := l.gate.Do(context.Background(), name, u.Fence, func() error { // nobody acts for longer than a look at the clock
		u.Admitted = true
		look()
		return nil
	})
	if errors.Is(err, recipes.ErrFenced) {
		look()
		return nil
	}
	return err
}

// observes checks that the terms that an observer of the election is told are newer and newer.
func (l *locks) observes(ctx context.Context) error {
	w := l.run.host
	var last recipes.Term
	var newest client.Zxid // of the terms that somebody had: one that nobody has is 0
	for ctx.Err() == nil {
		if err := w.ready(ctx); err != nil || w.session == nil {
			return err
		}
		err := l.follow(ctx, w, &last, &newest)
		if _, wrong := errors.AsType[*termError](err); wrong || err != nil && !passes(err) {
			return fmt.Errorf("the election's observer: %w", err)
		}
		w.look()
	}
	return nil
}

// termError is a term that was told behind one that is newer.
type termError struct{ last, next recipes.Term }

func (e *termError) Error() string {
	return fmt.Sprintf("told the term %v of %v behind the term %v of %v", e.next.Zxid, e.next.At, e.last.Zxid, e.last.At)
}

// follow follows the election behind last, until ctx or the session ends.
func (l *locks) follow(ctx context.Context, w *worker, last *recipes.Term, newest *client.Zxid) error {
	election := recipes.NewElection(w.session.client, below(l.run.top, "election"))
	var options []recipes.ObserveOption
	if last.At != 0 {
		options = append(options, recipes.ObserveAfter(*last))
	}
	o, err := election.Observe(ctx, options...)
	if err != nil {
		return err
	}
	defer o.Close()
	for {
		select {
		case term, ok := <-o.C():
			if !ok {
				return o.Err()
			}
			if term.Zxid != 0 && term.Zxid < *newest || term.At < last.At {
				return &termError{last: *last, next: term}
			}
			*newest, *last = max(*newest, term.Zxid), term
		case <-ctx.Done():
			return nil
		}
	}
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
