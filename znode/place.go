package znode

import (
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// place is where a node lives from its create to its delete, while its versions
// come and go. Listings lead to places, so replacing a node touches no listing.
type place struct {
	path string // immutable
	node *Node  // the current version, the last one after a delete; guarded by the tree's lock
	dir  *dir   // the children; nil until the first one is created; guarded by the tree's lock
}

// dir is the directory of a node that has or had children. It is guarded by the
// tree's lock, and mutable: nothing published leads to it.
type dir struct {
	up          *dir // of the parent; nil for the root
	children    places
	descendants int64 // children, their children, and so on
}

// add counts delta more nodes below d and below all above it.
func (d *dir) add(delta int64) {
	for ; d != nil; d = d.up {
		d.descendants += delta
	}
}

// places is a set of places ordered by path, bytewise; of siblings, that is the
// order of their names. Small sets, which is most directories and most owners,
// are a sorted slice.
type places struct {
	few  []*place              // all of them, if many is nil
	many *btree.BTreeG[*place] // nil while there are at most fewMax
}

func before(a, b *place) bool { return a.path < b.path }

func comparePath(p *place, path string) int { return strings.Compare(p.path, path) }

// ordered returns the set of places that are in order, each once. It keeps the slice
// if it is short enough.
func ordered(in []*place) places {
	if len(in) <= fewMax {
		return places{few: in}
	}
	s := places{many: btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})}
	for _, p := range in {
		s.many.Load(p)
	}
	return s
}

// len returns the number of places.
func (s *places) len() int {
	if s.many != nil {
		return s.many.Len()
	}
	return len(s.few)
}

// insert adds p, whose path is not in the set.
func (s *places) insert(p *place) {
	if s.many == nil && len(s.few) < fewMax {
		i, _ := slices.BinarySearchFunc(s.few, p.path, comparePath)
		s.few = slices.Insert(s.few, i, p)
		return
	}
	if s.many == nil {
		s.many = btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})
		for _, q := range s.few {
			s.many.Load(q)
		}
		s.few = nil
	}
	// Load tries the end first: that is where sequential names go.
	s.many.Load(p)
}

// remove takes p out, which is in the set.
func (s *places) remove(p *place) {
	if s.many == nil {
		i, _ := slices.BinarySearchFunc(s.few, p.path, comparePath)
		s.few = slices.Delete(s.few, i, i+1)
		return
	}
	s.many.Delete(p)
	if s.many.Len() <= fewMax/2 { // half, so that it does not flip back and forth
		s.few = s.many.Items()
		s.many = nil
	}
}

// ascend visits the places whose path is greater than after, in order, until
// visit returns false. It changes nothing, so readers may share it.
func (s *places) ascend(after string, visit func(*place) bool) {
	if s.many != nil {
		first := true // the only one that can have the path itself
		s.many.Ascend(&place{path: after}, func(p *place) bool {
			if first {
				first = false
				if p.path == after {
					return true
				}
			}
			return visit(p)
		})
		return
	}
	i, found := slices.BinarySearchFunc(s.few, after, comparePath)
	if found {
		i++
	}
	for ; i < len(s.few); i++ {
		if !visit(s.few[i]) {
			return
		}
	}
}
