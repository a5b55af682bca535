package history

import (
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// CheckStreams checks what watches have told against the writes whose answers are known (P6): each of them was told to
// everybody whom it concerns, once, in the order of zxids and as what it was; nothing else was told but what an unknown
// operation or the end of a session can have done; and what one watch was told of these, every other one whom it concerns was
// told too. An EventGap excuses what it covers.
func CheckStreams(h *History) []Violation {
	violations, _, _ := checkStreams(h, newBook(h))
	return violations
}

// checkStreams also counts the events, and those that were only checked to be possible.
func checkStreams(h *History, b *book) (violations []Violation, told, unproven int) {
	facts := map[client.Zxid][]Change{} // what was told of transactions that are not in the book
	var readings []*reading
	for i := range h.Streams {
		s := &h.Streams[i]
		r := &reading{s: s, b: b, facts: facts}
		if s.Persistent {
			r.persistent()
			readings = append(readings, r)
		} else {
			r.oneShot()
		}
		violations = append(violations, r.violations...)
		told, unproven = told+len(s.Told), unproven+r.unproven
	}
	for _, r := range readings {
		r.violations = nil
		r.agree()
		violations = append(violations, r.violations...)
	}
	return violations[:min(len(violations), violationsMax)], told, unproven
}

// concerns returns the events that changes of one transaction are to a persistent watch, in order.
func (s *Stream) concerns(changes []Change) (events []client.Event) {
	for _, c := range changes {
		switch {
		case s.Recursive && within(c.Path, s.Path), c.Path == s.Path:
			events = append(events, client.Event{Zxid: c.Zxid, Type: c.Type, Path: c.Path})
		case !s.Recursive && c.Type != client.EventDataChanged && parentOf(c.Path) == s.Path:
			events = append(events, client.Event{Zxid: c.Zxid, Type: client.EventChildrenChanged, Path: s.Path})
		}
	}
	return events
}

// group is all that a stream has told of one transaction.
type group struct {
	zxid   client.Zxid
	events []client.Event
	at     int64
}

// gap is what a stream has said to leave out: behind from and up to upto.
type gap struct{ from, upto client.Zxid }

// reading is one stream being checked.
type reading struct {
	s     *Stream
	b     *book
	facts map[client.Zxid][]Change

	from       client.Zxid // behind which it tells everything
	known      bool        // from is
	groups     map[client.Zxid]*group
	gaps       []gap
	violations []Violation
	unproven   int
}

func (r *reading) violated(property string, at int64, format string, args ...any) {
	if len(r.violations) < violationsMax {
		r.violations = append(r.violations, Violation{Property: property, At: at,
			Detail: fmt.Sprintf("%s: %s", r.s, fmt.Sprintf(format, args...))})
	}
}

// String names the watch.
func (s *Stream) String() string {
	kind := "one-shot watch of " + s.Kind.String()
	switch {
	case s.Recursive:
		kind = "recursive watch"
	case s.Persistent:
		kind = "persistent watch"
	}
	return fmt.Sprintf("%s on %s of client %d from %v to %v", kind, s.Path, s.Client, s.From, s.Upto)
}

// excused reports whether a gap covers a transaction.
func (r *reading) excused(z client.Zxid) bool {
	return slices.ContainsFunc(r.gaps, func(g gap) bool { return g.from < z && z <= g.upto })
}

// persistent checks one persistent stream.
func (r *reading) persistent() {
	r.collect()
	for z, g := range r.groups {
		changes, known := r.b.changes[z]
		if known || r.b.whole {
			r.compare(g, r.s.concerns(changes))
		} else {
			r.possible(g)
		}
	}
	if !r.known {
		return
	}
	for _, z := range r.b.behind(r.from, r.s.Upto) {
		if want := r.s.concerns(r.b.changes[z]); len(want) > 0 && r.groups[z] == nil && !r.excused(z) {
			r.violated("P6a", 0, "%v %s at %v was never told", want[0].Type, want[0].Path, z)
		}
	}
}

// collect reads the events in the order in which they came.
func (r *reading) collect() {
	r.groups = map[client.Zxid]*group{}
	r.from, r.known = r.s.From, r.s.From != 0
	var last client.Zxid // of the newest transaction that was told of, or of which a gap has said that it will not be
	var closed bool      // nothing more may come of it
	for _, t := range r.s.Told {
		e := t.Event
		if t.Ended != nil {
			break
		}
		if e.Type == client.EventGap {
			switch {
			case e.From >= e.Zxid:
				r.violated("P6e", t.At, "a gap from %v to %v", e.From, e.Zxid)
			case e.Zxid < last || e.From+1 < last:
				r.violated("P6d", t.At, "a gap from %v to %v after events of %v", e.From, e.Zxid, last)
			}
			if !r.known {
				r.from, r.known = e.From, true
			}
			r.gaps = append(r.gaps, gap{e.From, e.Zxid})
			last, closed = max(last, e.Zxid), true
			continue
		}
		if !r.known {
			r.from, r.known = e.Zxid-1, true
		}
		switch {
		case e.Zxid <= r.s.From && r.s.From != 0:
			r.violated("P6e", t.At, "%v %s at %v is from before it was set", e.Type, e.Path, e.Zxid)
			continue
		case e.Zxid < last, e.Zxid == last && closed:
			property := "P6d"
			if g := r.groups[e.Zxid]; g != nil && slices.ContainsFunc(g.events, func(o client.Event) bool { return same(o, e) }) {
				property = "P6b"
			}
			r.violated(property, t.At, "%v %s at %v was told after what happened at %v", e.Type, e.Path, e.Zxid, last)
			continue
		}
		if r.place(t.At, &e); e.Zxid > last {
			last, closed = e.Zxid, false
		}
		g := r.groups[e.Zxid]
		if g == nil {
			g = &group{zxid: e.Zxid, at: t.At}
			r.groups[e.Zxid] = g
		}
		g.events = append(g.events, e)
	}
}

// place checks that an event is one of this watch at all, and that what it brings of the node is of its transaction.
func (r *reading) place(at int64, e *client.Event) {
	switch {
	case !within(e.Path, r.s.Path), !r.s.Recursive && e.Path != r.s.Path, r.s.Recursive && e.Type == client.EventChildrenChanged:
		r.violated("P6p", at, "%v %s at %v does not belong here", e.Type, e.Path, e.Zxid)
	case e.Stat.Czxid == 0:
	case e.Stat.Mzxid != e.Zxid, e.Type == client.EventCreated && (e.Stat.Czxid != e.Zxid || e.Stat.Version != 0):
		r.violated("P14", at, "%v %s at %v brings the stat %+v", e.Type, e.Path, e.Zxid, e.Stat)
	}
}

func same(a, b client.Event) bool { return a.Zxid == b.Zxid && a.Type == b.Type && a.Path == b.Path }

// compare checks what was told of a transaction that is known in full.
func (r *reading) compare(g *group, want []client.Event) {
	for i, e := range g.events {
		switch {
		case i < len(want) && same(e, want[i]):
			continue
		case len(want) == 0:
			r.violated("P6f", g.at, "%v %s at %v has never happened", e.Type, e.Path, e.Zxid)
		case i >= len(want) && slices.ContainsFunc(want, func(w client.Event) bool { return same(e, w) }):
			r.violated("P6b", g.at, "%v %s at %v was told again", e.Type, e.Path, e.Zxid)
		case i >= len(want):
			r.violated("P6f", g.at, "%v %s at %v has never happened", e.Type, e.Path, e.Zxid)
		case slices.ContainsFunc(want, func(w client.Event) bool { return same(e, w) }):
			r.violated("P6d", g.at, "%v %s at %v was told in place of %v %s", e.Type, e.Path, e.Zxid, want[i].Type, want[i].Path)
		default:
			r.violated("P6e", g.at, "%v %s at %v was told, it was %v %s", e.Type, e.Path, e.Zxid, want[i].Type, want[i].Path)
		}
		return
	}
	if len(g.events) < len(want) && g.zxid <= r.s.Upto && !r.excused(g.zxid) {
		missed := want[len(g.events)]
		r.violated("P6a", g.at, "%v %s at %v was never told", missed.Type, missed.Path, missed.Zxid)
	}
}

// possible checks what was told of a transaction that no answer is known of.
func (r *reading) possible(g *group) {
	for i, e := range g.events {
		r.unproven++
		may, several := r.b.may(&e, g.at)
		again := slices.ContainsFunc(g.events[:i], func(o client.Event) bool { return same(o, e) })
		switch {
		case !may:
			r.violated("P6f", g.at, "%v %s at %v: nobody can have done that", e.Type, e.Path, e.Zxid)
		case again && !several:
			r.violated("P6b", g.at, "%v %s at %v was told twice", e.Type, e.Path, e.Zxid)
		}
		c := Change{e.Zxid, e.Type, e.Path}
		if e.Type != client.EventChildrenChanged && !slices.Contains(r.facts[e.Zxid], c) {
			r.facts[e.Zxid] = append(r.facts[e.Zxid], c)
		}
	}
}

// agree checks that what was told to others was told here too.
func (r *reading) agree() {
	for z, changes := range r.facts {
		if !r.known || z <= r.from || z > r.s.Upto || r.excused(z) {
			continue
		}
		for _, want := range r.s.concerns(changes) {
			if g := r.groups[z]; g == nil || !slices.ContainsFunc(g.events, func(e client.Event) bool { return same(e, want) }) {
				r.violated("P6a", 0, "%v %s at %v was never told, but to another watch", want.Type, want.Path, z)
			}
		}
	}
}
