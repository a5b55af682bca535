package load

import (
	"cmp"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one measurement found. Times are in milliseconds.
type Result struct {
	Target   string  `json:"target"`
	Workload string  `json:"workload"`
	Clients  int     `json:"clients"`
	Callers  int     `json:"callers"`        // of each client
	Rate     float64 `json:"rate,omitempty"` // operations per second that were to be started; 0: a closed loop
	Seconds  float64 `json:"seconds"`

	Operations int64    `json:"operations"`
	Errors     int64    `json:"errors,omitempty"`
	Problems   []string `json:"problems,omitempty"` // the first errors, each text once
	PerSecond  float64  `json:"per_second"`
	P50        float64  `json:"p50_ms"`
	P90        float64  `json:"p90_ms"`
	P99        float64  `json:"p99_ms"`
	P999       float64  `json:"p999_ms"`
	Max        float64  `json:"max_ms"`

	ServerCPUMicros float64 `json:"server_cpu_us_per_op,omitempty"` // user and system, all servers; 0: not known
	ResidentMB      float64 `json:"server_resident_mb,omitempty"`   // of the largest server, at the end; 0: not known

	// Figures are what else the workload is about, by name. The name says the unit: silence_ms, resident_bytes_per_node.
	Figures map[string]float64 `json:"figures,omitempty"`

	// Of several rounds the result is the one in the middle, and these are the ends.
	Rounds       int     `json:"rounds,omitempty"`
	PerSecondMin float64 `json:"per_second_min,omitempty"`
	PerSecondMax float64 `json:"per_second_max,omitempty"`
	P50Min       float64 `json:"p50_min_ms,omitempty"`
	P50Max       float64 `json:"p50_max_ms,omitempty"`
}

// time takes the latency from a histogram of microseconds.
func (r *Result) time(h *hdrhistogram.Histogram) {
	r.Operations = h.TotalCount()
	r.P50, r.P90, r.P99, r.P999 = quantileMS(h, 50), quantileMS(h, 90), quantileMS(h, 99), quantileMS(h, 99.9)
	r.Max = float64(h.Max()) / 1000
}

// cost takes what a number of operations has cost the servers.
func (r *Result) cost(cpu *stopwatch, operations int64) {
	if operations > 0 && cpu.known() {
		r.ServerCPUMicros = cpu.seconds * 1e6 / float64(operations)
	}
	for _, pid := range cpu.pids {
		if bytes, err := ResidentBytes(pid); err == nil {
			r.ResidentMB = max(r.ResidentMB, float64(bytes)/1e6)
		}
	}
}

func (r *Result) figure(name string, value float64) {
	if r.Figures == nil {
		r.Figures = map[string]float64{}
	}
	r.Figures[name] = value
}

// Median is the result in the middle of several rounds of one measurement: by throughput, or by the usual time of what is
// measured by time and not by how often it can be done. It sorts the rounds.
func Median(rounds []Result, byTime bool) Result {
	slices.SortFunc(rounds, func(a, b Result) int {
		if byTime {
			return cmp.Compare(a.P50, b.P50)
		}
		return cmp.Compare(a.PerSecond, b.PerSecond)
	})
	m := rounds[len(rounds)/2]
	if len(rounds) == 1 {
		return m
	}
	m.Rounds = len(rounds)
	m.PerSecondMin, m.PerSecondMax, m.P50Min, m.P50Max = m.PerSecond, m.PerSecond, m.P50, m.P50
	for _, r := range rounds {
		m.PerSecondMin, m.PerSecondMax = min(m.PerSecondMin, r.PerSecond), max(m.PerSecondMax, r.PerSecond)
		m.P50Min, m.P50Max = min(m.P50Min, r.P50), max(m.P50Max, r.P50)
	}
	return m
}
