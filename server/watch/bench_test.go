package watch

import (
	"fmt"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// BenchmarkFire is what a change costs that concerns nobody: a set at depth 5, with 100,000 watches elsewhere of each sort.
// The recursive ones are at all depths.
func BenchmarkFire(b *testing.B) {
	const n = 100_000
	sorts := map[string]func(t *Table[int], i int){
		"one-shot": func(t *Table[int], i int) {
			if err := t.Add(i%1000, wire.WatchData, fmt.Sprintf("/service/region/shard/group/one%07d", i)); err != nil {
				b.Fatal(err)
			}
		},
		"persistent": func(t *Table[int], i int) {
			live(b, t, i%1000, wire.WatchSpec{ID: wire.WatchID(i + 1), Mode: wire.Persistent, Path: fmt.Sprintf("/service/region/shard/group/two%07d", i)})
		},
		"recursive": func(t *Table[int], i int) {
			path := "/"
			for range i % 6 {
				path += fmt.Sprintf("three%07d/", i)
			}
			live(b, t, i%1000, wire.WatchSpec{ID: wire.WatchID(i + 1 + n), Mode: wire.Recursive, Path: path[:max(len(path)-1, 1)] + "x"})
		},
	}
	paths := make([]string, 1024)
	for i := range paths {
		paths[i] = fmt.Sprintf("/service/region/shard/group/node%06d", i)
	}
	for _, with := range [][]string{{}, {"one-shot"}, {"persistent"}, {"recursive"}, {"one-shot", "persistent", "recursive"}} {
		b.Run(fmt.Sprint(with), func(b *testing.B) {
			table := NewTable[int]()
			for _, sort := range with {
				for i := range n {
					sorts[sort](table, i)
				}
			}
			changes := []znode.Change{{Type: znode.DataChanged}}
			told := 0
			deliver := func(int, Told) { told++ }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				changes[0].Path = paths[i%len(paths)]
				table.Fire(znode.Zxid(i+1), changes, deliver)
			}
			if told > 0 {
				b.Fatal("somebody was concerned")
			}
		})
	}
}

// BenchmarkFireTells is what an event costs: a set that one recursive and one persistent watch see.
func BenchmarkFireTells(b *testing.B) {
	table := NewTable[int]()
	live(b, table, 1, wire.WatchSpec{ID: 1, Mode: wire.Recursive, Path: "/service"},
		wire.WatchSpec{ID: 2, Mode: wire.Persistent, Path: "/service/region/shard/group/node"})
	changes := []znode.Change{change(znode.DataChanged, "/service/region/shard/group/node")}
	told := 0
	deliver := func(int, Told) { told++ }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Fire(znode.Zxid(i+1), changes, deliver)
	}
	if told == 0 {
		b.Fatal("nobody was told")
	}
}

// BenchmarkRingAppend is what the history adds to a write, once it is full.
func BenchmarkRingAppend(b *testing.B) {
	r, _ := fullRing()
	zxid, changes := r.newest, sets(1)
	b.ReportAllocs()
	for b.Loop() {
		zxid++
		r.Append(zxid, changes, int64(zxid))
	}
}

// fullRing is a ring at its limit, of sets of a thousand nodes.
func fullRing() (*Ring, *znode.Tree) {
	r, tree := NewRing(RingBytes, 1<<40), znode.NewTree()
	apply := func(zxid znode.Zxid, op znode.Op) {
		_, changes, err := tree.Apply(znode.Txn{Zxid: zxid}, []znode.Op{op}, nil, nil)
		if err != nil {
			panic(err)
		}
		r.Append(zxid, changes, int64(zxid))
	}
	paths := make([]string, 1000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/service/region/shard/group/node%06d", i)
		apply(znode.Zxid(i+1), znode.Op{Kind: znode.OpCreate, Path: paths[i], Flags: znode.CreateParents, Data: make([]byte, 100)})
	}
	for zxid := znode.Zxid(len(paths) + 1); r.floor < znode.Zxid(len(paths)); zxid++ {
		apply(zxid, znode.Op{Kind: znode.OpSet, Path: paths[int(zxid)%len(paths)], Data: make([]byte, 100)})
	}
	return r, tree
}

// BenchmarkStep is the longest that writes wait for a replay: a step over [StepChangesMax] changes, for the most watches
// that one request can set, which see none of them.
func BenchmarkStep(b *testing.B) {
	ring, _ := fullRing()
	for _, n := range []int{1, wire.WatchPathsPerFrameMax} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var specs []wire.WatchSpec
			for i := range n {
				mode := []wire.WatchMode{wire.Persistent, wire.Recursive}[i%2]
				path := fmt.Sprintf("/service/region/shard/other%06d", i)
				specs = append(specs, wire.WatchSpec{ID: wire.WatchID(i + 1), Mode: mode, Path: path, Since: ring.floor})
			}
			table := NewTable[int]()
			var r *Replay[int]
			done := true
			b.ReportAllocs()
			for b.Loop() {
				if done {
					b.StopTimer()
					table.Drop(1)
					var err error
					if r, err = table.Begin(1, specs); err != nil {
						b.Fatal(err)
					}
					table.Step(r, ring, ring.newest, 1, nil) // the first one also finds its place
					b.StartTimer()
				}
				done = table.Step(r, ring, ring.newest, 1, nil)
			}
		})
	}
}

// BenchmarkPast is what one page of a list of the past costs before its first node: as much history as there is at most,
// none of it or all of it under the root of the list.
func BenchmarkPast(b *testing.B) {
	ring, tree := fullRing()
	for _, root := range []string{"/elsewhere", "/service"} {
		b.Run(root[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := ring.Past(tree, root, ring.floor, ring.newest); !ok {
					b.Fatal("the ring does not reach back")
				}
			}
		})
	}
}

// BenchmarkDropSome tells the longest time for which one part of the departure of 100,000 watches holds the lock.
func BenchmarkDropSome(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		table := NewTable[string]()
		for i := range MaxPerWatcher {
			if err := table.Add("a", wire.WatchData, fmt.Sprintf("/services/web/%d", i)); err != nil {
				b.Fatal(err)
			}
		}
		var longest time.Duration
		hold := func(f func()) {
			start := time.Now()
			f()
			longest = max(longest, time.Since(start))
		}
		b.StartTimer()
		var leaving *Leaving[string]
		hold(func() { leaving = table.Leave("a") })
		for done := false; !done; {
			hold(func() { done = table.DropSome(leaving) })
		}
		b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
	}
}
