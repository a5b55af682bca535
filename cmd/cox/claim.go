package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// Options of the verbs that claim something.
var (
	tryOption      = option{"", "try", "", "do not wait: if somebody else has it, fail with status 1"}
	waitOption     = option{"", "wait", "DURATION", "wait no longer than that, then fail with status 1"}
	conflictOption = option{"E", "conflict", "STATUS", "the status if it cannot be had, or not in time, instead of 1"}
	labelOption    = option{"l", "label", "TEXT", "what why shows to others beside the name of this process"}

	sessionOption = option{"", "session", "DURATION", "timeout of the session, from its last sign of life (default 10s)"}
)

// claim is how a verb asks for something that one process has, or some have, at a time.
type claim struct {
	done  string // what is printed when it is had: "Locked"
	path  string
	value string // of a candidate
	ask   func(ctx context.Context, cl *client.Client, try bool) (*recipes.Hold, error)
	term  bool // the fence is that of a term
}

// claim waits for what is claimed, as the options say, and keeps it while a program runs, or until Ctrl-C.
func (c *call) claim(k claim) error {
	status, err := c.number(c.verb, conflictOption.long, statusMax, exitFailed)
	if err != nil {
		return err
	}
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	cl, program, err := c.holder(ctx)
	if err != nil {
		return err
	}
	told := c.tellWaiting(cl, k.path)
	h, err := k.ask(ctx, cl, c.has(tryOption.long))
	told()
	if err != nil {
		return c.refused(cl, k.path, status, err)
	}
	fence := strconv.FormatUint(uint64(h.Fence()), 10)
	env := []string{"COXSWAIN_FENCE=" + fence, "COXSWAIN_LOCK=" + h.Path()}
	if k.term {
		env = append(env, "COXSWAIN_TERM="+fence)
	}
	record := &heldRecord{k.path, h.Path(), uint64(h.Fence()), k.value, k.done}
	return c.newHolding(cl, k.path, h).keep(program, env, record)
}

// heldRecord is what is held without a program.
type heldRecord struct {
	Path  string `json:"path"`
	Node  string `json:"node"`
	Fence uint64 `json:"fence"`
	Value string `json:"value,omitempty"` // of a leader

	done string
}

func (r *heldRecord) text(o *output) {
	o.printf("%s %s: fence %d, node %s\n", r.done, r.Path, r.Fence, r.Node)
}

// place is the path that a name stands for: itself, or one below parent.
func (c *call) place(name, parent string) (string, error) {
	full := name
	if !strings.HasPrefix(name, "/") {
		full = parent + "/" + name
	}
	if full == "/" || path.Clean(full) != full {
		return "", c.misuse("NAME is a path such as /app/x, or x for %s/x, not %q", parent, escape(name))
	}
	return full, nil
}

// span is the value of an option that takes a time, and whether it was given. A number alone, which create takes for milliseconds,
// would mean seconds to most.
func (c *call) span(long, example string) (time.Duration, bool, error) {
	text, ok := c.values[long]
	if !ok {
		return 0, false, nil
	}
	d, err := duration(text)
	if _, bare := strconv.ParseFloat(text, 64); err != nil || bare == nil {
		return 0, false, c.misuse("--%s takes a duration with its unit, such as %s, not %q", long, example, escape(text))
	}
	return d, true, nil
}

// waiting is the context in which a verb waits for its turn: --wait bounds it.
func (c *call) waiting() (context.Context, context.CancelFunc, error) {
	d, ok, err := c.span(waitOption.long, "500ms or 10s")
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		ctx, cancel := context.WithCancel(c.ctx)
		return ctx, cancel, nil
	case c.has(tryOption.long):
		return nil, nil, c.misuse("--try does not wait: it excludes --wait")
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, d, errWaited)
	return ctx, cancel, nil
}

// errWaited is the end of --wait.
var errWaited = errors.New("the time to wait is up")

// holder is the client of a verb that holds something, and the program that it is to run, if any.
func (c *call) holder(ctx context.Context) (*client.Client, *program, error) {
	var p *program
	if c.command != nil {
		var err error
		if p, err = newProgram(c); err != nil {
			return nil, nil, err
		}
	}
	d, ok, err := c.span(sessionOption.long, "2s or 1m")
	switch {
	case err != nil:
		return nil, nil, err
	case ok && c.shell.mode != oneShot:
		return nil, nil, c.misuse("--session is for single commands: here all share one session")
	case ok:
		c.shell.sessionTimeout = d
	}
	cl, err := c.clientFor(ctx)
	return cl, p, err
}

// clientFor is the client of a command that then waits for others, as long as ctx says: that the service answers at all takes no
// longer than one request may, nor than that, but for what it takes to connect.
func (c *call) clientFor(ctx context.Context) (*client.Client, error) {
	most := c.timeout
	if deadline, ok := ctx.Deadline(); ok {
		most = min(most, max(time.Until(deadline), connectMin))
	}
	step, cancel := context.WithTimeout(c.ctx, most)
	defer cancel()
	if c.shell.client != nil {
		return c.shell.client, c.shell.client.Sync(step)
	}
	return c.shell.connected(step)
}

// heldError is something that somebody else has.
type heldError struct {
	path string
	text string
	by   string // who has it; empty if that could not be found out
	exit int
}

func (e *heldError) Error() string {
	text := e.text + ": " + e.path
	if e.by != "" {
		text += ": " + e.by
	}
	return text
}

// waitedError is something that could not be had in time, although nobody is known to have it.
type waitedError struct {
	path, why string
	exit      int
}

func (e *waitedError) Error() string { return errWaited.Error() + ": " + e.path + ": " + e.why }

// refused tells who has what could not be had, if that is why err is.
func (c *call) refused(cl *client.Client, path string, status int, err error) error {
	waited := errors.Is(err, errWaited)
	if !waited && !errors.Is(err, recipes.ErrHeld) {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, askedMax)
	defer cancel()
	e, explainErr := recipes.Explain(ctx, cl, path)
	by := holders(e, cl.Session().ID)
	switch {
	case !waited:
		return &heldError{path, recipes.ErrHeld.Error(), by, status}
	case explainErr != nil:
		c.shell.unanswered = true
		return &waitedError{path, "the servers do not tell who has it", status}
	case by != "":
		return &heldError{path, "still held by another", by, status}
	case e.Purpose == recipes.PurposeLock && e.Left > 0:
		return &heldError{path, "kept by its lock-delay", "", status}
	}
	return &waitedError{path, "nobody has it now", status}
}

// tellWaiting says to a user at a terminal for whom a command waits, if it waits for a while. It is over when what it returns has
// been called.
func (c *call) tellWaiting(cl *client.Client, path string) func() {
	if !c.out.progress {
		return func() {}
	}
	ctx, cancel := context.WithCancel(c.ctx)
	var telling sync.WaitGroup
	telling.Go(func() {
		select {
		case <-time.After(tellAfter):
		case <-ctx.Done():
			return
		}
		e, err := recipes.Explain(ctx, cl, path)
		if by := holders(e, cl.Session().ID); err == nil && by != "" {
			c.out.complain("cox: waiting for %s: held by %s\n", path, by)
		}
	})
	return func() {
		cancel()
		telling.Wait()
	}
}

// holders are those other than the session itself who have what only some have at a time, in one line.
func holders(e recipes.Explanation, self client.SessionID) string {
	if !slices.Contains([]recipes.Purpose{recipes.PurposeLock, recipes.PurposeElection, recipes.PurposeSemaphore}, e.Purpose) {
		return ""
	}
	var all []string
	for _, h := range e.Holders() {
		if h.Session.ID == self {
			continue
		}
		text := fmt.Sprintf("%s (session %s", nameOf(h), sessionOf(h))
		if len(h.Data) > 0 && len(h.Data) <= labelShown {
			text += ", " + string(h.Data)
		}
		all = append(all, text+") since "+age(time.UnixMilli(h.Stat.CtimeMS)))
	}
	return strings.Join(all, ", ")
}
