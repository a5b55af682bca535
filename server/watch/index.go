package watch

import (
	"strings"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// index finds the watches that a change concerns.
type index[W comparable] struct {
	spots map[string]*spot[W] // by path; none is empty

	// How many recursive watches there are at each depth. A change looks only at those of its ancestors that are at a depth
	// where there are any.
	recursive [znode.MaxDepth + 1]int
	deepest   int // no depth below this one has any; -1: none at all has
}

// spot is what is watched at one path.
type spot[W comparable] struct {
	data, child           map[W]struct{} // one-shot watchers; nil if there are none
	persistent, recursive []*standing[W]
}

// standing is one persistent watch, of either mode.
type standing[W comparable] struct {
	w       W
	spec    wire.WatchSpec // Since: what happened up to here it was told, or does not want to be
	replay  *Replay[W]     // while it waits for what it has missed
	removed bool           // no event any more, though a replay still refers to it
	place   int            // in its spot's list, once it is live
}

// due is one event that a persistent watch is to be told: its watch's share of the change at hand, or a gap.
type due[W comparable] struct {
	watch *standing[W]
	event wire.EventType
	from  znode.Zxid // of a gap
}

func newIndex[W comparable]() index[W] { return index[W]{spots: map[string]*spot[W]{}, deepest: -1} }

// spotFor returns the spot at path, made if there is none.
func (x *index[W]) spotFor(path string) *spot[W] {
	s := x.spots[path]
	if s == nil {
		s = &spot[W]{}
		x.spots[path] = s
	}
	return s
}

// prune forgets the spot at path if nothing is watched there.
func (x *index[W]) prune(path string, s *spot[W]) {
	if s.data == nil && s.child == nil && s.persistent == nil && s.recursive == nil {
		delete(x.spots, path)
	}
}

// add makes a persistent watch found.
func (x *index[W]) add(s *standing[W]) {
	list := s.list(x.spotFor(s.spec.Path))
	s.place = len(*list)
	*list = append(*list, s)
	if s.spec.Mode == wire.Recursive {
		d := depth(s.spec.Path)
		x.recursive[d]++
		x.deepest = max(x.deepest, d)
	}
}

// remove is the reverse of add.
func (x *index[W]) remove(s *standing[W]) {
	at := x.spots[s.spec.Path]
	list := s.list(at)
	last := len(*list) - 1
	(*list)[s.place] = (*list)[last]
	(*list)[s.place].place = s.place
	(*list)[last] = nil
	*list = (*list)[:last]
	if last == 0 {
		*list = nil
		x.prune(s.spec.Path, at)
	}
	if s.spec.Mode == wire.Recursive {
		x.recursive[depth(s.spec.Path)]--
		for x.deepest >= 0 && x.recursive[x.deepest] == 0 {
			x.deepest--
		}
	}
}

// list is where s stands at a spot.
func (s *standing[W]) list(at *spot[W]) *[]*standing[W] {
	if s.spec.Mode == wire.Recursive {
		return &at.recursive
	}
	return &at.persistent
}

// around returns the spots at the path of a change and, if it changes the parent's list of children, at the parent; nil
// where nothing is watched.
func (x *index[W]) around(c *znode.Change) (own, above *spot[W]) {
	own = x.spots[c.Path]
	if c.Type != znode.DataChanged {
		above = x.spots[parent(c.Path)]
	}
	return own, above
}

// match appends what a change gives the persistent watches (W-1, W-2), where own and above are what around returned for
// it: the node's own events, then the parent's (W-4).
func (x *index[W]) match(c *znode.Change, own, above *spot[W], all []due[W]) []due[W] {
	event := wire.EventType(c.Type)
	if own != nil {
		all = appendDue(all, own.persistent, event)
	}
	all = x.matchRecursive(c.Path, event, all)
	if above != nil {
		all = appendDue(all, above.persistent, wire.EventChildrenChanged)
	}
	return all
}

// matchRecursive appends what an event at path gives the recursive watches there and above, the highest first.
func (x *index[W]) matchRecursive(path string, event wire.EventType, all []due[W]) []due[W] {
	if x.deepest < 0 {
		return all
	}
	all = x.matchAt(0, "/", event, all)
	if path == "/" {
		return all
	}
	d := 1
	for i := 1; i < len(path) && d <= x.deepest; i++ {
		if path[i] == '/' {
			all = x.matchAt(d, path[:i], event, all)
			d++
		}
	}
	if d <= x.deepest {
		all = x.matchAt(d, path, event, all)
	}
	return all
}

// matchAt appends what an event gives the recursive watches at path, which has depth d.
func (x *index[W]) matchAt(d int, path string, event wire.EventType, all []due[W]) []due[W] {
	if x.recursive[d] > 0 {
		if s := x.spots[path]; s != nil {
			all = appendDue(all, s.recursive, event)
		}
	}
	return all
}

func appendDue[W comparable](all []due[W], watches []*standing[W], event wire.EventType) []due[W] {
	for _, s := range watches {
		all = append(all, due[W]{watch: s, event: event})
	}
	return all
}

// tell is what d tells: of a change, or of a gap up to zxid.
func (d *due[W]) tell(zxid znode.Zxid, c *znode.Change) Told {
	spec := &d.watch.spec
	t := Told{Event: wire.Event{Zxid: zxid, Type: d.event, Path: spec.Path, Watch: spec.ID}, Options: spec.Options}
	switch d.event {
	case wire.EventGap:
		t.Event.From = d.from
	case wire.EventChildrenChanged:
	default:
		t.Event.Path = c.Path
		if spec.Options != 0 {
			t.Node = c.New
		}
	}
	return t
}

// depth is the number of components in a path; 0 for the root. A path with more than a node can have counts as one with
// just as many: it is never found, at whatever depth.
func depth(path string) int {
	if path == "/" {
		return 0
	}
	return min(strings.Count(path, "/"), znode.MaxDepth)
}

// parent is the path of the node that holds path in its list of children.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}
