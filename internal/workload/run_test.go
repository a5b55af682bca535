package workload_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/internal/workload"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var (
	operations = flag.Int("workload.operations", 1000, "how many each run makes")
	seed       = flag.Uint64("workload.seed", 1, "of what the clients do, and of the faults")
)

// checkLimit is how long a check may take.
const checkLimit = 5 * time.Second

// runs is how many runs a test makes, each with a seed of its own: two histories are easier to judge than one that is as long.
const runs = 2

// config is the nth run of ten clients on a cluster.
func config(t *testing.T, cluster *servertest.Cluster, n int) workload.Config {
	t.Logf("-workload.seed %d -workload.operations %d", *seed+uint64(n), *operations)
	began := time.Now()
	return workload.Config{
		Seed: *seed + uint64(n), Clients: 10, Operations: *operations, Timeout: time.Second,
		Dial: func(ctx context.Context, _ int, cfg client.Config) (*client.Client, error) {
			cfg.Servers = cluster.Addrs()
			return client.Dial(ctx, cfg)
		},
		Now: func() int64 { return int64(time.Since(began)) },
	}
}

// counts is what occurs in a history.
type counts struct {
	operations int
	kinds      map[history.Kind]int
	modes      map[client.Kind]int
	fates      map[history.Fate]int
	codes      map[client.Code]int
	shots      int // one-shot watches
	flows      int
	told       int
}

func newCounts() *counts {
	return &counts{
		kinds: map[history.Kind]int{}, modes: map[client.Kind]int{}, fates: map[history.Fate]int{}, codes: map[client.Code]int{},
	}
}

func (c *counts) add(h *history.History) {
	c.operations += len(h.Operations)
	for _, op := range h.Operations {
		c.kinds[op.In.Kind]++
		c.fates[op.Out.Fate]++
		switch {
		case op.Out.Fate == history.Refused:
			c.codes[op.Out.Code]++
		case op.Out.Fate == history.Applied && op.In.Kind == history.Create:
			c.modes[op.In.Mode]++
		}
	}
	for _, s := range h.Streams {
		if c.told += len(s.Told); s.Persistent {
			c.flows++
		} else {
			c.shots++
		}
	}
}

// judge demands that a history is one that the service promises.
func judge(t *testing.T, h *history.History) {
	t.Helper()
	report := history.CheckHistory(h, checkLimit)
	t.Log(report)
	if report.Err() != nil {
		t.Error("the history is not one that the service promises")
	}
}

// worth demands that what was judged was worth it: everything that clients can do, and be refused, occurs.
func (c *counts) worth(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *c)
	for kind := history.Create; kind <= history.End; kind++ {
		inside := kind == history.Check || kind == history.Absent
		if c.kinds[kind] == 0 && !inside {
			t.Errorf("no %v", kind)
		}
	}
	for _, mode := range []client.Kind{client.KindPersistent, client.KindEphemeral, client.KindContainer, client.KindTTL} {
		if c.modes[mode] == 0 {
			t.Errorf("no %v node", mode)
		}
	}
	for _, code := range []error{
		client.ErrNoNode, client.ErrNodeExists, client.ErrBadVersion, client.ErrNotEmpty, client.ErrNoChildrenForEphemerals,
	} {
		if c.codes[code.(client.Code)] == 0 {
			t.Errorf("nothing was refused because of: %v", code)
		}
	}
	if c.shots == 0 || c.flows == 0 || c.told == 0 {
		t.Errorf("%d one-shot and %d persistent watches, %d events", c.shots, c.flows, c.told)
	}
}

func TestRunWithoutFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	all := newCounts()
	for n := range runs {
		cfg := config(t, cluster, n)
		began := time.Now()
		h, err := workload.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("%d operations in %v: %.0f in a second", len(h.Operations), took, float64(len(h.Operations))/took.Seconds())
		if len(h.Operations) < *operations*9/10 {
			t.Errorf("%d operations, %d were asked for", len(h.Operations), *operations)
		}
		judge(t, h)
		all.add(h)
	}
	all.worth(t)
}

func TestRunWithFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	all := newCounts()
	for n := range runs {
		h := underFaults(t, cluster, n)
		judge(t, h)
		all.add(h)
	}
	all.worth(t)
	for fate := history.Applied; fate <= history.NotApplied; fate++ {
		if all.fates[fate] == 0 {
			t.Errorf("no operation of fate %d", fate)
		}
	}
}

// underFaults makes the nth run, with one fault after the other until its operations are made.
func underFaults(t *testing.T, cluster *servertest.Cluster, n int) *history.History {
	t.Helper()
	cfg := config(t, cluster, n)
	cfg.Think = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calm := make(chan struct{})
	cfg.Calm = func() {
		cancel()
		<-calm
	}
	var h *history.History
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel() // also if it has failed before it was calm
		h, err = workload.Run(t.Context(), cfg)
	}()
	for random := rand.New(rand.NewPCG(cfg.Seed, 0)); ctx.Err() == nil; {
		breaks(ctx, cluster, random)
	}
	close(calm)
	if <-ended; err != nil {
		t.Fatal(err)
	}
	return h
}

// breaks lets one fault happen, and ends it.
func breaks(ctx context.Context, cluster *servertest.Cluster, random *rand.Rand) {
	victim := random.IntN(cluster.Len())
	switch random.IntN(6) {
	case 0:
		cluster.CutClients(victim)
	case 1:
		select {
		case <-cluster.DropReplyOf(victim):
		case <-ctx.Done():
		}
	case 2:
		cluster.Partition([]int{victim})
		lasts(ctx, random, time.Second)
		cluster.Heal()
	case 3:
		cluster.Block(victim, (victim+1)%cluster.Len())
		lasts(ctx, random, time.Second)
		cluster.Heal()
	case 4:
		cluster.Pause(victim)
		lasts(ctx, random, 2*time.Second) // longer than a session
		cluster.Resume(victim)
	case 5:
		cluster.Kill(victim)
		cluster.Run(victim)
	}
	lasts(ctx, random, 300*time.Millisecond)
}

// lasts waits for a random time of at most d, or until ctx ends.
func lasts(ctx context.Context, random *rand.Rand, d time.Duration) {
	select {
	case <-time.After(time.Duration(random.Int64N(int64(d)))):
	case <-ctx.Done():
	}
}
