package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// history is the table and the ring done slowly: all changes are kept for ever, and each watch is a line in a list. What a
// persistent watch is to be told is found by asking every change that ever was.
type history struct {
	t       *testing.T
	table   *Table[int]
	ring    *Ring
	zxid    znode.Zxid
	all     []past
	watches []*promise
	shots   []shot
	replays []*replaying
	firing  bool
	room    int
	groups  [][]string // what a transaction gives one-shot watches, change by change
	shotsAt int        // the change that the last one-shot event was of
	gaps    int
}

// past is one transaction.
type past struct {
	zxid    znode.Zxid
	changes []znode.Change
}

// promise is a persistent watch and what it was told.
type promise struct {
	w      int
	spec   wire.WatchSpec
	live   bool
	since  znode.Zxid // it is to be told everything behind
	told   int        // of what it is to be told behind since
	placed bool       // since is known
}

type shot struct {
	w    int
	kind wire.WatchKind
	path string
}

type replaying struct {
	replay   *Replay[int]
	promises []*promise
}

// owes is what a persistent watch is to be told of one change: "" if nothing (W-1, W-2).
func (p *promise) owes(c *znode.Change) string {
	switch {
	case c.Path == p.spec.Path, p.spec.Mode == wire.Recursive && strings.HasPrefix(c.Path, strings.TrimSuffix(p.spec.Path, "/")+"/"):
		return fmt.Sprintf("%v %s", wire.EventType(c.Type), c.Path)
	case p.spec.Mode == wire.Persistent && c.Type != znode.DataChanged && parent(c.Path) == p.spec.Path:
		return fmt.Sprintf("%v %s", wire.EventChildrenChanged, p.spec.Path)
	}
	return ""
}

// owed is one event that a persistent watch is to be told.
type owed struct {
	zxid znode.Zxid
	text string
	node *znode.Node
}

// owed lists all that p is to be told behind since.
func (h *history) owed(p *promise) []owed {
	var all []owed
	for _, x := range h.all {
		if x.zxid <= p.since {
			continue
		}
		for i := range x.changes {
			if text := p.owes(&x.changes[i]); text != "" {
				o := owed{x.zxid, text, x.changes[i].New}
				if p.spec.Options == 0 || strings.HasPrefix(text, "ChildrenChanged") {
					o.node = nil
				}
				all = append(all, o)
			}
		}
	}
	return all
}

// tell checks an event.
func (h *history) tell(w int, told Told) {
	e := told.Event
	if e.Watch == 0 {
		h.tellShot(w, e)
		return
	}
	i := slices.IndexFunc(h.watches, func(p *promise) bool { return p.w == w && p.spec.ID == e.Watch })
	if i < 0 {
		h.t.Fatalf("watcher %d is told %+v for a watch that it does not have", w, e)
	}
	p := h.watches[i]
	if p.live != h.firing {
		h.t.Fatalf("live: %v, and told %+v while live ones are told: %v", p.live, e, h.firing)
	}
	if !h.firing {
		if h.room <= 0 {
			h.t.Fatal("told without room")
		}
		h.room -= told.Bytes()
	}
	if e.Type == wire.EventGap {
		h.tellGap(p, e)
		return
	}
	all := h.owed(p)
	if p.told >= len(all) {
		h.t.Fatalf("%+v is told %+v, and is to be told no more", p, e)
	}
	if want := all[p.told]; e.Zxid != want.zxid || fmt.Sprintf("%v %s", e.Type, e.Path) != want.text || told.Node != want.node {
		h.t.Fatalf("%+v is told %+v with %v, want %+v", p, e, told.Node, want)
	}
	p.told++
}

// tellGap checks that a gap begins where the watch had come to, but for a transaction that was told in part, that something
// was lost there, and that it goes up to now.
func (h *history) tellGap(p *promise, e wire.Event) {
	h.gaps++
	all := h.owed(p)
	if p.told < len(all) && all[p.told].zxid <= e.From {
		h.t.Fatalf("%+v was not told %+v, and the gap is %+v", p, all[p.told], e)
	}
	part := p.told > 0 && all[p.told-1].zxid > e.From
	if part {
		again := all[p.told-1].zxid // all that the gap repeats is of one transaction, which others were still to be told of
		for _, o := range all[:p.told] {
			if o.zxid > e.From && o.zxid != again {
				h.t.Fatalf("%+v was told %+v and %v, and the gap is %+v", p, o, again, e)
			}
		}
	}
	if e.Zxid > h.zxid || e.From >= h.ring.Floor() || e.From >= e.Zxid || e.From < p.since || e.Path != p.spec.Path {
		h.t.Fatalf("%+v is told %+v at %v, with a ring that begins behind %v", p, e, h.zxid, h.ring.Floor())
	}
	p.since, p.told = e.Zxid, 0
}

// tellShot checks an event of a one-shot watch: no later than those of the next change.
func (h *history) tellShot(w int, e wire.Event) {
	if h.shotsAt >= len(h.groups) {
		h.t.Fatalf("watcher %d is told %+v, and nothing more is owed", w, e)
	}
	text := fmt.Sprint(w, " ", e.Type, " ", e.Path)
	i := slices.Index(h.groups[h.shotsAt], text)
	if i < 0 {
		h.t.Fatalf("one-shot: told %q, want one of %q", text, h.groups[h.shotsAt])
	}
	h.groups[h.shotsAt] = slices.Delete(h.groups[h.shotsAt], i, i+1)
	h.skipGroups()
}

func (h *history) skipGroups() {
	for h.shotsAt < len(h.groups) && len(h.groups[h.shotsAt]) == 0 {
		h.shotsAt++
	}
}

// fireShots works out what the one-shot watches are owed, the own events of each change before those of its parent.
func (h *history) fireShots(changes []znode.Change) {
	h.groups, h.shotsAt = nil, 0
	for _, c := range changes {
		var own, above []string
		h.shots = slices.DeleteFunc(h.shots, func(s shot) bool {
			if s.path == c.Path && (s.kind == wire.WatchData || c.Type == znode.Deleted) {
				if text := fmt.Sprint(s.w, " ", wire.EventType(c.Type), " ", c.Path); !slices.Contains(own, text) {
					own = append(own, text)
				}
				return true
			}
			if s.path == parent(c.Path) && s.kind == wire.WatchChild && c.Type != znode.DataChanged {
				above = append(above, fmt.Sprint(s.w, " ", wire.EventChildrenChanged, " ", s.path))
				return true
			}
			return false
		})
		h.groups = append(h.groups, own, above)
	}
	h.skipGroups()
}
