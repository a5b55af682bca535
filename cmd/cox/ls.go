package main

import "github.com/coxswain-io/coxswain/client"

func lsVerb() *verb {
	return &verb{
		name: "ls", args: "PATH", argsMin: 1, argsMax: 1, path: true, long: true, group: "Trees",
		summary: "list the children of a node",
		options: []option{
			statOption, watchOption,
			{"R", "recursive", "", "list the node and all below, one path to a line"},
			levelOption,
		},
		details: `Names come in the order of their bytes. -R excludes -s and -w; it reads page by page, and what changes
meanwhile may be listed or not.

  ls /
  ls -s /app
  ls -R /app
  cox ls -w /app             waits until a child is created or deleted`,
		run: runLs,
	}
}

type listRecord struct {
	Path     string      `json:"path"`
	Children []string    `json:"children"`
	Stat     *statRecord `json:"stat"`

	stat *client.Stat // nil: not asked for
}

func (r *listRecord) text(o *output) {
	o.list(r.Children)
	if r.stat != nil {
		o.printStat(*r.stat)
	}
}

type pathsRecord struct {
	Path  string   `json:"path"`
	Paths []string `json:"paths"`
}

func (r *pathsRecord) text(o *output) {
	for _, p := range r.Paths {
		o.printf("%s\n", p)
	}
}

func runLs(c *call) error {
	if c.has("recursive") {
		return runLsRecursive(c)
	}
	var w *client.Watch
	cl, options, err := c.reading(&w)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	names, stat, err := cl.Children(ctx, c.args[0], options...)
	if err != nil {
		return err
	}
	r := &listRecord{Path: c.args[0], Children: append([]string{}, names...), Stat: newStatRecord(stat)}
	if c.has(statOption.long) {
		r.stat = &stat
	}
	err = c.give(r)
	c.watching(w)
	return err
}

// runLsRecursive prints as it goes, since the list may be long; only an object needs all of it at once.
func runLsRecursive(c *call) error {
	if c.has(statOption.long) || c.has(watchOption.long) {
		return c.misuse("-R excludes -s and -w")
	}
	r := &pathsRecord{Path: c.args[0]}
	err := c.walk(c.args[0], func(v visited) error {
		r.Paths = append(r.Paths, v.path)
		if c.out.json || len(r.Paths) < pageLength {
			return nil
		}
		err := c.give(r)
		r.Paths = r.Paths[:0]
		return err
	})
	if err != nil {
		return err
	}
	return c.give(r)
}
