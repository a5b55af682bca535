package process_test

import (
	"context"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

var (
	watchesCount = flag.Int("watches.count", 5_000, "how many watches TestWatches sets")
	watchesSeed  = flag.Uint64("watches.seed", 0, "of the tests of watches; 0: any")
)

func seed() uint64 {
	if *watchesSeed != 0 {
		return *watchesSeed
	}
	return rand.Uint64()
}

// beforeFirstSnapshot is a number of changes that fit into fewer log entries than servers keep before they take a snapshot,
// 20,000, with all that is not a change.
const beforeFirstSnapshot = 15_000

// TestWatches sets watches of all kinds while leaders are killed, servers pause, connections break in every way, sessions die,
// and trees change in many ways. What each of them tells is compared with all that has happened: nothing may be missed, told
// twice, out of order, behind a reply that shows it, or for nothing (W-9, W-13).
func TestWatches(t *testing.T) {
	trial := &trial{
		cluster: start(t, 3), root: "/watches", watches: *watchesCount, seed: seed(), bug: none, faults: true,
		areas: 4, observers: 5, watchers: min(60+*watchesCount/500, 200), streams: 8, pause: 8 * time.Millisecond,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(*watchesCount)*20*time.Millisecond)
	defer cancel()
	t.Logf("seed %d", trial.seed)
	v, err := trial.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	trial.report(t, v)
	if len(v.violations) > 0 {
		t.Errorf("%d violations", len(v.violations))
	}
	// The history of a server that was killed begins with its newest snapshot, of which a long run takes some: a watch that
	// comes to it from before that is told a gap, whose bounds are checked like everything else. Without one there is none.
	if v.gaps > 0 && v.changes < beforeFirstSnapshot {
		t.Errorf("%d gaps, although no server can have taken a snapshot", v.gaps)
	}
}

// TestWatchCheckerIsNotBlind plants four wrongs between the server and its clients, each of which the checker must find and
// call by its name. Without them it finds nothing.
func TestWatchCheckerIsNotBlind(t *testing.T) {
	cluster := start(t, 3)
	for bug, finds := range map[bug][]fault{
		none:    nil,
		swallow: {missed},
		double:  {doubled},
		swap:    {disordered},
		hold:    {late},
	} {
		t.Run(string(bug), func(t *testing.T) {
			trial := &trial{
				cluster: cluster, root: "/" + string(bug), watches: 600, seed: seed(), bug: bug,
				areas: 3, observers: 3, watchers: 60, streams: 4, pause: 4 * time.Millisecond,
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			v, err := trial.run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			trial.report(t, v)
			if bug == none && (len(v.violations) > 0 || v.bugs > 0) || bug != none && v.bugs == 0 {
				t.Errorf("%d violations, %d bugs", len(v.violations), v.bugs)
			}
			for _, kind := range finds {
				if v.count(kind) == 0 {
					t.Errorf("%d bugs, and nothing is said to be %s", v.bugs, kind)
				}
			}
		})
	}
}

// TestGapIsExact keeps a client away while more happens than the servers remember, and while they are killed and started again:
// its persistent watches are told exactly what is missing, and everything after it.
func TestGapIsExact(t *testing.T) {
	cluster := start(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var h history
	c := dial(t, cluster.Addrs()...)
	for _, path := range []string{"/gap", "/gap/node", "/gap/quiet"} {
		if err := h.create(ctx, c, path, nil); err != nil {
			t.Fatal(err)
		}
	}
	write := func(n, size int) {
		t.Helper()
		data := make([]byte, size)
		for range n {
			stat, err := c.Set(ctx, "/gap/node", data)
			if err != nil {
				t.Fatal(err)
			}
			h.add(stat.Mzxid, fact{kind: client.EventDataChanged, path: "/gap/node", stat: &stat, data: data})
		}
	}
	o := &observer{line: newLine(seed(), none), patience: 100 * time.Millisecond}
	var err error
	cfg := client.Config{Servers: cluster.Addrs(), SessionTimeout: time.Minute, DialContext: o.line.dial}
	if o.c, err = client.Dial(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	streams := []*stream{
		{scope: ofTree, path: "/gap", data: true}, {scope: ofNode, path: "/gap/node", stats: true}, {scope: ofNode, path: "/gap/quiet"},
		{scope: ofTree, path: "/gap/node", root: "/gap"},
	}
	var following sync.WaitGroup
	var last client.Zxid
	final := make(chan struct{})
	since := c.LastZxid()
	for i, s := range streams {
		following.Go(func() {
			if _, err := o.follow(ctx, rand.New(rand.NewPCG(0, uint64(i))), s, since, math.MaxInt, final, &last); err != nil {
				t.Error(err)
			}
		})
	}
	write(5, 10)
	if err := o.c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	o.line.silence(true)
	write(30, 1<<20)
	for i := range cluster.Len() {
		if err := errors.Join(cluster.Kill(i), cluster.Run(i), cluster.WaitReady(ctx, i)); err != nil {
			t.Fatal(err)
		}
	}
	write(40, 1<<20)
	o.line.silence(false)
	if err := o.c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	write(5, 10)
	last = c.LastZxid()
	close(final)
	following.Wait()
	h.sort()
	for _, s := range streams {
		bad, gaps := h.judgeStream(s)
		for _, one := range bad {
			t.Errorf("%s: %s", one.fault, one.text)
		}
		if gaps != 1 {
			t.Errorf("the %v watch on %s was told %d gaps, not 1", s.scope, s.path, gaps)
		}
		if n := len(s.events); s.path == "/gap/node" && (n < 6 || s.events[n-6].Type != client.EventGap) {
			t.Errorf("the %v watch on %s was not told a gap and five events at last, but %v", s.scope, s.path, s.events)
		}
	}
	for _, c := range []*client.Client{c, o.c} {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}
