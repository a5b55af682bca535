package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/server/servertest"
)

// TestWorkloads runs each workload for a moment and checks that it measured something and left nothing behind.
func TestWorkloads(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	for _, name := range workloadNames() {
		t.Run(name, func(t *testing.T) {
			p := plan{servers: cluster.Addrs(), workload: name, clients: 2, callers: 2, size: 10, duration: 100 * time.Millisecond, warmup: 20 * time.Millisecond}
			r, err := p.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Operations == 0 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
				t.Errorf("measured %+v", r)
			}
			if _, there, err := c.Exists(t.Context(), root); err != nil || there {
				t.Errorf("%s is still there (%v)", root, err)
			}
		})
	}
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	report := reporter(&out, false)
	r := result{Workload: "set", Clients: 64, Callers: 1, PerSecond: 12345.6, P50: 1.5, P99: 3, Max: 10}
	report(r)
	r.ServerCPUMicros = 55
	report(r)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "workload") || !strings.HasSuffix(lines[1], "-") || !strings.HasSuffix(lines[2], "55") {
		t.Errorf("the table is\n%s", out.String())
	}
}

func TestMedian(t *testing.T) {
	if m := median([]result{{PerSecond: 3}, {PerSecond: 1}, {PerSecond: 2}}); m.PerSecond != 2 {
		t.Errorf("the median of 3, 1, 2 is %v", m.PerSecond)
	}
}
