package recipes

import (
	"cmp"
	"iter"
	"strings"

	"github.com/tidwall/btree"

	"github.com/coxswain-io/coxswain/client"
)

// View is the part of the tree that a [Cache] mirrors as it was right after one transaction, complete and for ever: what
// happens later makes another view. It costs nothing to take and to keep but the memory of what has changed since. All methods
// may be called from any goroutine and do not block. The zero value is an empty view.
//
// Views share their nodes with each other and with the cache: the Data of an entry must not be modified.
type View struct {
	zxid client.Zxid
	tree *nodeTree // never changed; nil if empty
}

// placed is one version of a node, which never changes, and where it is. The path is not behind a pointer, because a search looks
// at some twenty paths and one node.
type placed struct {
	path string
	node *client.Node
}

func (p placed) entry() client.Entry {
	if p.node == nil {
		return client.Entry{}
	}
	return client.Entry{Path: p.path, Stat: p.node.Stat, Data: p.node.Data}
}

// nodeTree is nodes in the order of [comparePaths]. Copies share what they have in common.
type nodeTree = btree.BTreeG[placed]

func newNodeTree() *nodeTree {
	before := func(a, b placed) bool { return comparePaths(a.path, b.path) < 0 }
	return btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})
}

// Zxid returns the transaction that the view shows the tree after.
func (v View) Zxid() client.Zxid { return v.zxid }

// Len returns the number of nodes in the view.
func (v View) Len() int {
	if v.tree == nil {
		return 0
	}
	return v.tree.Len()
}

// Get returns the node at path, and whether there is one in the view.
func (v View) Get(path string) (client.Entry, bool) {
	if v.tree == nil {
		return client.Entry{}, false
	}
	p, ok := v.tree.Get(placed{path: path})
	return p.entry(), ok
}

// Children returns the children of the node at path in ascending order of their names' bytes; none if it is absent.
func (v View) Children(path string) iter.Seq[client.Entry] {
	prefix := join(path, "")
	return func(yield func(client.Entry) bool) {
		if v.tree == nil {
			return
		}
		nodes := v.tree.Iter()
		for more := nodes.Seek(behind(prefix)); more; {
			p := nodes.Item()
			if !strings.HasPrefix(p.path, prefix) || !yield(p.entry()) {
				return
			}
			if p.node.Stat.NumChildren == 0 {
				more = nodes.Next()
			} else {
				more = nodes.Seek(behind(p.path))
			}
		}
	}
}

// All returns all nodes of the view: a node comes before its children, and those are in ascending order of their names' bytes.
func (v View) All() iter.Seq[client.Entry] {
	return func(yield func(client.Entry) bool) {
		if v.tree != nil {
			v.tree.Scan(func(p placed) bool { return yield(p.entry()) })
		}
	}
}

// comparePaths orders paths as recursive lists do: a node comes directly before all that is below it, because "/" is
// less than everything that can be in a name.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// behind is what comes in the order of paths directly behind path and all paths that have it and a "/" in front.
func behind(path string) placed { return placed{path: path + "\x00"} }
