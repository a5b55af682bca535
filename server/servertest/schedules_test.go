package servertest_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var (
	schedules     = flag.Int("schedules", 24, "random schedules of faults that TestSchedules runs")
	firstSchedule = flag.Uint64("schedules.first", 1, "seed of the first of them; the others follow")
)

const (
	// lanes is how many schedules run side by side, each lane on a cluster of its own: a schedule waits most of its time.
	lanes = 2

	// clusterSchedules is how many schedules a cluster serves, one after another, before it is replaced by a fresh one.
	clusterSchedules = 50

	// snapshotEntries makes servers write snapshots, and send them to each other, within a schedule.
	snapshotEntries = 400

	// scheduleTimeout is how long a schedule may take: only one in which a call is never answered takes a part of it.
	scheduleTimeout = 2 * time.Minute
)

// TestSchedules: while connections are cut, servers are killed, paused, cut off, drained, and replies are lost, all at random
// moments, each write is applied exactly once, the answers of each caller come in order, and no read goes back in time. See
// workload for what is checked. A failure names its seed; -schedules 1 -schedules.first SEED runs the same faults again,
// at about the same moments.
func TestSchedules(t *testing.T) {
	for lane := range lanes {
		t.Run(fmt.Sprintf("lane %d", lane+1), func(t *testing.T) {
			t.Parallel()
			var seeds []uint64
			for i := lane; i < *schedules; i += lanes {
				seeds = append(seeds, *firstSchedule+uint64(i))
			}
			total, began := tally{}, time.Now()
			for i := 0; i < len(seeds) && !t.Failed(); i += clusterSchedules {
				// A cluster is stopped when its own test ends.
				t.Run("cluster", func(t *testing.T) {
					runSchedules(t, seeds[i:min(i+clusterSchedules, len(seeds))], &total)
				})
			}
			t.Logf("%d schedules in %v: %v", len(seeds), time.Since(began).Round(time.Millisecond), &total)
		})
	}
}

// runSchedules runs schedules on one cluster, one after another. The judge's session lives through all of them.
func runSchedules(t *testing.T, seeds []uint64, total *tally) {
	cluster := servertest.Start(t, 3, func(c *server.Config) {
		log := c.Log.Level(zerolog.ErrorLevel) // elections are no news here
		c.Log, c.SnapshotEntries = &log, snapshotEntries
	})
	judge := cluster.Client(t)
	for _, seed := range seeds {
		s := newSchedule(cluster, seed)
		began := time.Now()
		if err := s.run(t, judge, total); err != nil {
			t.Fatalf("schedule %d (-schedules 1 -schedules.first %d), after %v: %v\nfaults:\n%s",
				seed, seed, time.Since(began), err, strings.Join(s.faults.done, "\n"))
		}
		total.schedules(time.Since(began))
	}
}

// schedule is one run of a workload under the faults that a seed chooses.
type schedule struct {
	cluster *servertest.Cluster
	seed    uint64
	random  *rand.Rand
	faults  *faultPlan
	change  func(i int, config *client.Config) // of client i; nil: none
	clients int
	callers int  // per client
	reader  bool // the last client only reads
}

func newSchedule(cluster *servertest.Cluster, seed uint64) *schedule {
	random := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{cluster: cluster, seed: seed, random: random, clients: 1 + random.IntN(3), callers: 2 + random.IntN(4)}
	s.reader = s.clients > 1 && random.IntN(2) == 0
	s.faults = planFaults(cluster, random, s.clients)
	return s
}

// run lets the clients work while the faults happen, heals everything and judges. The error is the first violation, or what
// kept the schedule from being run.
func (s *schedule) run(t *testing.T, judge *client.Client, total *tally) error {
	ctx, cancel := context.WithTimeout(t.Context(), scheduleTimeout)
	defer cancel()
	w, err := newWorkload(ctx, judge, fmt.Sprintf("/schedule-%d", s.seed))
	if err != nil {
		return err
	}
	defer w.abandon()
	for i := range s.clients {
		config := client.Config{Servers: s.cluster.Addrs(), Name: t.Name()}
		if s.random.IntN(3) == 0 {
			config.SessionTimeout = 4 * time.Second // leaves a silent server sooner
		}
		if s.change != nil {
			s.change(i, &config)
		}
		if err := w.join(ctx, config, s.callers, s.random.Uint64(), s.reader && i == s.clients-1); err != nil {
			return err
		}
	}
	w.start(ctx)
	s.faults.happen(w)
	s.faults.heal()
	w.stop()
	if err := w.judge(ctx); err != nil {
		return err
	}
	s.cluster.Agree()
	total.add(w)
	return nil
}

// tally sums up schedules.
type tally struct {
	count            int
	calls, events    int64
	longest, allTime time.Duration
	gaps             int
}

func (y *tally) add(w *workload) {
	y.calls += w.calls.Load()
	for _, m := range w.members {
		y.events += m.told.count
		y.gaps += m.told.gaps
	}
}

func (y *tally) schedules(d time.Duration) {
	y.count, y.allTime, y.longest = y.count+1, y.allTime+d, max(y.longest, d)
}

// String tells the figures in one line.
func (y *tally) String() string {
	return fmt.Sprintf("%d calls answered, %d events, %d gaps; a schedule took %v, the longest %v", y.calls, y.events, y.gaps,
		(y.allTime / time.Duration(max(y.count, 1))).Round(time.Millisecond), y.longest.Round(time.Millisecond))
}
