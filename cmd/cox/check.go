package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// check says again and again how healthy an instance of a service is, which is registered when the first one has passed.
type check struct {
	command  string
	every    time.Duration
	register func(context.Context) (*recipes.Instance, error)

	notes    chan string       // why it is not registered yet
	there    chan struct{}     // closed when it is
	instance *recipes.Instance // from then on
}

// newChecked is what holds a node that is registered when its check has passed.
func (c *call) newChecked(cl *client.Client, what string, k *check) *holding {
	k.notes, k.there = make(chan string, 1), make(chan struct{})
	ctx, end := context.WithCancelCause(context.WithoutCancel(c.ctx))
	var checking sync.WaitGroup
	checking.Go(func() {
		if err := k.begin(ctx); err != nil {
			end(err)
			return
		}
		close(k.there)
		checking.Go(func() { end(final(ctx, k.instance)) })
		k.goOn(ctx)
	})
	h := &holding{call: c, client: cl, what: what, ctx: ctx, news: c.news(cl, what), notes: k.notes, there: k.there}
	h.err = func() error { return context.Cause(ctx) }
	h.release = func(ctx context.Context) error {
		end(recipes.ErrReleased)
		checking.Wait()
		if k.instance == nil {
			return nil
		}
		return k.instance.Close(ctx)
	}
	return h
}

// begin registers the instance when the first check has passed, which is asked often: whatever is to be served has just begun.
func (k *check) begin(ctx context.Context) error {
	told := ""
	for next := time.Tick(min(k.every, firstCheckEvery)); ; {
		fault := k.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if fault == "" {
			var err error
			k.instance, err = k.register(ctx)
			return err
		}
		if fault != told {
			told = fault
			k.note(ctx, "not registered yet, the check fails: "+fault)
		}
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
}

// note is shown on stderr.
func (k *check) note(ctx context.Context, text string) {
	select {
	case k.notes <- text:
	case <-ctx.Done():
	}
}

// goOn checks until ctx ends.
func (k *check) goOn(ctx context.Context) {
	for next := time.Tick(k.every); ; {
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
		fault := k.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case fault == "":
			k.instance.Pass()
		default:
			k.instance.Fail(fault)
		}
	}
}

// once runs the check and returns what is wrong. One that hangs is killed after the interval, and has failed.
func (k *check) once(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, k.every)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", k.command)
	group(cmd, nil)
	cmd.Cancel = func() error { signalGroup(cmd.Process, syscall.SIGKILL); return nil }
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return ""
	case ctx.Err() != nil:
		return "the check has not ended in " + k.every.Round(time.Millisecond).String()
	}
	return lastLine(output, err)
}

// lastLine is what a check has printed at last, or how it has ended.
func lastLine(output []byte, err error) string {
	output = bytes.TrimSpace(output)
	line := string(output[bytes.LastIndexByte(output, '\n')+1:])
	if line == "" {
		return err.Error()
	}
	return strings.ToValidUTF8(line[:min(len(line), noteMax)], "")
}
