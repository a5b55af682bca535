package session

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	leaseSeeds = flag.Int("lease.seeds", 0, "seeds of the lease model; 0: 10,000, fewer with -short and under the race detector")
	leaseFirst = flag.Uint64("lease.first", 1, "first seed of the lease model; with -lease.seeds 1 it runs that seed again")
)

// runMS is the simulated length of one run.
const runMS = 30_000

// play runs one seed and returns its world.
func play(seed uint64, f flaw) *world {
	w := newWorld(seed, f)
	w.run(runMS)
	return w
}

// seeds calls visit for n seeds, on all processors, until it returns false. All seeds below one visited are visited.
func seeds(first uint64, n int, visit func(seed uint64) bool) {
	var next atomic.Uint64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
				i := next.Add(1)
				if i > uint64(n) {
					return
				}
				if !visit(first + i - 1) {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
}

func TestBeliefAndExpiryNeverOverlap(t *testing.T) {
	n := *leaseSeeds
	switch {
	case n > 0:
	case testing.Short() || raceDetector:
		n = 500
	default:
		n = 10_000
	}
	var mu sync.Mutex
	var seen sightings
	seeds(*leaseFirst, n, func(seed uint64) bool {
		w := play(seed, sound)
		mu.Lock()
		seen.add(w.seen)
		mu.Unlock()
		if w.overlap != "" {
			t.Errorf("seed %d: %s", seed, w.overlap)
		}
		for _, s := range w.servers {
			if s.applied == len(w.log.entries) && s.table.Digest() != w.log.table.Digest() {
				t.Errorf("seed %d: the digest of server %d differs from that of the log it has applied in full", seed, s.id)
			}
		}
		return w.overlap == ""
	})
	t.Logf("%d seeds: %+v", n, seen)
	if n < 500 {
		return // too few to say what they lack
	}
	for what, count := range map[string]int{
		"expiries": seen.expiries, "deadlines": seen.deadlines, "lease ends": seen.leaseEnds, "boots": seen.boots,
		"moves": seen.moves, "copies of attaches": seen.copies, "late attempts": seen.lateAttempts, "void expiries": seen.voidExpires,
		"snapshots": seen.snapshots, "stalls": seen.stalls, "replays": seen.replays, "gaps": seen.gaps,
	} {
		if count < n/50 {
			t.Errorf("only %d %s in %d seeds: the model has become too gentle to prove anything", count, what, n)
		}
	}
	if seen.calmEnds > 0 {
		t.Errorf("%d sessions expired in a calm world while their clients were pinging", seen.calmEnds)
	}
	if seen.calmDoubts > 0 {
		t.Errorf("%d times a client in a calm world did not believe in its session", seen.calmDoubts)
	}
}

func (s *sightings) add(o sightings) {
	s.expiries += o.expiries
	s.deadlines += o.deadlines
	s.calmEnds += o.calmEnds
	s.calmDoubts += o.calmDoubts
	s.leaseEnds += o.leaseEnds
	s.boots += o.boots
	s.moves += o.moves
	s.copies += o.copies
	s.lateAttempts += o.lateAttempts
	s.voidExpires += o.voidExpires
	s.snapshots += o.snapshots
	s.stalls += o.stalls
	s.replays += o.replays
	s.gaps += o.gaps
}

// Every rule is needed: without it the same model finds an overlap.
func TestEachSimplificationIsFoundUnsafe(t *testing.T) {
	const most = 10_000
	for f := sound + 1; f < flaws; f++ {
		t.Run(f.String(), func(t *testing.T) {
			var mu sync.Mutex
			var found uint64
			var what string
			seeds(1, most, func(seed uint64) bool {
				w := play(seed, f)
				mu.Lock()
				defer mu.Unlock()
				if w.overlap != "" && (found == 0 || seed < found) {
					found, what = seed, w.overlap
				}
				return w.overlap == ""
			})
			if found == 0 {
				t.Fatalf("not found in %d seeds", most)
			}
			t.Logf("found after %d seeds: %s", found, what)
		})
	}
}

// A dead client's session does not outlive it by much, whatever happened before: when the faults end, the session goes.
func TestSessionsOfDeadClientsEnd(t *testing.T) {
	n := 2000
	if testing.Short() || raceDetector {
		n = 50
	}
	// What may pass at most on a slow cluster clock, which also loses the time that an Advance takes to be committed: the lease of
	// a dead server, the timeout, MaxStepMS for both, and some for proposals.
	const timeoutMS = MinTimeoutMS + 2*1500
	const bound = (LeaseMS + MaxStepMS + timeoutMS + MaxStepMS) * 5 / 4
	seeds(1, n, func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorldOf(r, drawTemper(r), sound)
		w.run(runMS / 2)
		w.heal()
		for _, c := range w.clients {
			c.dead = true
		}
		w.run(runMS/2 + 15_000 + bound) // 15 s for what was late already
		if w.overlap != "" {
			t.Errorf("seed %d: %s", seed, w.overlap)
		}
		if left := w.log.table.Len(); left > 0 {
			t.Errorf("seed %d: %d sessions of dead clients are left", seed, left)
		}
		return !t.Failed()
	})
}
