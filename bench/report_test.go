package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var out bytes.Buffer
	report := reporter(&out, false)
	r := result{Workload: "set", Clients: 64, Callers: 1, PerSecond: 12345.6, P50: 1.5, P99: 3, Max: 10}
	report(r)
	r.ServerCPUMicros = 55
	report(r)
	report(result{
		Workload: "notify", Kind: oneShot, Clients: 10, Watches: 1000, Operations: 77, FirstP50: 0.5, FirstP99: 1, P50: 2, P99: 3, Max: 4,
	})
	report(result{Workload: "resume", Clients: 1, Watches: 100_000, Operations: 3, P50: 200, P99: 300, Max: 300, ServerCPUMicros: 1e6})
	want := []string{
		"workload     clients callers      ops/s    p50 ms    p99 ms    max ms  CPU µs/op",
		"set               64       1      12346     1.500     3.000    10.000          -",
		"set               64       1      12346     1.500     3.000    10.000         55",
		"workload          clients watches   times first p50 first p99  last p50  last p99    max ms  CPU µs/op",
		"notify one-shot        10    1000      77     0.500     1.000     2.000     3.000     4.000          -",
		"resume                  1  100000       3         -         -   200.000   300.000   300.000    1000000",
	}
	if got := strings.TrimSpace(out.String()); got != strings.Join(want, "\n") {
		t.Errorf("the tables are\n%s", got)
	}
}

// TestReportAsJSON: the names are what programs rely on, and what a measurement does not have is left out.
func TestReportAsJSON(t *testing.T) {
	var out bytes.Buffer
	report := reporter(&out, true)
	report(result{Workload: "get"})
	report(result{Workload: "notify", Kind: recursive, Watches: 5, FirstP50: 0.5, FirstP99: 0.6, P50: 0.7})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("printed %q", lines)
	}
	for i, names := range []string{
		"workload clients callers seconds operations per_second p50_ms p90_ms p99_ms max_ms",
		"workload kind clients callers watches seconds operations per_second first_p50_ms first_p99_ms p50_ms p90_ms p99_ms max_ms",
	} {
		var object map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &object); err != nil {
			t.Fatal(err)
		}
		if len(object) != len(strings.Fields(names)) {
			t.Errorf("the names are those of %s", lines[i])
		}
		for _, name := range strings.Fields(names) {
			if _, ok := object[name]; !ok {
				t.Errorf("%s has no %s", lines[i], name)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	if m := median([]result{{PerSecond: 3}, {PerSecond: 1}, {PerSecond: 2}}); m.PerSecond != 2 {
		t.Errorf("the median of 3, 1, 2 is %v", m.PerSecond)
	}
	watches := []result{
		{Workload: "resume", P50: 3, PerSecond: 1}, {Workload: "resume", P50: 1, PerSecond: 2}, {Workload: "resume", P50: 2, PerSecond: 3},
	}
	if m := median(watches); m.P50 != 2 {
		t.Errorf("the median of 3, 1, 2 ms is %v", m.P50)
	}
}
