package watch

import (
	"fmt"
	"sort"

	"github.com/coxswain-io/coxswain/znode"
)

// Ring is the history of recent changes, bounded in bytes and in age: what a persistent watch has missed is told from it,
// and what a list of the past has to undo. It holds whole transactions, without a hole from its floor to the newest.
//
// Append, Trim and Reset need the lock that makes changes visible exclusively, everything else needs it shared.
type Ring struct {
	maxBytes, maxAgeMS int64 // immutable

	chunks     []*[chunkLen]entry
	spare      *[chunkLen]entry // emptied, for the next time that one is needed
	base       uint64           // position of the first entry of chunks[0]
	first, end uint64           // the positions that are held: [first, end)

	floor  znode.Zxid // all that happened behind it is held
	newest znode.Zxid // of what was appended
	bytes  int64
}

// entry is one change, in few words: a server keeps hundreds of thousands of them. What sort of change it is, the versions of
// the node tell. Of the parent, whose list of children a create or delete changes, all but its pzxid can be told from a later
// version, so no version of it is kept. The path is the node's own, here so that those who look for others need not fetch it.
//
// An entry's position counts all changes since the ring was made, and those that were lost at once as one: so a position that
// is not held any more is below first, whatever has happened.
type entry struct {
	zxid     znode.Zxid
	atMS     int64 // when it was appended
	path     string
	old, new *znode.Node // nil where there was none, or is none any more; not both
	pzxid    znode.Zxid  // of the parent before a create or delete
}

// change is what the entry tells, without the versions of the parent.
func (e *entry) change() znode.Change {
	c := znode.Change{Type: znode.DataChanged, Path: e.path, Old: e.old, New: e.new}
	switch {
	case e.old == nil:
		c.Type = znode.Created
	case e.new == nil:
		c.Type = znode.Deleted
	}
	return c
}

// NewRing returns an empty history that begins at zxid 0 and keeps at most maxBytes of changes, and none for longer than
// maxAgeMS.
func NewRing(maxBytes, maxAgeMS int64) *Ring { return &Ring{maxBytes: maxBytes, maxAgeMS: maxAgeMS} }

// Floor is the zxid that the history begins behind: everything later is in it, and nothing that is not.
func (r *Ring) Floor() znode.Zxid { return r.floor }

// Len is the number of changes in it.
func (r *Ring) Len() int { return int(r.end - r.first) }

// Bytes is about the memory that it holds: its own, and that of the versions of nodes that only it refers to.
func (r *Ring) Bytes() int64 { return r.bytes }

// OldestMS is when the oldest change in it was appended, on the clock of the calls; false if it is empty.
func (r *Ring) OldestMS() (int64, bool) {
	if r.first == r.end {
		return 0, false
	}
	return r.at(r.first).atMS, true
}

// Append adds all changes of one transaction, in their order, and evicts what is too much or too old at nowMS. The slice
// is not kept, what it refers to is. A transaction that alone is more than the ring may hold empties it. zxid must not be
// lower than any before.
func (r *Ring) Append(zxid znode.Zxid, changes []znode.Change, nowMS int64) {
	if zxid < r.newest {
		panic(fmt.Sprintf("watch: transaction %v follows %v in the history of changes", zxid, r.newest))
	}
	r.newest = zxid
	for i := range changes {
		c := &changes[i]
		e := entry{zxid: zxid, atMS: nowMS, path: c.Path, old: c.Old, new: c.New}
		if c.OldParent != nil {
			e.pzxid = c.OldParent.Stat().Pzxid
		}
		r.push(e)
	}
	for r.bytes > r.maxBytes {
		r.evict()
	}
	r.Trim(nowMS)
}

// Trim evicts what is older than the ring's age at nowMS.
func (r *Ring) Trim(nowMS int64) {
	for r.first != r.end && nowMS-r.at(r.first).atMS > r.maxAgeMS {
		r.evict()
	}
}

// Reset forgets everything: the state was replaced by that of zxid, and how it came about is not known.
func (r *Ring) Reset(zxid znode.Zxid) {
	r.chunks, r.spare = nil, nil
	r.end++ // what has happened in between is one change that was lost
	r.first, r.base = r.end, r.end
	r.floor, r.newest, r.bytes = zxid, zxid, 0
}

// push adds a change.
func (r *Ring) push(e entry) {
	i := r.end - r.base
	if i == uint64(len(r.chunks))*chunkLen {
		c := r.spare
		if c == nil {
			c = new([chunkLen]entry)
		}
		r.spare = nil
		r.chunks = append(r.chunks, c)
	}
	r.chunks[i/chunkLen][i%chunkLen] = e
	r.end++
	r.bytes += e.weight()
}

// evict forgets the oldest transaction.
func (r *Ring) evict() {
	zxid := r.at(r.first).zxid
	for r.first != r.end {
		e := r.at(r.first)
		if e.zxid != zxid {
			break
		}
		r.bytes -= e.weight()
		*e = entry{} // let go of the nodes
		r.first++
		if r.first-r.base == chunkLen {
			r.spare, r.chunks[0] = r.chunks[0], nil
			r.chunks = r.chunks[1:]
			r.base = r.first
		}
	}
	r.floor = zxid
}

// at returns the change at a position that is held.
func (r *Ring) at(position uint64) *entry {
	i := position - r.base
	return &r.chunks[i/chunkLen][i%chunkLen]
}

// behind returns the position of the first change that is later than zxid.
func (r *Ring) behind(zxid znode.Zxid) uint64 {
	return r.first + uint64(sort.Search(r.Len(), func(i int) bool { return r.at(r.first+uint64(i)).zxid > zxid }))
}

// weight is what a change counts in bytes. Of the versions of the node it is the one before the change: the one after it is in
// the tree until another change, which is in the ring, too, replaces it.
func (e *entry) weight() int64 {
	n := entryBytes
	if e.old != nil {
		data := int64(len(e.old.Data()))
		n += versionBytes + data + data/allocatorWaste
		if e.new == nil {
			n += placeBytes + int64(len(e.path))
		}
	}
	return n
}
