package main

import (
	"strconv"

	"github.com/coxswain-io/coxswain/recipes"
)

func electVerb() *verb {
	return &verb{
		name: "elect", args: "NAME VALUE", argsMin: 2, argsMax: 2, long: true, program: true, group: "Coordination",
		summary: "campaign, and lead while a program runs, or until Ctrl-C; VALUE tells others who leads",
		options: []option{waitOption, sessionOption},
		details: `Candidates lead one after the other, in the order of asking. Each leadership is a term with a number that
only grows, the fence of what is done in it. NAME is the path of a node, or without a slash in front one
below /elections. help lock tells what a PROGRAM gets, and when it is ended; COXSWAIN_TERM is another name
for COXSWAIN_FENCE here.

  cox elect scheduler $(hostname):8080 -- ./scheduler
  observe scheduler          who leads, from now on
  why /elections/scheduler   the candidates`,
		run: runElect,
	}
}

func runElect(c *call) error {
	path := named(c.args[0], "/elections")
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	cl, program, err := c.holder()
	if err != nil {
		return err
	}
	l, err := recipes.NewElection(cl, path).Campaign(ctx, []byte(c.args[1]))
	if err != nil {
		return c.refused(cl, path, err)
	}
	record := newHeldRecord("Elected", path, l.Hold)
	record.Value = c.args[1]
	env := append(fenced(l.Hold), "COXSWAIN_TERM="+strconv.FormatUint(uint64(l.Term()), 10))
	return c.newHolding(cl, path, l.Hold).keep(program, env, record)
}
