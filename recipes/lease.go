package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// ErrLapsed is the end of a lease that was not renewed in time.
var ErrLapsed = errors.New("the lease has run out")

// Lease is something that one holder has for a time. It does not depend on a session: it outlives the client, the process
// and the machine of its holder until its time is over, and nothing ends it earlier but its release. It is for what must stay
// undisturbed for a time whatever happens to who does it, as a nightly job that must not be begun twice, and for holders that
// come and go, as scripts. For everything else a [Lock] is better: it is free as soon as its holder is dead, and can be waited for.
//
// The node at the path is the lease: a TTL node with data that tell who has it. Nobody may create nodes below it, or the service
// keeps it.
//
// What it guarantees: the service gives the lease to nobody else while [LeaseHold.Context] is alive, if clocks run at about the
// same rate. The holder counts 7/8 of the time, from before it asked, on its own clock; the service counts all of it from when
// it has granted or renewed the lease, on its clock, and then takes up to some three seconds more to give it to others, or
// longer while it has no majority. Nobody compares the time of day. What it cannot: notice that somebody deletes the node. The
// next [LeaseHold.Renew] or [LeaseHold.Commit] does; and as with everything that is held, what must not happen twice is guarded
// by Commit or by the fence.
//
// A lease costs one write, each renewal one, and its release one; no goroutine, no watch and no session of its own. Its
// counterparts are kazoo's NonBlockingLease, which compares times of day, and Redis' SET NX PX, with a script that deletes what
// has one's own token: here the token is the czxid of the node, which nobody else ever gets.
//
// All methods may be called from any goroutine.
type Lease struct {
	c    *client.Client
	path string
}

// HeldError is an [ErrHeld] that tells who has a lease.
type HeldError struct {
	Holder []byte // what the holder says of itself
	Fence  client.Zxid
}

// Error returns one line.
func (e *HeldError) Error() string { return fmt.Sprintf("%v: %q", ErrHeld, e.Holder) }

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// NewLease returns the lease of a path, whose parents are made if they are not there. It does not ask the service.
func NewLease(c *client.Client, path string) *Lease { return &Lease{c, path} }

// TryAcquire takes the lease for d, in milliseconds of the service's clock, if nobody has it. holder is what others are told,
// at most a mebibyte. If somebody has it, be it this very process, it fails with a [HeldError]. If the answer took so long that
// nothing is left it fails with [ErrLapsed] and gives the lease back.
//
// If ctx ends first it fails with ctx's cause, and the lease is given back if it was granted. Other errors: those of
// [client.Client.Create]. If the session ends in the middle of the call, client.Unknown tells that the lease may have been
// granted; nobody has it then, and it is free when d is over.
func (l *Lease) TryAcquire(ctx context.Context, holder []byte, d time.Duration) (*LeaseHold, error) {
	h, err := l.tryAcquire(ctx, bytes.Clone(holder), d)
	return h, failed("lease", l.path, err)
}

func (l *Lease) tryAcquire(ctx context.Context, holder []byte, d time.Duration) (*LeaseHold, error) {
	for {
		began := time.Now()
		fence, err := obtain(ctx, func(ctx context.Context) (client.Zxid, error) {
			_, stat, err := l.c.Create(ctx, l.path, holder, client.TTL(d), client.Parents())
			return stat.Czxid, err
		}, func(ctx context.Context, fence client.Zxid) error {
			return insist(ctx, l.c, func(ctx context.Context) error { return l.giveBack(ctx, fence) })
		})
		if err == nil {
			h := newLeaseHold(ctx, l, holder, fence, began, d)
			if err := h.Err(); err != nil {
				_ = h.Release(ctx) // otherwise it goes by itself
				return nil, err
			}
			return h, nil
		}
		if !errors.Is(err, client.ErrNodeExists) {
			return nil, err
		}
		n, err := l.c.Get(ctx, l.path, client.AtLevel(client.Linearizable))
		if err == nil {
			return nil, &HeldError{n.Data, n.Stat.Czxid}
		}
		if !errors.Is(err, client.ErrNoNode) { // which means that it has just become free
			return nil, err
		}
	}
}

// Resume goes on with a lease that another process has taken, or this one before it was restarted, and renews it for as long as
// it was taken for. Whoever knows the fence is the holder; the process that has handed it over should do nothing under its own
// hold any more, and not release it. Errors: [ErrLost] if the lease with that fence is over; [ErrLapsed] if the answer took so long
// that nothing is left, and then the lease is not given back, so that Resume can be called again; those of [client.Client.Set].
func (l *Lease) Resume(ctx context.Context, fence client.Zxid) (*LeaseHold, error) {
	h, err := l.resume(ctx, fence)
	return h, failed("lease", l.path, err)
}

func (l *Lease) resume(ctx context.Context, fence client.Zxid) (*LeaseHold, error) {
	n, err := l.c.Get(ctx, l.path, client.AtLevel(client.Linearizable))
	if errors.Is(err, client.ErrNoNode) || err == nil && (n.Stat.Czxid != fence || n.Stat.Kind != client.KindTTL) {
		return nil, ErrLost
	} else if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := l.renew(ctx, n.Data, fence); err != nil {
		return nil, err
	}
	h := newLeaseHold(ctx, l, n.Data, fence, began, time.Duration(n.Stat.TTLMS)*time.Millisecond)
	if err := h.Err(); err != nil {
		return nil, err
	}
	return h, nil
}

// renew makes the service count from now on.
func (l *Lease) renew(ctx context.Context, holder []byte, fence client.Zxid) error {
	_, err := l.c.Set(ctx, l.path, holder, client.IfCzxid(fence))
	if errors.Is(err, client.ErrNoNode) || errors.Is(err, client.ErrMismatch) {
		return ErrLost
	}
	return err
}

// giveBack deletes the node, unless it is another one or none.
func (l *Lease) giveBack(ctx context.Context, fence client.Zxid) error {
	err := l.c.Delete(ctx, l.path, client.IfCzxid(fence))
	if errors.Is(err, client.ErrNoNode) || errors.Is(err, client.ErrMismatch) {
		return nil
	}
	return err
}
