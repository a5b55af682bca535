package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/bench/load"
)

func TestReport(t *testing.T) {
	var out bytes.Buffer
	report := reporter(&out, false)
	r := load.Result{Workload: "set", Clients: 64, Callers: 1, Operations: 100, PerSecond: 12345.6, P50: 1.5, P99: 3, P999: 5, Max: 10}
	report(r)
	r.Rounds, r.PerSecondMin, r.PerSecondMax, r.P50Min, r.P50Max = 3, 99.5, 20000, 1, 2
	r.ServerCPUMicros, r.ResidentMB = 55, 33
	report(r)
	report(load.Result{
		Workload: "get", Clients: 1, Callers: 1, Operations: 100, Rate: 100, PerSecond: 90, P50: 1.5, P99: 3, P999: 5, Max: 10, Errors: 2,
		Problems: []string{"no"}, Figures: map[string]float64{"silence_ms": 420, "not_started": 7},
	})
	report(load.Result{Workload: "notify-one-shot", Clients: 10, Callers: 1, PerSecond: 77, Figures: map[string]float64{"watches": 1000, "silence_ms": 120}})
	want := `
workload          clients callers      rate     ops/s    p50 ms    p99 ms  p99.9 ms    max ms CPU µs/op     MB
set                    64       1         -     12346     1.500     3.000     5.000    10.000         -      -
set                    64       1         -     12346     1.500     3.000     5.000    10.000        55     33
    median of 3 rounds: 99.5 to 20000 ops/s, p50 1.000 to 2.000 ms
get                     1       1       100      90.0     1.500     3.000     5.000    10.000         -      -
  ! 2 calls failed, beside 100 that did not:
      no
  ! nobody was answered for 420 ms
  ! 7 calls were not made: no caller was free, long after the end. The latencies count them as if they had been answered then
  ! 90.0 of 100 operations per second were reached
notify-one-shot        10       1         -      77.0         -         -         -         -         -      -
    watches 1000
`
	if got := out.String(); got != strings.TrimLeft(want, "\n") {
		t.Errorf("the table is\n%s", got)
	}
}

// TestReportAsJSON: the names are what programs rely on, and what a measurement does not have is left out.
func TestReportAsJSON(t *testing.T) {
	var out bytes.Buffer
	reporter(&out, true)(load.Result{Workload: "get", Figures: map[string]float64{"silence_ms": 1}})
	var object map[string]any
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	names := strings.Fields("target workload clients callers seconds operations per_second p50_ms p90_ms p99_ms p999_ms max_ms figures")
	if len(object) != len(names) {
		t.Errorf("the names are those of %s", out.String())
	}
	for _, name := range names {
		if _, ok := object[name]; !ok {
			t.Errorf("%s has no %s", out.String(), name)
		}
	}
}
