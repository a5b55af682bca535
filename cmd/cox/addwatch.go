package main

import (
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// Options of the commands that set persistent watches.
var (
	sinceOption  = option{"", "since", "ZXID", "tell also what has happened after that transaction"}
	valuesOption = option{"", "values", "", "tell the data as well, as they were right after the change"}
)

func addWatchVerb() *verb {
	return &verb{
		name: "addWatch", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, where: inSession, group: "Watches",
		summary: "set a watch that stays: each change is printed as it comes",
		options: []option{
			{"m", "mode", "MODE", "PERSISTENT: the node; PERSISTENT_RECURSIVE: all below too (default)"},
			sinceOption, valuesOption,
		},
		details: `PERSISTENT tells when the node is created, set and deleted, and when children of it are created and
deleted (ChildrenChanged). PERSISTENT_RECURSIVE tells of every node at or below PATH when it is
created, set and deleted. The node need not exist. A watch goes on over reconnects, exactly where it
was; should a server not remember what happened meanwhile, it says so by a Gap, and what you know is to
be read again. On a path that has such a watch it takes its place. For a single command there is watch.

  addWatch /app
  addWatch -m PERSISTENT --values /app/config
  removewatches /app`,
		run: runAddWatch,
	}
}

// watchModes are the values of addWatch -m, zkCli's.
var watchModes = []string{"PERSISTENT", "PERSISTENT_RECURSIVE"}

type addedWatchRecord struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
}

func (*addedWatchRecord) text(*output) {} // as in zkCli

func runAddWatch(c *call) error {
	path, mode, kind := c.args[0], watchModes[1], recursiveWatch
	if c.has("mode") {
		if mode = strings.ToUpper(c.values["mode"]); !slices.Contains(watchModes, mode) {
			return c.misuse("-m is PERSISTENT or PERSISTENT_RECURSIVE, not %q", escape(c.values["mode"]))
		}
		if mode == watchModes[0] {
			kind = persistentWatch
		}
	}
	options, err := c.watchOptions(kind == recursiveWatch, c.has(valuesOption.long))
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	list := &c.shell.watches.list
	c.shell.drain() // what a watch in this place has been told so far
	earlier := slices.IndexFunc(*list, func(w watch) bool { return w.kind >= persistentWatch && w.path == path })
	if earlier >= 0 {
		if old, ok := (*list)[earlier].source.(*client.PersistentWatch); ok && !c.has(sinceOption.long) {
			options = append(options, client.Since(old.Zxid())) // nothing falls between the two
		}
	} else if err := c.shell.watches.room(); err != nil {
		return err
	}
	w, err := cl.AddWatch(c.ctx, path, options...)
	if err != nil {
		return err
	}
	added := watch{source: w, kind: kind, path: path, values: c.has(valuesOption.long), out: c.out}
	if earlier >= 0 {
		(*list)[earlier].Close()
		(*list)[earlier] = added
	} else {
		*list = append(*list, added)
	}
	return c.give(&addedWatchRecord{path, mode})
}

// watchOptions is --since, and what else a persistent watch is to be.
func (c *call) watchOptions(recursive, data bool) ([]client.WatchOption, error) {
	var options []client.WatchOption
	if recursive {
		options = append(options, client.Recursive())
	}
	if data {
		options = append(options, client.WithNode())
	}
	z, ok, err := c.zxid(c.verb, sinceOption.long)
	if ok && err == nil {
		options = append(options, client.Since(z))
	}
	return options, err
}
