package znode

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestModel runs random histories against the tree and the model, and asks both
// everything after each transaction.
func TestModel(t *testing.T) {
	seeds, steps := 60, 300
	if testing.Short() {
		seeds = 10
	}
	codes, done := map[Code]int{}, map[OpKind]int{}
	reaped := 0
	for seed := range seeds {
		g, tree, m := newGenerator(uint64(seed)), NewTree(), newModel()
		var stale []Expiry
		for step := range steps {
			at := fmt.Sprintf("seed %d step %d", seed, step)
			txn := g.next()
			before := nodes(tree)
			switch g.IntN(20) {
			case 0: // a session ends
				owner := g.Uint64N(4)
				var want []Change
				for _, p := range m.ephemerals(owner, "/") {
					m.remove(txn.Zxid, p)
					want = append(want, Change{Type: Deleted, Path: p})
				}
				got := tree.CloseOwner(txn, owner, nil)
				if !sameChanges(got, want) {
					t.Fatalf("%s: close %d: %v, model %v", at, owner, got, want)
				}
				checkUndo(t, at, before, got, nodes(tree))
			case 1: // commands to reap arrive, those of now and late ones
				stale = append(stale, m.expired(txn.ClockMS)...)
				g.Shuffle(len(stale), func(i, j int) { stale[i], stale[j] = stale[j], stale[i] })
				half := len(stale) / 2
				for _, e := range stale[half:] {
					n := m[e.Path]
					want := n.czxid == e.Czxid && n.mzxid == e.Mzxid && n.created == e.Created && m.due(e.Path, txn.ClockMS)
					changes, got := tree.Reap(txn, e, nil)
					if got != want || got != sameChanges(changes, []Change{{Type: Deleted, Path: e.Path}}) {
						t.Fatalf("%s: reap %+v: %v %v, model %v", at, e, got, changes, want)
					}
					checkUndo(t, at, before, changes, nodes(tree))
					before = nodes(tree)
					if want {
						m.remove(txn.Zxid, e.Path)
						reaped++
					}
				}
				stale = stale[:half]
			default:
				ops := g.ops()
				next, wantResults, wantChanges, wantErr := m.apply(txn, ops)
				digest := tree.Digest()
				checkHolds(t, at, tree, m, ops)
				results, changes, err := tree.Apply(txn, ops, nil, nil)
				m = next
				for _, r := range results {
					done[r.Kind]++
				}
				if (err == nil) != (wantErr == nil) {
					t.Fatalf("%s: %+v: error %v, model %v", at, ops, err, wantErr)
				}
				if err != nil {
					codes[err.Code]++
					if err.Code != wantErr.Code || err.Path != wantErr.Path || err.Index != wantErr.Index || err.Actual != wantErr.Actual {
						t.Fatalf("%s: %+v: error %+v, model %+v", at, ops, err, wantErr)
					}
					if tree.Digest() != digest {
						t.Fatalf("%s: a failed transaction changed the tree", at)
					}
				}
				if !reflect.DeepEqual(results, wantResults) || !sameChanges(changes, wantChanges) {
					t.Fatalf("%s: %+v: %+v %v, model %+v %v", at, ops, results, changes, wantResults, wantChanges)
				}
				checkUndo(t, at, before, changes, nodes(tree))
			}
			compareModel(t, at, tree, m, txn.ClockMS)
			compareWalk(t, at, tree, m, g)
		}
		checkTree(t, tree)
	}
	// The generator must reach what it is meant to reach.
	for _, c := range []Code{CodeUnimplemented, CodeBadArguments, CodeNoNode, CodeBadVersion,
		CodeNoChildrenForEphemerals, CodeNodeExists, CodeNotEmpty, CodeTooLarge, CodeMismatch} {
		if codes[c] == 0 && !testing.Short() {
			t.Errorf("no transaction failed with %v: %v", c, codes)
		}
	}
	for _, k := range []OpKind{OpCreate, OpDelete, OpSet, OpCheck, OpDeleteTree, OpCopyTree, OpMoveTree, OpRead} {
		if done[k] < 10 && !testing.Short() {
			t.Errorf("%d times %v was done", done[k], k)
		}
	}
	if reaped == 0 {
		t.Error("nothing was reaped")
	}
}

// compareModel asks tree and model everything.
func compareModel(t *testing.T, at string, tree *Tree, m model, clockMS int64) {
	t.Helper()
	var digest uint64
	var bytes int64
	for path, want := range m {
		n := tree.Get(path)
		if n == nil {
			t.Fatalf("%s: %s is absent", at, path)
		}
		if got := n.Stat(); got != m.stat(path) || n.Created() != want.created || string(n.Data()) != want.data || n.Path() != path {
			t.Fatalf("%s: %s: %+v, model %+v", at, path, got, m.stat(path))
		}
		if got, want := children(tree, path), m.children(path); !slices.Equal(got, want) {
			t.Fatalf("%s: children of %s: %v, model %v", at, path, got, want)
		}
		if got, _ := tree.Descendants(path); got != int64(len(m.under(path))) {
			t.Fatalf("%s: %d below %s, model %d", at, got, path, len(m.under(path)))
		}
		r := n.Record()
		digest += nodeOf(&r).hash
		bytes += int64(len(want.data))
	}
	if tree.Len() != int64(len(m)-1) || tree.DataBytes() != bytes || tree.Digest() != digest {
		t.Fatalf("%s: len %d bytes %d digest %x, recomputed %d %d %x", at, tree.Len(), tree.DataBytes(), tree.Digest(), len(m)-1, bytes, digest)
	}
	for owner := range uint64(5) {
		for _, prefix := range []string{"/", "/a", "/a/a", "/b"} {
			var got []string
			tree.Ephemerals(owner, prefix, "", func(path string) bool { got = append(got, path); return true })
			want := m.ephemerals(owner, prefix)
			if !slices.Equal(got, want) || prefix == "/" && tree.EphemeralCount(owner) != int64(len(want)) {
				t.Fatalf("%s: ephemerals of %d below %s: %v, model %v", at, owner, prefix, got, want)
			}
		}
	}
	if got, want := tree.Expired(clockMS, len(m)), m.expired(clockMS); !slices.Equal(got, want) {
		t.Fatalf("%s: expired %v, model %v", at, got, want)
	}
}

// compareWalk walks from some place, behind some place.
func compareWalk(t *testing.T, at string, tree *Tree, m model, g *generator) {
	t.Helper()
	root, after := g.path(), g.path()+[]string{"", "", "/x", "-"}[g.IntN(4)]
	if g.IntN(4) == 0 {
		root = "/"
	}
	if g.IntN(4) == 0 {
		after = ""
	}
	var want []string
	_, exists := m[root]
	if exists {
		for _, p := range append([]string{root}, slowSort(m.under(root))...) {
			if slowCompare(p, after) > 0 {
				want = append(want, p)
			}
		}
	}
	limit := g.IntN(10)
	want = want[:min(len(want), limit+1)]
	var got []string
	ok := tree.Walk(root, after, func(n *Node) bool {
		if tree.Get(n.Path()) != n {
			t.Fatalf("%s: walked to an old version of %s", at, n.Path())
		}
		got = append(got, n.Path())
		return len(got) <= limit
	})
	if ok != exists || !slices.Equal(got, want) {
		t.Fatalf("%s: walk %s after %q: %v %v, model %v", at, root, after, got, ok, want)
	}
}

// checkHolds compares the answer about each check with that of a transaction of it
// alone.
func checkHolds(t *testing.T, at string, tree *Tree, m model, ops []Op) {
	t.Helper()
	for i := range ops {
		if ops[i].Kind != OpCheck {
			continue
		}
		_, _, _, want := m.apply(Txn{}, ops[i:i+1])
		if got := tree.Holds(&ops[i]); (got == nil) != (want == nil) || got != nil && got.Code != want.Code {
			t.Fatalf("%s: %+v: %v, model %v", at, ops[i], got, want)
		}
	}
}

// slowCompare compares paths component by component.
func slowCompare(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

func slowSort(paths []string) []string {
	slices.SortFunc(paths, slowCompare)
	return paths
}
