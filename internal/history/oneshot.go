package history

import (
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// oneShot checks one one-shot watch. After a reconnect the service only tells it that something has changed, as far as the
// present state shows that (a node that was deleted and created again has changed its data), and of a deletion not when; so
// an event need not be that of the first change.
func (r *reading) oneShot() {
	var fired []Told
	for _, t := range r.s.Told {
		if t.Ended == nil {
			fired = append(fired, t)
		}
	}
	if len(fired) > 1 {
		r.violated("P6b", fired[1].At, "it fired %d times", len(fired))
	}
	if len(fired) > 0 {
		r.fired(fired[0])
		return
	}
	if first, ok := r.first(); ok {
		r.violated("P6a", 0, "it did not fire for %v %s at %v", first.Type, first.Path, first.Zxid)
	}
}

// watches reports whether a change is one that the watch waits for.
func (s *Stream) watches(c Change) bool {
	if s.Kind == Children {
		return c.Path == s.Path && c.Type == client.EventDeleted ||
			c.Type != client.EventDataChanged && c.Path != "/" && parentOf(c.Path) == s.Path
	}
	return c.Path == s.Path
}

// first returns the first known change for which the watch must have fired. A watch on a node that was absent may have missed a
// node that came and went while its client was between two servers, so where the node can have gone nothing is demanded.
func (r *reading) first() (Change, bool) {
	if r.s.From == 0 {
		return Change{}, false
	}
	var first *Change
	for _, z := range r.b.behind(r.s.From, r.s.Upto) {
		for _, c := range r.b.changes[z] {
			switch {
			case !r.s.watches(c):
			case r.s.Kind == Exists && c.Type == client.EventDeleted:
				return Change{}, false
			case first == nil:
				first = &c
			}
		}
	}
	if first == nil {
		return Change{}, false
	}
	if r.s.Kind == Exists {
		if gone, _ := r.b.may(&client.Event{Type: client.EventDeleted, Path: r.s.Path}, Never); gone {
			return Change{}, false
		}
	}
	return *first, true
}

// fired checks the event of a one-shot watch.
func (r *reading) fired(t Told) {
	e := t.Event
	allowed := []client.EventType{client.EventDeleted, client.EventDataChanged}
	switch r.s.Kind {
	case Exists:
		allowed = append(allowed, client.EventCreated)
	case Children:
		allowed = []client.EventType{client.EventDeleted, client.EventChildrenChanged}
	}
	switch {
	case e.Path != r.s.Path:
		r.violated("P6p", t.At, "it fired for %s", e.Path)
		return
	case !slices.Contains(allowed, e.Type):
		r.violated("P6e", t.At, "it fired with %v", e.Type)
		return
	case e.Zxid <= r.s.From:
		r.violated("P6e", t.At, "it fired with %v of %v, from before it was set", e.Type, e.Zxid)
		return
	}
	upto := e.Zxid
	if e.Type == client.EventDeleted {
		upto = zxidMax
	}
	for _, z := range r.b.behind(r.s.From, upto) {
		for _, c := range r.b.changes[z] {
			again := e.Type == client.EventDataChanged && c.Type == client.EventCreated
			children := e.Type == client.EventChildrenChanged && c.Path != r.s.Path
			// One that was gone and came back while its client was between two servers: its list may be another.
			reborn := e.Type == client.EventChildrenChanged && c.Type == client.EventCreated && c.Path == r.s.Path
			if reborn || r.s.watches(c) && (c.Type == e.Type || again || children) {
				return
			}
		}
	}
	r.unproven++
	possible, _ := r.b.may(&e, t.At)
	if e.Type != client.EventDeleted && !possible {
		possible, _ = r.b.may(&client.Event{Type: client.EventCreated, Path: e.Path}, t.At)
	}
	if !possible {
		r.violated("P6f", t.At, "it fired with %v of %v: nobody has done that", e.Type, e.Zxid)
	}
}
