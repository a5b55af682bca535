package znode

import (
	"slices"
	"strings"
)

// Loader makes a tree of records, in any order, and refuses whatever no tree
// could have contained: a damaged or foreign snapshot must not become state. It
// belongs to one goroutine, and to one tree.
type Loader struct {
	tree *Tree
}

// NewLoader returns a loader that has seen no record.
func NewLoader() *Loader { return &Loader{tree: emptyTree()} }

// Add takes one record and keeps its Path and Data. Errors, after which the
// loader is of no more use: those of ValidatePath and of the reserved subtrees;
// CodeNodeExists for a path that came before; CodeRuntimeInconsistency for
// content that contradicts itself.
func (l *Loader) Add(r Record) *Error {
	if err := validateChangePath(r.Path); err != nil {
		return err
	}
	if broken := r.fault(); broken != "" {
		return inconsistent(r.Path, broken)
	}
	t := l.tree
	shard := t.shards[shardOf(r.Path)]
	if shard[r.Path] != nil {
		return &Error{Code: CodeNodeExists, Path: r.Path, Detail: "it is in the snapshot twice; restore another one"}
	}
	n := nodeOf(&r)
	shard[r.Path] = n
	n.at.node = n
	t.count++
	t.dataBytes += int64(len(n.data))
	t.digest += n.hash
	return nil
}

// Finish returns the tree, after which the loader is of no more use. Most of its
// time is one sort of all paths. Errors: CodeNoNode for a parent, or the root, that
// no record described; CodeNoChildrenForEphemerals; CodeRuntimeInconsistency for
// a node whose NumChildren is not the number found. Which of several errors it
// returns depends on the set of records, not on their order.
func (l *Loader) Finish() (*Tree, *Error) {
	t := l.tree
	l.tree = nil
	root := t.Get("/")
	if root == nil {
		return nil, &Error{Code: CodeNoNode, Path: "/", Detail: "the snapshot has no root; restore another one"}
	}
	root.at.dir = &dir{}
	nodes := t.byPath()
	for _, n := range nodes {
		if n == root {
			continue
		}
		above := parentOf(n.at.path)
		parent := t.Get(above)
		switch {
		case parent == nil:
			return nil, &Error{Code: CodeNoNode, Path: above,
				Detail: "the snapshot lacks the parent of " + n.at.path + "; restore another one"}
		case parent.Kind() == Ephemeral:
			return nil, &Error{Code: CodeNoChildrenForEphemerals, Path: above,
				Detail: "the snapshot is damaged; restore another one"}
		}
		// A parent's path is a prefix of its children's, so it came before them:
		// it is listed, and its own parent has a directory.
		t.count-- // enter counts it again
		t.enter(parent.at, n)
		t.deadlines.move(nil, n)
	}
	for _, n := range nodes {
		found := 0
		if n.at.dir != nil {
			found = n.at.dir.children.len()
		}
		if int64(found) != n.children {
			return nil, inconsistent(n.at.path, "its number of children is wrong")
		}
	}
	return t, nil
}

// byPath returns all nodes in bytewise order of their paths.
func (t *Tree) byPath() []*Node {
	nodes := make([]*Node, 0, t.count)
	for i := range t.shards {
		for _, n := range t.shards[i] {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.at.path, b.at.path) })
	return nodes
}

func inconsistent(path, broken string) *Error {
	return &Error{Code: CodeRuntimeInconsistency, Path: path,
		Detail: "the snapshot is damaged: " + broken + "; restore another one"}
}
