package recipes

import (
	"context"
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// With a lock-delay the line's own data tell whether somebody has the lock, in the service's memory and not in that of any
// process: whoever gets to the front and finds "held" there knows that the last holder has not released it.
//
//	/locks/a            data: "held" from the grant to the release; else nothing
//	/locks/a/delay      a TTL node: nobody may have the lock while it is there
const (
	heldMark  = "held"
	delayName = "delay"
)

// LockDelay keeps a lock from everybody for d, on the service's clock, after a holder was lost without having released it: its
// session has expired, or was closed, or somebody has deleted its node. The time is for what that holder may still have under
// way somewhere, and counts from when the next one who wants the lock finds out. It has Consul's lock-delay as its model, and is no
// substitute for fences. All who use the lock must use the option; each grant then costs one more write, and the lock's node
// stays when nobody wants the lock. Default: none.
func LockDelay(d time.Duration) LockOption {
	return func(s *lockSettings) { s.delay = d }
}

// settle returns when the delay is over for somebody at the front of a line, and marks the line as held, unless it is by a reader, whose
// loss delays nobody. If wait is false it fails with [ErrHeld] rather than wait.
func (l *Lock) settle(ctx context.Context, p place, wait, reader bool) error {
	delay := join(p.line, delayName)
	for {
		n, err := l.c.Get(ctx, p.line, local)
		if err != nil {
			return err
		}
		if string(n.Data) == heldMark {
			_, err := l.c.Multi(ctx, p.check(),
				client.SetOp(p.line, nil, client.IfMzxid(n.Stat.Mzxid)),
				client.CreateOp(delay, nil, client.TTL(l.settings.delay)))
			if err != nil && !raced(err) {
				return err
			}
			continue
		}
		mark := client.SetOp(p.line, []byte(heldMark), client.IfMzxid(n.Stat.Mzxid))
		if reader {
			mark = client.CheckOp(p.line, client.IfMzxid(n.Stat.Mzxid))
		}
		_, err = l.c.Multi(ctx, p.check(), client.AbsentOp(delay), mark)
		if err == nil || !raced(err) {
			return err
		}
		if !wait {
			return errors.Join(ErrHeld, errDelayed)
		}
		if err := p.awaitGone(ctx, l.c, delay); err != nil {
			return err
		}
	}
}

var errDelayed = errors.New("a holder was lost, and the lock-delay is not over")

// raced reports whether a transaction was refused because something is not as it was read, and should be read again; if it is
// the place itself that is gone, the next read in line tells.
func raced(err error) bool {
	return errors.Is(err, client.ErrMismatch) || errors.Is(err, client.ErrNodeExists) || errors.Is(err, client.ErrNoNode)
}

// awaitGone waits until the node at path is gone. It fails with [ErrLost] if the place is.
func (p place) awaitGone(ctx context.Context, c *client.Client, path string) error {
	var own *client.Watch
	defer func() { closeWatch(own) }()
	for {
		if own == nil {
			stat, there, err := c.Exists(ctx, p.path, local, client.WithWatch(&own))
			if err != nil {
				return err
			}
			if !there || stat.Czxid != p.czxid {
				return p.lost(c)
			}
		}
		_, there, err := c.Exists(ctx, path, local)
		if err != nil || !there {
			return err
		}
		if err := p.await(ctx, c, path, &own); err != nil {
			return err
		}
	}
}
