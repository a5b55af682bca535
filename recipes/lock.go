package recipes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// lockPrefix begins the names of those who want a lock for themselves.
const lockPrefix = "lock-"

// Lock is a mutual exclusion of processes: at most one of them holds it, or each of its paths, in the order in which they
// asked. Whoever waits watches the one ahead only, so a release wakes one process.
//
// A free lock is taken by one write. Two paths or more are taken all or none, and entering their lines is one transaction, so
// that locks which share paths never deadlock with each other.
//
// It guarantees what [Hold] does. The lock of a process that dies is free when its session has expired; [LockDelay] adds to that.
// The node at a path is a container, if it was not there, and goes with the last who wanted the lock.
//
// A Lock is stateless: all methods may be called from any goroutine, each Acquire gets in line by itself, and one that is made
// while this very process holds the lock waits for its release; see [ReentrantLock].
type Lock struct {
	c        *client.Client
	paths    []string
	settings lockSettings
}

type lockSettings struct {
	data  []byte
	delay time.Duration
}

// LockOption changes a lock.
type LockOption func(*lockSettings)

// WithLabel stores data, at most a mebibyte, in the node of whoever waits for the lock or holds it, for others to read. Default: none.
func WithLabel(data []byte) LockOption {
	return func(s *lockSettings) { s.data = slices.Clone(data) }
}

// NewLock returns the lock of a path, which need not exist. It does not ask the service.
func NewLock(c *client.Client, path string, options ...LockOption) *Lock {
	return NewMultiLock(c, []string{path}, options...)
}

// NewMultiLock returns a lock that consists of the locks of all paths, of which there are at least one; a path that is there twice counts once.
func NewMultiLock(c *client.Client, paths []string, options ...LockOption) *Lock {
	l := &Lock{c: c, paths: slices.Compact(slices.Sorted(slices.Values(paths)))}
	for _, o := range options {
		o(&l.settings)
	}
	return l
}

// Acquire waits until the lock is this caller's. If ctx ends first it fails with ctx's cause, wrapped, and leaves the line.
// Other errors: [ErrLost] if somebody deletes the node by which it waits, client.ErrSessionExpired if the session ends (it has
// to be asked for again, in another one), those of [client.Client.Create].
func (l *Lock) Acquire(ctx context.Context) (*Hold, error) {
	h, err := l.acquire(ctx, predecessor, true)
	return h, failed("lock", l.name(), err)
}

// TryAcquire is Acquire that does not wait for anybody: if the lock, or one of its paths, is held or waited for, it fails with
// [ErrHeld].
func (l *Lock) TryAcquire(ctx context.Context) (*Hold, error) {
	if err := l.taken(ctx); err != nil {
		return nil, failed("lock", l.name(), err)
	}
	h, err := l.acquire(ctx, nobody, false) // somebody may have come meanwhile
	return h, failed("lock", l.name(), err)
}

func (l *Lock) acquire(ctx context.Context, by blocker, wait bool) (*Hold, error) {
	var parents []client.CreateOption
	if l.settings.delay > 0 {
		parents = append(parents, client.Parents()) // which keep the mark
	}
	entered, err := enter(ctx, l.c, l.paths, lockPrefix, l.settings.data, parents...)
	if err != nil {
		return nil, err
	}
	h, marks, err := l.take(ctx, entered, by, wait)
	if err != nil {
		withdraw(ctx, l.c, entered.places, marks...)
		return nil, err
	}
	h.after = marks
	return h, nil
}

// take waits in line, everywhere. The marks that it has made, which the operations take back, are there even if it fails.
func (l *Lock) take(ctx context.Context, entered placement, by blocker, wait bool) (h *Hold, marks []client.Op, err error) {
	if !entered.alone {
		for _, p := range entered.places {
			if err := p.wait(ctx, l.c, by); err != nil {
				return nil, nil, err
			}
		}
	}
	if l.settings.delay > 0 {
		for _, p := range entered.places {
			if err := l.settle(ctx, p, wait, false); err != nil {
				return nil, marks, err
			}
			marks = append(marks, client.SetOp(p.line, nil))
		}
	}
	h, err = certain(ctx, l.c, "lock", l.name(), entered.places)
	return h, marks, err
}

// taken looks, without getting in line, whether somebody else is.
func (l *Lock) taken(ctx context.Context) error {
	for _, path := range l.paths {
		names, _, err := l.c.Children(ctx, path)
		if err != nil && !errors.Is(err, client.ErrNoNode) {
			return err
		}
		if n := len(inLine(names)); n > 0 {
			return &Error{Op: "lock", Path: path, Err: held(n)}
		}
	}
	return nil
}

// name is what errors call the lock.
func (l *Lock) name() string { return l.paths[0] }
