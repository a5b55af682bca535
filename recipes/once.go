package recipes

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Once runs a step once for each key, however often and by however many processes it is asked for, and remembers the result for a
// time: a payment with the number of its order, a message that may be delivered twice, a job that a timer starts everywhere.
//
//	/once/results/key-order-17       what the step returned; goes when it has been remembered for long enough
//	/once/locks/key-order-17         the line of a [Lock]: who runs the step, and who waits for him
//
// The other nodes are persistent and made with these. A key is any text. It is escaped as in a URL: keys are never mixed up, and
// those of letters and digits can be read in the tree. It may have some thousand bytes.
//
// What [Once.Do] guarantees for a key, while its result is remembered:
//   - One step at a time runs, as far as [Hold] can guarantee it, and none after one that was carried out to its end.
//   - The result and the operations that the step returns are written in one transaction, which is carried out only if its
//     process still holds the lock. So what the step does to the tree, by these operations, happens exactly once.
//   - All who ask get the same result.
//
// What it cannot: undo what a step has done elsewhere. A step that fails, or whose process dies or is cut off before the
// transaction, is run again by whoever asks next, after the session of the first has ended; what it does outside of the tree may
// therefore happen twice. Either it does no harm there, or what is outside checks the fencing token of the [Hold] that the
// step is given, see [FenceGate], or knows the key. After the time the key counts as new. A process that asks for a key
// out of its own step waits for itself.
//
// Costs: one read for a key that is remembered; for a new one two reads and three writes, and per waiting process two writes,
// two reads and one wake-up.
//
// Counterparts: idempotency keys of web interfaces; SET NX with an expiry in Redis, which marks the beginning of a step and not
// its end. A Once is stateless: all methods may be called from any goroutine.
type Once struct {
	c        *client.Client
	path     string
	remember time.Duration
}

// Step is what a [Once] runs. Its context ends when the caller's does, and when the hold is lost; it has the values of the caller's
// and no deadline. It returns the result, at most a mebibyte, and what is to be written together with it, at most 998 operations.
type Step func(ctx context.Context, h *Hold) (result []byte, ops []client.Op, err error)

// NewOnce returns the steps of a path, which need not exist. Results are remembered for the given time, at least a millisecond and
// at most 34 years, on the service's clock. It does not ask the service.
func NewOnce(c *client.Client, path string, remember time.Duration) *Once {
	return &Once{c: c, path: path, remember: remember}
}

// Do returns the remembered result of a key, or else runs the step, remembers what it returns and returns that; ran tells which
// of the two. While another process runs a step for the key it waits. If ctx ends meanwhile the step's context ends too, and Do
// fails when the step has returned; if ctx ends after that, the result may still be written, and the next call for the key
// returns it.
//
// Errors: the step's, which is not remembered; [ErrLost] if the lock was lost, and client.ErrSessionExpired, during the step,
// nothing was written then; those of the step's operations, as of [client.Client.Multi]; those of [Lock.Acquire];
// client.ErrTooLarge; client.ErrBadArguments, before anything is run, for a time that cannot be.
func (o *Once) Do(ctx context.Context, key string, step Step) (result []byte, ran bool, err error) {
	name := "key-" + url.PathEscape(key)
	path := join(join(o.path, "results"), name)
	if o.remember < time.Millisecond || o.remember > rememberMax {
		return nil, false, &Error{Op: "once", Path: path, Err: client.ErrBadArguments, Detail: "remember it for " + o.remember.String()}
	}
	result, there, err := o.remembered(ctx, path)
	if !there && err == nil {
		result, ran, err = o.run(ctx, path, NewLock(o.c, join(join(o.path, "locks"), name)), step)
	}
	return result, ran, failed("once", path, err)
}

func (o *Once) run(ctx context.Context, path string, lock *Lock, step Step) (result []byte, ran bool, err error) {
	h, err := lock.Acquire(ctx)
	if err != nil {
		return nil, false, err
	}
	// What was written is written, and the lock goes as soon as the service is reached, so the error of a release is none of Do.
	defer func() { _ = h.Release(ctx) }()
	result, there, err := o.remembered(ctx, path) // by whoever had the lock before
	if there || err != nil {
		return result, false, err
	}
	alive, cancel := context.WithCancelCause(h.Context())
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(ended(ctx)) })()
	result, ops, err := step(alive, h)
	if err != nil {
		return nil, false, err
	}
	ops = append(ops[:len(ops):len(ops)], client.CreateOp(path, result, client.TTL(o.remember), client.Parents()))
	if _, err := h.Commit(ctx, ops...); err != nil {
		return nil, false, err
	}
	return result, true, nil
}

// remembered returns the result of a key, and whether there is one.
func (o *Once) remembered(ctx context.Context, path string) ([]byte, bool, error) {
	n, err := o.c.Get(ctx, path, client.AtLevel(client.Linearizable))
	if errors.Is(err, client.ErrNoNode) {
		return nil, false, nil
	}
	return n.Data, err == nil, err
}
