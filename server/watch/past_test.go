package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/znode"
)

// picture is a whole tree at one zxid: its nodes in the order of znode.ComparePaths, in words.
type picture struct {
	zxid  znode.Zxid
	lines []string
}

func line(n *znode.Node) string { return fmt.Sprintf("%s %q %+v", n.Path(), n.Data(), n.Stat()) }

// under is what of the picture is at and below root.
func (p *picture) under(root string) []string {
	var lines []string
	for _, l := range p.lines {
		if path, _, _ := strings.Cut(l, " "); path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/") {
			lines = append(lines, l)
		}
	}
	return lines
}

// TestPastModel takes a picture of a tree after each of many random transactions, and compares what the ring says about
// the past with the picture of then: any root, any size of page, every stat.
func TestPastModel(t *testing.T) {
	names := []string{"a", "b", "a-b", "a.b", "c"}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		path := func() string {
			p := ""
			for range 1 + rng.IntN(4) {
				p += "/" + names[rng.IntN(len(names))]
			}
			return p
		}
		tree, ring := znode.NewTree(), NewRing(int64(1+rng.IntN(80))*400, 1000)
		zxid := znode.Zxid(0)
		take := func() picture {
			p := picture{zxid: zxid}
			tree.Walk("/", "", func(n *znode.Node) bool {
				p.lines = append(p.lines, line(n))
				return true
			})
			return p
		}
		pictures := []picture{take()}
		kinds := []znode.OpKind{znode.OpCreate, znode.OpCreate, znode.OpCreate, znode.OpCreate, znode.OpSet, znode.OpSet, znode.OpDelete,
			znode.OpDeleteTree, znode.OpCopyTree, znode.OpMoveTree}
		for range 250 {
			txn := znode.Txn{Zxid: zxid + 1, TimeMS: rng.Int64N(1000), ClockMS: int64(zxid), Owner: 1 + rng.Uint64N(2)}
			var changes []znode.Change
			switch rng.IntN(20) {
			case 0:
				changes = tree.CloseOwner(txn, txn.Owner, nil)
			case 1:
				txn.ClockMS += znode.ContainerUnusedMS + 1
				for _, e := range tree.Expired(txn.ClockMS, 2) {
					changes, _ = tree.Reap(txn, e, changes)
				}
			default:
				var ops []znode.Op
				for range 1 + rng.IntN(3) {
					op := znode.Op{Kind: kinds[rng.IntN(len(kinds))], Path: path(), Data: make([]byte, rng.IntN(4)), To: path()}
					if op.Kind == znode.OpCreate {
						op.Mode = []znode.Mode{znode.ModePersistent, znode.ModePersistent, znode.ModePersistent, znode.ModeEphemeral,
							znode.ModeContainer, znode.ModePersistentSequential}[rng.IntN(6)]
						op.Flags = znode.CreateFlags(rng.IntN(2)) * znode.CreateParents
					}
					ops = append(ops, op)
				}
				_, changes, _ = tree.Apply(txn, ops, nil, nil)
			}
			if len(changes) == 0 {
				continue
			}
			zxid++
			ring.Append(zxid, changes, int64(zxid))
			pictures = append(pictures, take())

			root := "/"
			if rng.IntN(2) == 0 {
				root = path()
			}
			was := &pictures[rng.IntN(len(pictures))]
			past, ok := ring.Past(tree, root, was.zxid, zxid)
			if ok != (was.zxid >= ring.Floor()) {
				t.Fatalf("seed %d: asked for %v of a ring behind %v: %v", seed, was.zxid, ring.Floor(), ok)
			}
			if !ok {
				continue
			}
			page, after := 1+rng.IntN(6), ""
			want := was.under(root)
			var got []string
			for more := true; more; {
				more = false
				n := 0
				there := past.Walk(tree, root, after, func(path string, node *znode.Node) bool {
					if n == page {
						more = true
						return false
					}
					if path != node.Path() {
						t.Fatalf("seed %d: node %s visited as %s", seed, node.Path(), path)
					}
					got, after = append(got, line(node)), path
					n++
					return true
				})
				if there != (len(want) > 0) {
					t.Fatalf("seed %d: %s was there at %v: %v", seed, root, was.zxid, there)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s as of %v, at %v:\n%s\nwant\n%s", seed, root, was.zxid, zxid, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestPastOfABranch: what was made for a root serves a root below it, and what is deleted now can be looked at then.
func TestPastOfABranch(t *testing.T) {
	tree, ring := znode.NewTree(), NewRing(1<<20, 1000)
	zxid := znode.Zxid(0)
	apply := func(op znode.Op) {
		zxid++
		_, changes, err := tree.Apply(znode.Txn{Zxid: zxid}, []znode.Op{op}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ring.Append(zxid, changes, 0)
	}
	for _, path := range []string{"/a", "/a/b", "/a/c", "/a/c/d", "/e"} {
		apply(znode.Op{Kind: znode.OpCreate, Path: path})
	}
	then := zxid
	for _, path := range []string{"/a/c/d", "/a/c", "/a/b"} {
		apply(znode.Op{Kind: znode.OpDelete, Path: path})
	}
	apply(znode.Op{Kind: znode.OpCreate, Path: "/a/new"})
	past, ok := ring.Past(tree, "/a", then, zxid)
	if !ok {
		t.Fatal("the ring does not reach back")
	}
	walk := func(root, after string) (paths []string, there bool) {
		there = past.Walk(tree, root, after, func(path string, _ *znode.Node) bool {
			paths = append(paths, path)
			return true
		})
		return paths, there
	}
	for _, test := range []struct {
		root, after string
		want        []string
		there       bool
	}{
		{"/a", "", []string{"/a", "/a/b", "/a/c", "/a/c/d"}, true},
		{"/a", "/a/b", []string{"/a/c", "/a/c/d"}, true},
		{"/a", "/a/bb", []string{"/a/c", "/a/c/d"}, true},
		{"/a/c", "", []string{"/a/c", "/a/c/d"}, true},
		{"/a/c", "/a/c/d", nil, true},
		{"/a/b", "", []string{"/a/b"}, true},
		{"/a/new", "", nil, false},
		{"/a/never", "", nil, false},
	} {
		if got, there := walk(test.root, test.after); !slices.Equal(got, test.want) || there != test.there {
			t.Errorf("%s behind %q: %q, %v; want %q, %v", test.root, test.after, got, there, test.want, test.there)
		}
	}
	if _, ok := ring.Past(tree, "/a", zxid+1, zxid); ok {
		t.Error("the future is known")
	}
}
