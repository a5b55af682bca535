package watch

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

func (h *history) fire(changes []znode.Change) {
	h.all = append(h.all, past{h.zxid, changes})
	h.fireShots(changes)
	h.firing = true
	h.table.Fire(h.zxid, changes, h.tell)
	h.firing = false
	if h.shotsAt != len(h.groups) {
		h.t.Fatalf("one-shot watches were not told %q", h.groups[h.shotsAt:])
	}
	h.checkLive()
}

// checkLive checks that live watches have been told everything, and that the table counts what there is.
func (h *history) checkLive() {
	for _, p := range h.watches {
		if all := h.owed(p); p.live && p.told != len(all) {
			h.t.Fatalf("%+v was told %d of %v", p, p.told, all)
		}
	}
	if n := len(h.watches) + len(h.shots); h.table.Len() != n {
		h.t.Fatalf("the table has %d watches, want %d", h.table.Len(), n)
	}
}

func (h *history) step(i, room int) bool {
	r := h.replays[i]
	for _, p := range r.promises {
		if !p.placed {
			p.placed = true
			if p.spec.FromNow {
				p.since = h.zxid
			}
		}
	}
	h.room = room
	done := h.table.Step(r.replay, h.ring, h.zxid, room, h.tell)
	if done {
		for _, p := range r.promises {
			p.live = true
		}
		h.replays = slices.Delete(h.replays, i, i+1)
		h.checkLive()
	}
	return done
}

// lost replaces the state by one whose changes were not seen.
func (h *history) lost(changes [][]znode.Change) {
	before := h.zxid
	for _, c := range changes {
		h.zxid++
		h.all = append(h.all, past{h.zxid, c})
	}
	h.ring.Reset(h.zxid)
	h.groups, h.firing = nil, true
	same := func(string) (znode.Stat, bool) { return znode.Stat{}, true } // one-shot watches are not concerned
	h.table.Resync(before, h.zxid, same, same, h.tell)
	h.firing = false
	for _, p := range h.watches {
		if p.live && p.since < h.zxid && before < h.zxid {
			h.t.Fatalf("%+v was told no gap up to %v", p, h.zxid)
		}
	}
	h.checkLive()
}

func (h *history) remove(gone func(p *promise) bool) {
	h.watches = slices.DeleteFunc(h.watches, gone)
	for _, r := range h.replays {
		r.promises = slices.DeleteFunc(r.promises, gone)
	}
}

// TestHistoryModel: whatever is added, removed, lost and told in parts, each persistent watch is told exactly what happened
// between its since and its removal, but for gaps, which cover exactly what the ring has lost.
func TestHistoryModel(t *testing.T) {
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/a-b", "/a/c", "/e"}
	nodes := map[string][]*znode.Node{}
	for _, path := range paths {
		nodes[path] = versionsOf(path, 8)
	}
	gaps := 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 7))
		h := &history{t: t, table: NewTable[int](), ring: NewRing(int64(1+rng.IntN(30))*100, 20)}
		txn := func() []znode.Change {
			var changes []znode.Change
			for range cmp.Or(rng.IntN(3), 1) * (1 + rng.IntN(2)) {
				c := znode.Change{Type: znode.ChangeType(1 + rng.IntN(3)), Path: paths[1+rng.IntN(len(paths)-1)]}
				versions := nodes[c.Path]
				if c.Type != znode.Created {
					c.Old = versions[rng.IntN(len(versions))]
				}
				if c.Type != znode.Deleted {
					c.New = versions[rng.IntN(len(versions))]
				}
				changes = append(changes, c)
			}
			return changes
		}
		for atMS := range int64(150) {
			switch w := rng.IntN(3); rng.IntN(12) {
			case 0, 1, 2, 3:
				h.zxid += 1 + znode.Zxid(rng.IntN(2))
				changes := txn()
				h.ring.Append(h.zxid, changes, atMS)
				h.fire(changes)
			case 4, 5:
				h.begin(rng, w, paths)
			case 6, 7, 8:
				if len(h.replays) > 0 {
					h.step(rng.IntN(len(h.replays)), rng.IntN(300))
				}
			case 9:
				s := shot{w, wire.WatchKind(1 + rng.IntN(2)), paths[rng.IntN(len(paths))]}
				if i := slices.Index(h.shots, s); i < 0 {
					h.shots = append(h.shots, s)
					if err := h.table.Add(s.w, s.kind, s.path); err != nil {
						t.Fatal(err)
					}
				} else {
					h.shots = slices.Delete(h.shots, i, i+1)
					if !h.table.Remove(s.w, s.kind, s.path) {
						t.Fatalf("seed %d: %v is not there", seed, s)
					}
				}
			case 10:
				id := wire.WatchID(1 + rng.IntN(6))
				gone := func(p *promise) bool { return p.w == w && p.spec.ID == id }
				if h.table.RemoveID(w, id) != slices.ContainsFunc(h.watches, gone) {
					t.Fatalf("seed %d: RemoveID disagrees", seed)
				}
				h.remove(gone)
			case 11:
				switch rng.IntN(4) {
				case 0:
					h.table.Drop(w)
					h.remove(func(p *promise) bool { return p.w == w })
					h.shots = slices.DeleteFunc(h.shots, func(s shot) bool { return s.w == w })
				case 1:
					var unseen [][]znode.Change
					for range rng.IntN(4) {
						unseen = append(unseen, txn())
					}
					h.lost(unseen)
				}
			}
		}
		h.checkLive()
		for tries := 0; len(h.replays) > 0; tries++ {
			if h.step(0, 1); tries > 10_000 {
				t.Fatalf("seed %d: a replay does not end", seed)
			}
		}
		for w := range 3 {
			h.table.Drop(w)
		}
		if len(h.table.owned) != 0 || len(h.table.index.spots) != 0 || h.table.Len() != 0 || h.table.index.deepest != -1 {
			t.Fatalf("seed %d: something is left after everybody has gone: %+v", seed, h.table)
		}
		gaps += h.gaps
	}
	if gaps < 300 {
		t.Errorf("only %d gaps: the model does not try what it is for", gaps)
	}
}

// begin begins a replay of some watches, or fails to as it should.
func (h *history) begin(rng *rand.Rand, w int, paths []string) {
	var specs []wire.WatchSpec
	var promises []*promise
	taken := false
	for range 1 + rng.IntN(3) {
		s := wire.WatchSpec{ID: wire.WatchID(1 + rng.IntN(6)), Mode: wire.WatchMode(1 + rng.IntN(2)), Options: wire.WatchOptions(rng.IntN(4)),
			Path: paths[rng.IntN(len(paths))], FromNow: rng.IntN(4) == 0, Since: znode.Zxid(rng.IntN(int(h.zxid) + 3))}
		if rng.IntN(2) == 0 {
			s.Since = max(h.zxid, 6) - znode.Zxid(rng.IntN(6))
		}
		same := func(p *promise) bool { return p.w == w && p.spec.ID == s.ID }
		specs = append(specs, s)
		if i := slices.IndexFunc(h.watches, same); i >= 0 && h.watches[i].spec.Same(&s) && !h.replayed(h.watches[i]) &&
			!slices.ContainsFunc(promises, same) {
			continue // it was asked for again, and is in place
		}
		taken = taken || slices.ContainsFunc(h.watches, same) || slices.ContainsFunc(promises, same)
		promises = append(promises, &promise{w: w, spec: s, since: s.Since})
	}
	r, err := h.table.Begin(w, specs)
	if taken != (err == ErrDuplicateID) {
		h.t.Fatalf("an id is taken: %v, and Begin says %v", taken, err)
	}
	if err == nil {
		h.watches = append(h.watches, promises...)
		h.replays = append(h.replays, &replaying{r, promises})
	}
}

// replayed reports whether a watch is not live yet.
func (h *history) replayed(p *promise) bool {
	return slices.ContainsFunc(h.replays, func(r *replaying) bool { return slices.Contains(r.promises, p) })
}
