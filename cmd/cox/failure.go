package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // refused, or failed
	exitUsage  = 2 // the command line cannot be understood

	exitNotRun   = 126 // the program cannot be run
	exitNotFound = 127 // or there is none
)

// failure is an error as it is shown.
type failure struct {
	Code    int32  `json:"code,omitempty"` // the service's number; absent if the service did not refuse
	Name    string `json:"name"`           // the service's name of it, or one of ours: Usage, Unreachable, NoQuorum, …
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`

	hint string // a second line for people
	exit int
}

// openError is a session that could not be opened.
type openError struct {
	cause   error // of client.Dial
	reached bool  // some server has accepted a connection
	ended   error // why the context ended; nil if it did not
}

func (e *openError) Error() string { return e.cause.Error() }
func (e *openError) Unwrap() error { return e.cause }

// opError is an operation of a transaction that was refused.
type opError struct {
	refused *client.Error
	which   string // its place, and the line that asked for it
}

func (e *opError) Error() string { return e.refused.Error() }
func (e *opError) Unwrap() error { return e.refused }

// describe turns any error of a command into a failure.
func (s *shell) describe(err error) failure {
	var (
		usage   *usageError
		open    *openError
		op      *opError
		refused *client.Error
		waited  *client.WaitError
		held    *heldError
		late    *waitedError
		lost    *lostError
		program *programError
		permits *recipes.PermitsError
	)
	switch {
	case errors.As(err, &usage):
		f := failure{Name: "Usage", Message: usage.text, exit: exitUsage}
		if usage.verb != nil {
			f.Message += " (usage: " + usage.verb.usage() + ")"
		}
		return f
	case errors.As(err, &open):
		return s.describeOpen(open)
	case errors.As(err, &op):
		f := s.describeRefusal(op.refused)
		f.Message = op.which + ": " + f.Message + "; nothing was done"
		return f
	case errors.As(err, &held):
		f := failure{Name: "Held", Path: held.path, Message: held.Error(), exit: held.exit}
		if held.by != "" {
			f.hint = "why " + quoteWord(held.path) + " tells who waits, too"
		}
		return f
	case errors.As(err, &late):
		return failure{Name: "Timeout", Path: late.path, Message: late.Error(), exit: late.exit}
	case errors.As(err, &program):
		return failure{Name: "Failed", Message: program.Error(), exit: program.status()}
	case errors.As(err, &permits):
		return failure{Name: "Failed", Message: err.Error(), hint: "cox semaphore --set changes how many there are", exit: exitFailed}
	case errors.As(err, &lost):
		return failure{Name: "Lost", Path: lost.what, Message: lost.Error(), exit: exitFailed}
	case errors.Is(err, recipes.ErrLost):
		return failure{Name: "Lost", Message: err.Error(), exit: exitFailed}
	case errors.As(err, &refused):
		return s.describeRefusal(refused)
	case errors.As(err, &waited):
		return s.describeWait(waited)
	case errors.Is(err, client.ErrSessionExpired): // of a watch, or of the session as a whole
		return s.describeRefusal(&client.Error{Code: client.ErrSessionExpired.(client.Code)})
	case errors.Is(err, errClosed), errors.Is(err, client.ErrClosed):
		return failure{Name: "Closed", Message: err.Error(), exit: exitFailed}
	case errors.Is(err, context.Canceled):
		return s.interrupted()
	case errors.Is(err, context.DeadlineExceeded):
		return failure{Name: "Timeout", Message: "the time is up (--timeout gives more)", exit: exitFailed}
	default:
		return failure{Name: "Failed", Message: err.Error(), exit: exitFailed}
	}
}

func (s *shell) interrupted() failure {
	return failure{Name: "Interrupted", Message: "interrupted", exit: s.interruptedStatus()}
}

// pathless are the calls of the client that are about no path.
var pathless = map[string]bool{"kill session": true, "sessions": true, "sync": true, "multi": true, "transaction": true, "close": true}

// describeRefusal tells what the service, or the client on its behalf, has refused.
func (s *shell) describeRefusal(e *client.Error) failure {
	f := failure{Code: int32(e.Code), Name: e.Code.Name(), Path: e.Path, exit: exitFailed}
	what := e.Code.Error() + ": "
	switch {
	case errors.Is(e, client.ErrSessionExpired):
		f.Message = "session expired: its ephemeral nodes and watches are gone"
		if client.Unknown(e) {
			f.Message += "; whether this write was carried out is unknown"
		}
		if s.mode != oneShot {
			f.hint = "connect opens a new session"
		}
		return f
	case errors.Is(e, client.ErrBadVersion):
		f.Message = fmt.Sprintf("%s%s has version %d, expected %d", what, e.Path, e.Actual, e.Expected)
		return f
	case e.Path == "" && pathless[e.Op]:
		f.Message = e.Error()
		return f
	case e.Path == "":
		f.Message = what + `""`
	default:
		f.Message = what + e.Path
	}
	switch {
	case errors.Is(e, client.ErrNotEmpty):
		f.hint = "deleteall deletes a node and all below"
	case errors.Is(e, client.ErrCompacted):
		f.hint = "the servers remember a bounded part of their history; the command reads anew when it is given again"
	case errors.Is(e, client.ErrNotReached):
		f.hint = "that transaction is of another service, or this one has lost data"
	}
	if e.Detail != "" {
		f.Message += " (" + e.Detail + ")"
	}
	return f
}

// describeWait tells of a command whose time was up, or that was interrupted, before the answer came.
func (s *shell) describeWait(e *client.WaitError) failure {
	f := failure{Name: "Timeout", Path: e.Path, exit: exitFailed}
	switch {
	case errors.Is(e.Cause, context.Canceled):
		path := f.Path
		f = s.interrupted()
		f.Path = path
	case e.State == client.Connected:
		f.Message = "no answer in time from " + s.server()
		f.hint = "the server is there, but it waits: do a majority of the servers run and reach each other? --timeout gives more time"
	default:
		f.Message = "no answer in time: the session is " + e.State.String()
		if reasons := attempts(e.Last); reasons != "" {
			f.Message += ", " + reasons
		}
		f.hint = "does a majority of the servers run? --timeout gives more time"
	}
	if !client.NotApplied(e) {
		f.Message += "; the write is still to be carried out while the session lives"
	}
	return f
}

// describeOpen tells why there is no session.
func (s *shell) describeOpen(e *openError) failure {
	if errors.Is(e.ended, context.Canceled) {
		return s.interrupted()
	}
	reasons := attempts(e.cause)
	if reasons == "" {
		reasons = strings.Join(s.servers, ", ") + ": no answer in time"
	}
	switch {
	case !e.reached:
		return failure{
			Name: "Unreachable", Message: "no server reachable: " + reasons,
			hint: "does coxswain serve run there? -s HOST:PORT,… or COXSWAIN_SERVERS names other servers", exit: exitFailed,
		}
	case errors.Is(e.cause, client.ErrNoQuorum) || noWelcome(e.cause):
		return failure{
			Name: "NoQuorum", Message: "no quorum: a server accepts connections but cannot open a session: " + reasons,
			hint: "do a majority of the cluster's servers run and reach each other?", exit: exitFailed,
		}
	default:
		return failure{Name: "Unreachable", Message: "no server can be used: " + reasons, exit: exitFailed}
	}
}

// noWelcome reports whether every server that was reached has let the client wait in vain, which is what one without a
// majority does.
func noWelcome(err error) bool {
	dial, ok := errors.AsType[*client.DialError](err)
	if !ok {
		return errors.Is(err, context.DeadlineExceeded)
	}
	return !slices.ContainsFunc(dial.Attempts, func(a client.Attempt) bool {
		timeout, ok := errors.AsType[net.Error](a.Err)
		return !dialing(a.Err) && (!ok || !timeout.Timeout())
	})
}

// dialing reports whether err came before a connection was there.
func dialing(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// attempts lists the addresses that were tried, each with its reason; empty if err tells of none.
func attempts(err error) string {
	dial, ok := errors.AsType[*client.DialError](err)
	if !ok {
		return ""
	}
	var all []string
	for _, a := range dial.Attempts {
		all = append(all, a.Server+": "+reason(a.Err))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// reason is why one address would not do, without the address, which is told beside it.
func reason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name cannot be resolved (" + dns.Err + ")"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	}
	return err.Error()
}

// report prints a failure: a line for people, and for programs an object. line is that of a script, 0 elsewhere.
func (o *output) report(f failure, line int) {
	where := ""
	if line > 0 {
		where = fmt.Sprintf("line %d: ", line)
	}
	o.complain("cox: %s%s\n", where, f.Message)
	if o.json {
		object, err := encodeJSON(struct {
			Error failure `json:"error"`
			Line  int     `json:"line,omitempty"`
		}{f, line})
		if err == nil {
			_, _ = o.stderr.Write(object) // there is nowhere left to tell it
		}
		return
	}
	if f.hint != "" {
		o.complain("     %s\n", f.hint)
	}
}
