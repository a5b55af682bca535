package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
)

// What is measured if nobody says what.
var (
	basicWorkloads  = []string{"set", "get", "get-at-least", "get-local"}
	basicCapacities = []string{"notify-one-shot", "notify-persistent", "notify-recursive", "resume"}
)

const basicClients = 64

// job is one measurement to make: by a plan, or of a capacity.
type job struct {
	plan     load.Plan
	capacity *load.Capacity
	options  load.Options
}

func (j job) String() string {
	if j.capacity != nil {
		return j.capacity.Name
	}
	return fmt.Sprintf("%s, %s", j.plan.Workload, counted(j.plan.Clients, "client"))
}

// run makes the measurement once, and shows on a line how far it is.
func (j job) run(ctx context.Context, t load.Target, line *progressLine) (load.Result, error) {
	if j.capacity == nil {
		return load.Run(ctx, t, j.plan, line.progress(j.String()))
	}
	defer line.time(j.String())()
	return j.capacity.Measure(ctx, t, j.options)
}

// jobsOf returns what the command line asks to measure, in the order of the report.
func jobsOf(c *cli.Context) ([]job, error) {
	if err := checkFlags(c); err != nil {
		return nil, err
	}
	plan := load.Plan{
		Clients: cmp.Or(c.Int("clients"), 1), Callers: cmp.Or(c.Int("callers"), 1), Rate: c.Float64("rate"),
		Keys: c.Int("keys"), Children: c.Int("nodes"), Size: c.Int("size"),
		Duration: cmp.Or(c.Duration("duration"), 5*time.Second), Warmup: c.Duration("warmup"), PIDs: c.IntSlice("pids"),
	}
	options := load.Options{
		Clients: c.Int("clients"), Callers: c.Int("callers"), Watches: c.Int("watches"), Nodes: c.Int("nodes"),
		Size: c.Int("size"), Times: c.Int("times"), Duration: c.Duration("duration"), Warmup: c.Duration("warmup"), PIDs: c.IntSlice("pids"),
	}
	var jobs []job
	if c.String("workload") == "" {
		for _, plan.Workload = range basicWorkloads {
			for _, plan.Clients = range []int{1, basicClients} {
				jobs = append(jobs, job{plan: plan})
			}
		}
		for _, name := range basicCapacities {
			jobs = append(jobs, job{capacity: capacityNamed(name), options: options})
		}
		return jobs, nil
	}
	for name := range strings.SplitSeq(c.String("workload"), ",") {
		capacity := capacityNamed(name)
		switch {
		case capacity == nil && !slices.ContainsFunc(load.Workloads(), func(w load.Workload) bool { return w.Name == name }):
			return nil, fmt.Errorf("--workload: there is no %q: did you mean %s?", name, nearest(name, allNames()))
		case capacity == nil:
			plan.Workload = name
			jobs = append(jobs, job{plan: plan})
		case c.Float64("rate") > 0 || wantsCurve(c):
			return nil, fmt.Errorf("%s is not done at a rate: --rate, --curve and --picture go with workloads", name)
		case capacity.OnCluster != nil && c.Int("local") == 0:
			return nil, fmt.Errorf("%s stops servers: it goes with --local N", name)
		default:
			jobs = append(jobs, job{capacity: capacity, options: options})
		}
	}
	return jobs, nil
}

// checkFlags finds what is wrong with the numbers, and what does not go together.
func checkFlags(c *cli.Context) error {
	for _, name := range []string{"clients", "callers", "rounds", "keys", "nodes", "watches", "times", "local"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return fmt.Errorf("--%s must be at least 1", name)
		}
	}
	switch {
	case c.NArg() > 0 && slices.Contains(allNames(), c.Args().First()):
		return fmt.Errorf("options only: did you mean --workload %s?", c.Args().First())
	case c.NArg() > 0:
		return fmt.Errorf("options only, not %q", c.Args().First())
	case c.IsSet("rate") && c.Float64("rate") <= 0:
		return errors.New("--rate must be more than 0")
	case c.IsSet("duration") && c.Duration("duration") <= 0:
		return errors.New("--duration must be more than 0, like 10s")
	case c.Duration("warmup") < 0:
		return errors.New("--warmup must not be negative")
	case c.Int("size") < 0:
		return errors.New("--size must not be negative")
	case c.String("workload") == "" && (c.Int("local") == 0 || wantsCurve(c)):
		return errors.New("--workload is missing: one or several of " + strings.Join(allNames(), ", "))
	case wantsCurve(c) && c.IsSet("rate"):
		return errors.New("--curve and --picture choose the rates by themselves: leave --rate away")
	case wantsCurve(c) && c.IsSet("rounds"):
		return errors.New("--curve and --picture measure each rate once: leave --rounds away")
	case c.IsSet("local") && c.IsSet("pids"):
		return errors.New("--local knows its servers' processes: leave --pids away")
	}
	return nil
}

func wantsCurve(c *cli.Context) bool { return c.Bool("curve") || c.String("picture") != "" }

func capacityNamed(name string) *load.Capacity {
	for _, c := range load.Capacities() {
		if c.Name == name {
			return &c
		}
	}
	return nil
}

func allNames() []string {
	var all []string
	for _, w := range load.Workloads() {
		all = append(all, w.Name)
	}
	for _, c := range load.Capacities() {
		all = append(all, c.Name)
	}
	return all
}

// counted is a number of things in words: 1 client, 64 clients.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
