package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// result is what a measurement found. Times are in milliseconds. An operation is a call; of notify a set, whose time is that
// until the last watch was told; of resume the cut of a connection, whose time is that until all watches were live again.
type result struct {
	Workload        string    `json:"workload"`
	Kind            watchKind `json:"kind,omitempty"` // notify
	Clients         int       `json:"clients"`
	Callers         int       `json:"callers"`
	Watches         int       `json:"watches,omitempty"` // notify and resume
	Seconds         float64   `json:"seconds"`
	Operations      int64     `json:"operations"`
	PerSecond       float64   `json:"per_second"`
	FirstP50        float64   `json:"first_p50_ms,omitempty"` // notify: until the first watch was told
	FirstP99        float64   `json:"first_p99_ms,omitempty"`
	P50             float64   `json:"p50_ms"`
	P90             float64   `json:"p90_ms"`
	P99             float64   `json:"p99_ms"`
	Max             float64   `json:"max_ms"`
	ServerCPUMicros float64   `json:"server_cpu_us_per_op,omitempty"` // user and system, all servers
}

// found is the result of the plan. seconds is what all operations took together with what was between them.
func (p plan) found(times *hdrhistogram.Histogram, seconds float64, cpu *stopwatch) result {
	r := result{
		Workload: p.workload, Clients: p.clients, Callers: p.callers, Seconds: seconds, Operations: times.TotalCount(),
		PerSecond: float64(times.TotalCount()) / seconds,
		P50:       quantileMS(times, 50), P90: quantileMS(times, 90), P99: quantileMS(times, 99), Max: float64(times.Max()) / 1000,
	}
	if r.Operations > 0 {
		r.ServerCPUMicros = cpu.seconds * 1e6 / float64(r.Operations)
	}
	return r
}

// median is the result in the middle: by throughput, or for watches by the usual time.
func median(results []result) result {
	slices.SortFunc(results, func(a, b result) int {
		if workloads[a.Workload].watching() {
			return cmp.Compare(a.P50, b.P50)
		}
		return cmp.Compare(a.PerSecond, b.PerSecond)
	})
	return results[len(results)/2]
}

// newHistogram counts microseconds up to a minute, to three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

// record counts a time; one beyond a minute as a minute.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(d, time.Minute).Microseconds()) // in range
}

func quantileMS(h *hdrhistogram.Histogram, percent float64) float64 {
	return float64(h.ValueAtQuantile(percent)) / 1000
}
