package main

import (
	"context"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func lockVerb() *verb {
	return &verb{
		name: "lock", args: "NAME", argsMin: 1, argsMax: 1, long: true, program: true, group: "Coordination",
		summary: "take a lock and run a program under it, or hold it until Ctrl-C",
		options: []option{
			tryOption, waitOption, conflictOption, labelOption,
			{"", "shared", "", "together with others who say so, while nobody has it alone: to read"},
			{"", "delay", "DURATION", "keep it from everybody for so long after a loss; all its users must say so"},
			sessionOption,
		},
		details: `Locks are given in the order of asking. NAME is the path of a node, or without a slash in front one below
/locks; nodes that are absent are made, and go when nobody wants the lock. A signal while waiting leaves
the line; without a PROGRAM it gives the lock back. --delay counts from when the next one finds that the
lock was lost, and can last some three seconds more.

` + holdingHelp + `

So whatever the program writes to the tree can be made to depend on its still having the lock:

  cox lock backup -- ./backup.sh
  cox lock --try --label "nightly run" backup -- ./backup.sh
  cox lock deploy -- sh -c 'cox multi "check $COXSWAIN_LOCK --if-czxid $COXSWAIN_FENCE" "set /app/version 7"'
  why backup                 who has it, who waits`,
		run: runLock,
	}
}

func runLock(c *call) error {
	path, err := c.place(c.args[0], "/locks")
	if err != nil {
		return err
	}
	var options []recipes.LockOption
	if c.has(labelOption.long) {
		options = append(options, recipes.WithLabel([]byte(c.values[labelOption.long])))
	}
	delay, ok, err := c.span("delay", "500ms or 15s")
	if err != nil {
		return err
	}
	if ok {
		options = append(options, recipes.LockDelay(delay))
	}
	return c.claim(claim{done: "Locked", path: path, ask: func(ctx context.Context, cl *client.Client, try bool) (*recipes.Hold, error) {
		lock, readers := recipes.NewLock(cl, path, options...), recipes.NewRWLock(cl, path, options...)
		switch shared := c.has("shared"); {
		case shared && try:
			return readers.TryRead(ctx)
		case shared:
			return readers.Read(ctx)
		case try:
			return lock.TryAcquire(ctx)
		}
		return lock.Acquire(ctx)
	}})
}
