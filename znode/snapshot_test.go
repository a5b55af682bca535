package znode

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// openSnapshot is a snapshot and what it must turn out to be.
type openSnapshot struct {
	*Snapshot
	want   []Record
	digest uint64
	unread []int // shards, in the order that they will be read
	got    []Record
}

// read reads the next shard, as a snapshot's writer does.
func (s *openSnapshot) read() {
	i := s.unread[0]
	s.unread = s.unread[1:]
	s.Shard(i)
	nodes := s.Sort(i)
	if !slices.IsSortedFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Path(), b.Path()) }) {
		panic("not sorted")
	}
	for _, n := range nodes {
		s.got = append(s.got, n.Record())
	}
}

// TestSnapshotModel interleaves writes of every sort, failing transactions
// included, with the reading of several snapshots, and compares each with a copy
// of the tree made when it was opened.
func TestSnapshotModel(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		g, tree := newGenerator(uint64(seed)), NewTree()
		var open []*openSnapshot
		finished := 0
		for step := range 1500 {
			txn := g.next()
			switch g.IntN(12) {
			case 0:
				tree.CloseOwner(txn, g.Uint64N(4), nil)
			case 1:
				for _, e := range tree.Expired(txn.ClockMS, 3) {
					tree.Reap(txn, e, nil)
				}
			default:
				ops := g.ops()
				tree.Apply(txn, ops, nil, nil)
			}
			if len(open) < 3 && g.IntN(40) == 0 {
				s := &openSnapshot{Snapshot: tree.Snapshot(), want: records(tree), digest: tree.Digest()}
				s.unread = g.Perm(s.Shards())
				open = append(open, s)
			}
			for i := len(open) - 1; i >= 0; i-- {
				s := open[i]
				for range min(g.IntN(8), len(s.unread)) {
					s.read()
				}
				if len(s.unread) > 0 && g.IntN(500) > 0 {
					continue
				}
				if len(s.unread) == 0 { // some are given up half-way
					finished++
					s.verify(t, fmt.Sprintf("seed %d step %d", seed, step))
				}
				s.Close()
				s.Close()
				open = slices.Delete(open, i, i+1)
			}
		}
		for _, s := range open {
			s.Close()
		}
		if finished == 0 {
			t.Errorf("seed %d finished no snapshot", seed)
		}
		if len(tree.snapshots) != 0 {
			t.Errorf("seed %d: %d snapshots stay open", seed, len(tree.snapshots))
		}
	}
}

// verify compares what was read with the copy, and makes a tree of it.
func (s *openSnapshot) verify(t *testing.T, at string) {
	t.Helper()
	l := NewLoader()
	for _, r := range s.got {
		if err := l.Add(r); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
	tree, err := l.Finish()
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	slices.SortFunc(s.got, func(a, b Record) int { return strings.Compare(a.Path, b.Path) })
	if !slices.EqualFunc(s.got, s.want, sameRecord) {
		t.Fatalf("%s: read\n%+v\nwant\n%+v", at, s.got, s.want)
	}
	if tree.Digest() != s.digest || s.Digest() != s.digest || s.Len() != tree.Len() || s.DataBytes() != tree.DataBytes() {
		t.Fatalf("%s: digest %x %x, want %x", at, tree.Digest(), s.Digest(), s.digest)
	}
}

// TestSnapshotShardIsStable: asked again a shard is the same, whatever was
// written before and after the first time; what is written after it is not kept;
// and a closed snapshot cannot be read on.
func TestSnapshotShardIsStable(t *testing.T) {
	tree := NewTree()
	set := Op{Kind: OpSet, Path: "/a", Data: []byte("later")}
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpCreate, Path: "/a"})
	want := tree.Get("/a")
	s := tree.Snapshot()
	i := shardOf("/a")
	for zxid := range Zxid(3) {
		mustApply(t, tree, Txn{Zxid: 2 + zxid}, set)
		if got := s.Shard(i); !slices.Contains(got, want) {
			t.Errorf("reading number %d: %v", zxid, got)
		}
		if len(s.cuts[i].before) != 0 {
			t.Errorf("reading number %d: still keeps %v", zxid, s.cuts[i].before)
		}
	}
	mustApply(t, tree, Txn{Zxid: 6}, set)
	if len(s.cuts[i].before) != 0 {
		t.Errorf("keeps %v for nobody", s.cuts[i].before)
	}
	s.Close()
	if got := s.Sort(i); !slices.Contains(got, want) {
		t.Errorf("after Close: %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a closed snapshot was read")
		}
	}()
	s.Shard(i)
}
