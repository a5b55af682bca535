package znode

import "strconv"

// Txn is what a transaction brings along besides its operations. All of it was
// fixed by the proposer or by the replicated state, so every replica sees the same.
type Txn struct {
	Zxid    Zxid   // of all the operations; larger than any before
	TimeMS  int64  // wall clock of the proposer, ms since 1970, for Stat
	ClockMS int64  // cluster clock, ms; the only time that anything is decided by (M-11)
	Owner   uint64 // session that writes, and that ephemeral nodes will belong to
}

// OpKind is what an operation does. The numbers stand in the log.
type OpKind uint8

const (
	OpCreate OpKind = 1 // a node, below a parent that exists
	OpDelete OpKind = 2 // a node without children
	OpSet    OpKind = 3 // the data of a node
	OpCheck  OpKind = 4 // that a node exists, and matches the guard if there is one; or, if the guard says so, that it is absent

	OpDeleteTree OpKind = 7  // a node and all below it
	OpCopyTree   OpKind = 8  // a node and all below it, to a path at which there is nothing
	OpMoveTree   OpKind = 9  // the same, and the original is deleted
	OpRead       OpKind = 12 // the data and the stat of a node as of this operation; never fails for want of the node
)

// String returns the name of the operation in lower case.
func (k OpKind) String() string {
	switch k {
	case OpCreate:
		return "create"
	case OpDelete:
		return "delete"
	case OpSet:
		return "set"
	case OpCheck:
		return "check"
	case OpDeleteTree:
		return "delete tree"
	case OpCopyTree:
		return "copy tree"
	case OpMoveTree:
		return "move tree"
	case OpRead:
		return "read"
	}
	return "op(" + strconv.Itoa(int(k)) + ")"
}

// CreateFlags are what a create does beyond making one node.
type CreateFlags uint8

const (
	// CreateParents makes the parents that are absent, as persistent nodes without
	// data.
	CreateParents CreateFlags = 1 << iota
	// CreateContainers makes the parents that are absent, as containers.
	CreateContainers
	// CreateIfAbsent makes a create of a node that is there already succeed without
	// effect; the result says so. Not with a sequential mode.
	CreateIfAbsent
)

// Op is one operation of a transaction. Fields that its kind does not use are
// ignored.
type Op struct {
	Kind  OpKind
	Path  string      // of the node; for a sequential create, what the digits are appended to
	Data  []byte      // OpCreate, OpSet; empty and nil are the same
	Mode  Mode        // OpCreate
	TTLMS int64       // OpCreate: for the TTL modes 1 to MaxTTLMS, else 0
	Flags CreateFlags // OpCreate
	Guard Guard       // OpDelete, OpSet, OpCheck, OpDeleteTree; of OpCopyTree and OpMoveTree about the original
	To    string      // OpCopyTree, OpMoveTree: the path of the copy
}

// Result is the outcome of one operation of a transaction that was applied.
type Result struct {
	Path string // of the node; for a create the final one, for a copy or move that of the copy
	Stat Stat   // after this operation and before the next; zero for OpDelete, OpDeleteTree and OpCheck (T-4)
	Kind OpKind

	Existed bool   // OpCreate with CreateIfAbsent: it was there already, nothing was done. OpRead: it is there
	Data    []byte // OpRead: the node's own, must not be modified
	Count   int64  // OpDeleteTree, OpCopyTree, OpMoveTree: nodes deleted or made
}

// ChangeType is what happened to a node. The numbers are those of ZooKeeper's
// events; 4, children changed, is for the watch package to derive.
type ChangeType uint8

const (
	Created     ChangeType = 1 // the node is there now
	Deleted     ChangeType = 2 // the node is no more
	DataChanged ChangeType = 3 // the node was set, perhaps to the same data
)

// String returns the type as one lower-case word.
func (c ChangeType) String() string {
	switch c {
	case Created:
		return "created"
	case Deleted:
		return "deleted"
	case DataChanged:
		return "changed"
	}
	return "change(" + strconv.Itoa(int(c)) + ")"
}

// Change is one thing that happened to one node. A created or deleted node also
// changed its parent's list of children. The versions of the nodes are those
// right before and right after this change, also when later operations of the
// same transaction change them again.
type Change struct {
	Type ChangeType
	Path string

	Old, New             *Node // the node before and after; nil where there was or is none
	OldParent, NewParent *Node // Created, Deleted: the parent before and after; nil for DataChanged
}

// String returns the type and the path.
func (c Change) String() string { return c.Type.String() + " " + c.Path }
