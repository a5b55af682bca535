package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// holdingHelp is what all of these verbs say about the program.
const holdingHelp = `With a PROGRAM nothing is printed: it runs with cox's standard input (in the shell and in scripts with
none), it gets the SIGINT, SIGTERM, SIGHUP and SIGQUIT that cox gets, and goes on to get them if it was
stopped. Its exit status is that of cox, 128 and the signal's number if a signal has ended it, 127 if it is
not found and 126 if it cannot be run. Its environment has COXSWAIN_FENCE, the number of the grant in
decimal, which only grows from holder to holder; COXSWAIN_LOCK, the node that stands for it; and
COXSWAIN_SERVERS. When it has ended it is given back at once: what it has left in the background goes on.

If it is lost, the program and the process group that it leads are ended, and the status is 1. When
servers are out of reach that begins, with SIGTERM, 1/8 of the session's timeout before anybody else can
get it, and SIGKILL follows half-way; when it is gone already (the session was killed, the node deleted)
SIGKILL comes at once. So programs do not overlap while cox runs, unless the service was told to take it
away, or clocks are wrong by more than 1/16.

cox can do nothing while it does not run itself. If it is stopped (SIGSTOP, a suspended machine), its
program goes on while another one begins after the session's timeout, and is ended when cox goes on. If
cox is killed with SIGKILL the program dies with it on Linux, but not what that has started. Nor does cox
find processes that have left the group. Whatever must not be written by two should check the fence.

At a terminal the program has the keyboard. Ctrl-Z does not stop it, nor cox. In the background it stops
when it reads from the terminal, and keeps what it holds, until fg.`

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

	there <-chan struct{} // closed when it is there, if it is to come later; nil otherwise
	notes <-chan string   // why it is not yet
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
	go func() { end(final(ctx, r)) }()
	err := func() error { return context.Cause(ctx) }
	return &holding{call: c, client: cl, what: what, ctx: ctx, err: err, release: release, news: c.news(cl, what)}
}

// final is why such a node is not kept up any more, or ctx.
func final(ctx context.Context, r registered) error {
	for {
		state, changed := r.State()
		if state.Final() {
			return r.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// duplicate says that another session has a node which is to be registered, and so is waited for; "" if none has.
func (c *call) duplicate(ctx context.Context, cl *client.Client, path string) string {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stat, there, err := cl.Exists(ctx, path)
	if owner := client.SessionID(stat.Owner); err == nil && there && owner != cl.Session().ID {
		return fmt.Sprintf("waiting for %s, which is there already, of session %s", path, owner)
	}
	return ""
}

// keep runs the program, or without one tells what is held and waits for Ctrl-C; then it gives it back. The program's status stays
// what it is.
func (h *holding) keep(p *program, env []string, told answer) error {
	var err error
	if p != nil {
		err = h.runProgram(p, env)
	} else {
		err = h.await(told)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	released := h.release(ctx)
	if released == nil || err != nil {
		return err
	}
	h.call.shell.unanswered = true
	released = fmt.Errorf("%s is not given back yet, and will be when its session ends: %w", h.what, released)
	if p == nil {
		return released
	}
	h.call.out.complain("cox: %v\n", released)
	return nil
}

// await waits for Ctrl-C, which is the usual end, or for the loss.
func (h *holding) await(told answer) error {
	there := h.there
	if there == nil {
		if err := h.call.give(told); err != nil {
			return err
		}
	}
	for {
		select {
		case <-h.stateChanged():
		case <-there:
			there = nil
			if err := h.call.give(told); err != nil {
				return err
			}
		case note := <-h.notes:
			h.call.out.complain("cox: %s\n", note)
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
	heed(signals, slices.Concat(endings, stops)...)
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
	var kill, again <-chan time.Time
	for {
		select {
		case <-h.stateChanged():
		case note := <-h.notes:
			h.call.out.complain("cox: %s\n", note)
		case s := <-signals:
			if slices.Contains(endings, s) {
				r.signal(s.(syscall.Signal))
			} else {
				h.call.out.complain("cox: cannot be stopped while it holds %s\n", h.what)
			}
		case <-r.stopped:
			again = r.revive(h.what)
		case <-again:
			again = r.revive(h.what)
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

// lost is the error of what is not held any more, or never was.
func (h *holding) lost(cause error) error {
	select {
	case <-h.there:
	default:
		if h.there != nil {
			return cause
		}
	}
	return &lostError{h.what, cause}
}

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
