package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// createOptions say what kind of node is made; a create inside a multi has them too.
var createOptions = []option{
	{"s", "sequential", "", "append a number of ten digits that grows with each child of the parent"},
	{"e", "ephemeral", "", "the node goes with this session and has no children"},
	{"c", "container", "", "the service removes the node when its last child is gone"},
	{"t", "ttl", "TTL", "the service removes it if childless and not set for TTL: milliseconds, or 10s"},
	{"p", "parents", "", "make missing parents too, all in one transaction"},
	{"", "container-parents", "", "the same, and each goes when its last child is gone"},
	{"", "if-absent", "", "a node that is there already is left as it is, and that is no failure"},
}

func createVerb() *verb {
	return &verb{
		name: "create", args: "PATH [DATA]", argsMin: 1, argsMax: 2, paths: 1, group: "Nodes",
		summary: "create a node and print its path",
		options: withOptions(createOptions, fileOption),
		details: `Parents are not made unless -p says so. Without DATA the node is empty; cox create PATH - takes
the data from standard input. An ephemeral node lives as long as the session: of cox COMMAND until
the command ends, of a script until its end, of the shell until close or quit.
With --if-absent the answer for a node that was there is Exists instead of Created. -c excludes -e and
-s; -t excludes -e and -c; --if-absent excludes -s.

  create /app hello
  create -p /app/config/db "two words"
  create -e -s /app/worker-
  create -t 10s /app/cache
  create --if-absent /app/counter 0`,
		run: runCreate,
	}
}

type createdRecord struct {
	Path    string      `json:"path"`
	Stat    *statRecord `json:"stat"`
	Existed bool        `json:"existed,omitempty"` // with --if-absent: it was there
}

func (r *createdRecord) text(o *output) {
	if r.Existed {
		o.printf("Exists %s\n", r.Path)
	} else {
		o.printf("Created %s\n", r.Path)
	}
}

func runCreate(c *call) error {
	options, err := c.creation(c.verb)
	if err != nil {
		return err
	}
	data, _, err := c.data(1)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	var existed bool
	path, stat, err := create(c.ctx, cl, c.args[0], data, append(options, client.Existed(&existed)))
	if err != nil {
		return err
	}
	return c.give(&createdRecord{path, newStatRecord(stat), existed})
}

// creation checks that the options go together.
func (p parsed) creation(v *verb) ([]client.CreateOption, error) {
	var options []client.CreateOption
	switch {
	case p.has("container") && (p.has("ephemeral") || p.has("sequential")):
		return nil, v.misuse("-c excludes -e and -s")
	case p.has("ttl") && (p.has("ephemeral") || p.has("container")):
		return nil, v.misuse("-t excludes -e and -c")
	case p.has("if-absent") && p.has("sequential"):
		return nil, v.misuse("--if-absent excludes -s, which never meets a node that is there")
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
	if p.has("parents") {
		options = append(options, client.Parents())
	}
	if p.has("container-parents") {
		options = append(options, client.ContainerParents())
	}
	if p.has("if-absent") {
		options = append(options, client.IfAbsent())
	}
	return options, nil
}

// create creates a node. If its parent is missing the error says what makes it.
func create(ctx context.Context, cl *client.Client, path string, data []byte, options []client.CreateOption) (string, client.Stat, error) {
	made, stat, err := cl.Create(ctx, path, data, options...)
	if missing, ok := errors.AsType[*client.Error](err); ok && errors.Is(err, client.ErrNoNode) {
		missing.Detail = fmt.Sprintf("the parent of %s is missing; create -p makes parents", path)
	}
	return made, stat, err
}

// childOf is the path of a child.
func childOf(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}
