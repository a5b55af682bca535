package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// With a lock-delay a node beside the line says who has the lock, in the service's memory and not in that of any process. Whoever
// gets to the front and finds it there, from somebody else, knows that the last holder has not released the lock.
//
//	/locks/a/lock-0000000007   first
//	/locks/a/held              persistent, from the grant to the release; its data are the fence of the holder
//	/locks/a/delay             a TTL node: nobody may have the lock while it is there
const (
	markName  = "held"
	delayName = "delay"
)

// LockDelay keeps a lock from everybody for at least d, on the service's clock, after a holder was lost without having released
// it: its session has expired, or was closed, or somebody has deleted its node. The time is for what that holder may still have
// under way somewhere. It counts from when the next one who wants the lock finds out, and the service then takes up to some
// three seconds more. It has Consul's lock-delay as its model, and is no substitute for fences. All who use the lock must use
// the option; each grant then costs one more write. Default: none.
func LockDelay(d time.Duration) LockOption {
	return func(s *lockSettings) { s.delay = min(max(d, 0), rememberMax) }
}

// mark is what a holder's mark has as data.
func (n node) mark() []byte { return strconv.AppendUint(nil, uint64(n.czxid), 10) }

// settle returns when no delay runs for somebody who is at the front of lines, and marks them as held; or, for a reader, whose
// loss delays nobody, only returns. If wait is false it fails with [ErrHeld] rather than wait.
func (l *Lock) settle(ctx context.Context, places []place, wait, reader bool) error {
	for {
		for _, p := range places {
			if mine, err := l.delayed(ctx, p, wait); mine || err != nil {
				return err // of the first one, and then of all
			}
		}
		var ops []client.Op
		for _, p := range places {
			ops = append(ops, p.check(), client.AbsentOp(join(p.line, markName)), client.AbsentOp(join(p.line, delayName)))
		}
		if !reader {
			for _, p := range places {
				ops = append(ops, client.CreateOp(join(p.line, markName), p.mark()))
			}
		}
		_, err := l.c.Multi(ctx, ops...)
		refused, ok := errors.AsType[*client.Error](err)
		switch {
		case !ok || !raced(err):
			return err
		case refused.Index < 3*len(places) && refused.Index%3 == 0:
			return places[refused.Index/3].lost(l.c)
		}
	}
}

// delayed returns when the delay at a line is over, which it begins if the last holder was lost. mine says that it is the
// place's own mark that is there: the lock was held already, by the process that has handed the session over.
func (l *Lock) delayed(ctx context.Context, p place, wait bool) (mine bool, err error) {
	mark, delay := join(p.line, markName), join(p.line, delayName)
	for {
		n, err := l.c.Get(ctx, mark, local)
		switch {
		case errors.Is(err, client.ErrNoNode):
		case err != nil:
			return false, err
		case bytes.Equal(n.Data, p.mark()):
			return true, nil
		default:
			_, err := l.c.Multi(ctx, p.check(), client.DeleteOp(mark, client.IfCzxid(n.Stat.Czxid)),
				client.CreateOp(delay, nil, client.TTL(max(l.settings.delay, time.Millisecond))))
			if refused, ok := errors.AsType[*client.Error](err); ok && raced(err) && refused.Index == 0 {
				return false, p.lost(l.c)
			} else if err != nil && !raced(err) {
				return false, err
			}
			continue // it is gone, or somebody else has been here
		}
		_, running, err := l.c.Exists(ctx, delay, local)
		switch {
		case err != nil || !running:
			return false, err
		case !wait:
			return false, errDelayed
		}
		if err := p.awaitGone(ctx, l.c, delay); err != nil {
			return false, err
		}
	}
}

var errDelayed = fmt.Errorf("%w: a holder was lost, and the lock-delay is not over", ErrHeld)

// removeMarked gives back places with their marks, if they have made any. All writes of a session are carried out in order, so a
// mark that is on its way when its maker gives up is there when this is carried out.
func removeMarked(ctx context.Context, c *client.Client, places []place) error {
	var first error
	for _, p := range places {
		mark := join(p.line, markName)
		result, err := c.Txn(ctx, client.If(p.check(), client.CheckOp(mark, client.IfData(p.mark()))).
			Then(client.DeleteOp(mark), p.remove()))
		if err == nil && !result.Held {
			err = remove(ctx, c, []node{p.node})
		}
		if err != nil && !gone(err) && first == nil {
			first = err
		}
	}
	return first
}

// raced reports whether a transaction was refused because something is not as it was read.
func raced(err error) bool {
	return errors.Is(err, client.ErrMismatch) || errors.Is(err, client.ErrNodeExists) || errors.Is(err, client.ErrNoNode)
}

// awaitGone waits until the node at path is gone. It fails with [ErrLost] if the place is.
func (p place) awaitGone(ctx context.Context, c *client.Client, path string) error {
	var own *client.Watch
	defer func() { closeWatch(own) }()
	for {
		if err := p.guard(ctx, c, &own); err != nil {
			return err
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
