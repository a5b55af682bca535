package znode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wideTree returns a tree with nodes at and below /a, in directories of a thousand,
// and nothing else.
func wideTree(t testing.TB, nodes int) *Tree {
	t.Helper()
	tree := NewTree()
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a"})
	dir := ""
	for i := range nodes - 1 {
		op := Op{Kind: OpCreate, Path: fmt.Sprintf("%s/n%05d", dir, i), Data: make([]byte, 100)}
		if i%1000 == 0 {
			dir = fmt.Sprintf("/a/d%05d", i)
			op.Path = dir
		}
		mustApply(t, tree, Txn{Zxid: Zxid(i + 2)}, op)
	}
	return tree
}

func copyOp(from, to string) Op { return Op{Kind: OpCopyTree, Path: from, To: to} }

// refused applies ops, which must fail at index with code and leave the tree as it is.
func refused(t *testing.T, tree *Tree, code Code, index int, ops ...Op) {
	t.Helper()
	digest, before := tree.Digest(), tree.Len()
	results, changes, err := tree.Apply(Txn{Zxid: 1 << 40}, ops, nil, nil)
	if !errors.Is(err, code) || err.Index != index || results != nil || changes != nil {
		t.Fatalf("%v, not %v at %d", err, code, index)
	}
	if tree.Digest() != digest || tree.Len() != before {
		t.Fatal("a refused transaction changed the tree")
	}
}

// TestTreeNodesLimit: exactly the limit passes, one node more does not, whatever it
// is that makes or deletes them; and each transaction starts anew.
func TestTreeNodesLimit(t *testing.T) {
	const half = MaxTreeNodes / 2
	tree := wideTree(t, half)
	z := func(n int) Txn { return Txn{Zxid: Zxid(1<<20 + n)} }
	one := Op{Kind: OpCreate, Path: "/one"}

	refused(t, tree, CodeTooMany, 3, one, copyOp("/a", "/b"), copyOp("/a", "/c"), copyOp("/one", "/two"))
	refused(t, tree, CodeTooMany, 2, one, Op{Kind: OpMoveTree, Path: "/a", To: "/b"}, Op{Kind: OpDeleteTree, Path: "/one"})
	refused(t, tree, CodeTooMany, 1, Op{Kind: OpMoveTree, Path: "/a", To: "/b"},
		Op{Kind: OpCreate, Path: "/x/y", Flags: CreateParents})

	moved := mustApply(t, tree, z(1), Op{Kind: OpMoveTree, Path: "/a", To: "/b"}, Op{Kind: OpCreate, Path: "/y"})
	if moved[0].Count != half || tree.Len() != half+1 {
		t.Fatalf("%d moved, %d nodes", moved[0].Count, tree.Len())
	}
	mustApply(t, tree, z(2), Op{Kind: OpMoveTree, Path: "/b", To: "/a"})
	mustApply(t, tree, z(3), copyOp("/a", "/a2"), copyOp("/a", "/a3"))
	mustApply(t, tree, z(4), Op{Kind: OpDeleteTree, Path: "/a2"}, Op{Kind: OpDeleteTree, Path: "/a3"})
	mustApply(t, tree, z(5), copyOp("/a", "/b"))
	mustApply(t, tree, z(6), Op{Kind: OpMoveTree, Path: "/b", To: "/a/b"})
	if got := mustApply(t, tree, z(7), Op{Kind: OpDeleteTree, Path: "/a"}); got[0].Count != MaxTreeNodes || tree.Len() != 1 {
		t.Fatalf("%d deleted, %d left", got[0].Count, tree.Len())
	}

	tree = wideTree(t, MaxTreeNodes+1)
	refused(t, tree, CodeTooMany, 0, Op{Kind: OpDeleteTree, Path: "/a"})
	refused(t, tree, CodeTooMany, 0, copyOp("/a", "/b"))
	mustApply(t, tree, z(8), Op{Kind: OpDelete, Path: "/a/d49000/n49999"}, copyOp("/a", "/b"))
	checkTree(t, tree)
}

// TestMadeParentsLimit: parents that creates make count too, their paths as well.
func TestMadeParentsLimit(t *testing.T) {
	chain := func(i, depth, width int) Op {
		path := fmt.Sprintf("/%05d", i) + strings.Repeat("/"+strings.Repeat("d", width), depth)
		return Op{Kind: OpCreate, Path: path, Flags: CreateParents}
	}
	tree := NewTree()
	var ops []Op
	for i := range MaxTreeNodes/250 + 1 {
		ops = append(ops, chain(i, 250, 1))
	}
	refused(t, tree, CodeTooMany, len(ops)-1, ops...)
	mustApply(t, tree, Txn{Zxid: 1}, ops[:len(ops)-1]...)
	if want := int64(MaxTreeNodes + MaxTreeNodes/250); tree.Len() != want {
		t.Errorf("%d nodes, want %d", tree.Len(), want)
	}
	tree, ops = NewTree(), nil
	each := 0 // bytes of the made parents' paths
	for d := range 250 {
		each += len("/00000") + 16*d
	}
	for i := range MaxTreeBytes/each + 1 {
		ops = append(ops, chain(i, 250, 15))
	}
	refused(t, tree, CodeTooLarge, len(ops)-1, ops...)
	mustApply(t, tree, Txn{Zxid: 1}, ops[:len(ops)-1]...)
}

// TestTreeBytesLimit: what is copied is limited together, and the paths count.
func TestTreeBytesLimit(t *testing.T) {
	tree := NewTree()
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a", Data: make([]byte, MaxDataBytes-len("/00"))})
	var ops []Op
	for i := range MaxTreeBytes/MaxDataBytes + 1 {
		ops = append(ops, copyOp("/a", fmt.Sprintf("/%02d", i)))
	}
	refused(t, tree, CodeTooLarge, len(ops)-1, ops...)
	longer := append([]Op(nil), ops[:len(ops)-1]...)
	longer[0].To += "x"
	refused(t, tree, CodeTooLarge, len(longer)-1, longer...)
	mustApply(t, tree, Txn{Zxid: 2}, ops[:len(ops)-1]...)
	if a, b := tree.Get("/a").Data(), tree.Get("/00").Data(); &a[0] != &b[0] {
		t.Error("the data were copied")
	}
}

// TestCopiedPathLimits: every path of the copy obeys the limits of length and depth.
func TestCopiedPathLimits(t *testing.T) {
	tree := NewTree()
	deep, long := strings.Repeat("/d", 100), "/"+strings.Repeat("n", 1000)
	to := strings.Repeat("/t", 157)
	longTo := "/" + strings.Repeat("t", MaxPathBytes-len(long)-1)
	mustApply(t, tree, Txn{Zxid: 1},
		Op{Kind: OpCreate, Path: "/a" + deep, Flags: CreateParents}, // 101 components
		Op{Kind: OpCreate, Path: "/b" + long, Flags: CreateParents},
		Op{Kind: OpCreate, Path: to, Flags: CreateParents})
	for _, kind := range []OpKind{OpCopyTree, OpMoveTree} {
		refused(t, tree, CodeTooLarge, 0, Op{Kind: kind, Path: "/a", To: to[:2*156] + "/x"}) // 157 and 100
		refused(t, tree, CodeTooLarge, 0, Op{Kind: kind, Path: "/b", To: longTo + "t"})
		mustApply(t, tree, Txn{Zxid: 2}, Op{Kind: kind, Path: "/a", To: to[:2*155] + "/x" + kind.String()[:1]}) // 156 and 100
		mustApply(t, tree, Txn{Zxid: 3}, Op{Kind: kind, Path: "/b", To: longTo[:len(longTo)-1] + kind.String()[:1]})
	}
	checkTree(t, tree)
}

// TestCopiedNodesAreTheirOwn: of a copied node that is then overwritten or deleted
// neither the original nor the change that tells of the copy knows anything.
func TestCopiedNodesAreTheirOwn(t *testing.T) {
	tree := NewTree()
	_, changes, err := tree.Apply(Txn{Zxid: 1, TimeMS: 5}, []Op{
		{Kind: OpCreate, Path: "/a", Data: []byte("one")}, copyOp("/a", "/b"),
		{Kind: OpSet, Path: "/b", Data: []byte("two")}, {Kind: OpSet, Path: "/b", Data: []byte("three")}, {Kind: OpDelete, Path: "/b"},
	}, nil, nil)
	if err != nil || len(changes) != 5 {
		t.Fatal(changes, err)
	}
	var told []string
	for _, c := range changes[1:] {
		for _, n := range []*Node{c.Old, c.New} {
			if n != nil {
				told = append(told, fmt.Sprintf("%s %d", n.Data(), n.Stat().Version))
			}
		}
	}
	if got := strings.Join(told, ", "); got != "one 0, one 0, two 1, two 1, three 2, three 2" {
		t.Error(got)
	}
	if n := tree.Get("/a"); string(n.Data()) != "one" || n.Stat().Version != 0 {
		t.Errorf("the original is now %+v", n.Record())
	}
}

// TestComparePaths: all orders of all pairs agree with comparing components.
func TestComparePaths(t *testing.T) {
	paths := []string{"", "/", "//", "/a", "/a/", "/a//b", "/a/b", "/a/b/c", "/a-b", "/a.b", "/a b",
		"/ab", "/A", "a", "/a\x00", "/ä", "/a/b-"}
	for _, a := range paths {
		for _, b := range paths {
			if got, want := ComparePaths(a, b), slowCompare(a, b); got != want {
				t.Errorf("%q %q: %d, want %d", a, b, got, want)
			}
		}
	}
	// A walk may go on from any of them.
	tree, all := NewTree(), []string{"/", "/a", "/a/b", "/a/b/c", "/a-b"}
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a/b/c", Flags: CreateParents}, Op{Kind: OpCreate, Path: "/a-b"})
	for _, after := range paths {
		var got, want []string
		tree.Walk("/", after, func(n *Node) bool { got = append(got, n.Path()); return true })
		for _, path := range all {
			if slowCompare(path, after) > 0 {
				want = append(want, path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %q: %v, want %v", after, got, want)
		}
	}
}

// TestCopiesDoNotFillTheTree: copies stop where the whole tree is large, by nodes and by data, and exactly there; a move
// makes nothing more, and what is sent node by node goes on.
func TestCopiesDoNotFillTheTree(t *testing.T) {
	for name, bound := range map[string]func(*Tree){
		"nodes": func(tree *Tree) { tree.maxNodes = tree.Len() + 4 },
		"data":  func(tree *Tree) { tree.maxData = tree.DataBytes() + 20 },
	} {
		tree, zxid := NewTree(), Zxid(0)
		apply := func(ops ...Op) *Error {
			zxid++
			_, _, err := tree.Apply(Txn{Zxid: zxid}, ops, nil, nil)
			return err
		}
		if err := apply(Op{Kind: OpCreate, Path: "/a", Data: make([]byte, 4)}, Op{Kind: OpCreate, Path: "/a/b", Data: make([]byte, 6)}); err != nil {
			t.Fatal(err)
		}
		bound(tree)
		for i, want := range []Code{CodeOK, CodeOK, CodeTooMany} {
			err := apply(Op{Kind: OpCopyTree, Path: "/a", To: "/copy" + string(rune('0'+i))})
			if got := codeOf(err); got != want {
				t.Errorf("%s: copy %d: %v, want %v", name, i, got, want)
			}
		}
		if err := apply(Op{Kind: OpMoveTree, Path: "/a", To: "/moved"}, Op{Kind: OpCreate, Path: "/more", Data: make([]byte, 4)}); err != nil {
			t.Errorf("%s: a move or a create was refused: %v", name, err)
		}
	}
}

func codeOf(err *Error) Code {
	if err == nil {
		return CodeOK
	}
	return err.Code
}
