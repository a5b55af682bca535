package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// endings are the signals that ask cox, and the program that it runs, to end.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// interruption is such a signal, as the cause of the end of a command.
type interruption struct{ signal os.Signal }

func (i *interruption) Error() string { return "interrupted" }
func (i *interruption) Unwrap() error { return context.Canceled }

// interruptible is a context that the first of some signals ends; the next one ends the process at once.
func interruptible(parent context.Context, signals ...os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 1)
	heed(caught, signals...)
	context.AfterFunc(ctx, func() { signal.Stop(caught) })
	go func() {
		select {
		case s := <-caught:
			cancel(&interruption{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// heed has signals sent to a channel. Those that were ignored when cox was started (nohup, a script's background job) stay so, for
// the programs that it starts too.
func heed(c chan<- os.Signal, signals ...os.Signal) {
	signals = slices.DeleteFunc(slices.Clone(signals), signal.Ignored)
	if len(signals) > 0 { // none would stand for all
		signal.Notify(c, signals...)
	}
}

// interruptedStatus is the exit status of what a signal has interrupted, as shells have it.
func (s *shell) interruptedStatus() int {
	if s.run == nil {
		return exitFailed
	}
	if i, ok := context.Cause(s.run).(*interruption); ok {
		if number, ok := i.signal.(syscall.Signal); ok {
			return signalStatus + int(number)
		}
	}
	return exitFailed
}
