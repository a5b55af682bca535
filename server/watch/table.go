package watch

import (
	"errors"
	"strings"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ErrTooMany is returned when a watcher has [MaxPerWatcher] watches already, or [MaxPathBytesPerWatcher] in their paths.
var ErrTooMany = errors.New("too many watches on this connection: let some fire or remove them first")

// key names one thing that can be watched: a node's data and existence, or its list of children.
type key struct {
	kind wire.WatchKind
	path string
}

// Table is the watches of one server. W identifies a watcher, that is, a connection.
type Table[W comparable] struct {
	watchers map[key]map[W]struct{}
	owned    map[W]*owned // the same relation from the other side, for Drop and the limits
	count    int

	told map[W]struct{} // during one change: who has had a Deleted already
}

// owned is the watches of one watcher.
type owned struct {
	keys  map[key]struct{}
	bytes int // of their paths
}

// NewTable returns a table without watches.
func NewTable[W comparable]() *Table[W] {
	return &Table[W]{watchers: map[key]map[W]struct{}{}, owned: map[W]*owned{}, told: map[W]struct{}{}}
}

// Len is the number of watches.
func (t *Table[W]) Len() int { return t.count }

// Add registers w for the next change of kind at path, which need not exist. It returns [ErrTooMany] or nil.
func (t *Table[W]) Add(w W, kind wire.WatchKind, path string) error {
	k := key{kind, path}
	mine := t.owned[w]
	if mine == nil {
		mine = &owned{keys: map[key]struct{}{}}
		t.owned[w] = mine
	}
	if _, ok := mine.keys[k]; ok {
		return nil
	}
	if len(mine.keys) >= MaxPerWatcher || mine.bytes+len(path) > MaxPathBytesPerWatcher {
		return ErrTooMany
	}
	mine.keys[k] = struct{}{}
	mine.bytes += len(path)
	watchers := t.watchers[k]
	if watchers == nil {
		watchers = map[W]struct{}{}
		t.watchers[k] = watchers
	}
	watchers[w] = struct{}{}
	t.count++
	return nil
}

// Remove takes back a registration and reports whether there was one.
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
	if watchers := t.watchers[k]; len(watchers) > 1 {
		delete(watchers, w)
	} else {
		delete(t.watchers, k)
	}
	return true
}

// Drop removes everything that w has registered.
func (t *Table[W]) Drop(w W) {
	if mine := t.owned[w]; mine != nil {
		for k := range mine.keys {
			t.Remove(w, k.kind, k.path)
		}
	}
}

// forget removes k from w's own list.
func (t *Table[W]) forget(w W, k key) {
	mine := t.owned[w]
	delete(mine.keys, k)
	mine.bytes -= len(k.path)
	if len(mine.keys) == 0 {
		delete(t.owned, w)
	}
	t.count--
}

// Fire tells the watchers that changes concern, by the trigger table W-1, and forgets their watches. All changes are of
// one transaction and have its zxid.
func (t *Table[W]) Fire(zxid znode.Zxid, changes []znode.Change, deliver func(W, wire.Event)) {
	if t.count == 0 {
		return
	}
	for _, c := range changes {
		own := wire.Event{Zxid: zxid, Type: wire.EventType(c.Type), Path: c.Path}
		children := wire.Event{Zxid: zxid, Type: wire.EventChildrenChanged, Path: parent(c.Path)}
		switch c.Type {
		case znode.Created:
			t.fire(wire.WatchData, own, deliver)
			t.fire(wire.WatchChild, children, deliver)
		case znode.Deleted:
			for w := range t.watchers[key{wire.WatchData, c.Path}] {
				t.told[w] = struct{}{}
			}
			t.fire(wire.WatchData, own, deliver)
			t.fire(wire.WatchChild, own, func(w W, e wire.Event) {
				if _, already := t.told[w]; !already {
					deliver(w, e)
				}
			})
			clear(t.told)
			t.fire(wire.WatchChild, children, deliver)
		case znode.DataChanged:
			t.fire(wire.WatchData, own, deliver)
		}
	}
}

// fire delivers e to everyone who watches kind at its path, and forgets those watches.
func (t *Table[W]) fire(kind wire.WatchKind, e wire.Event, deliver func(W, wire.Event)) {
	k := key{kind, e.Path}
	watchers, ok := t.watchers[k]
	if !ok {
		return
	}
	delete(t.watchers, k)
	for w := range watchers {
		t.forget(w, k)
		deliver(w, e)
	}
}

// parent is the path of the node that holds path in its list of children.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}
