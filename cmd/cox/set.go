package main

import "github.com/coxswain-io/coxswain/client"

func setVerb() *verb {
	return &verb{
		name: "set", args: "PATH DATA", argsMin: 1, argsMax: 2, paths: 1, group: "Nodes",
		summary: "replace a node's data",
		options: withOptions([]option{statOption}, withOptions(guards, fileOption)...),
		details: `With -v it is done only if nobody has set the node since that version; --if-czxid tells a node from
one that was created later at the same path. cox set PATH - takes the data from standard input. Data
that begins with - is quoted, or follows --.

  set /app hello
  set /app "two words" -v 3
  set /app -- -5
  cox set /app --data-file settings.yaml`,
		run: runSet,
	}
}

type setRecord struct {
	Path string      `json:"path"`
	Stat *statRecord `json:"stat"`

	stat *client.Stat // nil: not asked for
}

func (r *setRecord) text(o *output) {
	if r.stat != nil {
		o.printStat(*r.stat)
	}
}

func runSet(c *call) error {
	guard, err := c.guard(c.verb)
	if err != nil {
		return err
	}
	data, ok, err := c.data(1)
	if err != nil {
		return err
	}
	if !ok {
		return c.misuse("set: DATA is missing")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	stat, err := cl.Set(c.ctx, c.args[0], data, guard...)
	if err != nil {
		return err
	}
	r := &setRecord{Path: c.args[0], Stat: newStatRecord(stat)}
	if c.has(statOption.long) {
		r.stat = &stat
	}
	return c.give(r)
}
