package main

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/recipes"
)

func barrierVerb() *verb {
	return &verb{
		name: "barrier", args: "raise|wait|lift NAME", argsMin: 2, argsMax: 2, long: true,
		actions: []string{"raise", "wait", "lift"}, paths: 2, group: "Coordination",
		summary: "hold back whoever waits, until the barrier is lifted",
		options: []option{waitOption},
		details: `raise and lift have no effect if that is done already; wait returns at once if there is no barrier. It
belongs to nobody: it stays when whoever has raised it ends. NAME is the path of a node, or without a slash
in front one below /barriers.

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
	action, path := c.args[0], named(c.args[1], "/barriers")
	var do func(*recipes.Barrier, context.Context) error
	switch action {
	case "raise":
		do = (*recipes.Barrier).Raise
	case "wait":
		do = (*recipes.Barrier).Wait
	case "lift":
		do = (*recipes.Barrier).Lift
	default:
		return c.misuse("barrier can raise, wait and lift, not %q", escape(action))
	}
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	if action != "wait" {
		if c.has(waitOption.long) {
			return c.misuse("--wait is for barrier wait")
		}
		ctx, cancel = c.step()
		defer cancel()
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	err = do(recipes.NewBarrier(cl, path), ctx)
	switch {
	case errors.Is(err, errWaited):
		return &heldError{path: path, why: errRaised}
	case err != nil:
		return err
	}
	return c.give(&barrierRecord{path, action == "raise", action})
}

var errRaised = errors.New("the barrier is still raised")
