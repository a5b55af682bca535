package history

import (
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// book is what is known of the transactions: in full, of those that somebody was answered, or of all where the log is known.
type book struct {
	zxids   []client.Zxid // of those that are known in full, ascending
	changes map[client.Zxid][]Change
	whole   bool // no other transaction has changed anything

	// what else may have happened, if the book is not whole
	maybe []*Operation // unknown operations, and ends of sessions
	spent map[asked]int
	owned []*Input // creates of nodes that the service removes by itself
}

// newBook enters what the answers of h tell.
func newBook(h *History) *book {
	b := &book{changes: map[client.Zxid][]Change{}}
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Out.Fate != NotApplied && op.Out.Fate != Refused {
			for in := range inputs(&op.In) {
				if in.Kind == Create && in.Mode != client.KindPersistent {
					b.owned = append(b.owned, in)
				}
			}
		}
		switch {
		case op.In.Kind == End && op.Out.Fate != NotApplied, op.Out.Fate == Unknown && !reads(op.In.Kind):
			b.maybe = append(b.maybe, op)
		case wrote(&op.In, &op.Out) && op.Out.Zxid == 0:
			b.maybe = append(b.maybe, op)
		case wrote(&op.In, &op.Out):
			b.enter(changesOf(op))
		}
	}
	b.sort()
	return b
}

func (b *book) enter(changes []Change) {
	for _, c := range changes {
		b.changes[c.Zxid] = append(b.changes[c.Zxid], c)
	}
}

func (b *book) sort() {
	for z := range b.changes {
		b.zxids = append(b.zxids, z)
	}
	slices.Sort(b.zxids)
}

// changesOf returns what an operation that was carried out has changed, in order.
func changesOf(op *Operation) (changes []Change) {
	for p := range parts(op) {
		c := Change{Zxid: op.Out.Zxid, Path: p.in.Path}
		switch p.in.Kind {
		case Create:
			c.Type, c.Path = client.EventCreated, p.out.Path
		case Set:
			c.Type = client.EventDataChanged
		case Delete:
			c.Type = client.EventDeleted
		default:
			continue
		}
		changes = append(changes, c)
	}
	return changes
}

// behind returns the zxids of the book in (from, upto].
func (b *book) behind(from, upto client.Zxid) []client.Zxid {
	i, found := slices.BinarySearch(b.zxids, from)
	if found {
		i++
	}
	j, found := slices.BinarySearch(b.zxids, upto)
	if found {
		j++
	}
	return b.zxids[i:max(i, j)]
}

// may reports whether something that is not in the book can have made an event, and whether several such events may be of one
// transaction. at is when the event was told.
func (b *book) may(e *client.Event, at int64) (possible, several bool) {
	if b.whole {
		return false, false
	}
	for _, op := range b.maybe {
		if op.Call > at {
			continue
		}
		for in := range inputs(&op.In) {
			if b.makes(in, e) {
				possible = true
				several = several || in != &op.In || e.Type == client.EventChildrenChanged
			}
		}
	}
	for _, in := range b.owned { // a container, or a session of whose end nobody has heard
		if gone := e.Type == client.EventDeleted && creates(in, e.Path); gone ||
			e.Type == client.EventChildrenChanged && parentOf(in.Path) == e.Path {
			possible, several = true, several || !gone
		}
	}
	return possible, several
}

// asked is a change that was asked for: of the path, or below the prefix.
type asked struct {
	kind       Kind
	path       string
	sequential bool
}

// spend reports whether a change that is not in the book was asked for once more than it was spent so far. How often somebody
// deletes what may go by itself is not counted.
func (b *book) spend(c Change) bool {
	var key asked
	often := 0
	for _, op := range b.maybe {
		for in := range inputs(&op.In) {
			if in.Kind == Delete || !b.makes(in, &client.Event{Type: c.Type, Path: c.Path}) {
				continue
			}
			if k := (asked{in.Kind, in.Path, in.Sequential}); often == 0 || k == key {
				key = k
				often++
			}
		}
	}
	if often == 0 {
		return true
	}
	if b.spent == nil {
		b.spent = map[asked]int{}
	}
	b.spent[key]++
	return b.spent[key] <= often
}

// makes reports whether one operation can make an event.
func (b *book) makes(in *Input, e *client.Event) bool {
	switch e.Type {
	case client.EventCreated:
		return in.Kind == Create && creates(in, e.Path)
	case client.EventDataChanged:
		return in.Kind == Set && in.Path == e.Path
	case client.EventDeleted:
		return in.Kind == Delete && in.Path == e.Path
	case client.EventChildrenChanged:
		return (in.Kind == Create || in.Kind == Delete) && in.Path != "/" && parentOf(in.Path) == e.Path
	}
	return false
}

// creates reports whether a create can make the node at path.
func creates(in *Input, path string) bool {
	if !in.Sequential {
		return in.Path == path
	}
	digits, ok := strings.CutPrefix(path, in.Path)
	return ok && len(digits) >= 10 && strings.Trim(digits, "0123456789") == ""
}
