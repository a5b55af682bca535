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
// over when [Hold.Release] is called, when the session ends or can no longer be assumed, or when somebody deletes its node; it
// does not come back. It must be released in any case: a hold that has only become uncertain may still be in everybody's way.
// It should be released before its client is handed over ([client.Client.Export]): the next process has the node then, and goes
// on holding with [Lock.Resume].
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
	marks []place // the same, if they have marks that go with them (LockDelay)

	ctx    context.Context
	cancel context.CancelCauseFunc
	keep   sync.WaitGroup // the goroutines that watch the nodes

	releasing chan struct{} // holds a value while there is a Release
	released  bool          // of that Release

	last sync.Mutex // held while a last Commit is under way that deletes the node: its deletion is no loss then
}

// node is an ephemeral node of this session that stands for what is held or waited for.
type node struct {
	path  string
	czxid client.Zxid
	owner client.SessionID

	// watch is set on the node and has told nothing since the node was seen: a hold goes on with it. nil: there is none.
	watch *client.Watch
}

func (n node) check() client.Op  { return client.CheckOp(n.path, client.IfCzxid(n.czxid)) }
func (n node) remove() client.Op { return client.DeleteOp(n.path, client.IfCzxid(n.czxid)) }

// newHold returns the hold of nodes which are there, as the service has just said, and makes its holder. The values of ctx are
// those of the hold's context. Errors: the session has ended or is not certain.
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
	h := &Hold{c: c, op: op, path: path, nodes: nodes, releasing: make(chan struct{}, 1)}
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
	w := n.watch
	for h.ctx.Err() == nil {
		if w == nil {
			w = h.look(n)
			continue
		}
		select {
		case _, fired := <-w.C():
			if !fired {
				h.cancel(w.Err())
			}
			w = nil
		case <-h.ctx.Done():
		}
	}
	closeWatch(w)
}

// look sets the watch of a node that is still there. If it returns nil the hold has ended.
func (h *Hold) look(n node) *client.Watch {
	var w *client.Watch
	stat, there, err := h.c.Exists(h.ctx, n.path, local, client.WithWatch(&w))
	switch {
	case err != nil:
		h.cancel(err) // the session's end, mostly: its context says so as well
		return nil
	case there && stat.Czxid == n.czxid:
		return w
	}
	w.Close()
	h.last.Lock()
	defer h.last.Unlock()
	h.cancel(n.lost(h.c))
	return nil
}

// Context returns a context that ends when what is held can no longer be assumed to be held, which is before the service gives
// it to somebody else. Its context.Cause is [ErrReleased], [ErrLost] (wrapped), or one of those of
// [client.Client.SessionContext]: client.ErrSuspect, client.ErrSessionExpired, client.ErrClosed, client.ErrHandedOver; or
// client.ErrTooMany if the connection has no room for one more watch. It has the values of the context that the hold was acquired
// with, not its deadline.
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
		if session := h.c.SessionContext(); session.Err() != nil {
			return context.Cause(session)
		}
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

// Commit carries out operations as one transaction if this is still held, and otherwise nothing: the error is then [ErrLost],
// wrapped, or client.ErrSessionExpired if the client knows of no other session. It asks the service and no clock, so it also
// succeeds while the hold is uncertain but still there. Other errors are those of [client.Client.Multi], with the Index in ops.
// After [Hold.Release] was called it fails with [ErrReleased].
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
	refused, ok := err.(*client.Error) // and not one inside of a WaitError
	switch {
	case !ok || errors.Is(err, client.ErrSessionExpired):
		return nil, untangled(err)
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
		select {
		case h.releasing <- struct{}{}:
			h.released = true
			<-h.releasing
		default: // somebody is about to find that out
		}
	}
	return results, err
}

// Release gives back what is held: its context ends first, then the node is deleted, and Release returns when that is done.
// Whoever is next can have it from then on. If nothing is held any more there is nothing to give back: Release asks the service
// to be sure, and returns nil. If ctx ends earlier Release fails with its cause, and the node goes as soon as the service is
// reached, or with the session. Release may be called again. With the hold's own context, which it ends, it waits for half a
// second.
//
// Other errors: client.ErrHandedOver and client.ErrClosed, and then the node is still there, unless the session has ended. While
// the client is being exported Release waits for how that ends.
func (h *Hold) Release(ctx context.Context) error {
	ctx, cancel := h.over(ctx)
	defer cancel()
	return failed("release", h.path, h.release(ctx))
}

// over ends the hold's context, and returns one for giving back what was held: ctx, or, if that has ended thereby, one for half a
// second.
func (h *Hold) over(ctx context.Context) (context.Context, context.CancelFunc) {
	alive := ctx.Err() == nil
	h.cancel(ErrReleased)
	if alive && ctx.Err() != nil {
		return context.WithTimeout(context.WithoutCancel(ctx), withdrawGrace)
	}
	return ctx, func() {}
}

func (h *Hold) release(ctx context.Context) error {
	select {
	case h.releasing <- struct{}{}: // also if ctx has ended: what is held goes in any case
	default:
		select {
		case h.releasing <- struct{}{}:
		case <-ctx.Done():
			return ended(ctx)
		}
	}
	defer func() { <-h.releasing }()
	if h.released {
		return nil
	}
	err := finish(ctx, func(ctx context.Context) error {
		h.keep.Wait()
		return insist(ctx, h.c, func(ctx context.Context) error {
			if h.marks != nil {
				return removeMarked(ctx, h.c, h.marks)
			}
			return remove(ctx, h.c, h.nodes)
		})
	})
	h.released = err == nil
	return err
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

// remove deletes nodes, together if they are all there. That one is gone already is fine.
func remove(ctx context.Context, c *client.Client, nodes []node) error {
	if len(nodes) > 1 {
		ops := make([]client.Op, len(nodes))
		for i, n := range nodes {
			ops[i] = n.remove()
		}
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

// takeBack removes nodes for which nobody waits any more. While the client is being exported it is refused; should the export fail
// the client goes on, and the nodes must not.
func takeBack(ctx context.Context, c *client.Client, nodes []node) error {
	return insist(ctx, c, func(ctx context.Context) error { return remove(ctx, c, nodes) })
}

func insist(ctx context.Context, c *client.Client, f func(context.Context) error) error {
	for {
		err := f(ctx)
		if state, _ := c.State(); !errors.Is(err, client.ErrHandedOver) || state.Final() {
			return err
		}
		select {
		case <-time.After(insistPause):
		case <-ctx.Done():
			return ended(ctx)
		}
	}
}

// obtain runs f, which ctx's end does not interrupt, and hands its result to the caller; or, if ctx ends first, to giveBack. It
// waits for that as well, but no longer than [withdrawGrace]; the goroutine lives no longer than that of finish.
func obtain[T any](ctx context.Context, f func(context.Context) (T, error), giveBack func(context.Context, T) error) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if ctx.Err() != nil {
		return none, ended(ctx)
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
				_ = giveBack(detached, r.value) // fails with the session, which takes it along, or the client
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
		return none, ended(ctx)
	}
}
