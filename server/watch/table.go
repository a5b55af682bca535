package watch

import (
	"errors"
	"maps"
	"slices"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ErrTooMany is returned when a watcher has [MaxPerWatcher] watches already, or [MaxPathBytesPerWatcher] in their paths.
var ErrTooMany = errors.New("too many watches on this connection: let some fire or remove them first")

// key names one thing that can be watched once: a node's data and existence, or its list of children.
type key struct {
	kind wire.WatchKind
	path string
}

// Table is the watches of one server. W identifies a watcher, that is, a connection.
type Table[W comparable] struct {
	index index[W]
	owned map[W]*owned[W] // the same relation from the other side, for Drop and the limits
	count int
	due   []due[W] // during one change; kept for its room
}

// owned is the watches of one watcher.
type owned[W comparable] struct {
	keys  map[key]struct{}
	ids   map[wire.WatchID]*standing[W] // persistent ones, also while they are replayed
	bytes int                           // of their paths
}

// NewTable returns a table without watches.
func NewTable[W comparable]() *Table[W] {
	return &Table[W]{index: newIndex[W](), owned: map[W]*owned[W]{}}
}

// Len is the number of watches, those that are still replayed included.
func (t *Table[W]) Len() int { return t.count }

// ownedBy returns the watches of w, made if it has none.
func (t *Table[W]) ownedBy(w W) *owned[W] {
	mine := t.owned[w]
	if mine == nil {
		mine = &owned[W]{keys: map[key]struct{}{}, ids: map[wire.WatchID]*standing[W]{}}
		t.owned[w] = mine
	}
	return mine
}

// fits reports whether more watches, with so many bytes of paths, are within the limits.
func (o *owned[W]) fits(watches, bytes int) bool {
	return len(o.keys)+len(o.ids)+watches <= MaxPerWatcher && o.bytes+bytes <= MaxPathBytesPerWatcher
}

// Add registers w for the next change of kind at path, which need not exist. It returns [ErrTooMany] or nil.
func (t *Table[W]) Add(w W, kind wire.WatchKind, path string) error {
	k := key{kind, path}
	mine := t.ownedBy(w)
	if _, ok := mine.keys[k]; ok {
		return nil
	}
	if !mine.fits(1, len(path)) {
		return ErrTooMany
	}
	mine.keys[k] = struct{}{}
	mine.bytes += len(path)
	watchers := t.index.spotFor(path).watchers(kind)
	if *watchers == nil {
		*watchers = map[W]struct{}{}
	}
	(*watchers)[w] = struct{}{}
	t.count++
	return nil
}

// watchers is the set of the spot's one-shot watchers of kind.
func (s *spot[W]) watchers(kind wire.WatchKind) *map[W]struct{} {
	if kind == wire.WatchChild {
		return &s.child
	}
	return &s.data
}

// Remove takes back the registration of a one-shot watch and reports whether there was one.
func (t *Table[W]) Remove(w W, kind wire.WatchKind, path string) bool {
	k := key{kind, path}
	mine := t.owned[w]
	if mine == nil {
		return false
	}
	if _, ok := mine.keys[k]; !ok {
		return false
	}
	t.forget(w, k)
	s := t.index.spots[path]
	watchers := s.watchers(kind)
	delete(*watchers, w)
	if len(*watchers) == 0 {
		*watchers = nil
		t.index.prune(path, s)
	}
	return true
}

// RemoveID ends a persistent watch, whether it is live or still replayed, and reports whether there was one.
func (t *Table[W]) RemoveID(w W, id wire.WatchID) bool {
	mine := t.owned[w]
	if mine == nil {
		return false
	}
	s := mine.ids[id]
	if s == nil {
		return false
	}
	s.removed = true
	if s.replay != nil {
		s.replay.left--
	} else {
		t.index.remove(s)
	}
	delete(mine.ids, id)
	t.forgot(w, mine, s.spec.Path)
	return true
}

// Leaving is a watcher on its way out of a table.
type Leaving[W comparable] struct {
	w    W
	keys []key
	ids  []wire.WatchID
}

// Leave lists what w has registered, to be removed by [Table.DropSome]. It may register nothing more.
func (t *Table[W]) Leave(w W) *Leaving[W] {
	l := &Leaving[W]{w: w}
	if mine := t.owned[w]; mine != nil {
		l.keys = slices.AppendSeq(make([]key, 0, len(mine.keys)), maps.Keys(mine.keys))
		l.ids = slices.AppendSeq(make([]wire.WatchID, 0, len(mine.ids)), maps.Keys(mine.ids))
	}
	return l
}

// DropSome removes up to [DropWatchesMax] of what a leaving watcher has registered, and reports whether nothing is left. In
// between its watches may still be told.
func (t *Table[W]) DropSome(l *Leaving[W]) (done bool) {
	n := min(len(l.keys), DropWatchesMax)
	for _, k := range l.keys[:n] {
		t.Remove(l.w, k.kind, k.path)
	}
	l.keys = l.keys[n:]
	n = min(len(l.ids), DropWatchesMax-n)
	for _, id := range l.ids[:n] {
		t.RemoveID(l.w, id)
	}
	l.ids = l.ids[n:]
	return len(l.keys)+len(l.ids) == 0
}

// Drop removes everything that w has registered, at once.
func (t *Table[W]) Drop(w W) {
	for l := t.Leave(w); !t.DropSome(l); {
	}
}

// forget removes k from w's own list.
func (t *Table[W]) forget(w W, k key) {
	mine := t.owned[w]
	delete(mine.keys, k)
	t.forgot(w, mine, k.path)
}

// forgot counts a watch at path that is no more.
func (t *Table[W]) forgot(w W, mine *owned[W], path string) {
	mine.bytes -= len(path)
	if len(mine.keys) == 0 && len(mine.ids) == 0 {
		delete(t.owned, w)
	}
	t.count--
}

// Fire tells the watchers that changes concern, by the trigger table W-1, and forgets the one-shot watches that were told.
// All changes are of one transaction and have its zxid.
func (t *Table[W]) Fire(zxid znode.Zxid, changes []znode.Change, deliver func(W, Told)) {
	if t.count == 0 {
		return
	}
	for i := range changes {
		c := &changes[i]
		own, above := t.index.around(c)
		if own != nil {
			t.fireOwn(zxid, c, own, deliver)
		}
		t.due = t.index.match(c, own, above, t.due[:0])
		for i := range t.due {
			if d := &t.due[i]; zxid > d.watch.spec.Since {
				deliver(d.watch.w, d.tell(zxid, c))
			}
		}
		clear(t.due) // let go of the watches
		if above != nil {
			t.fire(wire.WatchChild, above, wire.Event{Zxid: zxid, Type: wire.EventChildrenChanged, Path: parent(c.Path)}, nil, deliver)
		}
	}
	if cap(t.due) > dueKeepMax {
		t.due = nil
	}
}

// fireOwn tells the one-shot watchers at the path of a change. Who watches both data and children of a node that is
// deleted is told once.
func (t *Table[W]) fireOwn(zxid znode.Zxid, c *znode.Change, own *spot[W], deliver func(W, Told)) {
	e := wire.Event{Zxid: zxid, Type: wire.EventType(c.Type), Path: c.Path}
	data := own.data
	t.fire(wire.WatchData, own, e, nil, deliver)
	if c.Type == znode.Deleted {
		t.fire(wire.WatchChild, own, e, data, deliver)
	}
}

// fire delivers e to the one-shot watchers of kind at a spot, but not to those in already, and forgets the watches of all.
func (t *Table[W]) fire(kind wire.WatchKind, at *spot[W], e wire.Event, already map[W]struct{}, deliver func(W, Told)) {
	watchers := *at.watchers(kind)
	if watchers == nil {
		return
	}
	*at.watchers(kind) = nil
	t.index.prune(e.Path, at)
	k := key{kind, e.Path}
	for w := range watchers {
		t.forget(w, k)
		if _, told := already[w]; !told {
			deliver(w, Told{Event: e})
		}
	}
}
