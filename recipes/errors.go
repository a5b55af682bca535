package recipes

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// What errors.Is finds in the errors of this package, besides those of package client.
var (
	// ErrHeld: somebody else has it, and the call does not wait.
	ErrHeld = errors.New("held by another")

	// ErrLost: what was held, or the place in line for it, is not there any more, although the session is: somebody has
	// deleted its node.
	ErrLost = errors.New("not held any more")

	// ErrReleased is the end of what its own user has given back.
	ErrReleased = errors.New("released")
)

// Error is an operation of a recipe that failed: which one, on which path, and why. errors.Is and errors.As look through it.
type Error struct {
	Op     string // "lock", "campaign", "commit"
	Path   string // of the recipe, as the client names it
	Err    error  // one of this package, of package client, or of the caller's context
	Detail string // one clause more; may be empty
}

// Error returns one line: "lock /locks/a: held by another: 3 in line".
func (e *Error) Error() string {
	text := e.Op + " " + e.Path + ": " + e.Err.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// failed wraps the reason for which an operation failed, unless there is none or it says all this already.
func failed(op, path string, err error) error {
	err = untangled(err)
	if told, ok := err.(*Error); err == nil || ok && told.Op == op && told.Path == path {
		return err
	}
	return &Error{Op: op, Path: path, Err: err}
}

// gone reports whether err is that of a delete, or of a transaction that deletes, whose node is not the caller's any more:
// somebody has deleted it, or the session has ended and took it along. What was to be given back is given back then.
func gone(err error) bool {
	return errors.Is(err, client.ErrNoNode) || errors.Is(err, client.ErrMismatch) || errors.Is(err, client.ErrSessionExpired)
}

// ended is the error of a wait that its caller has ended: the context's error and its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return &endedError{err, cause}
}

// endedError is a context that has ended for a reason of its user's own.
type endedError struct{ err, cause error }

func (e *endedError) Error() string { return e.err.Error() + ": " + e.cause.Error() }

// Unwrap leaves out a cause that would pass for the answer to this very call.
func (e *endedError) Unwrap() []error {
	if misleading(e.cause) {
		return []error{e.err}
	}
	return []error{e.err, e.cause}
}

// misleading reports whether the cause with which a context has ended would pass for the answer to the call that had it, because it
// is the answer to another: if the context is that of another hold, that one was lost, and not what the call is about.
func misleading(cause error) bool {
	for _, other := range []error{
		ErrHeld, ErrLost, ErrReleased, ErrLapsed, ErrEmpty, ErrFenced, ErrInvalid, ErrNoInstance, ErrNoVersion, ErrOverflow,
		ErrUndecided, ErrUnhealthy, ErrVoted, client.ErrClosed, client.ErrSuspect,
	} {
		if errors.Is(cause, other) {
			return true
		}
	}
	_, ours := errors.AsType[*Error](cause)
	_, refusal := errors.AsType[*client.Error](cause)
	_, code := errors.AsType[client.Code](cause)
	_, wait := errors.AsType[*client.WaitError](cause)
	return ours || refusal || code || wait
}

// untangled returns the error of a call of the client without such a cause.
func untangled(err error) error {
	if w, ok := err.(*client.WaitError); ok && misleading(w.Cause) {
		return &interruptedError{w}
	}
	return err
}

// interruptedError is a WaitError, also for errors.As and so for [client.NotApplied] and the like, that does not unwrap to its
// cause.
type interruptedError struct{ wait *client.WaitError }

func (e *interruptedError) Error() string { return e.wait.Error() }

func (e *interruptedError) Unwrap() error {
	if errors.Is(e.wait, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// As makes errors.As find the WaitError.
func (e *interruptedError) As(target any) bool {
	w, ok := target.(**client.WaitError)
	if ok {
		*w = e.wait
	}
	return ok
}
