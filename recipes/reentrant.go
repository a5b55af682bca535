package recipes

import (
	"context"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// ReentrantLock is a [Lock] that whoever has it can take again without waiting for himself, so that a function which needs
// the lock may call another one that needs it too.
//
// Go has no identity of threads to go by. The chain of calls is told by the context: an Acquire whose ctx descends from
// [ReentrantHold.With], or from the [ReentrantHold.Context], of a hold of this very ReentrantLock enters again, at once and
// without asking the service. Any other ctx stands for somebody else, who waits in line, also in the same goroutine: there it
// would be for ever.
//
//	func transfer(ctx context.Context) error {
//		h, err := lock.Acquire(ctx)
//		…
//		defer h.Release(context.WithoutCancel(ctx))
//		return withdraw(h.With(ctx)) // which acquires the lock too, and ends with the request as well as with the lock
//	}
//
// Everybody who is given such a context has the lock, several goroutines together if they share it; it excludes them from each
// other no more than a lock that one of them had taken for all.
//
// The lock is free when every entry is released, in whatever order; the cost is that of a Lock, however many entries there
// are. It guarantees what [Hold] does, to each entry: all have the same node and the same fence, and when the lock is lost
// the contexts of all of them end. The nodes are those of a Lock, and a Lock of the same path is excluded by it.
//
// Its counterpart is Curator's InterProcessMutex, which goes by threads.
//
// All methods may be called from any goroutine.
type ReentrantLock struct {
	lock *Lock
}

// NewReentrantLock returns the lock of a path, which need not exist. It does not ask the service. Two of the same path are
// different locks as to entering again.
func NewReentrantLock(c *client.Client, path string, options ...LockOption) *ReentrantLock {
	return &ReentrantLock{NewLock(c, path, options...)}
}

// Acquire enters again if ctx descends from a hold, and otherwise waits until the lock is this caller's. If the hold
// that ctx descends from was released, with all its entries, ctx counts as any other.
//
// Errors: those of [Lock.Acquire]; and if the lock that ctx descends from was lost, why: the cause of the hold's context.
func (l *ReentrantLock) Acquire(ctx context.Context) (*ReentrantHold, error) {
	return l.acquire(ctx, l.lock.Acquire)
}

// TryAcquire is Acquire that does not wait for anybody: if somebody else holds the lock or waits for it, it fails with [ErrHeld].
func (l *ReentrantLock) TryAcquire(ctx context.Context) (*ReentrantHold, error) {
	return l.acquire(ctx, l.lock.TryAcquire)
}

func (l *ReentrantLock) acquire(ctx context.Context, first func(context.Context) (*Hold, error)) (*ReentrantHold, error) {
	if e, ok := ctx.Value(entriesKey{l}).(*entries); ok {
		if entered, err := e.again(ctx); err != nil {
			return nil, failed("lock", l.lock.name(), err)
		} else if entered {
			return newReentrantHold(ctx, e), nil
		}
	}
	e := &entries{lock: l, count: 1}
	ctx = context.WithValue(ctx, entriesKey{l}, e)
	var err error
	if e.hold, err = first(ctx); err != nil {
		return nil, err
	}
	return newReentrantHold(ctx, e), nil
}

// entriesKey finds, in a context, the entries that it is inside of.
type entriesKey struct{ lock *ReentrantLock }

// entries are all that one chain of calls has of a lock at a time.
type entries struct {
	lock *ReentrantLock
	hold *Hold // set before anybody else can see it

	mu    sync.Mutex
	count int // at 0 it is over
}

// again counts one more, unless all were released already. It fails if the lock is lost, or ctx has ended.
func (e *entries) again(ctx context.Context) (entered bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == 0 {
		return false, nil
	}
	if err := e.hold.Err(); err != nil {
		return false, err
	}
	if ctx.Err() != nil {
		return false, ended(ctx)
	}
	e.count++
	return true, nil
}

// leave counts one less and reports whether that was the last.
func (e *entries) leave() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count--
	return e.count == 0
}

// ReentrantHold is one entry into a [ReentrantLock]. It is what [Hold] is, and its own until it is released.
type ReentrantHold struct {
	of     *entries
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	released bool
	last     bool // of all: it gives back the lock
}

func newReentrantHold(ctx context.Context, e *entries) *ReentrantHold {
	h := &ReentrantHold{of: e}
	h.ctx, h.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	lock := e.hold.Context()
	stop := context.AfterFunc(lock, func() { h.cancel(context.Cause(lock)) })
	context.AfterFunc(h.ctx, func() { stop() })
	return h
}

// Context returns a context that ends when this entry is released, with [ErrReleased], or the lock can no longer be assumed
// to be held, as [Hold.Context]. It has the values of the context that the entry was acquired with, not its deadline. Acquire with
// it, or with one that descends from it, enters again.
func (h *ReentrantHold) Context() context.Context { return h.ctx }

// With returns a context with the values and the deadline of ctx, which ends when ctx does or [ReentrantHold.Context] does, for
// the same reason. Acquire with it, or with one that descends from it, enters again. It takes some memory until then, so that it is
// made once per entry or call and not in a loop.
func (h *ReentrantHold) With(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, entriesKey{h.of.lock}, h.of))
	stop := context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })
	context.AfterFunc(ctx, func() { stop() })
	return ctx
}

// Err returns nil while the lock is certain and this entry not released, and why it is not afterwards, see [Hold.Err].
func (h *ReentrantHold) Err() error {
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	return h.of.hold.Err()
}

// Fence returns the fencing token of the lock, the same for all entries; see [Hold.Fence].
func (h *ReentrantHold) Fence() client.Zxid { return h.of.hold.Fence() }

// Path returns the path of the node that stands for the lock.
func (h *ReentrantHold) Path() string { return h.of.hold.Path() }

// Checks returns operations that demand that the lock is still held; see [Hold.Checks].
func (h *ReentrantHold) Checks() []client.Op { return h.of.hold.Checks() }

// Commit carries out operations as one transaction if the lock is still held, and otherwise nothing; see [Hold.Commit]. After this
// entry was released it fails with [ErrReleased].
func (h *ReentrantHold) Commit(ctx context.Context, ops ...client.Op) ([]client.Result, error) {
	if h.left() {
		return nil, &Error{Op: "commit", Path: h.of.hold.path, Err: ErrReleased}
	}
	return h.of.hold.Commit(ctx, ops...)
}

// Release leaves this entry; its context ends. The last of all gives the lock back as [Hold.Release] does, with its errors; the
// others ask nobody and return nil. It may be called again. With a context of this lock's own, which a release ends, it waits
// for half a second, unless context.WithoutCancel was applied to it.
func (h *ReentrantHold) Release(ctx context.Context) error {
	own := ctx.Value(entriesKey{h.of.lock}) == h.of && ctx.Done() != nil
	last := h.leave()
	h.cancel(ErrReleased)
	if !last {
		return nil
	}
	if own {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawGrace)
		defer cancel()
		ctx = grace
	}
	return h.of.hold.Release(ctx)
}

// left reports whether this entry was released, whatever else has ended its context before.
func (h *ReentrantHold) left() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.released
}

// leave leaves once, and reports, as often as it is asked, whether that gives back the lock.
func (h *ReentrantHold) leave() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.released {
		h.released, h.last = true, h.of.leave()
	}
	return h.last
}
