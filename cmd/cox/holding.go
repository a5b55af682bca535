package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// Options of the verbs that hold something.
var (
	tryOption   = option{"", "try", "", "do not wait: if somebody else has it, fail with status 1"}
	waitOption  = option{"", "wait", "DURATION", "wait no longer than that, then fail with status 1"}
	labelOption = option{"l", "label", "TEXT", "what why shows to others beside the name of this process"}

	sessionOption = option{"", "session", "DURATION", "timeout of the session, from its last sign of life (default 10s)"}
)

// holdingHelp is what all of these verbs say about the program.
const holdingHelp = `With a PROGRAM nothing is printed: it runs with cox's standard input (in the shell and in scripts with
none), it gets the SIGINT, SIGTERM, SIGHUP and SIGQUIT that cox gets, and its exit status is that of cox,
128 and the signal's number if a signal has ended it. Its environment has COXSWAIN_FENCE, the number of
the grant in decimal, which only grows from holder to holder; COXSWAIN_LOCK, the node that stands for it;
and COXSWAIN_SERVERS.

If it is lost, the program and the process group that it leads are ended, and the status is 1. When
servers are out of reach that begins, with SIGTERM, 1/8 of the session's timeout before anybody else can
get it, and SIGKILL follows half-way; when it is gone already (the session was killed, the node deleted)
SIGKILL comes at once. So two programs overlap only if the service was told to take it away, or clocks
are wrong by more than 1/16. Processes that have left the group are not found; what they write should
be fenced. On Linux the program also dies with cox.`

// holding is what a verb has got, until its program or its user has done with it.
type holding struct {
	call    *call
	client  *client.Client
	what    string // "/locks/a"
	ctx     context.Context
	err     func() error // why it cannot be relied on, looking at clocks; nil while it can
	release func(context.Context) error
	lone    bool // nobody else may have it: then its program must be gone before it is
	news    *news
}

// newHolding is what holds a Hold of recipes.
func (c *call) newHolding(cl *client.Client, what string, h *recipes.Hold) *holding {
	return &holding{
		call: c, client: cl, what: what, ctx: h.Context(), err: h.Err, release: h.Release, lone: true, news: c.news(cl, what),
	}
}

// registered is a node that comes back in the next session, until somebody deletes it.
type registered interface {
	State() (client.RegistrationState, <-chan struct{})
	Err() error
}

// newPresence is what holds such a node. It is over when that is: the goroutine ends with the release.
func (c *call) newPresence(cl *client.Client, what string, r registered, release func(context.Context) error) *holding {
	ctx, end := context.WithCancelCause(context.WithoutCancel(c.ctx))
	go func() {
		for {
			state, changed := r.State()
			if state.Final() {
				end(r.Err())
				return
			}
			<-changed
		}
	}()
	err := func() error { return context.Cause(ctx) }
	return &holding{call: c, client: cl, what: what, ctx: ctx, err: err, release: release, news: c.news(cl, what)}
}

// fenced is what the environment of its program tells about a hold.
func fenced(h *recipes.Hold) []string {
	return []string{"COXSWAIN_FENCE=" + strconv.FormatUint(uint64(h.Fence()), 10), "COXSWAIN_LOCK=" + h.Path()}
}

// holder is the client of a verb that holds something, and the program that it is to run, if any.
func (c *call) holder() (*client.Client, *program, error) {
	var p *program
	if c.command != nil {
		var err error
		if p, err = newProgram(c); err != nil {
			return nil, nil, err
		}
	}
	if text, ok := c.values[sessionOption.long]; ok {
		d, err := duration(text)
		if err != nil {
			return nil, nil, c.misuse("--session takes a duration such as 2s or 1m, not %q", escape(text))
		}
		if c.shell.mode != oneShot {
			return nil, nil, c.misuse("--session is for single commands: here all share one session")
		}
		c.shell.sessionTimeout = d
	}
	cl, err := c.client()
	return cl, p, err
}

// waiting is the context in which a verb waits for its turn: --wait bounds it.
func (c *call) waiting() (context.Context, context.CancelFunc, error) {
	text, ok := c.values[waitOption.long]
	if !ok {
		ctx, cancel := context.WithCancel(c.ctx)
		return ctx, cancel, nil
	}
	d, err := duration(text)
	switch {
	case err != nil:
		return nil, nil, c.misuse("--wait takes a duration such as 500ms or 10s, not %q", escape(text))
	case c.has(tryOption.long):
		return nil, nil, c.misuse("--try does not wait: it excludes --wait")
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, d, errWaited)
	return ctx, cancel, nil
}

// errWaited is the end of --wait.
var errWaited = errors.New("still held by another")

// heldError is something that somebody else has.
type heldError struct {
	path string
	why  error  // recipes.ErrHeld, or that the time to wait is up
	by   string // who has it; empty if that could not be found out
}

func (e *heldError) Error() string {
	text := e.why.Error() + ": " + e.path
	if e.by != "" {
		text += ": " + e.by
	}
	return text
}

// refused tells who has what could not be had, if that is why err is.
func (c *call) refused(cl *client.Client, path string, err error) error {
	why := recipes.ErrHeld
	waited, away := errors.AsType[*client.WaitError](err)
	switch {
	case away && waited.State != client.Connected:
		return err // nobody knows who has it
	case errors.Is(err, errWaited):
		why = errWaited
	case !errors.Is(err, recipes.ErrHeld):
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	e, explainErr := recipes.Explain(ctx, cl, path)
	if explainErr != nil {
		return &heldError{path: path, why: why}
	}
	return &heldError{path, why, holders(e)}
}

// keep runs the program, or without one tells what is held and waits for Ctrl-C; then it gives it back.
func (h *holding) keep(p *program, env []string, told answer) error {
	var err error
	if p != nil {
		err = h.runProgram(p, env)
	} else if err = h.call.give(told); err == nil {
		err = h.await()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	if released := h.release(ctx); released != nil && err == nil {
		err = fmt.Errorf("%s is not given back yet, and will be when its session ends: %w", h.what, released)
	}
	return err
}

// await waits for Ctrl-C, which is the usual end, or for the loss.
func (h *holding) await() error {
	for {
		select {
		case <-h.stateChanged():
		case <-h.call.ctx.Done():
			return nil
		case <-h.ctx.Done():
			return h.lost(context.Cause(h.ctx))
		}
	}
}

// runProgram runs it until it ends, and ends it when what is held is lost. Signals to cox are the program's.
func (h *holding) runProgram(p *program, env []string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := h.call.ctx.Err(); err != nil {
		return err // interrupted before it is begun
	}
	r, err := p.start(env)
	if err != nil {
		return err
	}
	defer r.finish()
	lost := h.ctx.Done()
	var kill <-chan time.Time
	for {
		select {
		case <-h.stateChanged():
		case s := <-signals:
			r.signal(s.(syscall.Signal))
		case <-r.stopped:
			goOn(r.cmd.Process.Pid)
		case <-lost:
			lost = nil
			r.signal(syscall.SIGTERM)
			kill = time.After(h.grace())
		case <-kill:
			kill = nil
			r.signal(syscall.SIGKILL)
		case err := <-r.done:
			if h.err() == nil {
				return p.exited(err)
			}
			r.signal(syscall.SIGKILL) // what it has left behind in its group
			return h.lost(h.err())
		}
	}
}

// grace is how long a program may go on when what it is run for can no longer be relied on.
func (h *holding) grace() time.Duration {
	if !h.lone {
		return programEndMax
	}
	if !errors.Is(context.Cause(h.ctx), client.ErrSuspect) {
		return 0 // it is gone
	}
	info := h.client.Session()
	most := info.Timeout / graceDivisor
	if info.ValidUntil.IsZero() {
		return 0
	}
	return max(0, min(most, time.Until(info.ValidUntil.Add(most))))
}

// lost is the error of what is not held any more.
func (h *holding) lost(cause error) error { return &lostError{h.what, cause} }

// lostError is something that was held and is not held any more, or not certainly.
type lostError struct {
	what  string
	cause error
}

func (e *lostError) Error() string {
	reason := e.cause.Error()
	if told, ok := errors.AsType[*recipes.Error](e.cause); ok && told.Detail != "" {
		reason = told.Detail
	}
	return "lost: " + e.what + ": " + reason
}

// stateChanged says on stderr when the servers are out of reach, since what is held may be lost by that, and returns a channel
// that is closed when there is something new.
func (h *holding) stateChanged() <-chan struct{} {
	if !h.lone {
		return h.news.changed()
	}
	state, changed := h.client.State()
	if state == h.news.told || state.Final() { // the end is an error of its own
		return changed
	}
	switch h.news.told = state; state {
	case client.Suspended:
		left := h.client.Session().ValidFor().Round(100 * time.Millisecond)
		h.call.out.complain("cox: the connection is lost; %s is certain for another %v\n", h.what, left)
	case client.Connected:
		h.call.out.complain("cox: connected to %s\n", h.call.shell.server())
	}
	return changed
}
