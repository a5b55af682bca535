package main

import (
	"fmt"
	"slices"
)

func removewatchesVerb() *verb {
	return &verb{
		name: "removewatches", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, where: inSession, group: "Watches",
		summary: "remove the watches that this shell has on a path",
		options: []option{
			{"c", "children", "", "those of its children, set by ls -w"},
			{"d", "data", "", "those of the node, set by get -w, stat -w and exists -w"},
			{"a", "any", "", "all of them (default)"},
			{"p", "persistent", "", "that of addWatch -m PERSISTENT"},
			{"r", "recursive", "", "that of addWatch"},
			{"l", "local", "", "accepted, as in zkCli: a watch is removed with or without a connection"},
		},
		details: `Events that have come before are printed. -c, -d, -p and -r may be combined.

  removewatches /app
  removewatches -c /app`,
		run: runRemovewatches,
	}
}

type removedWatchesRecord struct {
	Path    string `json:"path"`
	Removed int    `json:"removed"`
}

func (*removedWatchesRecord) text(*output) {}

func runRemovewatches(c *call) error {
	var kinds []watchKind
	for long, kind := range map[string]watchKind{
		"children": childWatch, "data": dataWatch, "persistent": persistentWatch, "recursive": recursiveWatch,
	} {
		if c.has(long) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) > 0 && c.has("any") {
		return c.misuse("-a is all of -c, -d, -p and -r")
	}
	r := &removedWatchesRecord{Path: c.args[0]}
	c.shell.drain()
	list := &c.shell.watches.list
	*list = slices.DeleteFunc(*list, func(w watch) bool {
		if w.path != r.Path || len(kinds) > 0 && !slices.Contains(kinds, w.kind) {
			return false
		}
		w.Close()
		r.Removed++
		return true
	})
	if r.Removed == 0 {
		return fmt.Errorf("no watcher: this shell has no such watch on %s", r.Path)
	}
	return c.give(r)
}
