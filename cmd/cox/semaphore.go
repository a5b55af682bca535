package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func semaphoreVerb() *verb {
	return &verb{
		name: "semaphore", args: "NAME", argsMin: 1, argsMax: 1, long: true, program: true, group: "Coordination",
		summary: "take one of several permits and run a program with it, or keep it until Ctrl-C",
		options: []option{
			{"n", "permits", "PERMITS", "how many there are; without, as many as others have set"},
			{"", "take", "NUMBER", "take so many at once (default 1)"},
			{"", "set", "PERMITS", "take none, but change how many there are"},
			tryOption, waitOption, conflictOption, sessionOption,
		},
		details: `Permits are given in the order of asking. The first one who uses the semaphore sets how many there are; who
says another number later is refused, until --set has changed it. Nobody loses a permit by that: if fewer
are set than are out, none are given until enough have come back. NAME is the path of a node, or without a
slash in front one below /semaphores. help lock tells what a PROGRAM gets, and when it is ended;
COXSWAIN_FENCE tells grants apart, but several are good at a time.

  cox semaphore -n 3 backups -- ./backup.sh
  cox semaphore --try backups -- ./backup.sh
  semaphore --set 5 backups
  why backups                who has permits, who waits`,
		run: runSemaphore,
	}
}

func runSemaphore(c *call) error {
	path, err := c.place(c.args[0], "/semaphores")
	if err != nil {
		return err
	}
	permits, err := c.number(c.verb, "permits", math.MaxInt32, 0)
	if err != nil {
		return err
	}
	n, err := c.number(c.verb, "take", math.MaxInt32, 1)
	if err != nil {
		return err
	}
	set, err := c.number(c.verb, "set", math.MaxInt32, 0)
	switch {
	case err != nil:
		return err
	case set > 0 && (c.command != nil || slices.ContainsFunc(c.verb.options, func(o option) bool { return o.long != "set" && c.has(o.long) })):
		return c.misuse("--set takes no permit: it excludes a program and the other options")
	case set > 0:
		return c.setPermits(path, set)
	}
	return c.claim(claim{done: "Taken", path: path, ask: func(ctx context.Context, cl *client.Client, try bool) (*recipes.Hold, error) {
		s := recipes.NewSemaphore(cl, path, permits)
		if try {
			return s.TryAcquire(ctx, n)
		}
		return s.Acquire(ctx, n)
	}})
}

type permitsRecord struct {
	Path    string `json:"path"`
	Permits int    `json:"permits"`
}

func (r *permitsRecord) text(o *output) {
	o.printf("Set %s (%s)\n", r.Path, counted(int64(r.Permits), "permit"))
}

// setPermits changes the number of permits, unless the node is something else than a semaphore.
func (c *call) setPermits(path string, permits int) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	node, err := cl.Get(ctx, path)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		return err
	}
	if _, none := strconv.Atoi(string(node.Data)); none != nil && len(node.Data) > 0 {
		return fmt.Errorf("%s is no semaphore: it has data that are no number", path)
	}
	if err := recipes.NewSemaphore(cl, path, 0).SetPermits(ctx, permits); err != nil {
		return err
	}
	return c.give(&permitsRecord{path, permits})
}
