package watch

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// stage is a table with its ring, and what it tells, in lines.
type stage struct {
	table *Table[string]
	ring  *Ring
	zxid  znode.Zxid
	got   []string
}

func newStage() *stage {
	return &stage{table: NewTable[string](), ring: NewRing(1<<20, RingAgeMS)}
}

func (s *stage) deliver(w string, told Told) {
	e := told.Event
	line := fmt.Sprintf("%s%d %d %v %s", w, e.Watch, e.Zxid, e.Type, e.Path)
	if e.Type == wire.EventGap {
		line += fmt.Sprintf(" from %d", e.From)
	}
	s.got = append(s.got, line)
}

// happens is a transaction that changes the data of nodes.
func (s *stage) happens(paths ...string) {
	s.zxid++
	var changes []znode.Change
	for _, path := range paths {
		changes = append(changes, change(znode.DataChanged, path))
	}
	s.ring.Append(s.zxid, changes, 0)
	s.table.Fire(s.zxid, changes, s.deliver)
}

func (s *stage) begin(t *testing.T, w string, specs ...wire.WatchSpec) *Replay[string] {
	t.Helper()
	for i := range specs {
		specs[i].Mode = wire.Recursive
	}
	r, err := s.table.Begin(w, specs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// step takes one step and checks its result and what was told since the last check.
func (s *stage) step(t *testing.T, r *Replay[string], room int, done bool, want ...string) {
	t.Helper()
	if got := s.table.Step(r, s.ring, s.zxid, room, s.deliver); got != done {
		t.Errorf("done: %v, want %v", got, done)
	}
	s.told(t, want...)
}

func (s *stage) told(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.got, want) {
		t.Errorf("told %q\nwant %q", s.got, want)
	}
	s.got = nil
}

// TestReplayThenLive: each watch is told what happened behind its own zxid, all in one order, then what happens.
func TestReplayThenLive(t *testing.T) {
	s := newStage()
	for _, path := range []string{"/a", "/b", "/a/c", "/b/c"} {
		s.happens(path)
	}
	r := s.begin(t, "w", []wire.WatchSpec{
		{ID: 1, Path: "/", Since: 3}, {ID: 2, Path: "/a"}, {ID: 3, Path: "/", FromNow: true}, {ID: 4, Path: "/b", Since: 4},
		{ID: 5, Path: "/", Since: 6}, // has seen more than there is
	}...)
	s.happens("/a") // while it is not live: it is in the ring
	s.told(t)
	s.step(t, r, 1<<20, true, "w2 1 DataChanged /a", "w2 3 DataChanged /a/c", "w1 4 DataChanged /b/c",
		"w1 5 DataChanged /a", "w2 5 DataChanged /a")
	s.happens("/b")
	s.told(t, "w1 6 DataChanged /b", "w3 6 DataChanged /b", "w4 6 DataChanged /b")
	s.happens("/a")
	s.told(t, "w1 7 DataChanged /a", "w3 7 DataChanged /a", "w5 7 DataChanged /a", "w2 7 DataChanged /a")
	s.step(t, r, 1, true) // spent
}

// TestStepHasRoomAndLimit: a step stops at its room, also in the middle of a transaction and between two watches that one
// change concerns, and at StepChangesMax changes.
func TestStepHasRoomAndLimit(t *testing.T) {
	s := newStage()
	s.happens("/a", "/b", "/a")
	r := s.begin(t, "w", wire.WatchSpec{ID: 1, Path: "/a"}, wire.WatchSpec{ID: 2, Path: "/a"})
	s.step(t, r, 0, false)
	s.step(t, r, 1, false, "w1 1 DataChanged /a")
	s.step(t, r, 0, false)
	s.happens("/a")
	s.step(t, r, toldBytes+3, false, "w2 1 DataChanged /a", "w1 1 DataChanged /a")
	s.step(t, r, 1<<20, true, "w2 1 DataChanged /a", "w1 2 DataChanged /a", "w2 2 DataChanged /a")

	const n = 3 * StepChangesMax
	s.ring = NewRing(1<<30, RingAgeMS)
	s.zxid = 0
	s.table.Drop("w")
	for range n {
		s.happens("/b")
	}
	r = s.begin(t, "w", wire.WatchSpec{ID: 1, Path: "/a"})
	steps := 1
	for ; !s.table.Step(r, s.ring, s.zxid, 1, s.deliver); steps++ {
	}
	if steps != 3 {
		t.Errorf("%d changes took %d steps", n, steps)
	}
}

// TestGap: what the ring has lost is told as one gap from where the watch was, and the watch goes on behind it.
func TestGap(t *testing.T) {
	s := newStage()
	s.ring.Reset(10)
	s.zxid = 10
	r := s.begin(t, "w", []wire.WatchSpec{{ID: 1, Path: "/a", Since: 9}, {ID: 2, Path: "/a", Since: 10}, {ID: 3, Path: "/a", FromNow: true}}...)
	s.happens("/a")
	s.step(t, r, 1<<20, true, "w1 11 Gap /a from 9", "w2 11 DataChanged /a")
	s.happens("/a")
	s.told(t, "w2 12 DataChanged /a", "w1 12 DataChanged /a", "w3 12 DataChanged /a")
}

// TestGapUnderWay: the ring loses what a replay has not come to. From names the last transaction that was told entirely.
func TestGapUnderWay(t *testing.T) {
	s := newStage()
	s.happens("/a")
	s.happens("/a", "/a")
	s.happens("/a")
	r := s.begin(t, "w", wire.WatchSpec{ID: 1, Path: "/a"}, wire.WatchSpec{ID: 2, Path: "/a", Since: 5})
	s.step(t, r, 70, false, "w1 1 DataChanged /a", "w1 2 DataChanged /a")
	s.zxid = 8
	s.ring.Reset(8)
	s.step(t, r, 1, false, "w1 8 Gap /a from 1")
	s.zxid = 9
	s.ring.Reset(9) // again, before the second watch's gap was told
	s.step(t, r, 1, false, "w1 9 Gap /a from 8")
	s.happens("/a")
	s.step(t, r, 1<<20, true, "w2 9 Gap /a from 5", "w1 10 DataChanged /a", "w2 10 DataChanged /a")
}

// TestNotLiveAfterRemoval: what is removed while it is replayed is told nothing more; its id can be used again at once.
func TestNotLiveAfterRemoval(t *testing.T) {
	s := newStage()
	s.happens("/a")
	s.happens("/a")
	r := s.begin(t, "w", wire.WatchSpec{ID: 1, Path: "/a"}, wire.WatchSpec{ID: 2, Path: "/a"})
	s.step(t, r, 1, false, "w1 1 DataChanged /a")
	if !s.table.RemoveID("w", 2) {
		t.Error("a watch that is replayed is not found")
	}
	again := s.begin(t, "w", wire.WatchSpec{ID: 2, Path: "/b", FromNow: true})
	s.step(t, r, 1<<20, true, "w1 2 DataChanged /a")
	s.step(t, again, 1, true)
	s.happens("/a", "/b")
	s.told(t, "w1 3 DataChanged /a", "w2 3 DataChanged /b")

	r = s.begin(t, "v", wire.WatchSpec{ID: 1, Path: "/a"}, wire.WatchSpec{ID: 2, Path: "/a"})
	s.step(t, r, 1, false, "v1 1 DataChanged /a")
	s.table.Drop("v")
	s.step(t, r, 1<<20, true)
	s.happens("/a")
	s.told(t, "w1 4 DataChanged /a")
	if s.table.Len() != 2 {
		t.Errorf("%d watches, want 2", s.table.Len())
	}
}

// TestResyncOfPersistent: a new state whose changes were not seen is a gap for each live persistent watch, told before the
// events of one-shot watches, which say that everything below them has come.
func TestResyncOfPersistent(t *testing.T) {
	s := newStage()
	s.zxid = 5
	s.ring.Reset(5)
	r := s.begin(t, "w", wire.WatchSpec{ID: 2, Path: "/b", FromNow: true}, wire.WatchSpec{ID: 1, Path: "/a", FromNow: true},
		wire.WatchSpec{ID: 3, Path: "/c", Since: 7}, wire.WatchSpec{ID: 4, Path: "/d", Since: 9})
	s.step(t, r, 1, true)
	if err := s.table.Add("w", wire.WatchData, "/a"); err != nil {
		t.Fatal(err)
	}
	now := func(string) (znode.Stat, bool) { return znode.Stat{Mzxid: 8}, true }
	s.table.Resync(5, 9, now, now, s.deliver)
	s.told(t, "w1 9 Gap /a from 5", "w2 9 Gap /b from 5", "w3 9 Gap /c from 7", "w0 8 DataChanged /a")
	s.ring.Reset(9)
	s.zxid = 9
	s.happens("/a")
	s.told(t, "w1 10 DataChanged /a")
}
