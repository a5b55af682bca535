package znode

// Limits of the tree. All of them are enforced inside [Tree.Apply], so they are
// constants: two replicas that disagreed about one would diverge.
const (
	// MaxDataBytes is the largest value of one node. A value travels in one
	// frame, one log entry and one event; a mebibyte is what users of
	// ZooKeeper's default already live with.
	MaxDataBytes = 1 << 20

	// MaxPathBytes is the longest path, in bytes of UTF-8. It is what file
	// systems allow, and keeps a listing of names far below a frame.
	MaxPathBytes = 4096

	// MaxDepth is the largest number of components in a path. Creating and
	// deleting a node walks all of its ancestors to keep their descendant
	// counts, so depth is a cost that others would pay.
	MaxDepth = 256

	// MaxOps is the largest number of operations in one transaction. All of
	// them are applied under one lock, which readers wait for.
	MaxOps = 1000

	// MaxTreeNodes is the largest number of nodes that the tree operations of one
	// transaction create or delete, the parents that its creates make included; a
	// move does both with each node. Readers wait for all of it: copying or
	// deleting that many takes 40 to 50 ms of processor time, 140 ms at most where
	// the tree is 200 levels deep.
	MaxTreeNodes = 50_000

	// MaxTreeBytes is the largest sum of the paths and data that one transaction
	// copies, made parents included. In memory the data are shared, but each copy
	// is hashed at once and written to every snapshot from then on, so what takes
	// 64 MiB of disk must not come from a request of a hundred bytes over and over.
	MaxTreeBytes = 64 << 20

	// MaxNodesWithCopies and MaxDataWithCopies are the number of nodes and the
	// bytes of data of the whole tree beyond which nothing is copied: what a
	// copy would make counts. A request of fifteen bytes can ask for a copy, and a
	// session can have a thousand under way, so without a bound on the sum they
	// could use up the memory and the disks of all servers within a minute. Nodes
	// that are sent one by one are not held up: they cost their sender as much.
	MaxNodesWithCopies = 4 << 20
	MaxDataWithCopies  = 4 << 30

	// MaxEphemeralsPerOwner is the largest number of ephemeral nodes of one
	// session. They are all deleted at once when it dies, in one log entry's
	// time: at about a microsecond each this bounds the stall to 0.1–0.2 s.
	MaxEphemeralsPerOwner = 100_000

	// MaxTTLMS is the longest lifetime of a TTL node in milliseconds, about
	// 34 years (rule M-9: 40 bits).
	MaxTTLMS = 1<<40 - 1

	// ContainerUnusedMS is how long, in milliseconds of cluster time, a
	// container may wait for its first child before it is reaped (rule M-8).
	// It must outlast the pause between "create the container" and "create
	// the first child in it" of a slow client.
	ContainerUnusedMS = 5 * 60 * 1000

	// suffixDigits is the least width of a sequential suffix (rule M-4).
	suffixDigits = 10

	// maxSuffixDigits is the width of the largest 64-bit suffix. The prefix of
	// a sequential create must leave this much room below MaxPathBytes, so that
	// whether a prefix is legal does not depend on the parent's counter.
	maxSuffixDigits = 19

	// maxErrorPathBytes is how much of an illegal path an [Error] repeats. The
	// reply of a failed write is recorded and kept in snapshots, so it must not
	// grow with what a client sent.
	maxErrorPathBytes = 256

	// maxCounter bounds the counters of a record that is loaded. No history gets
	// there, and what is below neither overflows when it is counted up nor when
	// it is doubled for Stat.Cversion.
	maxCounter = 1 << 61

	// shardCount is the number of maps that hold the nodes. It bounds how long
	// a snapshot's reader holds the lock at a time: one shard, 1/256 of the
	// tree. A power of two, so that a hash selects a shard by masking.
	shardCount = 256

	// fewMax is the number of places up to which an ordered set is a sorted
	// slice; beyond, it is a B-tree. At 64 an insertion moves at most 512 bytes.
	fewMax = 64
)
