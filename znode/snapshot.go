package znode

import (
	"slices"
	"strings"
)

// Snapshot is the tree at one point in time, read shard by shard while writes go
// on. Nodes are immutable, so it needs their pointers only; and of those only
// the ones that a write replaces before their shard was read: the rest are still
// in the tree. A write during a snapshot therefore costs one more map entry, and
// nothing ever stops for a whole shard's copy but the snapshot's own reader.
//
// A snapshot has one reader, a single goroutine. Close it: until then it keeps
// what is overwritten.
type Snapshot struct {
	tree      *Tree
	cuts      [shardCount]cut
	count     int64
	dataBytes int64
	digest    uint64
}

// cut is one shard of a snapshot.
type cut struct {
	// Until the shard is read: for each path written since the snapshot, what
	// was there before the first such write; nil for nothing.
	before map[string]*Node

	taken bool // the shard was read: nodes holds the answer, before is nil
	nodes []*Node
}

// Snapshot opens a snapshot of the tree as it is now, in constant time. Several
// may be open; each makes every write a little dearer. It is called between
// transactions, under the exclusive lock.
func (t *Tree) Snapshot() *Snapshot {
	s := &Snapshot{tree: t, count: t.count, dataBytes: t.dataBytes, digest: t.digest}
	t.snapshots = append(t.snapshots, s)
	return s
}

// save keeps old, which is about to be replaced at path (nil: nothing was there).
func (s *Snapshot) save(shard int, path string, old *Node) {
	c := &s.cuts[shard]
	if c.taken {
		return
	}
	if _, saved := c.before[path]; saved {
		return
	}
	if c.before == nil {
		c.before = make(map[string]*Node)
	}
	c.before[path] = old
}

// Shards returns the number of shards, which is the same for all trees.
func (s *Snapshot) Shards() int { return shardCount }

// Shard returns the nodes that shard i held at the snapshot's point in time, the
// root included, in no particular order. It is called under the tree's lock,
// shared or exclusive, and takes as long as copying 1/256 of the tree's pointers;
// asked again it returns the same slice, which nobody changes but [Snapshot.Sort].
// It panics after Close.
func (s *Snapshot) Shard(i int) []*Node {
	if s.tree == nil {
		panic("znode: Shard of a snapshot that was closed")
	}
	c := &s.cuts[i]
	if c.taken {
		return c.nodes
	}
	shard := s.tree.shards[i]
	// By pointer, not by path: comparing paths would read the memory of every node.
	written := make(map[*Node]struct{}, len(c.before))
	for path := range c.before {
		if n := shard[path]; n != nil {
			written[n] = struct{}{}
		}
	}
	nodes := make([]*Node, 0, len(shard)+len(c.before))
	for _, n := range shard {
		if _, ok := written[n]; !ok {
			nodes = append(nodes, n)
		}
	}
	for _, n := range c.before {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	*c = cut{taken: true, nodes: nodes}
	return nodes
}

// Sort puts the nodes that Shard(i) returned into bytewise order of their paths,
// in place, and returns them. It belongs to the snapshot's reader and needs no
// lock: sorting under the lock would keep writers waiting.
func (s *Snapshot) Sort(i int) []*Node {
	nodes := s.cuts[i].nodes
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.at.path, b.at.path) })
	return nodes
}

// Len returns the number of nodes in the snapshot, the root not counted.
func (s *Snapshot) Len() int64 { return s.count - 1 }

// DataBytes returns the sum of the lengths of all data in the snapshot.
func (s *Snapshot) DataBytes() int64 { return s.dataBytes }

// Digest returns what Tree.Digest was.
func (s *Snapshot) Digest() uint64 { return s.digest }

// Close ends the snapshot: the tree stops keeping what it overwrites. Slices
// that Shard returned stay valid. It is called under the exclusive lock; closing
// twice is fine.
func (s *Snapshot) Close() {
	if s.tree == nil {
		return
	}
	t := s.tree
	t.snapshots = slices.DeleteFunc(t.snapshots, func(o *Snapshot) bool { return o == s })
	s.tree = nil
}
