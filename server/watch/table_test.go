package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// change is a change of a node as a tree would tell it, but for the versions of the parent.
func change(t znode.ChangeType, path string) znode.Change {
	c := znode.Change{Type: t, Path: path}
	versions := versionsOf(path, 2)
	if t != znode.Created {
		c.Old = versions[0]
	}
	if t != znode.Deleted {
		c.New = versions[1]
	}
	return c
}

// versionsOf is n versions of a node, to tell apart, with data of several lengths.
func versionsOf(path string, n int) []*znode.Node {
	tree := znode.NewTree()
	var versions []*znode.Node
	op := znode.Op{Kind: znode.OpCreate, Path: path, Flags: znode.CreateParents}
	if path == "/" {
		op.Kind = znode.OpSet
	}
	for i := range n {
		if _, _, err := tree.Apply(znode.Txn{Zxid: znode.Zxid(i + 1)}, []znode.Op{op}, nil, nil); err != nil {
			panic(err)
		}
		versions = append(versions, tree.Get(path))
		op = znode.Op{Kind: znode.OpSet, Path: path, Data: make([]byte, 10*i)}
	}
	return versions
}

// TestTriggers is the trigger table W-1, and W-3 to W-5: one row a change, with what each watcher is told.
func TestTriggers(t *testing.T) {
	for _, test := range []struct {
		name    string
		watches []string // watcher kind path
		change  znode.Change
		want    []string // watcher event path, sorted by watcher
		left    int
	}{
		{"create wakes exists on it and children of its parent", []string{"a data /p/c", "b child /p", "c child /p/c", "d data /p"},
			change(znode.Created, "/p/c"), []string{"a Created /p/c", "b ChildrenChanged /p"}, 2},
		{"delete wakes data and children on it, and children of its parent", []string{"a data /p/c", "b child /p/c", "c child /p", "d data /p"},
			change(znode.Deleted, "/p/c"), []string{"a Deleted /p/c", "b Deleted /p/c", "c ChildrenChanged /p"}, 1},
		{"both watches on a deleted node: told once, both gone (W-4)", []string{"a data /p/c", "a child /p/c"},
			change(znode.Deleted, "/p/c"), []string{"a Deleted /p/c"}, 0},
		{"the node's own event comes before its parent's (W-4)", []string{"a child /p", "a data /p/c"},
			change(znode.Deleted, "/p/c"), []string{"a Deleted /p/c", "a ChildrenChanged /p"}, 0},
		{"set wakes data only", []string{"a data /p/c", "b child /p/c", "c child /p"},
			change(znode.DataChanged, "/p/c"), []string{"a DataChanged /p/c"}, 2},
		{"a child of the root", []string{"a child /"}, change(znode.Created, "/c"), []string{"a ChildrenChanged /"}, 0},
		{"grandparents and strangers sleep", []string{"a child /", "a data /", "a child /q"}, change(znode.Created, "/p/c"), nil, 3},
		{"registered twice, told once (W-5)", []string{"a data /x", "a data /x"}, change(znode.DataChanged, "/x"), []string{"a DataChanged /x"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := NewTable[string]()
			for _, w := range test.watches {
				watcher, kind, path := parse(w)
				if err := table.Add(watcher, kind, path); err != nil {
					t.Fatal(err)
				}
			}
			fire := func() []string {
				var got []string
				table.Fire(7, []znode.Change{test.change}, func(w string, told Told) {
					e := told.Event
					if e.Zxid != 7 {
						t.Errorf("event of zxid %v in transaction 7", e.Zxid)
					}
					got = append(got, fmt.Sprintf("%s %v %s", w, e.Type, e.Path))
				})
				slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
				return got
			}
			if got := fire(); !slices.Equal(got, test.want) {
				t.Errorf("told %q, want %q", got, test.want)
			}
			if table.Len() != test.left {
				t.Errorf("%d watches left, want %d", table.Len(), test.left)
			}
			if again := fire(); again != nil {
				t.Errorf("a one-shot watch fired again: %q (W-3)", again)
			}
		})
	}
}

func parse(text string) (watcher string, kind wire.WatchKind, path string) {
	f := strings.Fields(text)
	kind = wire.WatchData
	if f[1] == "child" {
		kind = wire.WatchChild
	}
	return f[0], kind, f[2]
}

// TestCatchUp is table W-13: what a client has missed, by what it watched and what the state is now.
func TestCatchUp(t *testing.T) {
	nodes := map[string]znode.Stat{
		"/old":      {Czxid: 5, Mzxid: 5, Pzxid: 5},
		"/set":      {Czxid: 5, Mzxid: 12, Pzxid: 5},
		"/children": {Czxid: 5, Mzxid: 5, Pzxid: 11},
		"/new":      {Czxid: 13, Mzxid: 13, Pzxid: 13},
	}
	lookup := func(path string) (znode.Stat, bool) { s, ok := nodes[path]; return s, ok }
	table := NewTable[string]()
	list := List{Data: []string{"/old", "/set", "/gone", "/children"}, Exist: []string{"/absent", "/new"}, Child: []string{"/old", "/children", "/gone"}}
	var got []string
	err := table.CatchUp("a", 10, list, lookup, func(_ string, e Told) {
		got = append(got, fmt.Sprintf("%d %v %s", e.Event.Zxid, e.Event.Type, e.Event.Path))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"11 ChildrenChanged /children", "11 Deleted /gone", "12 DataChanged /set", "13 Created /new"}
	slices.Sort(want)
	sorted := slices.Sorted(slices.Values(got))
	if !slices.Equal(sorted, want) {
		t.Errorf("delivered %q, want %q", sorted, want)
	}
	if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(a[:2], b[:2]) }) {
		t.Errorf("not in zxid order: %q", got)
	}
	if table.Len() != 4 { // /old data and child, /children data, /absent
		t.Errorf("%d watches registered, want 4", table.Len())
	}
}

func TestResyncAfterSnapshot(t *testing.T) {
	before := map[string]znode.Stat{"/a": {Mzxid: 3, Pzxid: 3}, "/b": {Mzxid: 3, Pzxid: 3}, "/c": {Mzxid: 3, Pzxid: 3}}
	now := map[string]znode.Stat{"/a": {Mzxid: 9, Pzxid: 3}, "/b": {Mzxid: 3, Pzxid: 3}, "/d": {Czxid: 8, Mzxid: 8, Pzxid: 8}}
	of := func(m map[string]znode.Stat) Lookup {
		return func(path string) (znode.Stat, bool) { s, ok := m[path]; return s, ok }
	}
	table := NewTable[string]()
	for _, w := range []string{"w data /a", "w data /b", "w data /c", "w child /c", "w data /d", "v child /a", "v child /c"} {
		watcher, kind, path := parse(w)
		if err := table.Add(watcher, kind, path); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	table.Resync(5, 9, of(before), of(now), func(w string, e Told) { got = append(got, fmt.Sprintf("%s %v %s", w, e.Event.Type, e.Event.Path)) })
	want := []string{"w Deleted /c", "v Deleted /c", "w Created /d", "w DataChanged /a"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if table.Len() != 2 {
		t.Errorf("%d watches left, want 2: /b's data and /a's children", table.Len())
	}
}

// TestDropInParts: a watcher with many watches leaves in parts, each of a bounded number, whatever fires in between.
func TestDropInParts(t *testing.T) {
	table := NewTable[string]()
	const each = 3 * DropWatchesMax / 2
	var specs []wire.WatchSpec
	for i := range each {
		path := fmt.Sprintf("/%d", i)
		if err := table.Add("a", wire.WatchData, path); err != nil {
			t.Fatal(err)
		}
		specs = append(specs, wire.WatchSpec{ID: wire.WatchID(i + 1), Mode: wire.Recursive, Path: path, FromNow: true})
	}
	r, err := table.Begin("a", specs)
	if err != nil || !table.Step(r, NewRing(RingBytes, RingAgeMS), 1, 1, nil) {
		t.Fatal("the watches were not set", err)
	}
	leaving, parts := table.Leave("a"), 0
	for done := false; !done; parts++ {
		before := table.Len()
		done = table.DropSome(leaving)
		if dropped := before - table.Len(); dropped > DropWatchesMax {
			t.Errorf("part %d has dropped %d watches", parts, dropped)
		}
		table.Fire(2, []znode.Change{change(znode.DataChanged, fmt.Sprintf("/%d", each-1-parts))}, func(string, Told) {})
	}
	if table.Len() != 0 || len(table.owned) != 0 || len(table.index.spots) != 0 || parts < 3 {
		t.Errorf("%d watches and %d watchers are left after %d parts", table.Len(), len(table.owned), parts)
	}
}

func TestTooManyWatches(t *testing.T) {
	table := NewTable[string]()
	for i := range MaxPerWatcher {
		if err := table.Add("a", wire.WatchData, fmt.Sprintf("/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Add("a", wire.WatchData, "/one-more"); err != ErrTooMany {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	if err := table.Add("a", wire.WatchData, "/0"); err != nil {
		t.Errorf("what is registered already costs nothing more: %v", err)
	}
	if err := table.Add("b", wire.WatchData, "/one-more"); err != nil {
		t.Errorf("another connection has its own limit: %v", err)
	}
	table.Drop("a")
	if table.Len() != 1 {
		t.Errorf("%d watches after Drop, want b's", table.Len())
	}
	long := strings.Repeat("x", MaxPathBytesPerWatcher/4)
	for i := range 4 {
		if err := table.Add("a", wire.WatchData, long[:len(long)-1]+fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Add("a", wire.WatchData, "/"); err != ErrTooMany {
		t.Errorf("one byte of paths more than the limit: %v, want ErrTooMany", err)
	}
}

// TestModel compares the table with a list of registrations that is searched from one end to the other.
func TestModel(t *testing.T) {
	type registration struct {
		w    int
		kind wire.WatchKind
		path string
	}
	paths := []string{"/", "/a", "/a/b", "/a/c", "/a/b/d", "/e"}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table, model := NewTable[int](), []registration{}
		for range 200 {
			r := registration{rng.IntN(4), wire.WatchKind(1 + rng.IntN(2)), paths[rng.IntN(len(paths))]}
			at := slices.Index(model, r)
			switch rng.IntN(6) {
			case 0, 1:
				if err := table.Add(r.w, r.kind, r.path); err != nil {
					t.Fatal(err)
				}
				if at < 0 {
					model = append(model, r)
				}
			case 2:
				if table.Remove(r.w, r.kind, r.path) != (at >= 0) {
					t.Fatalf("seed %d: Remove disagrees", seed)
				}
				if at >= 0 {
					model = slices.Delete(model, at, at+1)
				}
			case 3:
				if rng.IntN(5) == 0 {
					table.Drop(r.w)
					model = slices.DeleteFunc(model, func(o registration) bool { return o.w == r.w })
				}
			default:
				c := change(znode.ChangeType(1+rng.IntN(3)), paths[1+rng.IntN(len(paths)-1)])
				var got, want []string
				table.Fire(1, []znode.Change{c}, func(w int, e Told) { got = append(got, fmt.Sprint(w, e.Event.Type, e.Event.Path)) })
				told := map[int]bool{}
				model = slices.DeleteFunc(model, func(o registration) bool {
					own := o.path == c.Path && (o.kind == wire.WatchData || c.Type == znode.Deleted)
					parents := o.path == parent(c.Path) && o.kind == wire.WatchChild && c.Type != znode.DataChanged
					if own && !told[o.w] {
						told[o.w] = true
						want = append(want, fmt.Sprint(o.w, wire.EventType(c.Type), c.Path))
					}
					if parents {
						want = append(want, fmt.Sprint(o.w, wire.EventChildrenChanged, o.path))
					}
					return own || parents
				})
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d: %v told %q, want %q", seed, c, got, want)
				}
			}
			if table.Len() != len(model) {
				t.Fatalf("seed %d: %d watches, want %d", seed, table.Len(), len(model))
			}
		}
	}
}
