package main

import (
	"context"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func electVerb() *verb {
	return &verb{
		name: "elect", args: "NAME VALUE", argsMin: 2, argsMax: 2, long: true, program: true, group: "Coordination",
		summary: "campaign, and lead while a program runs, or until Ctrl-C; VALUE tells others who leads",
		options: []option{waitOption, conflictOption, sessionOption},
		details: `Candidates lead one after the other, in the order of asking. Each leadership is a term with a number that
only grows, the fence of what is done in it. NAME is the path of a node, or without a slash in front one
below /elections. help lock tells what a PROGRAM gets, and when it is ended; COXSWAIN_TERM is another name
for COXSWAIN_FENCE here.

  cox elect scheduler $(hostname):8080 -- ./scheduler
  observe scheduler          who leads, from now on
  why scheduler              the candidates`,
		run: runElect,
	}
}

func runElect(c *call) error {
	path, err := c.place(c.args[0], "/elections")
	if err != nil {
		return err
	}
	value := c.args[1]
	ask := func(ctx context.Context, cl *client.Client, _ bool) (*recipes.Hold, error) {
		l, err := recipes.NewElection(cl, path).Campaign(ctx, []byte(value))
		if err != nil {
			return nil, err
		}
		return l.Hold, nil
	}
	return c.claim(claim{done: "Elected", path: path, value: value, ask: ask, term: true})
}
