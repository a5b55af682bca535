// Command coxbench is the load generator: it measures how many operations per second a cluster carries, and how long each
// takes, in a closed loop of N clients with one request outstanding each.
//
//	coxbench --servers a:7181,b:7181,c:7181 --workload set --clients 64 --duration 10s
//	coxbench --local 3         starts a cluster of its own on loopback and measures the basic figures
//
// Latency is from the call to its return, in an HDR histogram per client, merged. Warm-up is not counted. Exit status: 0
// done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	app := &cli.App{
		Name: "coxbench", Usage: "measure a coxswain cluster", HideHelpCommand: true,
		Description: "Workloads: " + strings.Join(workloadNames(), ", ") + ".\n" +
			"With --local and no --workload: set and get with 1 and 64 clients.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "servers", Aliases: []string{"s"}, Value: "127.0.0.1:7181", EnvVars: []string{"COXSWAIN_SERVERS"}, Usage: "client addresses, `HOST:PORT,…`"},
			&cli.StringFlag{Name: "workload", Usage: "what to do, `NAME`"},
			&cli.IntFlag{Name: "clients", Value: 1, Usage: "how many connections"},
			&cli.IntFlag{Name: "callers", Value: 1, Usage: "how many callers share each connection"},
			&cli.DurationFlag{Name: "duration", Value: 5 * time.Second, Usage: "how long to measure"},
			&cli.DurationFlag{Name: "warmup", Value: time.Second, Usage: "how long to run before that"},
			&cli.IntFlag{Name: "size", Value: 100, Usage: "bytes of data per node"},
			&cli.IntFlag{Name: "rounds", Value: 1, Usage: "repeat each measurement and report the median by throughput"},
			&cli.IntFlag{Name: "local", Usage: "start a cluster of `N` server processes on loopback and measure that"},
			&cli.StringFlag{Name: "binary", Value: "bin/coxswain", Usage: "the server, for --local"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object per measurement"},
		},
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action:         func(c *cli.Context) error { return bench(ctx, c) },
	}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "coxbench:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func bench(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError{fmt.Errorf("flags only, not %q", c.Args().First())}
	}
	plan := plan{
		servers: strings.Split(c.String("servers"), ","), callers: c.Int("callers"), size: c.Int("size"),
		duration: c.Duration("duration"), warmup: c.Duration("warmup"),
	}
	if plan.callers < 1 || c.Int("clients") < 1 || c.Int("rounds") < 1 || plan.duration <= 0 || plan.size < 0 {
		return usageError{errors.New("clients, callers, rounds and duration must be positive")}
	}
	type cell struct {
		workload string
		clients  int
	}
	var cells []cell
	switch name := c.String("workload"); {
	case name != "":
		if _, ok := workloads[name]; !ok {
			return usageError{fmt.Errorf("unknown workload %q: there are %s", name, strings.Join(workloadNames(), ", "))}
		}
		cells = []cell{{name, c.Int("clients")}}
	case c.Int("local") > 0:
		for _, name := range []string{"set", "get", "get-session"} {
			cells = append(cells, cell{name, 1}, cell{name, 64})
		}
	default:
		return usageError{fmt.Errorf("--workload is missing: one of %s", strings.Join(workloadNames(), ", "))}
	}
	report := reporter(os.Stdout, c.Bool("json"))
	if n := c.Int("local"); n > 0 {
		cluster, err := startLocal(ctx, c.String("binary"), n)
		if err != nil {
			return err
		}
		defer cluster.close()
		plan.servers = cluster.servers.Addrs()
		plan.pids = cluster.pids()
		if !c.Bool("json") {
			for i, pid := range plan.pids {
				rss, err := residentBytes(pid)
				if err != nil {
					return err
				}
				fmt.Printf("server %d: %.1f MB resident when idle\n", i+1, float64(rss)/1e6)
			}
		}
	}
	for _, cell := range cells {
		var results []result
		for range c.Int("rounds") {
			p := plan
			p.workload, p.clients = cell.workload, cell.clients
			r, err := p.run(ctx)
			if err != nil {
				return err
			}
			results = append(results, r)
		}
		report(median(results))
	}
	return nil
}

// reporter prints results as a table for people or as JSON for programs.
func reporter(w io.Writer, asJSON bool) func(result) {
	if asJSON {
		e := json.NewEncoder(w)
		return func(r result) { _ = e.Encode(r) } // fails only if the output is closed
	}
	first := true
	return func(r result) {
		if first {
			fmt.Fprintf(w, "%-12s %7s %7s %10s %9s %9s %9s %10s\n", "workload", "clients", "callers", "ops/s", "p50 ms", "p99 ms", "max ms", "CPU µs/op")
			first = false
		}
		cpu := "-"
		if r.ServerCPUMicros > 0 {
			cpu = fmt.Sprintf("%.0f", r.ServerCPUMicros)
		}
		fmt.Fprintf(w, "%-12s %7d %7d %10.0f %9.3f %9.3f %9.3f %10s\n", r.Workload, r.Clients, r.Callers, r.PerSecond, r.P50, r.P99, r.Max, cpu)
	}
}
