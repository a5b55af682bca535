package main

import (
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// short is a plan that measures for a moment.
func short(cluster *servertest.Cluster, workload string) plan {
	return plan{
		servers: cluster.Addrs(), workload: workload, clients: 2, callers: 2, watches: 25, size: 10,
		duration: 100 * time.Millisecond, warmup: 20 * time.Millisecond,
	}
}

// TestWorkloads runs each workload for a moment and checks that it measured something and left nothing behind.
func TestWorkloads(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	for _, name := range workloadNames() {
		kinds := []watchKind{""}
		if name == "notify" {
			kinds = watchKinds
		}
		for _, kind := range kinds {
			t.Run(strings.TrimSpace(name+" "+string(kind)), func(t *testing.T) {
				p := short(cluster, name)
				p.kind = kind
				r, err := p.run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if r.Operations == 0 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Workload != name {
					t.Errorf("measured %+v", r)
				}
				if name == "notify" && (r.FirstP50 <= 0 || r.FirstP50 > r.P50 || r.Kind != kind || r.Watches != 25) {
					t.Errorf("measured %+v", r)
				}
				if _, there, err := c.Exists(t.Context(), root); err != nil || there {
					t.Errorf("%s is still there (%v)", root, err)
				}
			})
		}
	}
}

// TestLeftover: a measurement does not begin where another one was interrupted, and does not touch what that has left.
func TestLeftover(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	if _, _, err := c.Create(t.Context(), root+"/0", nil, client.Parents()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"set", "notify", "resume"} {
		p := short(cluster, name)
		p.kind = persistent
		if _, err := p.run(t.Context()); err == nil || !strings.Contains(err.Error(), "cox deleteall "+root) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, there, err := c.Exists(t.Context(), root+"/0"); err != nil || !there {
		t.Errorf("the leftover is there: %v (%v)", there, err)
	}
}

func TestNewestNeverGoesBack(t *testing.T) {
	var n newest
	for _, step := range []struct{ noted, want client.Zxid }{{5, 5}, {3, 5}, {5, 5}, {9, 9}} {
		if n.note(step.noted); n.load() != step.want {
			t.Errorf("after %d the newest is %d, not %d", step.noted, n.load(), step.want)
		}
	}
}
