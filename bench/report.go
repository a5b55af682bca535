package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// reporter prints results as tables for people, one for calls and one for watches, or as JSON for programs.
func reporter(w io.Writer, asJSON bool) func(result) {
	if asJSON {
		e := json.NewEncoder(w)
		return func(r result) { _ = e.Encode(r) } // fails only if the output is closed
	}
	var header string // the one that stands above
	return func(r result) {
		h, line := callLine(r)
		if workloads[r.Workload].watching() {
			h, line = watchLine(r)
		}
		if h != header {
			fmt.Fprintln(w, h)
			header = h
		}
		fmt.Fprintln(w, line)
	}
}

func callLine(r result) (header, line string) {
	return fmt.Sprintf("%-12s %7s %7s %10s %9s %9s %9s %10s",
			"workload", "clients", "callers", "ops/s", "p50 ms", "p99 ms", "max ms", "CPU µs/op"),
		fmt.Sprintf("%-12s %7d %7d %10.0f %9.3f %9.3f %9.3f %10s",
			r.Workload, r.Clients, r.Callers, r.PerSecond, r.P50, r.P99, r.Max, cpuText(r))
}

// watchLine has the time of the first watch, if there is one, and that of the last.
func watchLine(r result) (header, line string) {
	first := [2]string{"-", "-"}
	if r.FirstP99 > 0 {
		first = [2]string{fmt.Sprintf("%.3f", r.FirstP50), fmt.Sprintf("%.3f", r.FirstP99)}
	}
	return fmt.Sprintf("%-17s %7s %7s %7s %9s %9s %9s %9s %9s %10s",
			"workload", "clients", "watches", "times", "first p50", "first p99", "last p50", "last p99", "max ms", "CPU µs/op"),
		fmt.Sprintf("%-17s %7d %7d %7d %9s %9s %9.3f %9.3f %9.3f %10s",
			strings.TrimSpace(r.Workload+" "+string(r.Kind)), r.Clients, r.Watches, r.Operations,
			first[0], first[1], r.P50, r.P99, r.Max, cpuText(r))
}

func cpuText(r result) string {
	if r.ServerCPUMicros <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", r.ServerCPUMicros)
}
