package recipes

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Hold is something that this process has and nobody else: a lock, a place in a semaphore, a leadership, a partition. It is
// over when [Hold.Release] is called, when the session ends or can no longer be assumed, or when somebody deletes its node;
// it does not come back. It must be released in any case: a hold that has only become uncertain may still be in
// everybody's way.
//
// What it guarantees: the service gives what is held to nobody else while [Hold.Context] is alive, if clocks run at about
// the same rate. What it cannot: stop a process that has not noticed the end of its context yet, because it was paused or is
// in the middle of a call. Writes to the tree are therefore made with [Hold.Commit], and anything outside is given
// [Hold.Fence], which a [FenceGate] there checks.
//
// All methods may be called from any goroutine. A hold has one goroutine per node until it is released.
type Hold struct {
	c     *client.Client
	op    string // what errors call it: "lock"
	path  string // of the recipe
	nodes []node
	after []client.Op // what else is done in the transaction of the release

	ctx    context.Context
	cancel context.CancelCauseFunc
	keep   sync.WaitGroup // the goroutines that watch the nodes

	mu       sync.Mutex // held by one Release
	released bool

	last sync.Mutex // held while a last Commit is under way that deletes the node: its deletion is no loss then
}

// node is an ephemeral node of this session that stands for what is held or waited for.
type node struct {
	path  string
	czxid client.Zxid
	owner client.SessionID
}

func (n node) check() client.Op  { return client.CheckOp(n.path, client.IfCzxid(n.czxid)) }
func (n node) remove() client.Op { return client.DeleteOp(n.path, client.IfCzxid(n.czxid)) }

// newHold returns the hold of nodes which are there, as the service has just said, and makes its holder. The values of ctx are those of the
// hold's context. Errors: the session has ended or is not certain.
func newHold(ctx context.Context, c *client.Client, op, path string, nodes []node) (*Hold, error) {
	// In this order: a client's sessions follow each other, so one that is older than the session that is asked for
	// afterwards, and is that of the nodes, is neither.
	session := c.SessionContext()
	if c.Session().ID != nodes[0].owner {
		return nil, client.ErrSessionExpired
	}
	if session.Err() != nil {
		return nil, context.Cause(session)
	}
	h := &Hold{c: c, op: op, path: path, nodes: nodes}
	h.ctx, h.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(session, func() { h.cancel(context.Cause(session)) })
	context.AfterFunc(h.ctx, func() { stop() })
	for _, n := range nodes {
		h.keep.Go(func() { h.watch(n) })
	}
	return h, nil
}

// watch ends the hold when a node of it is deleted, until the hold ends for another reason.
func (h *Hold) watch(n node) {
	for h.ctx.Err() == nil {
		var w *client.Watch
		stat, there, err := h.c.Exists(h.ctx, n.path, client.AtLevel(client.Session), client.WithWatch(&w))
		switch {
		case h.ctx.Err() != nil:
			if err == nil {
				w.Close()
			}
		case err != nil:
			h.cancel(err) // the session's end, mostly: its context says so as well
		case !there || stat.Czxid != n.czxid:
			w.Close()
			h.last.Lock()
			h.cancel(n.lost(h.c))
			h.last.Unlock()
		default:
			select {
			case _, fired := <-w.C():
				if !fired {
					h.cancel(w.Err())
				}
			case <-h.ctx.Done():
				w.Close()
			}
		}
	}
}

// Context returns a context that ends when what is held can no longer be assumed to be held, which is before the service gives
// it to somebody else. Its context.Cause is [ErrReleased], [ErrLost] (wrapped), or one of those of
// [client.Client.SessionContext]: client.ErrSuspect, client.ErrSessionExpired, client.ErrClosed, client.ErrHandedOver. It has the
// values of the context that the hold was acquired with, not its deadline.
func (h *Hold) Context() context.Context { return h.ctx }

// Err returns nil while the hold is certain, and why it is not afterwards, as [Hold.Context]. It looks at the clock, so it
// is right even when the process was paused and the context has had no time to end yet. It does not block.
func (h *Hold) Err() error {
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	switch s := h.c.Session(); {
	case s.ID != h.nodes[0].owner:
		return client.ErrSessionExpired
	case !s.Valid():
		return client.ErrSuspect
	}
	return nil
}

// Fence returns the hold's fencing token: the zxid that created its node. It is unique among all holds of the service, and
// greater than that of every earlier hold of the same thing, also when the thing was deleted and made again in between.
func (h *Hold) Fence() client.Zxid { return h.nodes[0].czxid }

// Path returns the path of the node that stands for the hold, of the first one if there are several.
func (h *Hold) Path() string { return h.nodes[0].path }

// Checks returns operations that demand that this is still held, for a transaction of the user's own ([client.If], or before
// the other operations of a [client.Client.Multi]). They are right whatever clocks do.
func (h *Hold) Checks() []client.Op {
	checks := make([]client.Op, len(h.nodes))
	for i, n := range h.nodes {
		checks[i] = n.check()
	}
	return checks
}

// Commit carries out operations as one transaction if this is still held, and otherwise nothing: the error is [ErrLost] then,
// wrapped. It asks the service and no clock, so it also succeeds while the hold is uncertain but still there. Other errors are
// those of [client.Client.Multi], with the Index in ops. After [Hold.Release] was called it fails with [ErrReleased].
func (h *Hold) Commit(ctx context.Context, ops ...client.Op) ([]client.Result, error) {
	if cause := context.Cause(h.ctx); errors.Is(cause, ErrReleased) {
		return nil, &Error{Op: "commit", Path: h.path, Err: ErrReleased}
	}
	return commit(ctx, h.c, h.path, h.Checks(), ops)
}

// commit carries out operations behind checks, as [Hold.Commit] says.
func commit(ctx context.Context, c *client.Client, path string, checks, ops []client.Op) ([]client.Result, error) {
	results, err := c.Multi(ctx, slices.Concat(checks, ops)...)
	if err == nil {
		return results[len(checks):], nil
	}
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok || errors.Is(err, client.ErrSessionExpired):
		return nil, err
	case refused.Index < len(checks) && gone(err):
		return nil, &Error{Op: "commit", Path: path, Err: ErrLost, Detail: "nothing was written"}
	case refused.Index >= len(checks):
		moved := *refused
		moved.Index -= len(checks)
		return nil, &moved
	}
	return nil, err
}

// commitLast is a Commit that ends the hold if it succeeds: the operations delete its node. Nothing is left to release then.
func (h *Hold) commitLast(ctx context.Context, ops ...client.Op) ([]client.Result, error) {
	h.last.Lock()
	defer h.last.Unlock()
	results, err := h.Commit(ctx, ops...)
	if err == nil {
		h.cancel(ErrReleased)
	}
	return results, err
}

// Release gives back what is held: its context ends first, then the node is deleted, and Release returns when that is done.
// Whoever is next can have it from then on. What is not held any more needs no release, and gets none: Release returns nil. If
// ctx ends earlier Release fails with its cause, and the node goes as soon as the service is reached, or with the session.
// Release may be called again.
func (h *Hold) Release(ctx context.Context) error {
	h.cancel(ErrReleased)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return nil
	}
	err := finish(ctx, func(ctx context.Context) error {
		h.keep.Wait()
		return remove(ctx, h.c, h.nodes, h.after...)
	})
	h.released = err == nil
	return failed("release", h.path, err)
}

// finish runs f, which ctx's end does not interrupt, and waits for it as long as ctx lives. After that f goes on alone: it is
// made of calls of a client, which fail when its session ends or it is closed, so that is how long the goroutine can live.
func finish(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ended(ctx)
	}
}

// remove deletes nodes, together and with what else is to be done then, if they are all there. That one is gone already is fine.
func remove(ctx context.Context, c *client.Client, nodes []node, after ...client.Op) error {
	if len(nodes) > 1 || len(after) > 0 {
		ops := make([]client.Op, len(nodes), len(nodes)+len(after))
		for i, n := range nodes {
			ops[i] = n.remove()
		}
		ops = append(ops, after...)
		if _, err := c.Multi(ctx, ops...); err == nil || !gone(err) {
			return err
		}
	}
	var first error
	for _, n := range slices.Backward(nodes) {
		if err := c.Delete(ctx, n.path, client.IfCzxid(n.czxid)); err != nil && !gone(err) && first == nil {
			first = err
		}
	}
	return first
}

// obtain runs f, which ctx's end does not interrupt, and hands its result to the caller; or, if ctx ends first, to giveBack. It waits for
// that as well, but no longer than [withdrawGrace]; the goroutine lives no longer than that of finish.
func obtain[T any](ctx context.Context, f func(context.Context) (T, error), giveBack func(context.Context, T) error) (T, error) {
	type result struct {
		value T
		err   error
	}
	handed, over := make(chan result), make(chan struct{}) // not buffered: what was sent was received
	go func() {
		defer close(over)
		detached := context.WithoutCancel(ctx)
		var r result
		r.value, r.err = f(detached)
		select {
		case handed <- r:
		case <-ctx.Done():
			if r.err == nil {
				_ = giveBack(detached, r.value) // fails with the session only, which takes it along
			}
		}
	}()
	select {
	case r := <-handed:
		return r.value, r.err
	case <-ctx.Done():
		select {
		case <-over:
		case <-time.After(withdrawGrace):
		}
		var none T
		return none, ended(ctx)
	}
}
