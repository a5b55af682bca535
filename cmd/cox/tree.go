package main

import (
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

func treeVerb() *verb {
	return &verb{
		name: "tree", args: "[PATH]", argsMax: 1, paths: 1, long: true, group: "Trees",
		summary: "draw a node and all below",
		options: freshness,
		details: `What is not persistent is marked. Without PATH: everything.

  tree /app`,
		run: runTree,
	}
}

// treeNode is a node and what is below it, in JSON.
type treeNode struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`
	Children []*treeNode `json:"children,omitempty"`
}

type treeRecord struct {
	Path string    `json:"path"`
	Tree *treeNode `json:"tree"`
}

func (*treeRecord) text(*output) {} // drawn line by line, as the walk goes

func runTree(c *call) error {
	root := c.arg(0)
	if root == "" {
		root = "/"
	}
	record := &treeRecord{Path: root}
	lineage := []*treeNode{} // from the root to the node visited last
	lasts := []bool{}        // whether each of them is the last of its siblings
	lines := 0
	err := c.walk(root, func(v visited) error {
		if !c.out.json {
			lasts = append(lasts[:v.depth], v.last)
			c.out.printf("%s%s%s\n", branch(lasts), v.name, mark(v.stat))
			if lines++; lines%pageLength == 0 {
				return c.out.stdout.Flush()
			}
			return nil
		}
		node := &treeNode{Name: v.name, Kind: v.stat.Kind.String()}
		if v.depth == 0 {
			record.Tree = node
		} else {
			parent := lineage[v.depth-1]
			parent.Children = append(parent.Children, node)
		}
		lineage = append(lineage[:v.depth], node)
		return nil
	})
	if err != nil {
		_ = c.out.stdout.Flush() // what was drawn so far; err counts
		return err
	}
	return c.give(record)
}

// branch is what stands before a name: a line down for each ancestor that has siblings to come, then the twig.
func branch(lasts []bool) string {
	if len(lasts) == 1 {
		return ""
	}
	var b strings.Builder
	for _, last := range lasts[1 : len(lasts)-1] {
		if last {
			b.WriteString("    ")
		} else {
			b.WriteString("│   ")
		}
	}
	if lasts[len(lasts)-1] {
		return b.String() + "└── "
	}
	return b.String() + "├── "
}

// mark tells what kind of node it is, if it is not persistent.
func mark(s client.Stat) string {
	switch s.Kind {
	case client.KindPersistent:
		return ""
	case client.KindTTL:
		return " (ttl " + (time.Duration(s.TTLMS) * time.Millisecond).String() + ")"
	default:
		return " (" + s.Kind.String() + ")"
	}
}
