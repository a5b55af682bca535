package main

import (
	"math"

	"github.com/coxswain-io/coxswain/recipes"
)

func semaphoreVerb() *verb {
	return &verb{
		name: "semaphore", args: "NAME", argsMin: 1, argsMax: 1, long: true, program: true, group: "Coordination",
		summary: "take one of several permits and run a program with it, or keep it until Ctrl-C",
		options: []option{
			{"n", "permits", "PERMITS", "how many there are; without, as many as others have set"},
			{"", "take", "NUMBER", "take so many at once (default 1)"},
			tryOption, waitOption, sessionOption,
		},
		details: `Permits are given in the order of asking. The first one who uses the semaphore sets how many there are; who
says another number later is refused. NAME is the path of a node, or without a slash in front one below
/semaphores. help lock tells what a PROGRAM gets, and when it is ended; COXSWAIN_FENCE tells grants apart,
but several are good at a time.

  cox semaphore -n 3 backups -- ./backup.sh
  cox semaphore --try backups -- ./backup.sh
  why /semaphores/backups    who has permits, who waits`,
		run: runSemaphore,
	}
}

func runSemaphore(c *call) error {
	path := named(c.args[0], "/semaphores")
	permits, err := c.number(c.verb, "permits", math.MaxInt32, 0)
	if err != nil {
		return err
	}
	n, err := c.number(c.verb, "take", math.MaxInt32, 1)
	if err != nil {
		return err
	}
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	cl, program, err := c.holder()
	if err != nil {
		return err
	}
	s := recipes.NewSemaphore(cl, path, permits)
	take := s.Acquire
	if c.has(tryOption.long) {
		take = s.TryAcquire
	}
	h, err := take(ctx, n)
	if err != nil {
		return c.refused(cl, path, err)
	}
	return c.newHolding(cl, path, h).keep(program, fenced(h), newHeldRecord("Taken", path, h))
}
