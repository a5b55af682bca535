package recipes

import (
	"context"
	"errors"
	"fmt"
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

// WithLabel stores data, at most a mebibyte, in the node of whoever waits for the lock or holds it, for others to read.
// Default: none.
func WithLabel(data []byte) LockOption {
	return func(s *lockSettings) { s.data = slices.Clone(data) }
}

// NewLock returns the lock of a path, which need not exist. It does not ask the service.
func NewLock(c *client.Client, path string, options ...LockOption) *Lock {
	return NewMultiLock(c, []string{path}, options...)
}

// NewMultiLock returns a lock that consists of the locks of all paths, of which there are at least one; a path that is there
// twice counts once.
func NewMultiLock(c *client.Client, paths []string, options ...LockOption) *Lock {
	l := &Lock{c: c, paths: slices.Compact(slices.Sorted(slices.Values(paths)))}
	for _, o := range options {
		o(&l.settings)
	}
	return l
}

// Acquire waits until the lock is this caller's. If ctx ends first it fails with ctx's error and cause, wrapped, and leaves the
// line; while no server is reached that takes half a second more, and the place goes when one is. Other errors: [ErrLost] if
// somebody deletes the node by which it waits, client.ErrSessionExpired if the session ends (it has to be asked for again, in
// another one), those of [client.Client.Create].
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

// Resume goes on with a lock of one path that this session has, or waits for, already: that of a process which has handed the
// session over ([client.Client.Export]). node is [Hold.Path] of the hold there. The new hold has the same fence. If the one
// there was still waiting this one waits on, as [Lock.Acquire]. If Resume fails the node stays, unless it was lost, and Resume
// can be called again. Errors: those of Acquire; [ErrLost] if there is no such node in the line, or it is another session's;
// client.ErrBadArguments for a lock of several paths.
func (l *Lock) Resume(ctx context.Context, node string) (*Hold, error) {
	h, err := l.resume(ctx, node)
	return h, failed("lock", l.name(), err)
}

func (l *Lock) resume(ctx context.Context, path string) (*Hold, error) {
	if len(l.paths) != 1 {
		return nil, fmt.Errorf("%w: a lock of %d paths", client.ErrBadArguments, len(l.paths))
	}
	stat, there, err := l.c.Exists(ctx, path, client.AtLevel(client.Linearizable))
	if err != nil {
		return nil, err
	}
	p := newPlace(l.name(), client.Result{Path: path, Stat: stat})
	if !there || parentOf(path) != l.name() || p.owner == 0 || p.owner != l.c.Session().ID {
		return nil, fmt.Errorf("%w: %s", ErrLost, path)
	}
	if len(inLine([]string{p.name})) == 0 {
		return nil, fmt.Errorf("%w: %s is not in line", ErrLost, path)
	}
	return l.claim(ctx, placement{places: []place{p}}, predecessor, true)
}

func (l *Lock) acquire(ctx context.Context, by blocker, wait bool) (*Hold, error) {
	if len(l.paths) == 0 {
		return nil, fmt.Errorf("%w: a lock of no path", client.ErrBadArguments)
	}
	entered, err := enter(ctx, l.c, l.paths, lockPrefix, l.settings.data)
	if err != nil {
		return nil, err
	}
	return l.take(ctx, entered, by, wait)
}

// take makes places the hold, or takes them back.
func (l *Lock) take(ctx context.Context, entered placement, by blocker, wait bool) (*Hold, error) {
	h, err := l.claim(ctx, entered, by, wait)
	if err != nil {
		withGrace(ctx, func(ctx context.Context) error { return l.leave(ctx, entered.places) })
	}
	return h, err
}

// claim makes places the hold.
func (l *Lock) claim(ctx context.Context, entered placement, by blocker, wait bool) (*Hold, error) {
	err := l.wait(ctx, entered, by)
	if err == nil && l.settings.delay > 0 {
		err = l.settle(ctx, entered.places, wait, false)
	}
	var h *Hold
	if err == nil {
		h, err = certain(ctx, l.c, "lock", l.name(), entered.places)
	}
	if err != nil {
		for _, p := range entered.places {
			closeWatch(p.watch)
		}
		return nil, err
	}
	if l.settings.delay > 0 {
		h.marks = entered.places
	}
	return h, nil
}

// wait waits in line, everywhere. The places get the watches with which they have waited.
func (l *Lock) wait(ctx context.Context, entered placement, by blocker) error {
	if entered.alone {
		return nil
	}
	for i, p := range entered.places {
		own, err := p.waitWatching(ctx, l.c, by, p.passer(ctx, l.c))
		if err != nil {
			return err
		}
		entered.places[i].watch = own
	}
	if len(entered.places) == 1 {
		return nil
	}
	// Nobody has looked after the places at the front of one line while this was waiting in another.
	reads := make([]client.ReadOp, len(entered.places))
	for i, p := range entered.places {
		reads[i] = client.ExistsOf(p.path)
	}
	results, _, err := l.c.MultiRead(ctx, reads, client.AtLevel(client.Linearizable))
	if err != nil {
		return err
	}
	for i, p := range entered.places {
		if results[i].Err != nil || results[i].Stat.Czxid != p.czxid {
			return p.lost(l.c)
		}
	}
	return nil
}

// leave takes places back, with the marks that they may have made.
func (l *Lock) leave(ctx context.Context, places []place) error {
	if l.settings.delay == 0 {
		return takeBack(ctx, l.c, nodesOf(places))
	}
	return insist(ctx, l.c, func(ctx context.Context) error { return removeMarked(ctx, l.c, places) })
}

// taken looks, without getting in line, whether somebody else is.
func (l *Lock) taken(ctx context.Context) error {
	for _, path := range l.paths {
		names, _, err := l.c.Children(ctx, path, client.AtLevel(client.Linearizable))
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
func (l *Lock) name() string {
	if len(l.paths) == 0 {
		return "of no path"
	}
	return l.paths[0]
}
