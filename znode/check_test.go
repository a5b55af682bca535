package znode

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// records returns the content of the tree in bytewise order of the paths.
func records(tree *Tree) []Record {
	var all []Record
	for _, n := range tree.byPath() {
		all = append(all, n.Record())
	}
	return all
}

// checkTree checks that everything the tree maintains step by step is what the
// loader derives from its records alone.
func checkTree(t *testing.T, tree *Tree) {
	t.Helper()
	l := NewLoader()
	all := records(tree)
	for _, r := range slices.Backward(all) {
		if err := l.Add(r); err != nil {
			t.Fatalf("the loader refuses %+v: %v", r, err)
		}
	}
	again, err := l.Finish()
	if err != nil {
		t.Fatalf("the loader refuses the tree: %v", err)
	}
	compareTrees(t, tree, again)
}

// compareTrees fails unless a and b cannot be told apart.
func compareTrees(t *testing.T, a, b *Tree) {
	t.Helper()
	ra, rb := records(a), records(b)
	if !slices.EqualFunc(ra, rb, sameRecord) {
		t.Fatalf("records differ:\n%+v\n%+v", ra, rb)
	}
	if a.Digest() != b.Digest() || a.Len() != b.Len() || a.DataBytes() != b.DataBytes() || a.HasExpiring() != b.HasExpiring() {
		t.Fatalf("sums differ: digest %x %x, len %d %d, bytes %d %d, expiring %v %v", a.Digest(), b.Digest(),
			a.Len(), b.Len(), a.DataBytes(), b.DataBytes(), a.HasExpiring(), b.HasExpiring())
	}
	if len(a.owners) != len(b.owners) {
		t.Fatalf("%d and %d owners", len(a.owners), len(b.owners))
	}
	for owner := range a.owners {
		if !slices.Equal(ephemerals(a, owner), ephemerals(b, owner)) {
			t.Fatalf("ephemerals of %d: %v %v", owner, ephemerals(a, owner), ephemerals(b, owner))
		}
	}
	for _, r := range ra {
		if !slices.Equal(children(a, r.Path), children(b, r.Path)) {
			t.Fatalf("children of %s: %v %v", r.Path, children(a, r.Path), children(b, r.Path))
		}
		da, _ := a.Descendants(r.Path)
		db, _ := b.Descendants(r.Path)
		if da != db {
			t.Fatalf("descendants of %s: %d %d", r.Path, da, db)
		}
	}
	const end = 1<<63 - 1
	if ea, eb := a.Expired(end, len(ra)), b.Expired(end, len(ra)); !slices.Equal(ea, eb) {
		t.Fatalf("expiring: %v %v", ea, eb)
	}
}

func sameRecord(a, b Record) bool {
	same := string(a.Data) == string(b.Data) && (a.Data == nil) == (b.Data == nil)
	a.Data, b.Data = nil, nil
	return same && fmt.Sprint(a) == fmt.Sprint(b)
}

func children(tree *Tree, path string) []string {
	var names []string
	tree.Children(path, "", func(name string, child *Node) bool {
		if child != tree.Get(below(path)+name) {
			name = "stale " + name // a listing must lead to the current version
		}
		names = append(names, name)
		return true
	})
	return names
}

func ephemerals(tree *Tree, owner uint64) []string {
	var paths []string
	tree.Ephemerals(owner, "/", "", func(path string) bool {
		paths = append(paths, path)
		return true
	})
	return paths
}

// sameChanges compares changes without the versions of the nodes.
func sameChanges(a, b []Change) bool {
	return slices.EqualFunc(a, b, func(a, b Change) bool { return a.Type == b.Type && a.Path == b.Path })
}

// nodes returns the current version of each node.
func nodes(tree *Tree) map[string]*Node {
	all := make(map[string]*Node)
	for i := range tree.shards {
		maps.Copy(all, tree.shards[i])
	}
	return all
}

// checkUndo undoes changes, the last first, in the tree after, and fails unless each
// of them finds what it says it left, and all of them together lead back to before:
// the very versions, not only equal ones.
func checkUndo(t *testing.T, at string, before map[string]*Node, changes []Change, after map[string]*Node) {
	t.Helper()
	undone := maps.Clone(after)
	swap := func(path string, from, to *Node) {
		t.Helper()
		if undone[path] != from || from == to {
			t.Fatalf("%s: undoing %v: %s is %p, expected %p, will be %p", at, changes, path, undone[path], from, to)
		}
		undone[path] = to
		if to == nil {
			delete(undone, path)
		}
	}
	for _, c := range slices.Backward(changes) {
		if (c.Type == Created) != (c.Old == nil) || (c.Type == Deleted) != (c.New == nil) ||
			(c.Type == DataChanged) != (c.OldParent == nil) {
			t.Fatalf("%s: %+v", at, c)
		}
		if c.Type != DataChanged {
			swap(c.OldParent.Path(), c.NewParent, c.OldParent)
		}
		swap(c.Path, c.New, c.Old)
	}
	if !maps.Equal(undone, before) {
		t.Fatalf("%s: undoing %v does not lead back", at, changes)
	}
}
