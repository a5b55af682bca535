package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// createOptions say what kind of node is made; a create inside a multi has them too.
var createOptions = []option{
	{"s", "sequential", "", "append a number of ten digits that grows with each child of the parent"},
	{"e", "ephemeral", "", "the node goes with this session and has no children"},
	{"c", "container", "", "the service removes the node when its last child is gone"},
	{"t", "ttl", "TTL", "the service removes it if childless and not set for TTL: milliseconds, or 10s"},
}

func createVerb() *verb {
	return &verb{
		name: "create", args: "PATH [DATA]", argsMin: 1, argsMax: 2, path: true, group: "Nodes",
		summary: "create a node and print its path",
		options: append(createOptions[:len(createOptions):len(createOptions)],
			option{"p", "parents", "", "make missing parents too, all in one transaction"}, fileOption),
		details: `Parents are not made unless -p says so. Without DATA the node is empty; cox create PATH - takes
the data from standard input. An ephemeral node lives as long as the session: of cox COMMAND until
the command ends, of a script until its end, of the shell until close or quit.
-c excludes -e and -s; -t excludes -e and -c.

  create /app hello
  create -p /app/config/db "two words"
  create -e -s /app/worker-
  create -t 10s /app/cache`,
		run: runCreate,
	}
}

type createdRecord struct {
	Path string      `json:"path"`
	Stat *statRecord `json:"stat"`
}

func (r *createdRecord) text(o *output) { o.printf("Created %s\n", r.Path) }

func runCreate(c *call) error {
	options, err := c.creation(c.verb)
	if err != nil {
		return err
	}
	data, _, err := c.data()
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	path, stat, err := create(c.ctx, cl, c.args[0], data, c.has("parents"), options)
	if err != nil {
		return err
	}
	return c.give(&createdRecord{path, newStatRecord(stat)})
}

// creation checks that the options go together.
func (p parsed) creation(v *verb) ([]client.CreateOption, error) {
	var options []client.CreateOption
	switch {
	case p.has("container") && (p.has("ephemeral") || p.has("sequential")):
		return nil, v.misuse("-c excludes -e and -s")
	case p.has("ttl") && (p.has("ephemeral") || p.has("container")):
		return nil, v.misuse("-t excludes -e and -c")
	}
	if p.has("sequential") {
		options = append(options, client.Sequential())
	}
	if p.has("ephemeral") {
		options = append(options, client.Ephemeral())
	}
	if p.has("container") {
		options = append(options, client.Container())
	}
	if p.has("ttl") {
		ttl, err := duration(p.values["ttl"])
		if err != nil {
			return nil, v.misuse("-t takes milliseconds, or a duration such as 10s, not %q", escape(p.values["ttl"]))
		}
		options = append(options, client.TTL(ttl))
	}
	return options, nil
}

// create creates a node, and if parents says so those of its ancestors that are missing, in one transaction: all or none.
func create(ctx context.Context, cl *client.Client, path string, data []byte, parents bool, options []client.CreateOption) (string, client.Stat, error) {
	for {
		made, stat, err := cl.Create(ctx, path, data, options...)
		if !errors.Is(err, client.ErrNoNode) {
			return made, stat, err
		}
		if missing, ok := errors.AsType[*client.Error](err); ok && !parents {
			missing.Detail = fmt.Sprintf("the parent of %s is missing; create -p makes parents", path)
			return "", stat, err
		}
		lineage, err := missingAncestors(ctx, cl, path)
		if err != nil {
			return "", stat, err
		}
		ops := make([]client.Op, 0, len(lineage)+1)
		for _, ancestor := range lineage {
			ops = append(ops, client.CreateOp(ancestor, nil))
		}
		results, err := cl.Multi(ctx, append(ops, client.CreateOp(path, data, options...))...)
		if err == nil {
			last := results[len(results)-1]
			return last.Path, last.Stat, nil
		}
		// Somebody else may have made, or removed, an ancestor meanwhile: then look again. If it is the node itself that is
		// there now, the plain create will tell.
		if !errors.Is(err, client.ErrNoNode) && !errors.Is(err, client.ErrNodeExists) {
			return "", stat, err
		}
	}
}

// missingAncestors are the ancestors of path that are absent, from the top.
func missingAncestors(ctx context.Context, cl *client.Client, path string) ([]string, error) {
	var missing []string
	for at := parentOf(path); at != "/"; at = parentOf(at) {
		_, there, err := cl.Exists(ctx, at)
		if err != nil {
			return nil, err
		}
		if there {
			break
		}
		missing = append([]string{at}, missing...)
	}
	return missing, nil
}

// parentOf is the path of the parent of a node that is not the root.
func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// childOf is the path of a child.
func childOf(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}
