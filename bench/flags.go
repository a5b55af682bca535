package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
)

const examples = `Examples:

  coxbench --workload set --clients 64                    as fast as 64 clients get their answers
  coxbench --workload set,get --clients 64 --rounds 5     in turn, five times: medians
  coxbench --workload mix --clients 64 --rate 5000        5000 per second: what callers wait at that load
  coxbench --workload get --clients 64 --picture get.svg  latency over load, drawn
  coxbench --local 3 --workload failover                  servers of its own, whose leader is killed
`

const columns = `Columns:

  ops/s      operations that were answered in each second of what was measured; warm-up is not in it
  p50 … max  milliseconds from the call to its return, of that part of the calls; with --rate from when the call
             was due, so that what a stall does to those behind it counts
  CPU µs/op  time of all servers' processors, user and system, per operation (--local or --pids)
  MB         memory of the largest server's process (--local or --pids)

  Below a line stand other figures, each with its unit in its name; for several rounds the range of which the line is the
  median; and after a ! what went wrong: calls that failed, times in which nobody was answered, a rate that was not reached.

Exit status: 0 done; 1 failed; 2 wrong usage; 130 interrupted, after what was measured until then.`

// newApp returns the command, which does action.
func newApp(action cli.ActionFunc) *cli.App {
	app := &cli.App{
		Name: "coxbench", Usage: "measure a coxswain cluster", UsageText: "coxbench [OPTIONS]", HideHelpCommand: true,
		Description: describeWorkloads() + examples + "\n" + columns,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "servers", Aliases: []string{"s"}, Value: "127.0.0.1:7181", EnvVars: []string{"COXSWAIN_SERVERS"}, Usage: "client addresses, `HOST:PORT,…`"},
			&cli.StringFlag{Name: "workload", Aliases: []string{"w"}, Usage: "what to measure, in this order, `NAME,…`"},
			&cli.IntFlag{Name: "clients", Aliases: []string{"c"}, DefaultText: "1, or the capacity's own", Usage: "how many connections, each with its session, `N`"},
			&cli.IntFlag{Name: "callers", DefaultText: "1, or the capacity's own", Usage: "how many callers share each connection, each with one call under way, `N`"},
			&cli.Float64Flag{Name: "rate", DefaultText: "as fast as callers are answered", Usage: "operations per second to start, whether or not those before are answered, `NUMBER`"},
			&cli.DurationFlag{Name: "duration", Aliases: []string{"d"}, DefaultText: "5s, or the capacity's own", Usage: "how long to measure, `TIME`"},
			&cli.DurationFlag{Name: "warmup", Value: time.Second, Usage: "how long to run before that, `TIME`"},
			&cli.IntFlag{Name: "rounds", Value: 1, Usage: "repeat all measurements in turn, and tell the median of each and its range, `N`"},
			&cli.IntFlag{Name: "size", Value: 100, Usage: "data per node, `BYTES`"},
			&cli.IntFlag{Name: "keys", DefaultText: "1, or what the workload needs", Usage: "nodes of each client, used in turn, `N`"},
			&cli.IntFlag{Name: "nodes", DefaultText: "1000, or the capacity's own", Usage: "in the tree, or children of the node that is listed, `N`"},
			&cli.IntFlag{Name: "watches", DefaultText: "1000", Usage: "of all clients together, `N`"},
			&cli.IntFlag{Name: "times", DefaultText: "the capacity's own", Usage: "how often a capacity does what it measures, `N`"},
			&cli.BoolFlag{Name: "curve", DisableDefaultText: true, Usage: "each workload at rising rates, up to what it can reach"},
			&cli.StringFlag{Name: "picture", Usage: "draw the curves of latency over load, SVG, `FILE`"},
			&cli.IntFlag{Name: "local", DefaultText: "none", Usage: "start a cluster of `N` server processes on loopback, measure that, and remove it"},
			&cli.StringFlag{Name: "binary", Value: "bin/coxswain", Usage: "the server, for --local, `FILE`"},
			&cli.IntSliceFlag{Name: "pids", Usage: "the servers' processes on this machine, for their CPU time and memory, `PID,…`"},
			&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print one JSON object per measurement"},
			&cli.BoolFlag{Name: "progress", DisableDefaultText: true, Usage: "tell on stderr how far it is, also if that is no terminal"},
		},
		ExitErrHandler: func(*cli.Context, error) {},
		Action:         action,
	}
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		if _, name, ok := strings.Cut(err.Error(), "not defined: -"); ok {
			return usageError{fmt.Errorf("there is no --%s: did you mean %s?", strings.TrimLeft(name, "-"), cli.SuggestFlag(app.Flags, strings.TrimLeft(name, "-"), false))}
		}
		return usageError{err}
	}
	return app
}

// describeWorkloads lists the workloads and capacities for the help, one per line.
func describeWorkloads() string {
	var b strings.Builder
	b.WriteString("Workloads, which callers do again and again:\n\n")
	for _, w := range load.Workloads() {
		fmt.Fprintf(&b, "  %-18s %s\n", w.Name, w.About)
	}
	b.WriteString("\nCapacities, which are measured as they need it:\n\n")
	for _, c := range load.Capacities() {
		about := c.About
		if c.OnCluster != nil {
			about += " (--local)"
		}
		fmt.Fprintf(&b, "  %-18s %s\n", c.Name, about)
	}
	fmt.Fprintf(&b, "\nWith --local and without --workload it measures %s with 1 and %d clients, and %s.\n\n",
		strings.Join(basicWorkloads, ", "), basicClients, strings.Join(basicCapacities, ", "))
	return b.String()
}

// nearest is the one of names that is the most like name.
func nearest(name string, names []string) string {
	flags := make([]cli.Flag, len(names))
	for i, n := range names {
		flags[i] = &cli.BoolFlag{Name: n}
	}
	return strings.TrimLeft(cli.SuggestFlag(flags, name, true), "-")
}
