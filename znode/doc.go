// Package znode is the tree of nodes: paths, data, versions and lifetimes, and
// the transactions that change them.
//
//	   Apply, CloseOwner, Reap                 Get, Children, Descendants,
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
