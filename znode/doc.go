// Package znode is the tree of nodes: paths, data, versions and lifetimes, and
// the transactions that change them.
//
//	   Apply, CloseOwner, Reap                 Get, Children, Walk, Descendants, Holds,
//	   (one writer)                            Ephemerals, Expired (many readers)
//	        │                                            │
//	        ▼                                            ▼
//	┌─ Tree ───────────────────────────────────────────────────────────────┐
//	│  256 shards: path ──▶ Node ──▶ place ──▶ dir: children, descendants  │
//	│                       │  ▲       │         │                         │
//	│                data, Stat└───────┘ current └─▶ places of children    │
//	│  owners:    session ──▶ places of its ephemeral nodes                │
//	│  deadlines: cluster time ──▶ places of nodes that may be reaped      │
//	└──────┬───────────────────────────────────────────────────────────────┘
//	       │ what a write overwrites                 ┌──────────┐
//	       └────────────────────────▶ Snapshot ────▶ │ Record…  │ ────▶ Loader
//	                                                 └──────────┘
//
// A [Node] is one version of a node and never changes: a write publishes the
// next version. What a node keeps over its whole life, its path and its
// directory, is in its place, to which all versions point and which points to the
// current one; so a listing leads from place to place and a set touches none.
//
// # Invariants
//
//   - Every node but the root has a parent; ephemeral nodes have no children.
//   - Node.children is the number of places in the node's directory, and
//     Node.created, which drives sequential suffixes, never falls while it lives.
//   - All else that a [Tree] holds is a function of the nodes' [Record]s: counts,
//     digest, owners, deadlines, directories. One function, put, maintains all of
//     it, and undoing a step is putting it in reverse.
//   - Results depend on the tree and the arguments alone: no clock, no random
//     number, and no order of a Go map.
//   - A list of [Change]s is exact: putting each Old and OldParent in the place of
//     New and NewParent, the last change first, leads back to the very nodes that
//     there were before. So a reader with the recent changes can tell what the tree
//     was a little while ago.
//
// # Operations on whole trees
//
// To create with parents, and to delete, copy or move a tree, is one operation of
// one transaction, applied as the creates and deletes that it stands for, node by
// node: created top first, deleted bottom first, a [Change] for each, under the
// rules that hold for each. Nodes of one transaction may be many more than its
// operations, so MaxTreeNodes and MaxTreeBytes limit them.
//
// A copied node is a new node, and so is a moved one: czxid, mzxid and pzxid are
// those of the copy, its version is 0. Who holds a czxid as a fencing token, or
// has seen a node and asks later what has happened since, compares zxids: an old
// node that turned up at a new path with its old zxids would pass for one that had
// been there all the time. Data, kind and lifetime stay, the time to live starts
// anew, and so does the wait of a container for its first child. The number of
// children ever created stays too, so that sequential names which were given in the
// original are not given again in the copy; a container that is empty after having
// had children is reaped soon, as the original is. An ephemeral node lives with its
// session: it can be moved, but there are no two of it.
//
// # Concurrency
//
// The package starts nothing, locks nothing and blocks on nothing. The caller
// has a readers-writer lock: [Tree.Apply], [Tree.CloseOwner], [Tree.Reap],
// [Tree.Snapshot] and [Snapshot.Close] need it exclusively; all other methods of
// [Tree], and [Snapshot.Shard], need it shared; the methods of [Node], and the
// rest of [Snapshot]'s, need no lock. So a reply can be written from a node after
// the lock was released, without a copy of its data, and several reads under one
// hold of the lock are of one point in time (rule T-8).
//
// # Decisions
//
// Nodes are in hash maps. For: a lookup is a few cache misses, where a tree that
// can be copied in constant time makes dozens of comparisons. Against: order and
// snapshots have to be built beside it, as directories and as what follows.
//
// A snapshot keeps what is overwritten while it is open, node by node, rather
// than copying a whole shard's list upon the first write to the shard. For: right
// after a snapshot is opened, a batch of writes touches every shard, so it would
// wait for a copy of all pointers of the tree, which takes too long from a
// million nodes on; now each write pays for itself. Against: one map entry per
// overwritten node, until the shard was read.
//
// Small sets of children are sorted slices, large ones B-trees: nearly all
// directories are small, and a slice of pointers is the least that they can cost.
//
// A tree is copied node by node with a new version of the parent for each, though
// the children could be attached at once. For: a change list that can be undone,
// and no second way to change the tree. Against: a version of the parent per node.
//
// The digest is a sum of hashes, maintained by each write. For: comparing
// replicas is comparing a number. Against: each write hashes what it writes.
//
// # What it does not do
//
// It knows no sessions (an owner is a number), no watches (it reports each
// [Change], others tell who wants to know), no access control (see [Record]), no
// encoding and no time but what a [Txn] brings. It does not assign zxids, nor
// scan for expired nodes by itself; and it keeps no history.
package znode
