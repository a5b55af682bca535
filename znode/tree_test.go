package znode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// mustApply applies one transaction.
func mustApply(t testing.TB, tree *Tree, txn Txn, ops ...Op) []Result {
	t.Helper()
	results, _, err := tree.Apply(txn, ops, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestApplyAppends: the caller's slices are extended, and come back untouched on
// an error.
func TestApplyAppends(t *testing.T) {
	tree := NewTree()
	results, changes := []Result{{Path: "r"}}, []Change{{Path: "c"}}
	results, changes, err := tree.Apply(Txn{Zxid: 1}, []Op{{Kind: OpCreate, Path: "/a"}, {Kind: OpCheck, Path: "/a"}}, results, changes)
	if err != nil || len(results) != 3 || results[0].Path != "r" || len(changes) != 2 || changes[0].Path != "c" {
		t.Fatalf("%v %v %v", results, changes, err)
	}
	results, changes, err = tree.Apply(Txn{Zxid: 2}, []Op{{Kind: OpCreate, Path: "/b"}, {Kind: OpCheck, Path: "/none"}}, results, changes)
	if err == nil || err.Index != 1 || len(results) != 3 || len(changes) != 2 {
		t.Fatalf("%v %v %v", results, changes, err)
	}
}

// TestNodesAreImmutable: a node that a reader holds does not change, whatever
// happens to the tree, and its data cannot be extended into the writer's buffer.
func TestNodesAreImmutable(t *testing.T) {
	tree := NewTree()
	buffer := []byte("datatail")
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a", Data: buffer[:4]})
	n := tree.Get("/a")
	stat, record := n.Stat(), n.Record()
	mustApply(t, tree, Txn{Zxid: 2}, Op{Kind: OpCreate, Path: "/a/b"}, Op{Kind: OpSet, Path: "/a", Data: []byte("new")})
	mustApply(t, tree, Txn{Zxid: 3}, Op{Kind: OpDelete, Path: "/a/b"}, Op{Kind: OpDelete, Path: "/a"})
	if n.Stat() != stat || !sameRecord(n.Record(), record) || n.Path() != "/a" || n.Name() != "a" || string(n.Data()) != "data" {
		t.Errorf("the node is now %+v", n.Record())
	}
	if _ = append(n.Data(), "XXXX"...); string(buffer) != "datatail" {
		t.Errorf("the buffer is now %q", buffer)
	}
}

// TestEmptyData: nil and empty data are one and the same, in the digest too.
func TestEmptyData(t *testing.T) {
	with := func(data []byte) *Tree {
		tree := NewTree()
		mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a", Data: data})
		return tree
	}
	a, b := with(nil), with([]byte{})
	if a.Digest() != b.Digest() || b.Get("/a").Data() != nil {
		t.Errorf("digests %x %x, data %v", a.Digest(), b.Digest(), b.Get("/a").Data())
	}
}

// TestDigestCoversEverything: no field of a record can differ unnoticed.
func TestDigestCoversEverything(t *testing.T) {
	base := Record{Path: "/a", Data: []byte("d"), Kind: TTL, TTLMS: 1}
	digests := map[uint64]string{}
	for name, change := range map[string]func(*Record){
		"nothing": func(*Record) {}, "path": func(r *Record) { r.Path = "/b" }, "data": func(r *Record) { r.Data = []byte("e") },
		"boundary": func(r *Record) { r.Path, r.Data = "/ad", nil },
		"czxid":    func(r *Record) { r.Czxid++ }, "mzxid": func(r *Record) { r.Mzxid++ }, "pzxid": func(r *Record) { r.Pzxid++ },
		"ctime": func(r *Record) { r.CtimeMS++ }, "mtime": func(r *Record) { r.MtimeMS++ }, "touch": func(r *Record) { r.TouchMS++ },
		"version": func(r *Record) { r.Version++ }, "created": func(r *Record) { r.Created++ }, "aversion": func(r *Record) { r.Aversion++ },
		"owner": func(r *Record) { r.Owner++ }, "kind": func(r *Record) { r.Kind = Container }, "ttl": func(r *Record) { r.TTLMS++ },
		"children": func(r *Record) { r.NumChildren++ },
	} {
		r := base
		change(&r)
		h := nodeOf(&r).hash
		if other, ok := digests[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		digests[h] = name
	}
	// Where the path ends counts too: else data could wander between two nodes.
	a, b := nodeOf(&Record{Path: "/a", Data: []byte("b")}), nodeOf(&Record{Path: "/ab"})
	if a.contentHash() == b.contentHash() {
		t.Error("path and data run into each other")
	}
}

// TestEphemeralLimit: the number of ephemeral nodes of one owner is limited, that
// of the others is not touched by it, and a delete makes room.
func TestEphemeralLimit(t *testing.T) {
	tree := NewTree()
	create := func(zxid int, owner uint64) *Error {
		_, _, err := tree.Apply(Txn{Zxid: Zxid(zxid), Owner: owner}, []Op{{Kind: OpCreate, Path: "/e-", Mode: ModeEphemeralSequential}}, nil, nil)
		return err
	}
	for i := range MaxEphemeralsPerOwner {
		if err := create(i+1, 1); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := create(1_000_000, 1); !errors.Is(err, CodeTooMany) || err.Path != "/e-0000100000" {
		t.Fatalf("one too many: %v", err)
	}
	if err := create(1_000_001, 2); err != nil {
		t.Fatal(err)
	}
	mustApply(t, tree, Txn{Zxid: 1_000_002}, Op{Kind: OpDelete, Path: "/e-0000000007"})
	if err := create(1_000_003, 1); err != nil {
		t.Fatal(err)
	}
	changes := tree.CloseOwner(Txn{Zxid: 1_000_004}, 1, nil)
	if len(changes) != MaxEphemeralsPerOwner || tree.Len() != 1 {
		t.Errorf("%d changes, %d nodes left", len(changes), tree.Len())
	}
	if !slices.IsSortedFunc(changes, func(a, b Change) int { return comparePath(&place{path: a.Path}, b.Path) }) {
		t.Error("the changes are not in order")
	}
	if got := tree.Get("/").Stat(); got.Pzxid != 1_000_004 || got.Cversion != 2*(MaxEphemeralsPerOwner+2)-1 {
		t.Errorf("the root: %+v", got)
	}
}

// TestVisitStops: a visit that returns false is the last.
func TestVisitStops(t *testing.T) {
	for _, size := range []int{10, 10 * fewMax} { // both forms of a directory
		tree := NewTree()
		for i := range size {
			mustApply(t, tree, Txn{Zxid: Zxid(i + 1), Owner: 1}, Op{Kind: OpCreate, Path: fmt.Sprintf("/%04d", i), Mode: ModeEphemeral})
		}
		var names, paths []string
		tree.Children("/", "0002", func(name string, _ *Node) bool { names = append(names, name); return len(names) < 3 })
		tree.Ephemerals(1, "/", "/0002", func(path string) bool { paths = append(paths, path); return len(paths) < 3 })
		if !slices.Equal(names, []string{"0003", "0004", "0005"}) || !slices.Equal(paths, []string{"/0003", "/0004", "/0005"}) {
			t.Errorf("of %d: %v %v", size, names, paths)
		}
		count := 0
		tree.Ephemerals(1, "/0001", "", func(string) bool { count++; return false })
		if count != 1 {
			t.Errorf("visited %d", count)
		}
	}
}

// TestPlaces compares the ordered set, in both its forms and across the change
// from one to the other, with a sorted slice.
func TestPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var set places
	var want []*place
	for step := range 5000 {
		growing := step/500%2 == 0
		p := &place{path: fmt.Sprintf("/%03d", r.IntN(400))}
		i, found := slices.BinarySearchFunc(want, p.path, comparePath)
		switch {
		case found && (!growing || r.IntN(3) == 0):
			set.remove(want[i])
			want = slices.Delete(want, i, i+1)
		case !found && (growing || r.IntN(3) == 0):
			set.insert(p)
			want = slices.Insert(want, i, p)
		}
		var got []*place
		after := fmt.Sprintf("/%03d", r.IntN(400))
		set.ascend(after, func(p *place) bool { got = append(got, p); return true })
		from, found := slices.BinarySearchFunc(want, after, comparePath)
		if found {
			from++
		}
		if set.len() != len(want) || !slices.Equal(got, want[from:]) {
			t.Fatalf("step %d: %d after %s, want %d; %d in all, want %d", step, len(got), after, len(want)-from, set.len(), len(want))
		}
	}
}

// TestSharedReaders is for the race detector: readers under the shared lock, a
// snapshot's reader among them, need nothing else, and nodes not even that.
func TestSharedReaders(t *testing.T) {
	tree := NewTree()
	var mu sync.RWMutex
	var readers sync.WaitGroup
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a"}, Op{Kind: OpCreate, Path: "/box", Mode: ModeContainer})
	first := tree.Snapshot()
	second := tree.Snapshot()
	for _, s := range []*Snapshot{first, second} {
		readers.Go(func() {
			count := int64(-1) // the root
			for i := range s.Shards() {
				mu.RLock()
				s.Shard(i)
				mu.RUnlock()
				count += int64(len(s.Sort(i)))
			}
			if count != 2 {
				t.Errorf("the snapshot has %d nodes", count)
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for range 300 {
				mu.RLock()
				held := []*Node{tree.Get("/a")}
				tree.Children("/a", "", func(_ string, n *Node) bool { held = append(held, n); return true })
				tree.Ephemerals(7, "/a", "", func(string) bool { return true })
				tree.Expired(1, 10)
				tree.Descendants("/")
				mu.RUnlock()
				for _, n := range held {
					if r := n.Record(); r.Path != n.Path() || r.Version != n.Stat().Version {
						t.Errorf("torn node %+v", r)
					}
				}
			}
		})
	}
	for i := range 600 {
		txn := Txn{Zxid: Zxid(i + 2), Owner: 7}
		mu.Lock()
		mustApply(t, tree, txn, Op{Kind: OpCreate, Path: "/a/e-", Mode: ModeEphemeralSequential}, Op{Kind: OpSet, Path: "/a", Data: []byte("x")})
		if i%50 == 0 {
			tree.CloseOwner(txn, 7, nil)
		}
		mu.Unlock()
	}
	readers.Wait()
	first.Close()
	second.Close()
	checkTree(t, tree)
}

// TestNodeSize: a node fills its size class of the allocator exactly. A field
// more would cost 16 bytes for every node; see extra first.
func TestNodeSize(t *testing.T) {
	if size := unsafe.Sizeof(Node{}); size != 112 {
		t.Errorf("a Node has %d bytes", size)
	}
	if size := unsafe.Sizeof(place{}); size != 32 {
		t.Errorf("a place has %d bytes", size)
	}
}

// TestNumbersAreFixed: these stand in logs, snapshots and on the wire.
func TestNumbersAreFixed(t *testing.T) {
	for _, v := range []struct {
		got  fmt.Stringer
		n    uint8
		text string
	}{
		{Persistent, 0, "persistent"}, {Ephemeral, 1, "ephemeral"}, {Container, 2, "container"}, {TTL, 3, "ttl"}, {Kind(9), 9, "kind(9)"},
		{ModePersistent, 0, "persistent"}, {ModeEphemeral, 1, "ephemeral"}, {ModePersistentSequential, 2, "persistent-sequential"},
		{ModeEphemeralSequential, 3, "ephemeral-sequential"}, {ModeContainer, 4, "container"}, {ModePersistentTTL, 5, "persistent-ttl"},
		{ModePersistentSequentialTTL, 6, "persistent-sequential-ttl"}, {Mode(7), 7, "mode(7)"},
		{OpCreate, 1, "create"}, {OpDelete, 2, "delete"}, {OpSet, 3, "set"}, {OpCheck, 4, "check"}, {OpKind(5), 5, "op(5)"},
		{OpDeleteTree, 7, "delete tree"}, {OpCopyTree, 8, "copy tree"}, {OpMoveTree, 9, "move tree"}, {OpRead, 12, "read"},
		{Created, 1, "created"}, {Deleted, 2, "deleted"}, {DataChanged, 3, "changed"}, {ChangeType(4), 4, "change(4)"},
	} {
		if fmt.Sprintf("%d", v.got) != fmt.Sprint(v.n) || v.got.String() != v.text {
			t.Errorf("%d %v, want %d %s", v.got, v.got, v.n, v.text)
		}
	}
	for code, text := range map[Code]string{0: "ok", -2: "inconsistency", -6: "unimplemented", -8: "bad arguments", -101: "no node",
		-103: "bad version", -108: "ephemeral nodes cannot have children", -110: "node exists", -111: "not empty", -114: "invalid acl",
		-200: "too large", -201: "too many", -214: "mismatch", -999: "code -999"} {
		if code.Error() != text {
			t.Errorf("%d is %q, want %q", code, code.Error(), text)
		}
	}
	if got := Zxid(1<<63 + 10).String(); got != "0x800000000000000a" {
		t.Errorf("zxid %s", got)
	}
}

// TestErrorIs: an error is its code, also when wrapped, and no other.
func TestErrorIs(t *testing.T) {
	var err error = fmt.Errorf("write: %w", &Error{Code: CodeBadVersion, Path: "/a", Actual: 3})
	if !errors.Is(err, CodeBadVersion) || errors.Is(err, CodeNoNode) {
		t.Error(err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Actual != 3 {
		t.Error(e)
	}
}
