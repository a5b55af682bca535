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
// time is finding each node's parent and sorting each list of children. Errors:
// CodeNoNode for a parent, or the root, that no record described;
// CodeNoChildrenForEphemerals; CodeRuntimeInconsistency for a node whose NumChildren
// is not the number found. Of several errors it returns that of the first node in
// bytewise order of the paths, so it depends on the set of records, not on their order.
func (l *Loader) Finish() (*Tree, *Error) {
	t := l.tree
	l.tree = nil
	root := t.Get("/")
	if root == nil {
		return nil, &Error{Code: CodeNoNode, Path: "/", Detail: "the snapshot has no root; restore another one"}
	}
	parents, err := t.gather(root)
	if err != nil {
		return nil, err
	}
	if err := t.checkChildren(); err != nil {
		return nil, err
	}
	// The deepest first: a directory needs the sums of those below it.
	slices.SortFunc(parents, func(a, b *place) int { return strings.Compare(b.path, a.path) })
	for _, p := range parents {
		p.dir.settle()
		if p != root.at {
			p.dir.up = t.Get(parentOf(p.path)).at.dir
		}
	}
	return t, nil
}

// gather puts each node into the directory of its parent, in no order yet, and into
// the listings of the whole tree. It returns the places that have directories.
func (t *Tree) gather(root *Node) ([]*place, *Error) {
	root.at.dir = &dir{}
	parents := []*place{root.at}
	var first *Error // of the node that is first by path, which is at
	at := ""
	for i := range t.shards {
		for _, n := range t.shards[i] {
			if n == root {
				continue
			}
			parent, err := t.parentOfLoaded(n)
			if err != nil {
				if first == nil || n.at.path < at {
					first, at = err, n.at.path
				}
				continue
			}
			if parent.at.dir == nil {
				parent.at.dir = &dir{}
				parents = append(parents, parent.at)
			}
			d := parent.at.dir
			d.children.few = append(d.children.few, n.at)
			t.list(n)
			if n.extra != nil {
				t.deadlines.move(nil, n)
			}
		}
	}
	return parents, first
}

// parentOfLoaded returns the node above n, which is not the root.
func (t *Tree) parentOfLoaded(n *Node) (*Node, *Error) {
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
	return parent, nil
}

// checkChildren compares the number of children that each node was said to have
// with those that gather has found.
func (t *Tree) checkChildren() *Error {
	wrong := ""
	for i := range t.shards {
		for _, n := range t.shards[i] {
			found := 0
			if n.at.dir != nil {
				found = n.at.dir.children.len()
			}
			if int64(found) != n.children && (wrong == "" || n.at.path < wrong) {
				wrong = n.at.path
			}
		}
	}
	if wrong != "" {
		return inconsistent(wrong, "its number of children is wrong")
	}
	return nil
}

// settle makes a directory of children that were gathered in no order. Those of its
// children that are directories were settled before.
func (d *dir) settle() {
	gathered := d.children.few
	slices.SortFunc(gathered, func(a, b *place) int { return strings.Compare(a.path, b.path) })
	if len(gathered) <= fewMax {
		gathered = slices.Clip(gathered)
	}
	d.children = ordered(gathered)
	for _, p := range gathered {
		d.descendants += p.size()
	}
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
