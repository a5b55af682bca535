package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/coxswain-io/coxswain/bench/load"
)

// silenceTold is how long nobody must have been answered for the table to tell it: more than a slow disk takes for one write, and less
// than a cluster takes for another leader.
const silenceTold = 150.0 // ms

const lineFormat = "%-17s %7s %7s %9s %9s %9s %9s %9s %9s %9s %6s\n"

// reporter prints results as a table for people, or as JSON for programs.
func reporter(w io.Writer, asJSON bool) func(load.Result) {
	if asJSON {
		e := json.NewEncoder(w)
		return func(r load.Result) { _ = e.Encode(r) } // fails only if the output is closed
	}
	headed := false
	return func(r load.Result) {
		if !headed {
			fmt.Fprintf(w, lineFormat, "workload", "clients", "callers", "rate", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "CPU µs/op", "MB")
			headed = true
		}
		fmt.Fprintf(w, lineFormat, r.Workload, number(float64(r.Clients), 0), number(float64(r.Callers), 0), number(r.Rate, 0),
			rate(r.PerSecond), number(r.P50, 3), number(r.P99, 3), number(r.P999, 3), number(r.Max, 3), number(r.ServerCPUMicros, 0), number(r.ResidentMB, 0))
		if r.Rounds > 1 {
			fmt.Fprintf(w, "    median of %d rounds: %s to %s ops/s, p50 %s to %s ms\n",
				r.Rounds, rate(r.PerSecondMin), rate(r.PerSecondMax), number(r.P50Min, 3), number(r.P50Max, 3))
		}
		for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
			if name != silence && name != notStarted {
				fmt.Fprintf(w, "    %s %s\n", name, strconv.FormatFloat(r.Figures[name], 'g', 6, 64))
			}
		}
		warn(w, r)
	}
}

// The figures of a run that the table tells in words, and only if there is something to tell.
const silence, notStarted = "silence_ms", "not_started"

// warn tells what was not as it should be.
func warn(w io.Writer, r load.Result) {
	if r.Errors > 0 {
		fmt.Fprintf(w, "  ! %s failed, beside %d that did not:\n", counted(int(r.Errors), "call"), r.Operations)
		for _, text := range r.Problems {
			fmt.Fprintf(w, "      %s\n", text)
		}
	}
	natural := 0.0 // with few calls there are times without any
	if r.Rate > 0 {
		natural = 10_000 / r.Rate
	}
	if ms := r.Figures[silence]; ms >= silenceTold+natural {
		fmt.Fprintf(w, "  ! nobody was answered for %.0f ms\n", ms)
	}
	if n := r.Figures[notStarted]; n > 0 {
		fmt.Fprintf(w, "  ! %.0f calls were not made: no caller was free, long after the end. The latencies count them as if they had been answered then\n", n)
	}
	if r.Rate > 0 && r.PerSecond < 0.98*r.Rate {
		fmt.Fprintf(w, "  ! %s of %s operations per second were reached\n", rate(r.PerSecond), rate(r.Rate))
	}
}

// number is a figure of a table; one that is not known is a dash.
func number(x float64, digits int) string {
	if x <= 0 {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// rate is a number per second: slow ones have digits.
func rate(x float64) string {
	if x < 100 {
		return number(x, 1)
	}
	return number(x, 0)
}
