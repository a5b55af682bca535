package client

import (
	"context"
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/session"
)

// ErrSuspect is the cause with which a [Client.SessionContext] ends when the service has been silent for so long that the
// session may have been ended. It may turn out to be alive.
var ErrSuspect = errors.New("the session can no longer be assumed to be alive")

// lease is the context that stands for the certainty that the session is alive. It is guarded by Client.mu.
type lease struct {
	ctx   context.Context // nil: nobody has asked, or it has ended
	end   context.CancelCauseFunc
	timer *time.Timer // of the newest ctx; nil: none was made yet
}

// SessionContext returns a context that ends when the session can no longer be assumed to be alive: whoever else counts on
// the session's end, for a lock or a leadership, is told of it later than that (law of leases: the client gives up first).
// Its [context.Cause] is
//
//   - [ErrSuspect]: the service was silent for nearly a whole timeout. The session may live on; once an answer has made it
//     certain again, a new call gives a new context, and the old one stays ended;
//   - [ErrSessionExpired]: the service has ended the session, also if another follows it ([Config].Renew);
//   - [ErrClosed], [ErrHandedOver]: its user has, or has begun to ([Client.Close]).
//
// While the session is not certain the context has ended already. It costs no goroutine, however often it is asked for: all
// callers share one context. A machine that was suspended ends it when it runs again, after a second at most; what a process
// did in that second it did not know better, so what must not happen twice is guarded by a fence as well.
func (c *Client) SessionContext() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	left, ok := c.certainFor(time.Now())
	if l := &c.lease; l.ctx != nil {
		return l.ctx
	}
	ctx, end := context.WithCancelCause(context.Background())
	switch {
	case c.status.state == Renewing || c.status.state.Final():
		end(c.ended)
	case c.status.closing:
		end(ErrClosed)
	case !ok || left <= 0:
		end(ErrSuspect)
	default:
		c.lease.ctx, c.lease.end = ctx, end
		c.watchLease(left)
	}
	return ctx
}

// watchLease arms the timer for a lease that has that long to go. The caller holds mu.
func (c *core) watchLease(left time.Duration) {
	next := min(left, leaseCheckMax)
	if c.lease.timer == nil {
		c.lease.timer = time.AfterFunc(next, c.checkLease)
	} else {
		c.lease.timer.Reset(next)
	}
}

// checkLease ends the lease if its time has come, and otherwise looks again later.
func (c *core) checkLease() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left, _ := c.certainFor(time.Now()); c.lease.ctx != nil {
		c.watchLease(left) // it is certain: certainFor has ended what is not
	}
}

// check ends the lease when the belief has ended at the reading.
func (l *lease) check(belief *session.Belief, reading session.Mono) {
	if l.ctx != nil && !belief.Valid(reading) {
		l.stop(ErrSuspect)
	}
}

// stop ends the lease because of cause.
func (l *lease) stop(cause error) {
	if l.ctx == nil {
		return
	}
	l.end(cause)
	l.timer.Stop()
	l.ctx, l.end = nil, nil
}
