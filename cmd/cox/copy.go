package main

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

func cpVerb() *verb {
	return &verb{
		name: "cp", args: "FROM TO", argsMin: 2, argsMax: 2, paths: 2, group: "Trees",
		summary: "copy a node and all below it, in one transaction",
		options: guards,
		details: `TO is the path of the copy itself: nothing may be there, and its parent must be. The copies are new
nodes: their versions begin at 0. Ephemeral nodes cannot be copied, they belong to a session. What is
expected by -v and --if-… is about FROM. There is a limit to what one transaction copies.

  cp /app/config /app/config-before`,
		run: func(c *call) error { return runTransfer(c, "Copied", (*client.Client).CopyTree) },
	}
}

func mvVerb() *verb {
	return &verb{
		name: "mv", args: "FROM TO", argsMin: 2, argsMax: 2, paths: 2, group: "Trees",
		summary: "move a node and all below it, in one transaction",
		options: guards,
		details: `Nobody ever sees both, or neither. TO is the new path itself: nothing may be there, and its parent must
be. The moved nodes are new ones, whose versions begin at 0; ephemeral nodes still belong to their
sessions. What is expected by -v and --if-… is about FROM. There is a limit to what one transaction
moves.

  mv /app/config-next /app/config`,
		run: func(c *call) error { return runTransfer(c, "Moved", (*client.Client).MoveTree) },
	}
}

type transferRecord struct {
	From  string      `json:"from"`
	To    string      `json:"to"`
	Nodes int64       `json:"nodes"`
	Stat  *statRecord `json:"stat"`

	done string
}

func (r *transferRecord) text(o *output) {
	o.printf("%s %s to %s (%s)\n", r.done, r.From, r.To, counted(r.Nodes, "node"))
}

// runTransfer copies or moves.
func runTransfer(
	c *call, done string,
	do func(_ *client.Client, _ context.Context, from, to string, _ ...client.WriteOption) (client.Stat, int64, error),
) error {
	guard, err := c.guard(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	from, to := c.args[0], c.args[1]
	stat, nodes, err := do(cl, c.ctx, from, to, guard...)
	if refused, ok := errors.AsType[*client.Error](err); ok && errors.Is(err, client.ErrNoNode) && refused.Path != from {
		refused.Detail = "the parent of " + to + " is missing; create -p makes it"
	}
	if err != nil {
		return err
	}
	return c.give(&transferRecord{from, to, nodes, newStatRecord(stat), done})
}
