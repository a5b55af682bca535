package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/bench/load"
)

// comparison measures all rows with all systems in turn: one cluster at a time, and in each round all systems.
type comparison struct {
	systems  []system
	groups   []group
	rounds   int
	duration time.Duration // of a workload
	warmup   time.Duration // before that
	journal  *journal
	out      io.Writer // for a line about each step

	took map[string]time.Duration // by row and system, the last time
}

// step is one row to be measured with one system in one round.
type step struct {
	round  int
	system string
	row    row
}

// run measures what the journal does not have, and puts it there. Whatever fails is kept as an error and does not end it; ctx
// does. It returns when all servers are gone.
func (c *comparison) run(ctx context.Context) error {
	c.took = map[string]time.Duration{}
	for i, g := range c.groups {
		for round := range g.roundsOf(c.rounds) {
			for _, s := range c.systems {
				steps := c.missing(g, round, s)
				if len(steps) == 0 {
					continue
				}
				if err := c.onOneCluster(ctx, i, s, steps); err != nil {
					return err
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				debug.FreeOSMemory() // what clients of one have left is not collected while another one is measured
			}
		}
	}
	return nil
}

func (g group) roundsOf(rounds int) int {
	if g.rounds > 0 {
		return min(g.rounds, rounds)
	}
	return rounds
}

// missing are the steps of a group that are to be made with one cluster.
func (c *comparison) missing(g group, round int, s system) (steps []step) {
	for _, r := range g.rows {
		if (!r.ours || s.name == ours) && !c.journal.has(round, s.name, r.name) {
			steps = append(steps, step{round, s.name, r})
		}
	}
	return steps
}

// onOneCluster starts a cluster, makes the steps and ends it. An error is one of the journal.
func (c *comparison) onOneCluster(ctx context.Context, i int, s system, steps []step) error {
	cluster, err := s.start(ctx, c.groups[i].servers)
	if err == nil && c.groups[i].warm {
		if err = warm(ctx, cluster); err != nil {
			err = errors.Join(err, cluster.Close())
		}
	}
	if err != nil {
		for _, st := range steps {
			if err := c.keep(ctx, st, load.Result{}, fmt.Errorf("start: %w", err)); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		if err := cluster.Close(); err != nil {
			fmt.Fprintf(c.out, "%s: ending the servers: %v\n", s.name, err)
		}
	}()
	for _, st := range steps {
		fmt.Fprintf(c.out, "%s left: round %d, %s, %s … ", c.left(i, st), st.round+1, st.row.name, s.name)
		begun := time.Now()
		r, err := c.measure(ctx, cluster, st.row)
		c.took[st.row.name+" "+s.name] = time.Since(begun)
		if err := c.keep(ctx, st, r, err); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	return nil
}

// warm puts a new cluster under load.
func warm(ctx context.Context, cluster load.Cluster) error {
	_, err := load.Run(ctx, cluster, load.Plan{
		Workload: "mix", Clients: warmClients, Callers: 1, Size: valueBytes, Duration: warmTime,
	}, nil)
	return err
}

// measure makes one measurement.
func (c *comparison) measure(ctx context.Context, cluster load.Cluster, r row) (load.Result, error) {
	if r.narrow {
		cluster = narrow{cluster}
	}
	workload := r.workload
	if other, ok := r.other[cluster.Name()]; ok {
		workload = other
	}
	for _, capacity := range load.Capacities() {
		if capacity.Name == workload {
			return capacity.Measure(ctx, cluster, r.options)
		}
	}
	return load.Run(ctx, cluster, load.Plan{
		Workload: workload, Clients: r.clients, Callers: max(1, r.callers), Size: valueBytes, Duration: c.duration, Warmup: c.warmup,
	}, nil)
}

// keep puts what was measured into the journal, and tells it, unless it was interrupted.
func (c *comparison) keep(ctx context.Context, s step, r load.Result, err error) error {
	if ctx.Err() != nil {
		fmt.Fprintln(c.out, "interrupted")
		return nil
	}
	kept := record{Round: s.round, System: s.system, Row: s.row.name, Result: r}
	if err != nil {
		kept.Result, kept.Error = load.Result{}, err.Error()
		fmt.Fprintln(c.out, "failed:", err)
	} else {
		fmt.Fprintln(c.out, s.row.brief(r))
	}
	return c.journal.add(kept)
}

// brief is what the line about a step says of its result.
func (r row) brief(result load.Result) string {
	if r.clients > 0 {
		return fmt.Sprintf("%s/s, p50 %s ms, %s µs/op", number(result.PerSecond), number(result.P50), number(result.ServerCPUMicros))
	}
	var texts []string
	for _, b := range r.bars {
		if v := b.figure.of(result); v != 0 {
			texts = append(texts, fmt.Sprintf("%s %s %s", b.figure.name, number(v), b.figure.unit))
		}
	}
	return strings.Join(slices.Compact(texts), "; ")
}

// narrow is a cluster whose clients know one server each.
type narrow struct{ load.Cluster }

func (n narrow) Dial(ctx context.Context, i int) (load.Client, error) {
	return n.DialAt(ctx, i%n.Len())
}

// left is about how long it takes from this step on.
func (c *comparison) left(i int, from step) time.Duration {
	var total time.Duration
	for k := i; k < len(c.groups); k++ {
		for round := range c.groups[k].roundsOf(c.rounds) {
			for _, s := range c.systems {
				for _, st := range c.missing(c.groups[k], round, s) {
					total += c.time(st)
				}
			}
		}
	}
	return total.Round(time.Second)
}

func (c *comparison) time(s step) time.Duration {
	if took, ok := c.took[s.row.name+" "+s.system]; ok {
		return took
	}
	if s.row.takes > 0 {
		return s.row.takes
	}
	return c.warmup + c.duration + time.Second
}

// chosen are the groups with only the rows that are named; none: all of them.
func chosen(names []string) ([]group, error) {
	var left []group
	unknown := slices.Clone(names)
	for _, g := range groups {
		g.rows = slices.DeleteFunc(slices.Clone(g.rows), func(r row) bool { return len(names) > 0 && !slices.Contains(names, r.name) })
		for _, r := range g.rows {
			unknown = slices.DeleteFunc(unknown, func(name string) bool { return name == r.name })
		}
		if len(g.rows) > 0 {
			left = append(left, g)
		}
	}
	if len(unknown) > 0 {
		return nil, errors.New("there is no row " + unknown[0] + ": there are " + rowNames())
	}
	return left, nil
}

func rowNames() string {
	var text string
	for _, g := range groups {
		for _, r := range g.rows {
			text += ", " + r.name
		}
	}
	return text[2:]
}
