package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Code is the reason for which the service refused a request; [Error] has it.
type Code = wire.Code

// What errors.Is finds in the errors of this package. Those of the service are codes; [Error] tells the path and more.
var (
	ErrNoNode                  error = wire.CodeNoNode
	ErrNodeExists              error = wire.CodeNodeExists
	ErrBadVersion              error = wire.CodeBadVersion
	ErrNotEmpty                error = wire.CodeNotEmpty
	ErrNoChildrenForEphemerals error = wire.CodeNoChildrenForEphemerals
	ErrBadArguments            error = wire.CodeBadArguments
	ErrInvalidACL              error = wire.CodeInvalidACL
	ErrUnimplemented           error = wire.CodeUnimplemented
	ErrTooLarge                error = wire.CodeTooLarge
	ErrTooMany                 error = wire.CodeTooMany
	ErrNoSpace                 error = wire.CodeNoSpace
	ErrNoQuorum                error = wire.CodeNoQuorum
	ErrMismatch                error = wire.CodeMismatch
	ErrNotReached              error = wire.CodeNotReached
	ErrCompacted               error = wire.CodeCompacted
	ErrNoSession               error = wire.CodeNoSession
	ErrForgotten               error = wire.CodeForgotten
	ErrSessionExpired          error = wire.CodeSessionExpired

	// ErrClosed is the end of a client, or of a watch, that was closed by its user.
	ErrClosed = errors.New("client closed")
)

// Error is a request that was refused, by the service or before it was sent, or one whose session has ended.
type Error struct {
	Code     Code
	Op       string // what was called: "create", "get"
	Path     string // what is at fault: for a create with NoNode the missing parent
	Index    int    // which operation of a multi, or of the Branch of a transaction, from 0
	Branch   Branch // of a transaction
	Actual   int64  // BadVersion: the version that the node has
	Expected int64  // BadVersion: the version that was asked for
	Detail   string // one clause: which rule or limit, and what to do; may be empty

	asked   string // the path that was asked for
	about   string // what is at fault when it is no path
	multi   bool
	expects bool     // Expected is known
	unknown bool     // the request was a write and may have been carried out
	closed  bool     // the session ended because its user closed the client
	write   *WriteID // of an unknown write; a pointer, so that no verb prints its secret
}

// Error returns one line: "no node: /x", "bad version: /x has version 5, expected 3", "then: operation 1: not empty: /x".
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Branch == BranchIf:
		fmt.Fprintf(&b, "condition %d: ", e.Index)
	case e.Branch != "":
		fmt.Fprintf(&b, "%s: operation %d: ", e.Branch, e.Index)
	case e.multi:
		fmt.Fprintf(&b, "operation %d: ", e.Index)
	}
	if e.closed {
		b.WriteString(ErrClosed.Error())
	} else {
		b.WriteString(e.Code.Error())
	}
	b.WriteString(": ")
	switch {
	case e.Code == wire.CodeBadVersion && e.expects:
		fmt.Fprintf(&b, "%s has version %d, expected %d", e.Path, e.Actual, e.Expected)
	case e.Code == wire.CodeNoNode && e.Op == "create" && e.Path != e.asked:
		fmt.Fprintf(&b, "%s (parent of %s; the option Parents makes it)", e.Path, e.asked)
	default:
		b.WriteString(e.subject())
		if e.Detail != "" {
			b.WriteString(" (" + e.Detail + ")")
		}
	}
	return b.String()
}

// subject is what the text is about: the path, or the call if it has none.
func (e *Error) subject() string {
	switch {
	case e.Code == wire.CodeSessionExpired && e.Path != "":
		return e.Op + " " + e.Path
	case e.Path != "":
		return e.Path
	case e.about != "":
		return e.about
	default:
		return e.Op
	}
}

// Is reports whether target is e's code, so that errors.Is(err, ErrNoNode) works.
func (e *Error) Is(target error) bool {
	return target == error(e.Code) || e.closed && target == ErrClosed
}

// WaitError is a call that its context ended before the service had answered.
type WaitError struct {
	Op    string
	Path  string
	Cause error // the context's
	State State // of the session at that time
	Last  error // why the newest attempt to reach a server failed; nil while connected

	ctx     error    // the context's error; the same as Cause unless that was given
	queued  bool     // a write that had its number: it will still be sent, unless it is unknown
	unknown bool     // a write that was sent, of a session that has ended
	write   *WriteID // of a write that had its number; a pointer, as above
}

// gaveUp returns the error of a call that waits no longer because ctx has ended.
func gaveUp(ctx context.Context, op, path string) *WaitError {
	return &WaitError{Op: op, Path: path, Cause: context.Cause(ctx), ctx: ctx.Err()}
}

// Error returns one line with the state of the session and why no server was reached.
func (e *WaitError) Error() string {
	text := strings.TrimSuffix(e.Op+" "+e.Path, " ") + ": " + e.Cause.Error() + " (session " + e.State.String()
	if e.Last != nil {
		text += ": " + e.Last.Error()
	}
	return text + ")"
}

// Unwrap returns the context's error, its cause and why no server was reached. It leaves out what would pass for the answer to
// this very call: a cause that is the [Error] of another call, and while the session is being renewed the end of the one before.
// Both are in the fields.
func (e *WaitError) Unwrap() []error {
	var all []error
	if e.ctx != nil {
		all = append(all, e.ctx)
	}
	if _, answer := errors.AsType[*Error](e.Cause); e.Cause != nil && !answer {
		all = append(all, e.Cause)
	}
	if e.Last != nil && e.State != Renewing {
		all = append(all, e.Last)
	}
	return all
}

// Retryable reports whether the same call may succeed if it is made again, although nothing about it changes, and without
// the danger of doing it twice: the service was short of something, or a read (or a write that was never numbered) was not
// answered in time.
func Retryable(err error) bool {
	if e, ok := errors.AsType[*WaitError](err); ok { // first, because it may hold an Error that is not this call's
		return !e.queued
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code.Retryable() && !e.unknown
	}
	return false
}

// NotApplied reports whether the call that failed with err has definitely had no effect, and will have none.
func NotApplied(err error) bool {
	if e, ok := errors.AsType[*WaitError](err); ok { // first, because it may hold an Error that is not this call's
		return !e.queued
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return !e.unknown
	}
	return errors.Is(err, ErrClosed)
}

// Unknown reports whether nobody can tell whether the write that failed with err was carried out: it was sent, and its
// session ended before the answer came. A call that merely stopped waiting (its context ended) is not unknown: while the
// session lives the write will be carried out, and what the node shows later tells. For some minutes [Client.Outcome] can find
// out what became of either; [WriteOf] names the write.
func Unknown(err error) bool {
	if e, ok := errors.AsType[*WaitError](err); ok {
		return e.unknown
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.unknown
}

// serviceError is a refusal by the service on its way to the method that knows the rest of the story.
type serviceError struct {
	code    Code
	failure wire.Failure
}

func (e *serviceError) Error() string { return e.code.Error() }

// of returns the refusal as the error of a call, for the path that it asked for and the version that it expected.
func (e *serviceError) of(op, path string, guard znode.Guard) *Error {
	f := e.failure
	err := &Error{Code: e.code, Op: op, Path: f.Path, Index: f.Index, Actual: f.Actual, Detail: f.Detail, asked: path}
	if err.Path == "" {
		err.Path = path
	}
	err.Path = printable(err.Path)
	err.Expected, err.expects = guard.Version()
	err.unknown = e.code == wire.CodeForgotten
	return err
}

// invalid turns an error of the tree's own rules, found before anything was sent, into an error of the same form as the
// service would give.
func invalid(op string, z *znode.Error) *Error {
	return &Error{Code: Code(z.Code), Op: op, Path: printable(z.Path), Index: z.Index, Detail: z.Detail, asked: z.Path}
}

// printable quotes a path that could do harm to a terminal.
func printable(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}
