package znode

import (
	"math"
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// deadlines orders the container and TTL nodes that have no children by the
// cluster time that they live until, and then by path. Nodes with children are
// not in it, nor are nodes of other kinds: these pay nothing.
type deadlines struct {
	set *btree.BTreeG[deadline]
}

type deadline struct {
	lastMS int64 // the node is due when the cluster clock is past this
	at     *place
}

func newDeadlines() deadlines {
	return deadlines{btree.NewBTreeGOptions(func(a, b deadline) bool {
		if a.lastMS != b.lastMS {
			return a.lastMS < b.lastMS
		}
		return a.at.path < b.at.path
	}, btree.Options{NoLocks: true})}
}

// move follows a node from version old to version next, either of which may be nil.
func (d deadlines) move(old, next *Node) {
	was, had := lastMS(old)
	is, has := lastMS(next)
	if had && has && was == is {
		return
	}
	if had {
		d.set.Delete(deadline{was, old.at})
	}
	if has {
		d.set.Set(deadline{is, next.at})
	}
}

// lastMS returns the cluster time that n lives until, and whether time ends its
// life at all. The node goes when the clock is past it, not when it is reached:
// the clock may have been about to tick when the node was touched, and a TTL is
// never cut short (rules M-8, M-9).
func lastMS(n *Node) (int64, bool) {
	if n == nil || n.extra == nil || n.children > 0 {
		return 0, false
	}
	switch x := n.extra; x.kind {
	case Container:
		if n.created > 0 { // it has served
			return math.MinInt64, true
		}
		return later(x.touchMS, ContainerUnusedMS), true
	case TTL:
		return later(x.touchMS, x.ttlMS), true
	}
	return 0, false
}

// later adds a span to a time, and stops at the end of time.
func later(atMS, spanMS int64) int64 {
	if atMS > math.MaxInt64-spanMS {
		return math.MaxInt64
	}
	return atMS + spanMS
}

// Expiry names a node to be reaped as it was when it was found due: if it was
// rewritten, or deleted and made anew, before the command to reap it is applied,
// it is another node and stays (rule M-10).
type Expiry struct {
	Path    string
	Czxid   Zxid
	Mzxid   Zxid
	Created int64 // children ever created (C)
}

// Expired returns up to limit nodes that are due at cluster time clockMS:
// containers that are empty after having had a child, or that never had one for
// ContainerUnusedMS since they were last set, and TTL nodes without children that
// were not set for longer than their TTL. If more are due, it takes those that
// are overdue longest. The result is in bytewise order of the paths. The cost is
// that of the nodes returned, whatever the size of the tree.
func (t *Tree) Expired(clockMS int64, limit int) []Expiry {
	var due []Expiry
	t.deadlines.set.Scan(func(d deadline) bool {
		if len(due) >= limit || d.lastMS >= clockMS {
			return false
		}
		n := d.at.node
		due = append(due, Expiry{Path: n.at.path, Czxid: n.czxid, Mzxid: n.mzxid, Created: n.created})
		return true
	})
	slices.SortFunc(due, func(a, b Expiry) int {
		return strings.Compare(a.Path, b.Path)
	})
	return due
}

// Reap deletes the node that e names if it is still that node and still due at
// txn.ClockMS, and appends the Deleted change. Else it changes nothing and
// returns changes as given and false.
func (t *Tree) Reap(txn Txn, e Expiry, changes []Change) ([]Change, bool) {
	n := t.Get(e.Path)
	if n == nil || n.czxid != e.Czxid || n.mzxid != e.Mzxid || n.created != e.Created {
		return changes, false
	}
	if last, mortal := lastMS(n); !mortal || last >= txn.ClockMS {
		return changes, false
	}
	change := t.unlink(txn.Zxid, n)
	t.keep()
	return append(changes, change), true
}
