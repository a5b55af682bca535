package znode

import "strings"

// Tree is the tree of nodes: a map from path to node, in shards, and what is
// derived from it. See the package documentation for who may call what when.
type Tree struct {
	shards    [shardCount]map[string]*Node
	count     int64              // nodes, the root included
	dataBytes int64              // sum of the lengths of all data
	digest    uint64             // sum of the hashes of all nodes
	owners    map[uint64]*places // ephemeral nodes by owner; holds no empty set
	expiring  int64              // container and TTL nodes
	deadlines deadlines          // those of them that only the clock keeps alive
	snapshots []*Snapshot        // open ones
	undo      []step             // what the transaction in progress has done

	// MaxNodesWithCopies and MaxDataWithCopies. Fields, so that a test can reach them.
	maxNodes, maxData int64
	spent             budget // what it has used up of its limits
}

// NewTree returns a tree that holds the root alone, with all its numbers zero.
func NewTree() *Tree {
	t := emptyTree()
	root := &Node{at: &place{path: "/", dir: &dir{}}}
	root.hash = root.contentHash() + root.metaHash()
	t.put(step{new: root})
	return t
}

// emptyTree returns a tree without even a root.
func emptyTree() *Tree {
	t := &Tree{
		owners: make(map[uint64]*places), deadlines: newDeadlines(), maxNodes: MaxNodesWithCopies, maxData: MaxDataWithCopies,
	}
	for i := range t.shards {
		t.shards[i] = make(map[string]*Node)
	}
	return t
}

// Get returns the node at path, nil if there is none. The path need not be
// legal. The node may be kept and read without the lock.
func (t *Tree) Get(path string) *Node {
	return t.shards[shardOf(path)][path]
}

// Children visits the children of parent in bytewise order of their names, from
// the first whose name is greater than after ("" for all), until visit returns
// false. The result is false, and nothing is visited, if parent is absent.
//
// Both name and child may be kept. visit must not change the tree.
func (t *Tree) Children(parent, after string, visit func(name string, child *Node) bool) bool {
	n := t.Get(parent)
	if n == nil {
		return false
	}
	if n.at.dir == nil {
		return true
	}
	prefix := below(parent)
	n.at.dir.children.ascend(prefix+after, func(p *place) bool {
		return visit(p.path[len(prefix):], p.node)
	})
	return true
}

// Descendants returns the number of nodes below path, itself not counted, and
// whether there is a node at path. It does not walk the tree.
func (t *Tree) Descendants(path string) (int64, bool) {
	n := t.Get(path)
	if n == nil || n.at.dir == nil {
		return 0, n != nil
	}
	return n.at.dir.descendants, true
}

// Ephemerals visits the paths of owner's ephemeral nodes at and below prefix, in
// bytewise order of the paths, from the first greater than after ("" for all),
// until visit returns false. The prefix is taken by component: "/a" stands for
// "/a" and "/a/b", not for "/ab". "/" and "" stand for all.
func (t *Tree) Ephemerals(owner uint64, prefix, after string, visit func(path string) bool) {
	set := t.owners[owner]
	if set == nil {
		return
	}
	if prefix == "" || prefix == "/" {
		set.ascend(after, func(p *place) bool { return visit(p.path) })
		return
	}
	// "/a-b" sorts between "/a" and "/a/b": first the node itself, then the rest.
	if n := t.Get(prefix); n != nil && n.rare().owner == owner && after < prefix && !visit(prefix) {
		return
	}
	inside := below(prefix)
	set.ascend(max(after, inside), func(p *place) bool {
		return strings.HasPrefix(p.path, inside) && visit(p.path)
	})
}

// EphemeralCount returns how many ephemeral nodes owner has.
func (t *Tree) EphemeralCount(owner uint64) int64 {
	if set := t.owners[owner]; set != nil {
		return int64(set.len())
	}
	return 0
}

// HasExpiring reports whether any container or TTL node exists, and so whether
// the cluster clock is needed.
func (t *Tree) HasExpiring() bool { return t.expiring > 0 }

// Len returns the number of nodes, the root not counted.
func (t *Tree) Len() int64 { return t.count - 1 }

// DataBytes returns the sum of the lengths of all data.
func (t *Tree) DataBytes() int64 { return t.dataBytes }

// Digest returns a hash of all nodes with everything that a [Record] holds. It
// depends on the nodes alone, not on the history that led to them, so replicas
// that agree have equal digests.
func (t *Tree) Digest() uint64 { return t.digest }
