package watch

import (
	"cmp"
	"errors"
	"slices"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ErrDuplicateID is returned when a watcher has a persistent watch of that id already.
var ErrDuplicateID = errors.New("a watch with this id is set on this connection: remove it first or choose another id")

// Replay is persistent watches on their way to being live: they are told first what they have missed. One scan of the ring
// is for all of them: a watch joins it, by being put into the index, where its own past begins.
type Replay[W comparable] struct {
	watches []*standing[W] // ordered by Since
	left    int            // those that were not removed

	placed bool     // the fields below are set
	index  index[W] // of watches[:joined]
	joined int
	next   uint64     // position in the ring of the first change that was not looked at
	done   znode.Zxid // all that the ring has up to here was looked at and told

	zxid   znode.Zxid   // of the change looked at last, or of the gaps
	change znode.Change // that change
	whole  bool         // it is the last one of its transaction
	due    []due[W]     // events of it, or gaps
	told   int          // of them
}

// Begin takes persistent watches for w, to be brought up to date and made live by [Table.Step]. From here on they have
// their ids and count against the limits. It returns [ErrTooMany], or [ErrDuplicateID] if w or specs have an id already,
// and then takes none of them. The slice is not kept.
func (t *Table[W]) Begin(w W, specs []wire.WatchSpec) (*Replay[W], error) {
	bytes := 0
	for i := range specs {
		bytes += len(specs[i].Path)
	}
	r := &Replay[W]{watches: make([]*standing[W], 0, len(specs)), left: len(specs)}
	if len(specs) == 0 {
		return r, nil
	}
	mine := t.ownedBy(w)
	err := error(nil)
	if !mine.fits(len(specs), bytes) {
		err = ErrTooMany
	}
	for i := 0; i < len(specs) && err == nil; i++ {
		if old := mine.ids[specs[i].ID]; old != nil && old.replay == nil && old.spec.Same(&specs[i]) {
			bytes -= len(specs[i].Path) // sent again behind a write that had to be: it is in place, and was told everything
			continue
		} else if old != nil {
			err = ErrDuplicateID
			break
		}
		s := &standing[W]{w: w, spec: specs[i], replay: r}
		mine.ids[s.spec.ID] = s
		r.watches = append(r.watches, s)
	}
	if err != nil {
		for _, s := range r.watches {
			delete(mine.ids, s.spec.ID)
		}
		bytes, r.watches = 0, nil
	}
	r.left = len(r.watches)
	mine.bytes += bytes
	t.count += len(r.watches)
	if len(mine.keys) == 0 && len(mine.ids) == 0 {
		delete(t.owned, w)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Step tells the watches of r what they have missed, in the order in which it happened and in which they would have been
// told it live, until about room bytes of events have been told or [StepChangesMax] changes have been looked at. It reports
// true when nothing is missing any more: then all of them are live, and r is spent. What the ring does not have any more,
// also if it went while r was under way, is told as one Gap from where the watch had come to, up to now.
//
// ring must be the same one each time, and now the zxid of the state that it leads to; the caller holds their lock, and
// calls Step again as soon as it has room. A watch from now on begins at the first call. Watches that are removed in between
// are not told anything further.
func (t *Table[W]) Step(r *Replay[W], ring *Ring, now znode.Zxid, room int, deliver func(W, Told)) (done bool) {
	if r.left > 0 && (!r.placed || r.next < ring.first) {
		r.place(ring, now)
	}
	for looked := 0; r.left > 0; looked++ {
		if room = r.tell(room, deliver); r.told < len(r.due) {
			return false
		}
		if r.next == ring.end {
			break
		}
		if looked == StepChangesMax {
			return false
		}
		r.look(ring)
	}
	for _, s := range r.watches {
		if !s.removed {
			s.replay = nil
			t.index.add(s)
		}
	}
	*r = Replay[W]{placed: true}
	return true
}

// place begins the scan, or begins it again where the ring still reaches, after it has lost what comes next.
func (r *Replay[W]) place(ring *Ring, now znode.Zxid) {
	for _, d := range r.due[r.told:] {
		if d.event == wire.EventGap { // else it would be forgotten
			d.watch.spec.Since = d.from
		}
	}
	r.due, r.told = r.due[:0], 0
	r.watches = slices.DeleteFunc(r.watches, func(s *standing[W]) bool { return s.removed })
	for _, s := range r.watches {
		if s.spec.FromNow {
			s.spec.FromNow, s.spec.Since = false, now
		}
		from := max(s.spec.Since, r.done)
		s.spec.Since = from
		if from < ring.floor {
			s.spec.Since = now
			r.due = append(r.due, due[W]{watch: s, event: wire.EventGap, from: from})
		}
	}
	r.zxid, r.change = now, znode.Change{}
	slices.SortStableFunc(r.watches, func(a, b *standing[W]) int { return cmp.Compare(a.spec.Since, b.spec.Since) })
	r.placed, r.index, r.joined, r.done, r.whole = true, newIndex[W](), 0, 0, false
	r.next = ring.end
	if len(r.watches) > 0 {
		r.next = ring.behind(r.watches[0].spec.Since)
	}
}

// look takes the next change of the ring, of which everything before was told.
func (r *Replay[W]) look(ring *Ring) {
	e := ring.at(r.next)
	r.zxid, r.change = e.zxid, e.change()
	r.next++
	r.whole = r.next == ring.end || ring.at(r.next).zxid != r.zxid
	for r.joined < len(r.watches) && r.watches[r.joined].spec.Since < r.zxid {
		r.index.add(r.watches[r.joined])
		r.joined++
	}
	own, above := r.index.around(&r.change)
	r.due, r.told = r.index.match(&r.change, own, above, r.due[:0]), 0
}

// tell tells what is due while there is room, and returns the room that is left. Of a change that concerns many watches a
// part can be told; the rest of it waits in r, wherever the ring goes.
func (r *Replay[W]) tell(room int, deliver func(W, Told)) int {
	for ; r.told < len(r.due) && room > 0; r.told++ {
		d := &r.due[r.told]
		if d.watch.removed {
			continue
		}
		event := d.tell(r.zxid, &r.change)
		deliver(d.watch.w, event)
		room -= event.Bytes()
	}
	if r.told == len(r.due) && r.whole {
		r.done = r.zxid
	}
	return room
}
