package main

import (
	"encoding/base64"
	"encoding/hex"

	"github.com/coxswain-io/coxswain/client"
)

func getVerb() *verb {
	return &verb{
		name: "get", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, group: "Nodes",
		summary: "print a node's data",
		options: withOptions([]option{
			statOption, watchOption,
			{"b", "base64", "", "print the data in base64"},
			{"x", "hexdump", "", "print the data as a hexadecimal dump"},
		}, freshness...),
		details: `On a terminal what is not printable is escaped (\n, \x1b, \u202e) and a newline is added. Otherwise
cox get PATH writes the data byte by byte and nothing else; with -s or -w, and in a script, a newline
follows it.

  get /app
  get -s /app
  cox get /app > file
  cox get -w /app            waits until /app is set or deleted`,
		run: runGet,
	}
}

type gotRecord struct {
	Path string `json:"path"`
	dataRecord
	Stat *statRecord `json:"stat"`

	node client.Node
	call *call
}

func (r *gotRecord) text(o *output) {
	data := r.node.Data
	switch {
	case r.call.has("base64"):
		o.printf("%s\n", base64.StdEncoding.EncodeToString(data))
	case r.call.has("hexdump"):
		_, _ = o.stdout.WriteString(hex.Dump(data)) // ASCII only; Flush returns its error
	case o.terminal:
		o.printf("%s\n", string(data))
	default:
		_, _ = o.stdout.Write(data)
		if !o.exact || r.call.has(statOption.long) || r.call.has(watchOption.long) {
			_ = o.stdout.WriteByte('\n')
		}
	}
	if r.call.has(statOption.long) {
		o.printStat(r.node.Stat)
	}
}

func runGet(c *call) error {
	if c.has("base64") && c.has("hexdump") {
		return c.misuse("-b excludes -x")
	}
	var w *client.Watch
	cl, options, err := c.reading(&w)
	if err != nil {
		return err
	}
	node, err := cl.Get(c.ctx, c.args[0], options...)
	if err != nil {
		return err
	}
	r := &gotRecord{Path: c.args[0], dataRecord: newDataRecord(node.Data), Stat: newStatRecord(node.Stat), node: node, call: c}
	switch {
	case c.has("base64"):
		r.dataRecord = base64Record(node.Data)
	case c.has("hexdump"):
		r.dataRecord = dataRecord{hex.EncodeToString(node.Data), "hex"}
	}
	err = c.give(r)
	c.watching(w, dataWatch)
	return err
}
