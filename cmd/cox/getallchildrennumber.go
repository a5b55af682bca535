package main

func getAllChildrenNumberVerb() *verb {
	return &verb{
		name: "getAllChildrenNumber", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, group: "Trees",
		summary: "print how many nodes are below a node, at all depths",
		options: freshness,
		details: `The service keeps the count: it costs as little for a million nodes as for one.

  getAllChildrenNumber /`,
		run: runGetAllChildrenNumber,
	}
}

type descendantsRecord struct {
	Path        string `json:"path"`
	Descendants int64  `json:"descendants"`
}

func (r *descendantsRecord) text(o *output) { o.printf("%d\n", r.Descendants) }

func runGetAllChildrenNumber(c *call) error {
	options, err := c.level(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	n, err := cl.Descendants(c.ctx, c.args[0], options...)
	if err != nil {
		return err
	}
	return c.give(&descendantsRecord{c.args[0], n})
}
