package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// live sets persistent watches that have missed nothing.
func live[W comparable](t testing.TB, table *Table[W], w W, specs ...wire.WatchSpec) {
	t.Helper()
	for i := range specs {
		specs[i].FromNow = true
	}
	r, err := table.Begin(w, specs)
	if err != nil {
		t.Fatal(err)
	}
	if !table.Step(r, NewRing(0, 0), 0, 1, func(w W, told Told) { t.Fatalf("%v is told %v for a watch from now on", w, told.Event) }) {
		t.Fatal("a watch from now on is not live after one step")
	}
}

// TestPersistentTriggers is the trigger table W-1 for persistent and recursive watches, and W-2 to W-4.
func TestPersistentTriggers(t *testing.T) {
	const p, r = wire.Persistent, wire.Recursive
	for _, test := range []struct {
		name    string
		mode    wire.WatchMode
		watched string
		change  znode.Change
		want    string // "" if it sleeps
	}{
		{"create: on the node", p, "/p/c", change(znode.Created, "/p/c"), "Created /p/c"},
		{"create: on the parent", p, "/p", change(znode.Created, "/p/c"), "ChildrenChanged /p"},
		{"create: on the grandparent", p, "/", change(znode.Created, "/p/c"), ""},
		{"create: on a child", p, "/p/c/d", change(znode.Created, "/p/c"), ""},
		{"create at the top: on the root", p, "/", change(znode.Created, "/c"), "ChildrenChanged /"},
		{"delete: on the node, once", p, "/p/c", change(znode.Deleted, "/p/c"), "Deleted /p/c"},
		{"delete: on the parent", p, "/p", change(znode.Deleted, "/p/c"), "ChildrenChanged /p"},
		{"set: on the node", p, "/p/c", change(znode.DataChanged, "/p/c"), "DataChanged /p/c"},
		{"set: on the parent", p, "/p", change(znode.DataChanged, "/p/c"), ""},
		{"set of the root", p, "/", change(znode.DataChanged, "/"), "DataChanged /"},

		{"create: recursive on the node", r, "/p/c", change(znode.Created, "/p/c"), "Created /p/c"},
		{"create: recursive on the parent, which has no event of its own (W-2)", r, "/p", change(znode.Created, "/p/c"), "Created /p/c"},
		{"create: recursive on the root", r, "/", change(znode.Created, "/p/c"), "Created /p/c"},
		{"create: recursive on a child", r, "/p/c/d", change(znode.Created, "/p/c"), ""},
		{"delete: recursive on the node", r, "/p/c", change(znode.Deleted, "/p/c"), "Deleted /p/c"},
		{"delete: recursive on the grandparent", r, "/p", change(znode.Deleted, "/p/c/d"), "Deleted /p/c/d"},
		{"set: recursive on the node", r, "/p/c", change(znode.DataChanged, "/p/c"), "DataChanged /p/c"},
		{"set: recursive on the root", r, "/", change(znode.DataChanged, "/p/c"), "DataChanged /p/c"},
		{"set of the root: recursive on it", r, "/", change(znode.DataChanged, "/"), "DataChanged /"},
		{"set of the root: recursive below", r, "/p", change(znode.DataChanged, "/"), ""},
		{"a sibling whose name begins alike", r, "/p", change(znode.DataChanged, "/p-q"), ""},
		{"a stranger at the same depth", r, "/p/c", change(znode.Created, "/p/d"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := NewTable[string]()
			live(t, table, "w", wire.WatchSpec{ID: 5, Mode: test.mode, Path: test.watched})
			for zxid := znode.Zxid(7); zxid < 9; zxid++ { // it is not consumed (W-3)
				got := ""
				table.Fire(zxid, []znode.Change{test.change}, func(w string, told Told) {
					e := told.Event
					if got != "" {
						t.Errorf("told twice: %q and %v", got, e)
					}
					if e.Zxid != zxid || e.Watch != 5 || told.Node != nil {
						t.Errorf("told %+v", told)
					}
					got = fmt.Sprintf("%v %s", e.Type, e.Path)
				})
				if got != test.want {
					t.Errorf("told %q, want %q", got, test.want)
				}
			}
			if !table.RemoveID("w", 5) || table.RemoveID("w", 5) || table.Len() != 0 || len(table.index.spots) != 0 || table.index.deepest != -1 {
				t.Errorf("something is left after the watch was removed: %+v", table.index.spots)
			}
			table.Fire(9, []znode.Change{test.change}, func(string, Told) { t.Error("a removed watch was told") })
		})
	}
}

// TestAllSortsAreTold: one watcher with watches of every sort is told each, the node's own events before its parent's (W-4).
func TestAllSortsAreTold(t *testing.T) {
	table := NewTable[string]()
	for _, w := range []string{"w data /p/c", "w child /p/c", "w child /p"} {
		watcher, kind, path := parse(w)
		if err := table.Add(watcher, kind, path); err != nil {
			t.Fatal(err)
		}
	}
	live(t, table, "w", []wire.WatchSpec{
		{ID: 1, Mode: wire.Persistent, Path: "/p"}, {ID: 2, Mode: wire.Recursive, Path: "/"},
		{ID: 3, Mode: wire.Persistent, Path: "/p/c"}, {ID: 4, Mode: wire.Persistent, Path: "/p/c"},
	}...)
	var got []string
	tell := func(_ string, told Told) {
		got = append(got, fmt.Sprintf("%d %v %s", told.Event.Watch, told.Event.Type, told.Event.Path))
	}
	table.Fire(7, []znode.Change{change(znode.Deleted, "/p/c")}, tell)
	want := []string{"0 Deleted /p/c", "3 Deleted /p/c", "4 Deleted /p/c", "2 Deleted /p/c", "1 ChildrenChanged /p", "0 ChildrenChanged /p"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

// TestNodesAreHandedOver: the node after the change is there for a watch that asks for its stat or data, and only then.
func TestNodesAreHandedOver(t *testing.T) {
	tree := znode.NewTree()
	apply := func(zxid znode.Zxid, ops ...znode.Op) []znode.Change {
		_, changes, err := tree.Apply(znode.Txn{Zxid: zxid}, ops, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}
	apply(1, znode.Op{Kind: znode.OpCreate, Path: "/a"})
	table := NewTable[string]()
	if err := table.Add("w", wire.WatchData, "/a/b"); err != nil {
		t.Fatal(err)
	}
	live(t, table, "w", []wire.WatchSpec{
		{ID: 1, Mode: wire.Recursive, Path: "/a"},
		{ID: 2, Mode: wire.Recursive, Options: wire.WithStat, Path: "/a"},
		{ID: 3, Mode: wire.Persistent, Options: wire.WithData, Path: "/a"},
		{ID: 4, Mode: wire.Persistent, Options: wire.WithData, Path: "/a/b"},
	}...)
	changes := apply(2, znode.Op{Kind: znode.OpCreate, Path: "/a/b", Data: []byte("x")},
		znode.Op{Kind: znode.OpSet, Path: "/a/b", Data: []byte("yy")}, znode.Op{Kind: znode.OpDelete, Path: "/a/b"})
	var got []string
	table.Fire(2, changes, func(_ string, told Told) {
		line := fmt.Sprintf("%d %v", told.Event.Watch, told.Event.Type)
		if told.Node != nil {
			line += fmt.Sprintf(" %s v%d %d", told.Node.Data(), told.Node.Stat().Version, told.Options)
		}
		got = append(got, line)
	})
	want := []string{"0 Created", "4 Created x v0 2", "1 Created", "2 Created x v0 1", "3 ChildrenChanged",
		"4 DataChanged yy v1 2", "1 DataChanged", "2 DataChanged yy v1 1",
		"4 Deleted", "1 Deleted", "2 Deleted", "3 ChildrenChanged"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

func TestPersistentLimits(t *testing.T) {
	table := NewTable[string]()
	live(t, table, "w", wire.WatchSpec{ID: 1, Mode: wire.Persistent, Path: "/a"})
	for _, specs := range [][]wire.WatchSpec{
		{{ID: 2, Mode: wire.Persistent, Path: "/a"}, {ID: 1, Mode: wire.Recursive, Path: "/b"}},
		{{ID: 2, Mode: wire.Persistent, Path: "/a"}, {ID: 2, Mode: wire.Recursive, Path: "/b"}},
	} {
		if _, err := table.Begin("w", specs); !errors.Is(err, ErrDuplicateID) {
			t.Errorf("got %v, want ErrDuplicateID", err)
		}
	}
	if _, err := table.Begin("v", []wire.WatchSpec{{ID: 9}, {ID: 9}}); !errors.Is(err, ErrDuplicateID) || len(table.owned) != 1 {
		t.Errorf("got %v, and %d watchers", err, len(table.owned))
	}
	for i := 1; i < MaxPerWatcher-1; i++ { // with the watch that is there, one less than the limit
		if err := table.Add("w", wire.WatchData, fmt.Sprint("/", i)); err != nil {
			t.Fatal(err)
		}
	}
	two := []wire.WatchSpec{{ID: 2, Mode: wire.Persistent, Path: "/a"}, {ID: 3, Mode: wire.Persistent, Path: "/a"}}
	if _, err := table.Begin("w", two); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	if table.Len() != MaxPerWatcher-1 {
		t.Errorf("%d watches: those that were refused count", table.Len())
	}
	if _, err := table.Begin("w", two[:1]); err != nil {
		t.Error(err)
	}
	if err := table.Add("w", wire.WatchData, "/one-more"); err != ErrTooMany {
		t.Errorf("a watch that is still replayed does not count: %v", err)
	}
	table.Drop("w")
	if table.Len() != 0 || len(table.owned) != 0 || len(table.index.spots) != 0 {
		t.Errorf("%d watches at %d paths after Drop", table.Len(), len(table.index.spots))
	}
	long := strings.Repeat("x", MaxPathBytesPerWatcher)
	two = []wire.WatchSpec{{ID: 1, Mode: wire.Recursive, Path: long}, {ID: 2, Mode: wire.Recursive, Path: "/"}}
	if _, err := table.Begin("w", two); !errors.Is(err, ErrTooMany) {
		t.Errorf("one byte of paths more than the limit: %v, want ErrTooMany", err)
	}
	live(t, table, "w", wire.WatchSpec{ID: 1, Mode: wire.Recursive, Path: strings.Repeat("/x", znode.MaxDepth+5)}) // deeper than any node
	deep := change(znode.DataChanged, strings.Repeat("/x", znode.MaxDepth))
	table.Fire(1, []znode.Change{deep}, func(string, Told) { t.Error("told of a node above") })
	if !table.RemoveID("w", 1) {
		t.Error("the watch beyond all depth is not there")
	}
}
