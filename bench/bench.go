package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
)

// bench does what the command line asks for. If ctx ends, it tells what was measured until then, and returns its cause.
func bench(ctx context.Context, c *cli.Context) (err error) {
	jobs, err := jobsOf(c)
	if err != nil {
		return usageError{err}
	}
	report, line := reporter(os.Stdout, c.Bool("json")), newProgressLine(os.Stderr, c.Bool("progress"))
	defer line.clear()
	var target load.Target = load.NewCox(strings.Split(c.String("servers"), ","))
	if n := c.Int("local"); n > 0 {
		cluster, e := load.StartCox(ctx, c.String("binary"), n)
		if e != nil {
			if errors.Is(e, os.ErrNotExist) {
				e = fmt.Errorf("%w: build it with make build, or name it with --binary", e)
			}
			return e
		}
		defer func() { err = errors.Join(err, cluster.Close()) }()
		target = cluster
		if !c.Bool("json") {
			tellIdle(cluster)
		}
	}
	tell := func(r load.Result) {
		line.clear()
		report(r)
	}
	if wantsCurve(c) {
		return curves(ctx, target, jobs, c.String("picture"), tell, line)
	}
	results, rounds := make([][]load.Result, len(jobs)), c.Int("rounds")
	for range rounds { // each makes all measurements, so that a moment in which the machine is slow does not fall on one of them
		for i, j := range jobs {
			r, err := j.run(ctx, target, line)
			if r.Workload != "" {
				results[i] = append(results[i], r)
			}
			if len(results[i]) > 0 && (len(results[i]) == rounds || ctx.Err() != nil || err != nil) {
				tell(load.Median(results[i], j.capacity != nil))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", j, err)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// curves measures each job at rising rates, and draws what was found if picture is a file's name.
func curves(ctx context.Context, t load.Target, jobs []job, picture string, tell func(load.Result), line *progressLine) error {
	var lines []load.Line
	for _, j := range jobs {
		drawn := load.Line{Name: j.plan.Workload}
		if err := load.Curve(ctx, t, j.plan, func(r load.Result) {
			tell(r)
			drawn.Results = append(drawn.Results, r)
		}, line.progress(j.String())); err != nil {
			return fmt.Errorf("%s: %w", j, err)
		}
		lines = append(lines, drawn)
		if ctx.Err() != nil {
			break
		}
	}
	if picture == "" {
		return context.Cause(ctx)
	}
	f, err := os.Create(picture)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s, %s with %s each", t.Name(), counted(jobs[0].plan.Clients, "client"), counted(jobs[0].plan.Callers, "caller"))
	if err := errors.Join(load.Picture(f, title, lines), f.Close()); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// tellIdle prints what the servers hold before there is any load.
func tellIdle(c load.Cluster) {
	for i := range c.Len() {
		if bytes, err := load.ResidentBytes(c.PID(i)); err == nil { // where the system does not tell, nor does it here
			fmt.Printf("server %d: %.1f MB resident when idle\n", i+1, float64(bytes)/1e6)
		}
	}
}
