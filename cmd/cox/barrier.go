package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func barrierVerb() *verb {
	return &verb{
		name: "barrier", args: "raise|wait|lift NAME", argsMin: 2, argsMax: 2, long: true,
		actions: []string{"raise", "wait", "lift"}, paths: 2, group: "Coordination",
		summary: "hold back whoever waits, until the barrier is lifted",
		options: []option{waitOption},
		details: `raise and lift have no effect if that is done already; wait returns at once if there is no barrier. It
belongs to nobody: it stays when whoever has raised it ends. A barrier is a node without data and children;
one that has some is something else, and neither raised nor lifted. NAME is the path of a node, or without
a slash in front one below /barriers.

  barrier raise migration
  cox barrier wait migration && ./worker
  barrier lift migration`,
		run: runBarrier,
	}
}

type barrierRecord struct {
	Path   string `json:"path"`
	Raised bool   `json:"raised"`

	action string
}

func (r *barrierRecord) text(o *output) {
	switch r.action {
	case "raise":
		o.printf("Raised %s\n", r.Path)
	case "lift":
		o.printf("Lifted %s\n", r.Path)
	}
}

func runBarrier(c *call) error {
	action := c.args[0]
	path, err := c.place(c.args[1], "/barriers")
	switch {
	case err != nil:
		return err
	case action != "raise" && action != "wait" && action != "lift":
		return c.misuse("barrier can raise, wait and lift, not %q", escape(action))
	case action != "wait" && c.has(waitOption.long):
		return c.misuse("--wait is for barrier wait")
	}
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	cl, err := c.clientFor(ctx)
	if err != nil {
		return err
	}
	if action == "wait" {
		err = c.awaitBarrier(ctx, cl, path)
	} else {
		ctx, cancel := c.step()
		defer cancel()
		err = moveBarrier(ctx, cl, path, action)
	}
	if err != nil {
		return err
	}
	return c.give(&barrierRecord{path, action == "raise", action})
}

// awaitBarrier waits until the barrier is lifted. When the time is up, which may have been before the servers were asked, the barrier
// may be down all the same.
func (c *call) awaitBarrier(ctx context.Context, cl *client.Client, path string) error {
	err := recipes.NewBarrier(cl, path).Wait(ctx)
	if !errors.Is(err, errWaited) {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, askedMax)
	defer cancel()
	switch _, there, err := cl.Exists(ctx, path); {
	case err != nil:
		c.shell.unanswered = true
		return &waitedError{path, "the servers do not tell whether it is raised", exitFailed}
	case there:
		return &heldError{path, "the barrier is still raised", "", exitFailed}
	}
	return nil
}

// moveBarrier raises or lifts a barrier, unless the node is something else.
func moveBarrier(ctx context.Context, cl *client.Client, path, action string) error {
	barrier := recipes.NewBarrier(cl, path)
	if action == "raise" { // which leaves a node that is there as it is
		if err := barrier.Raise(ctx); err != nil {
			return err
		}
		return noBarrier(ctx, cl, path)
	}
	if err := noBarrier(ctx, cl, path); err != nil {
		return err
	}
	err := barrier.Lift(ctx)
	if errors.Is(err, client.ErrNotEmpty) { // since just now
		return noBarrier(ctx, cl, path)
	}
	return err
}

// noBarrier fails if there is a node that is no barrier.
func noBarrier(ctx context.Context, cl *client.Client, path string) error {
	stat, _, err := cl.Exists(ctx, path)
	switch {
	case err != nil:
		return err
	case stat.NumChildren > 0:
		return fmt.Errorf("%s is no barrier: it has %s", path, children(stat.NumChildren))
	case stat.DataLength > 0:
		return fmt.Errorf("%s is no barrier: it has data", path)
	}
	return nil
}
