package watch

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Lookup gives the Stat of the node at path as it is now, or false when there is none.
type Lookup func(path string) (znode.Stat, bool)

// List is what a client was watching when it lost its connection.
type List struct {
	Data  []string // read with Get, or with Exists while the node was there
	Exist []string // read with Exists while the node was absent
	Child []string // read with Children
}

// CatchUp registers again what w was watching on an earlier connection, where since is the newest zxid that it had seen.
// What has changed in between is delivered at once, in zxid order, and not registered (W-13). An event's zxid is that of
// the change as far as the present state tells, and since+1 for a node that is gone, which says no more than that. It
// returns [ErrTooMany] after as many as fit.
func (t *Table[W]) CatchUp(w W, since znode.Zxid, list List, lookup Lookup, deliver func(W, Told)) error {
	var missed []wire.Event
	gone := map[string]struct{}{} // both watches on a node that is gone: told once
	add := func(kind wire.WatchKind, path string, e wire.Event, fired bool) error {
		if !fired {
			return t.Add(w, kind, path)
		}
		if e.Type == wire.EventDeleted {
			if _, told := gone[path]; told {
				return nil
			}
			gone[path] = struct{}{}
		}
		missed = append(missed, e)
		return nil
	}
	var err error
	for _, path := range list.Data {
		e, fired := missedData(since, path, lookup)
		err = errors.Join(err, add(wire.WatchData, path, e, fired))
	}
	for _, path := range list.Exist {
		e, fired := missedCreate(path, lookup)
		err = errors.Join(err, add(wire.WatchData, path, e, fired))
	}
	for _, path := range list.Child {
		e, fired := missedChildren(since, path, lookup)
		err = errors.Join(err, add(wire.WatchChild, path, e, fired))
	}
	slices.SortStableFunc(missed, byZxid)
	for _, e := range missed {
		deliver(w, Told{Event: e})
	}
	if err != nil {
		return ErrTooMany
	}
	return nil
}

// Resync does for every watcher of the table what CatchUp does for one, after the state of zxid since has been replaced by
// a newer one, of zxid, whose single changes were not seen (a snapshot was installed). before is the state as it was: it
// tells a watch on an absent node, which awaits its creation, from one on a node that was there. Before that each live
// persistent watch is told a Gap: a one-shot event of zxid z says to a client that all its watches are complete below z. Those
// that are still replayed find theirs in the ring, which is to be reset to zxid.
func (t *Table[W]) Resync(since, zxid znode.Zxid, before, now Lookup, deliver func(W, Told)) {
	type missed struct {
		kind  wire.WatchKind
		event wire.Event
	}
	var all []missed
	add := func(kind wire.WatchKind, e wire.Event, fired bool) {
		if fired {
			all = append(all, missed{kind, e})
		}
	}
	var gaps []due[W]
	for path, s := range t.index.spots {
		if s.data != nil {
			if _, was := before(path); was {
				e, fired := missedData(since, path, now)
				add(wire.WatchData, e, fired)
			} else {
				e, fired := missedCreate(path, now)
				add(wire.WatchData, e, fired)
			}
		}
		if s.child != nil {
			e, fired := missedChildren(since, path, now)
			add(wire.WatchChild, e, fired)
		}
		gaps = appendDue(appendDue(gaps, s.persistent, wire.EventGap), s.recursive, wire.EventGap)
	}
	slices.SortFunc(gaps, func(a, b due[W]) int {
		return cmp.Or(strings.Compare(a.watch.spec.Path, b.watch.spec.Path), cmp.Compare(a.watch.spec.ID, b.watch.spec.ID))
	})
	for _, d := range gaps {
		if d.from = max(since, d.watch.spec.Since); d.from < zxid {
			deliver(d.watch.w, d.tell(zxid, nil))
		}
	}
	slices.SortFunc(all, func(a, b missed) int {
		return cmp.Or(byZxid(a.event, b.event), strings.Compare(a.event.Path, b.event.Path), cmp.Compare(a.kind, b.kind))
	})
	type telling struct {
		w    W
		path string
	}
	gone := map[telling]struct{}{} // as in CatchUp
	for _, m := range all {
		t.fire(m.kind, t.index.spots[m.event.Path], m.event, nil, func(w W, told Told) {
			if m.event.Type == wire.EventDeleted {
				if _, already := gone[telling{w, m.event.Path}]; already {
					return
				}
				gone[telling{w, m.event.Path}] = struct{}{}
			}
			deliver(w, told)
		})
	}
}

func byZxid(a, b wire.Event) int { return cmp.Compare(a.Zxid, b.Zxid) }

// missedCreate is what a watch on a node that was absent has missed.
func missedCreate(path string, lookup Lookup) (wire.Event, bool) {
	stat, ok := lookup(path)
	return wire.Event{Zxid: stat.Czxid, Type: wire.EventCreated, Path: path}, ok
}

// missedData is what a watch on the data of a node that was there has missed since.
func missedData(since znode.Zxid, path string, lookup Lookup) (wire.Event, bool) {
	stat, ok := lookup(path)
	return missedChange(since, ok, stat.Mzxid, wire.Event{Type: wire.EventDataChanged, Path: path})
}

// missedChildren is what a watch on the children of a node that was there has missed since.
func missedChildren(since znode.Zxid, path string, lookup Lookup) (wire.Event, bool) {
	stat, ok := lookup(path)
	return missedChange(since, ok, stat.Pzxid, wire.Event{Type: wire.EventChildrenChanged, Path: path})
}

// missedChange is the event that a node which was there has had since: its end if it is gone, changed if its newest change
// of the kind is later.
func missedChange(since znode.Zxid, there bool, newest znode.Zxid, changed wire.Event) (wire.Event, bool) {
	if !there {
		return wire.Event{Zxid: since + 1, Type: wire.EventDeleted, Path: changed.Path}, true
	}
	changed.Zxid = newest
	return changed, newest > since
}
