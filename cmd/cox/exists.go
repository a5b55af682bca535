package main

import "github.com/coxswain-io/coxswain/client"

func existsVerb() *verb {
	return &verb{
		name: "exists", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, group: "Nodes",
		summary: "print whether there is a node: true or false",
		options: withOptions([]option{watchOption}, freshness...),
		details: `The exit status of cox exists PATH is 1 if there is none. A watch is set in both cases; on an absent
node it fires when the node is created.

  exists /app
  cox exists /app || cox create /app`,
		run: runExists,
	}
}

type existsRecord struct {
	Path   string      `json:"path"`
	Exists bool        `json:"exists"`
	Stat   *statRecord `json:"stat,omitempty"`
}

func (r *existsRecord) text(o *output) { o.printf("%v\n", r.Exists) }

func runExists(c *call) error {
	var w *client.Watch
	cl, options, err := c.reading(&w)
	if err != nil {
		return err
	}
	stat, there, err := cl.Exists(c.ctx, c.args[0], options...)
	if err != nil {
		return err
	}
	r := &existsRecord{Path: c.args[0], Exists: there}
	if there {
		r.Stat = newStatRecord(stat)
	} else {
		c.shell.status = exitFailed
	}
	err = c.give(r)
	c.watching(w, dataWatch)
	return err
}
