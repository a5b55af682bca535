package recipes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// LeaseHold is a [Lease] that this process has. It is over when it is released, when its time has run out without having been
// renewed, or when a renewal finds that somebody has deleted its node; it does not come back. Everything else is as for [Hold],
// but that its end by time gives nothing back early: one that was not released keeps others out until the service lets it go.
type LeaseHold struct {
	lease    *Lease
	holder   []byte
	fence    client.Zxid
	duration time.Duration

	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time // the lease certainly is this process's until then
	timer *time.Timer
}

// newLeaseHold returns the hold of a lease that the service was asked for after began and has granted for d.
func newLeaseHold(ctx context.Context, l *Lease, holder []byte, fence client.Zxid, began time.Time, d time.Duration) *LeaseHold {
	h := &LeaseHold{lease: l, holder: holder, fence: fence, duration: d - d/leaseMarginDivisor}
	h.ctx, h.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = began.Add(h.duration)
	h.timer = time.AfterFunc(min(h.left(), leaseLookEvery), h.look)
	return h
}

// look ends the context when the time has run out. It comes back before that, because a timer sleeps longer than its time if the
// machine is suspended.
func (h *LeaseHold) look() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	if left := h.left(); left > 0 {
		h.timer.Reset(min(left, leaseLookEvery))
	} else {
		h.cancel(ErrLapsed)
	}
}

// left returns how long the lease certainly is this process's. It looks at the wall clock too, because the monotonic one
// stands still while the machine is suspended. The caller holds mu.
func (h *LeaseHold) left() time.Duration {
	now := time.Now()
	return max(0, min(h.until.Sub(now), h.until.Round(0).Sub(now.Round(0))))
}

// Context returns a context that ends when the lease can no longer be assumed to be held. Its context.Cause is [ErrLapsed],
// [ErrLost] or [ErrReleased]. It has the values of the context that the lease was acquired with, not its deadline. If the machine
// was suspended meanwhile it ends a second after that at the latest; [LeaseHold.Err] is right at once.
func (h *LeaseHold) Context() context.Context { return h.ctx }

// Err returns nil while the lease is certain, and why it is not afterwards, as [LeaseHold.Context]. It looks at the clock and
// does not block.
func (h *LeaseHold) Err() error {
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	if h.Left() <= 0 {
		return ErrLapsed
	}
	return nil
}

// Left returns for how long the lease is certainly held, if it is neither renewed nor released; 0 if it is not.
func (h *LeaseHold) Left() time.Duration {
	if h.ctx.Err() != nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.left()
}

// Fence returns the lease's fencing token, as [Hold.Fence] does, and the name by which [Lease.Resume] finds the lease. Renewals
// do not change it.
func (h *LeaseHold) Fence() client.Zxid { return h.fence }

// Path returns the path of the node that stands for the lease.
func (h *LeaseHold) Path() string { return h.lease.path }

// Checks returns operations that demand that the lease is still there; see [Hold.Checks].
func (h *LeaseHold) Checks() []client.Op {
	return []client.Op{client.CheckOp(h.lease.path, client.IfCzxid(h.fence))}
}

// Commit carries out operations as one transaction if the service has not given up the lease, and otherwise nothing; see
// [Hold.Commit]. It asks no clock, so it also succeeds for a time after the context has ended.
func (h *LeaseHold) Commit(ctx context.Context, ops ...client.Op) ([]client.Result, error) {
	if errors.Is(context.Cause(h.ctx), ErrReleased) {
		return nil, &Error{Op: "commit", Path: h.lease.path, Err: ErrReleased}
	}
	return commit(ctx, h.lease.c, h.lease.path, h.Checks(), ops)
}

// Renew makes the lease last from now on for as long as it was acquired for. What is over is not renewed: then Renew fails with
// the cause of the context, and asks nobody unless it finds out by asking, which is [ErrLost]. If ctx ends first, or with other
// errors, those of [client.Client.Set], the lease may last longer, but this process does not count on it; Renew can be called
// again.
func (h *LeaseHold) Renew(ctx context.Context) error {
	err := h.Err()
	if err == nil {
		began := time.Now()
		err = untangled(h.lease.renew(ctx, h.holder, h.fence))
		if errors.Is(err, ErrLost) {
			h.cancel(ErrLost)
		}
		if err == nil {
			err = h.renewed(began)
		}
	}
	return failed("renew", h.lease.path, err)
}

// renewed counts from began on, unless the context has ended meanwhile.
func (h *LeaseHold) renewed(began time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left() <= 0 {
		h.cancel(ErrLapsed) // a timer that is late must not find that there is time again
	}
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	if until := began.Add(h.duration); until.After(h.until) {
		h.until = until
	}
	return nil
}

// Release gives the lease back: its context ends first, then the node is deleted, and Release returns when that is done; others
// can have the lease then. If it is over, or another's by now, Release returns nil. If ctx ends earlier it fails with its
// cause, and the node goes as soon as the service is reached, or by itself. Release may be called again. Errors: those of
// [client.Client.Delete]. With the lease's own context, which it ends, it waits for half a second.
func (h *LeaseHold) Release(ctx context.Context) error {
	alive := ctx.Err() == nil
	h.cancel(ErrReleased)
	h.timer.Stop()
	if alive && ctx.Err() != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawGrace)
		defer cancel()
		ctx = grace
	}
	err := finish(ctx, func(ctx context.Context) error { return h.lease.giveBack(ctx, h.fence) })
	return failed("release", h.lease.path, err)
}
