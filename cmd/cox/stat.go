package main

import "github.com/coxswain-io/coxswain/client"

func statVerb() *verb {
	return &verb{
		name: "stat", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, group: "Nodes",
		summary: "print what is known about a node beside its data",
		options: withOptions([]option{watchOption}, freshness...),
		details: `The names are zkCli's: cZxid, mZxid and pZxid are the transactions that created the node, last set
its data, and last created or deleted a child of it; ctime and mtime their times; cversion,
dataVersion and aclVersion count changes of children, data and access control. kind and ttl follow
for nodes that the service removes by itself.

  stat /app`,
		run: runStat,
	}
}

type foundRecord struct {
	Path string      `json:"path"`
	Stat *statRecord `json:"stat"`

	stat client.Stat
}

func (r *foundRecord) text(o *output) { o.printStat(r.stat) }

func runStat(c *call) error {
	var w *client.Watch
	cl, options, err := c.reading(&w)
	if err != nil {
		return err
	}
	stat, there, err := cl.Exists(c.ctx, c.args[0], options...)
	switch {
	case err != nil:
		return err
	case !there:
		if w != nil {
			w.Close()
		}
		return absent(c.args[0])
	}
	err = c.give(&foundRecord{c.args[0], newStatRecord(stat), stat})
	c.watching(w, dataWatch)
	return err
}

// absent is the error that a read of a node that is not there gets.
func absent(path string) error {
	return &client.Error{Code: client.ErrNoNode.(client.Code), Path: path}
}
