package znode

import (
	"slices"
	"strings"
)

// Stat is everything about a node but its path and data (rules S-1 to S-7). All
// numbers are 64-bit; ZooKeeper's 32-bit ones are a projection of them (S-3).
type Stat struct {
	Czxid       Zxid   // transaction that created the node
	Mzxid       Zxid   // transaction that last set its data
	Pzxid       Zxid   // transaction that last created or deleted a child of it
	CtimeMS     int64  // wall clock of the create's proposer, ms since 1970: information, nothing is decided by it
	MtimeMS     int64  // the same of the last set
	Version     int64  // number of sets
	Cversion    int64  // number of creates and deletes of children
	Aversion    int64  // number of changes of the ACL
	Owner       uint64 // session that an ephemeral node lives with, else 0
	DataLength  int64  // bytes of data
	NumChildren int64
	Kind        Kind
	TTLMS       int64 // of a TTL node, in ms of cluster time, else 0
}

// Node is one version of a node: immutable once published, replaced by the next
// write. Its methods may be called without a lock and at any time, also when the
// node has long been overwritten or deleted.
//
// Its size, 112 bytes, is a size class of the allocator: what few nodes have is
// kept in extra.
type Node struct {
	at       *place
	extra    *extra // nil for a persistent node whose ACL was never changed
	data     []byte // nil if empty
	czxid    Zxid
	mzxid    Zxid
	pzxid    Zxid
	ctimeMS  int64
	mtimeMS  int64
	version  int64
	created  int64  // C of rule S-1: children ever created; the next sequential suffix
	children int64  // children now
	hash     uint64 // this version's share of Tree.Digest
}

// extra holds the rare parts of a node. It is immutable and shared by versions
// of a node that agree on it.
type extra struct {
	owner    uint64 // Ephemeral: the session
	ttlMS    int64  // TTL: the lifetime
	touchMS  int64  // Container, TTL: cluster clock of the create or last set
	aversion int64
	kind     Kind
}

// ordinary stands for the extra of the nodes that have none.
var ordinary extra

func (n *Node) rare() *extra {
	if n.extra == nil {
		return &ordinary
	}
	return n.extra
}

// Path returns the full path.
func (n *Node) Path() string { return n.at.path }

// Name returns the last component of the path, "" for the root. It shares the
// path's memory.
func (n *Node) Name() string {
	return n.at.path[strings.LastIndexByte(n.at.path, '/')+1:]
}

// Data returns the node's data, nil if it is empty. It is shared with every
// reader and must not be modified; it may be kept.
func (n *Node) Data() []byte { return n.data }

// Created returns how many children were ever created under the node (C of rule
// S-1), which is the suffix of the next sequential one.
func (n *Node) Created() int64 { return n.created }

// Kind returns what the node is.
func (n *Node) Kind() Kind { return n.rare().kind }

// Stat returns the node's Stat.
func (n *Node) Stat() Stat {
	x := n.rare()
	return Stat{
		Czxid:       n.czxid,
		Mzxid:       n.mzxid,
		Pzxid:       n.pzxid,
		CtimeMS:     n.ctimeMS,
		MtimeMS:     n.mtimeMS,
		Version:     n.version,
		Cversion:    2*n.created - n.children,
		Aversion:    x.aversion,
		Owner:       x.owner,
		DataLength:  int64(len(n.data)),
		NumChildren: n.children,
		Kind:        x.kind,
		TTLMS:       x.ttlMS,
	}
}

// newNode returns the first version of a node at a place of its own.
func newNode(txn Txn, path string, op *Op) *Node {
	n := &Node{
		at:      &place{path: path},
		data:    owned(op.Data),
		czxid:   txn.Zxid,
		mzxid:   txn.Zxid,
		pzxid:   txn.Zxid,
		ctimeMS: txn.TimeMS,
		mtimeMS: txn.TimeMS,
	}
	switch kind := op.Mode.Kind(); kind {
	case Ephemeral:
		n.extra = &extra{kind: kind, owner: txn.Owner}
	case Container, TTL:
		n.extra = &extra{kind: kind, ttlMS: op.TTLMS, touchMS: txn.ClockMS}
	}
	n.hash = n.contentHash() + n.metaHash()
	return n
}

// copied returns the first version of a copy of n at path: a node that was created
// by txn, with n's data, kind and lifetime. It has no children yet; once it has
// copies of n's, its counters are those of n, so that a name that was given below
// n is not given again below the copy.
func (n *Node) copied(txn Txn, path string) *Node {
	c := &Node{
		at:      &place{path: path},
		data:    n.data,
		czxid:   txn.Zxid,
		mzxid:   txn.Zxid,
		pzxid:   txn.Zxid,
		ctimeMS: txn.TimeMS,
		mtimeMS: txn.TimeMS,
		created: n.created - n.children,
	}
	if x := n.rare(); x.kind != Persistent {
		c.extra = &extra{kind: x.kind, owner: x.owner, ttlMS: x.ttlMS}
		if x.kind.Expires() {
			c.extra.touchMS = txn.ClockMS
		}
	}
	c.hash = c.contentHash() + c.metaHash()
	return c
}

// withData returns the version of n after a set.
func (n *Node) withData(txn Txn, data []byte) *Node {
	next := *n
	next.data = owned(data)
	next.mzxid = txn.Zxid
	next.mtimeMS = txn.TimeMS
	next.version++
	if n.Kind().Expires() { // a set prolongs the life (rule M-9)
		x := *n.extra
		x.touchMS = txn.ClockMS
		next.extra = &x
	}
	next.hash = next.contentHash() + next.metaHash()
	return &next
}

// withChild returns the version of n after one more child was created.
func (n *Node) withChild(zxid Zxid) *Node {
	return n.withChildren(zxid, n.created+1, n.children+1)
}

// withoutChild returns the version of n after one of its children was deleted.
func (n *Node) withoutChild(zxid Zxid) *Node {
	return n.withChildren(zxid, n.created, n.children-1)
}

func (n *Node) withChildren(zxid Zxid, created, children int64) *Node {
	next := *n
	next.created = created
	next.children = children
	next.pzxid = max(n.pzxid, zxid) // never goes back (rule S-6)
	next.hash = n.hash - n.metaHash() + next.metaHash()
	return &next
}

// Before returns the version that n has come from by so many creates and deletes of
// children and nothing else, where pzxid is that version's. It is for those who
// keep a history and not every version of every parent; it takes no lock.
func (n *Node) Before(created, deleted int64, pzxid Zxid) *Node {
	was := *n
	was.created -= created
	was.children += deleted - created
	was.pzxid = pzxid
	was.hash = n.hash - n.metaHash() + was.metaHash()
	return &was
}

// owned returns data as a node keeps it. Empty data is always nil, so that a
// restored replica answers what the others do; and readers who append to it
// cannot write into memory behind it.
func owned(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return slices.Clip(data)
}
