package load

import (
	"slices"
	"time"
)

// spread is what several repetitions of one thing have measured, in any order.
type spread []float64

// quantile returns the value that a part q of the repetitions, in (0, 1], did not exceed; 0 if there were none.
func (s spread) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(q*float64(len(sorted))+0.999999)-1)]
}

func (s spread) median() float64 { return s.quantile(0.5) }

func (s spread) max() float64 { return s.quantile(1) }

// latencies puts the spread into a result as its latencies; it is of milliseconds.
func (s spread) latencies(r *Result) {
	r.P50, r.P90, r.P99, r.P999, r.Max = s.median(), s.quantile(0.9), s.quantile(0.99), s.quantile(0.999), s.max()
}

// milliseconds is d as results tell it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
