package consensus

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	powerPoints = flag.Int("power.points", 120, "how many moments of power loss are tried in all, at least one for each sync of a workload if there are fewer syncs")
	powerSeed   = flag.Uint64("power.seed", 1, "seed of what a loss of power leaves of the changes that were not synced")
)

// One server writes, takes snapshots and compacts its log, from its first start on. Whenever the power fails it starts again,
// with all that it has acknowledged.
func TestPowerLossOfOneServer(t *testing.T) {
	t.Parallel()
	o := newOutage(t, 1)
	o.run(t, "alone", func(_ []*Log, write func(int, string) bool) {
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for i := 0; i < 40 && write(0, fmt.Sprintf("writer %d write %d", w, i)); i++ {
				}
			})
		}
		writers.Wait()
	})
	o.mustTry(t, *powerPoints/3, *powerPoints/24)
}

// Three servers write while the leadership goes round.
func TestPowerLossWhileTheLeaderChanges(t *testing.T) {
	t.Parallel()
	o := newOutage(t, 3)
	o.run(t, "changing", func(logs []*Log, write func(int, string) bool) {
		ctx, cancel := context.WithCancel(t.Context())
		var writers, changes sync.WaitGroup
		var written atomic.Int64
		for s := range logs {
			writers.Go(func() {
				for i := 0; i < 40 && write(s, fmt.Sprintf("writer %d write %d", s, i)); i++ {
					written.Add(1)
				}
			})
		}
		changes.Go(func() {
			for ctx.Err() == nil {
				for _, l := range logs {
					if l.IsLeader() {
						_ = l.TransferLeadership(ctx) // it may have lost the leadership, or ctx have ended
					}
				}
				seen := written.Load()
				for ctx.Err() == nil && written.Load() < seen+10 {
					select {
					case <-time.After(time.Millisecond): // writes of several servers have no common signal
					case <-ctx.Done():
					}
				}
			}
		})
		writers.Wait()
		cancel()
		changes.Wait()
	})
	o.mustTry(t, *powerPoints/3, 1+*powerPoints/200)
}

// A server that was away for so long that the log does not go back that far is sent a snapshot.
func TestPowerLossWhileASnapshotIsReceived(t *testing.T) {
	t.Parallel()
	o := newOutage(t, 3)
	o.run(t, "late", func(logs []*Log, write func(int, string) bool) {
		const late = 2
		if err := logs[late].Close(); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 60 && write(0, fmt.Sprintf("writer 0 write %d", i)); i++ {
		}
		if err := o.start(late); err != nil {
			t.Fatal(err)
		}
		for i := 60; i < 70 && write(late, fmt.Sprintf("writer 0 write %d", i)); i++ {
		}
		if o.machines[late].recoveries() == 0 {
			t.Error("it was not sent a snapshot")
		}
	})
	o.mustTry(t, *powerPoints/3, 1+*powerPoints/200)
	err := o.eachKill(max(1, *powerPoints/12), rand.New(rand.NewPCG(*powerSeed, 12)), func(_ int, roots []string, r *replayer) error {
		return o.checkElection(roots, r.acks)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A server loses its power again and again, also while it starts after a loss.
func TestPowerLossAfterPowerLoss(t *testing.T) {
	t.Parallel()
	rounds := 4
	o := newOutage(t, 1)
	random := rand.New(rand.NewPCG(*powerSeed, 77))
	for round := range rounds {
		o.run(t, fmt.Sprint("round ", round), func(_ []*Log, write func(int, string) bool) {
			for i := 0; i < 20 && write(0, fmt.Sprintf("writer 0 write %d", i)); i++ {
			}
		})
		o.mustTry(t, *powerPoints/3/rounds, *powerPoints/24/rounds)
		// The next round goes on with what one of the losses has left.
		chosen := random.IntN(o.syncs())
		var left, kept []string
		err := o.each(o.syncs(), func(sync int, r *replayer) (err error) {
			if sync == chosen {
				left, err = r.lose(-1, random)
				kept = slices.Clone(r.acks)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		o.before, o.kept = left, kept
		t.Cleanup(func() {
			if err := removeRoots(left); err != nil {
				t.Error(err)
			}
		})
	}
}

// A disk that forgets in a way that it must not is found out.
func TestPowerLossFindsWhatIsNotSynced(t *testing.T) {
	t.Parallel()
	o := newOutage(t, 1)
	o.run(t, "alone", func(_ []*Log, write func(int, string) bool) {
		for i := 0; i < 20 && write(0, fmt.Sprintf("writer 0 write %d", i)); i++ {
		}
	})
	log := map[uint64]bool{}
	for _, s := range o.trace.steps {
		if s.kind == stepCreate && isSegment(s.path) {
			log[s.file] = true
		}
	}
	whole := o.trace.steps
	for name, forgets := range map[string]func(step) bool{
		"records of the log":        func(s step) bool { return s.kind == stepSyncFile && log[s.file] },
		"the name of the directory": func(s step) bool { return s.kind == stepSyncDir && s.path == "." },
		"names in the directory":    func(s step) bool { return s.kind == stepSyncDir && s.path == "data" },
		"names of log files":        func(s step) bool { return s.kind == stepSyncDir && strings.HasPrefix(filepath.Base(s.path), "node-") },
		"names of snapshots": func(s step) bool {
			return s.kind == stepSyncDir && strings.HasPrefix(filepath.Base(s.path), "snapshot-")
		},
		"that the replica was started":  func(s step) bool { return s.kind == stepSyncDir && filepath.Base(s.path) == "bootstrap" },
		"everything but the log's data": func(s step) bool { return s.kind == stepSyncFile && !log[s.file] },
	} {
		o.trace.steps = slices.DeleteFunc(slices.Clone(whole), forgets)
		if tried, err := o.try(60, 10); err == nil {
			t.Errorf("a disk that does not sync %s has lost nothing at %d moments", name, tried)
		} else {
			t.Logf("%s: found after %d moments: %.200v", name, tried, err)
		}
	}
	o.trace.steps = whole
	o.mustTry(t, 20, 2)
}
