// Command coxbench is the load generator: it measures how many operations per second a cluster carries, and how long each
// takes, in a closed loop of N clients with one request outstanding each; how soon watches are told of a change; and how soon
// they are live again on another connection.
//
//	coxbench --servers a:7181,b:7181,c:7181 --workload set --clients 64 --duration 10s
//	coxbench --servers a:7181 --workload notify --watches 1000 --clients 10
//	coxbench --local 3         starts a cluster of its own on loopback and measures the basic figures
//
// Latency is from the call to its return, in an HDR histogram per client, merged. Warm-up is not counted. Of several rounds
// each makes all measurements, one after the other, so that a moment in which the machine is slow does not fall on one of them.
// Exit status: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	app := newApp(func(c *cli.Context) error { return bench(ctx, c) })
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "coxbench:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// newApp returns the command, which does action.
func newApp(action cli.ActionFunc) *cli.App {
	return &cli.App{
		Name: "coxbench", Usage: "measure a coxswain cluster", HideHelpCommand: true,
		Description: "Workloads:\n\n" + describeWorkloads() +
			"\nWith --local and no --workload: set and each level of get with 1 and 64 clients, notify with 1000 watches on 10\n" +
			"connections, resume with 1000 watches.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "servers", Aliases: []string{"s"}, Value: "127.0.0.1:7181", EnvVars: []string{"COXSWAIN_SERVERS"}, Usage: "client addresses, `HOST:PORT,…`"},
			&cli.StringFlag{Name: "workload", Usage: "what to do, `NAME`"},
			&cli.IntFlag{Name: "clients", Value: 1, Usage: "how many connections"},
			&cli.IntFlag{Name: "callers", Value: 1, Usage: "how many callers share each connection"},
			&cli.IntFlag{Name: "watches", Value: 1000, Usage: "how many watches in all (notify, resume)"},
			&cli.StringFlag{Name: "kind", Usage: "of the watches, one-shot, persistent or recursive; without it each in turn (notify), `KIND`"},
			&cli.DurationFlag{Name: "duration", Value: 5 * time.Second, Usage: "how long to measure"},
			&cli.DurationFlag{Name: "warmup", Value: time.Second, Usage: "how long to run before that"},
			&cli.IntFlag{Name: "size", Value: 100, Usage: "bytes of data per node"},
			&cli.IntFlag{Name: "rounds", Value: 1, Usage: "repeat all measurements and report the median of each"},
			&cli.IntFlag{Name: "local", Usage: "start a cluster of `N` server processes on loopback and measure that"},
			&cli.StringFlag{Name: "binary", Value: "bin/coxswain", Usage: "the server, for --local"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object per measurement"},
		},
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action:         action,
	}
}

func bench(ctx context.Context, c *cli.Context) error {
	plans, err := plansOf(c)
	if err != nil {
		return usageError{err}
	}
	if n := c.Int("local"); n > 0 {
		cluster, err := startLocal(ctx, c.String("binary"), n)
		if err != nil {
			return err
		}
		defer cluster.close()
		pids := cluster.pids()
		for i := range plans {
			plans[i].servers, plans[i].pids = cluster.servers.Addrs(), pids
		}
		if !c.Bool("json") {
			for i, pid := range pids {
				rss, err := residentBytes(pid)
				if err != nil {
					return err
				}
				fmt.Printf("server %d: %.1f MB resident when idle\n", i+1, float64(rss)/1e6)
			}
		}
	}
	report := reporter(os.Stdout, c.Bool("json"))
	results, rounds := make([][]result, len(plans)), c.Int("rounds")
	for range rounds {
		for i, p := range plans {
			r, err := p.run(ctx)
			if err != nil {
				return err
			}
			if results[i] = append(results[i], r); len(results[i]) == rounds {
				report(median(results[i]))
			}
		}
	}
	return nil
}

// plansOf returns what the command line asks to measure, in the order of the report.
func plansOf(c *cli.Context) (plans []plan, err error) {
	if c.NArg() > 0 {
		return nil, fmt.Errorf("flags only, not %q", c.Args().First())
	}
	base := plan{
		workload: c.String("workload"), servers: strings.Split(c.String("servers"), ","),
		clients: c.Int("clients"), callers: c.Int("callers"), size: c.Int("size"),
		watches: c.Int("watches"), kind: watchKind(c.String("kind")),
		duration: c.Duration("duration"), warmup: c.Duration("warmup"),
	}
	add := func(workload string, clients int) {
		p := base
		p.workload, p.clients = workload, clients
		if workload != "notify" || p.kind != "" {
			plans = append(plans, p)
			return
		}
		for _, p.kind = range watchKinds {
			plans = append(plans, p)
		}
	}
	_, known := workloads[base.workload]
	switch {
	case base.callers < 1 || base.clients < 1 || base.watches < 1 || c.Int("rounds") < 1 || base.duration <= 0 || base.size < 0:
		return nil, errors.New("clients, callers, watches, rounds and duration must be positive")
	case base.workload == "" && c.Int("local") <= 0:
		return nil, fmt.Errorf("--workload is missing: one of %s", strings.Join(workloadNames(), ", "))
	case base.kind != "" && base.workload != "notify":
		return nil, errors.New("--kind goes with notify")
	case base.workload == "":
		for _, name := range []string{"set", "get", "get-at-least", "get-session"} {
			add(name, 1)
			add(name, 64)
		}
		add("notify", 10)
		add("resume", 1)
	case !known:
		return nil, fmt.Errorf("unknown workload %q: there are %s", base.workload, strings.Join(workloadNames(), ", "))
	case base.kind != "" && !slices.Contains(watchKinds, base.kind):
		return nil, fmt.Errorf("unknown kind %q: there are one-shot, persistent and recursive", base.kind)
	case base.workload == "resume" && base.clients > 1:
		return nil, errors.New("resume cuts one connection: leave --clients away")
	case workloads[base.workload].watching() && base.callers > 1:
		return nil, errors.New("--callers goes with calls, not with watches")
	default:
		add(base.workload, base.clients)
	}
	return plans, nil
}
