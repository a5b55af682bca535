package main

import (
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

func duVerb() *verb {
	return &verb{
		name: "du", args: "[PATH]", argsMax: 1, paths: 1, long: true, group: "Trees",
		summary: "print the nodes and bytes of data of each subtree below a node, and the total",
		options: withOptions([]option{{"s", "summary", "", "only the total"}}, freshness...),
		details: `All as of one moment. Bytes are those of the data; in memory and on disk a node takes some more. The
last line is the node itself with all below. Without PATH: everything.

  du
  du -s /app`,
		run: runDu,
	}
}

// usage is what a subtree takes.
type usage struct {
	Path  string `json:"path"`
	Nodes int64  `json:"nodes"`
	Bytes int64  `json:"bytes"`
}

func (u *usage) add(e client.Entry) {
	u.Nodes++
	u.Bytes += e.Stat.DataLength
}

// runDu prints a child when the next one begins: the list has a subtree in one piece.
func runDu(c *call) error {
	root := c.arg(0)
	if root == "" {
		root = "/"
	}
	total, child := usage{Path: root}, usage{}
	j := object{out: c.out}
	prefix := strings.TrimSuffix(root, "/") + "/"
	print := func(u *usage) error {
		switch {
		case c.out.json:
			return j.element(u)
		default:
			c.out.printf("%10d  %12d  %s\n", u.Nodes, u.Bytes, u.Path)
			return nil
		}
	}
	begin := func() error {
		if c.out.json {
			if err := j.field("path", root); err != nil {
				return err
			}
			j.begin("children")
			return nil
		}
		c.out.printf("%10s  %12s  %s\n", "nodes", "bytes", "path")
		return nil
	}
	finished := func() error {
		if child.Nodes == 0 || c.has("summary") {
			return nil
		}
		return print(&child)
	}
	z, err := c.subtree(root, func(e client.Entry) error {
		total.add(e)
		if e.Path == root {
			return begin()
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(e.Path, prefix), "/")
		if child.Path != prefix+name {
			if err := finished(); err != nil {
				return err
			}
			child = usage{Path: prefix + name}
		}
		child.add(e)
		return nil
	}, client.WithStats())
	if err != nil {
		if j.fields > 0 {
			c.out.cut()
		}
		return err
	}
	if err := finished(); err != nil {
		return err
	}
	if !c.out.json {
		if err := print(&total); err != nil {
			return err
		}
		return c.out.stdout.Flush()
	}
	j.end()
	for _, f := range []struct {
		name  string
		value any
	}{{"nodes", total.Nodes}, {"bytes", total.Bytes}, {"zxid", z.String()}} {
		if err := j.field(f.name, f.value); err != nil {
			return err
		}
	}
	return j.close()
}
