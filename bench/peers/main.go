// Command coxpeers compares coxswain with ZooKeeper and etcd: it starts real clusters of all three on this machine, one at a time,
// puts the same load on each, round by round, and writes a report that says of each bar whether it is held.
//
//	make bench-peers                       builds what it needs and runs it, from the root of the project
//	coxpeers --only set-1,get-64           measures some rows
//	coxpeers --continue                    goes on where an interrupted run has ended
//	coxpeers --render                      writes the report again and measures nothing
//
// It is a module of its own, so that the clients of ZooKeeper and etcd are no dependencies of coxswain; etcd's server is another,
// in etcd/. ZooKeeper is that of Debian's package. It runs on Linux.
//
// What is measured is kept line by line in a file of JSON. All servers end with this process, however that ends, and their data is
// removed unless it is killed. Exit status: 0 done, 1 failed or interrupted, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newApp(func(c *cli.Context) error { return compare(ctx, c) }).Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "coxpeers:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func newApp(action cli.ActionFunc) *cli.App {
	return &cli.App{
		Name: "coxpeers", Usage: "compare coxswain with ZooKeeper and etcd", HideHelpCommand: true, UsageText: "coxpeers [options]",
		Description: "Rows: " + rowNames() + ".",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rounds", Value: 5, Usage: "how often each system is measured, in turn; of what takes long, fewer"},
			&cli.DurationFlag{Name: "duration", Value: 1500 * time.Millisecond, Usage: "how long each workload is measured"},
			&cli.DurationFlag{Name: "warmup", Value: 500 * time.Millisecond, Usage: "how long it runs before that"},
			&cli.StringFlag{Name: "only", Usage: "measure these rows, `ROW,…`"},
			&cli.StringFlag{Name: "systems", Usage: "measure these systems, `NAME,…`: " + strings.Join(systemNames, ", ")},
			&cli.StringFlag{Name: "out", Value: "bench/RESULTS.md", Usage: "the report, `FILE`"},
			&cli.StringFlag{Name: "json", Value: "bin/peers.jsonl", Usage: "where results are kept as they come, `FILE`"},
			&cli.BoolFlag{Name: "continue", Usage: "measure only what is not in that file yet"},
			&cli.BoolFlag{Name: "render", Usage: "measure nothing: write the report of what is in that file"},
			&cli.StringFlag{Name: "coxswain", Value: "bin/coxswain", Usage: "our server, `FILE`"},
			&cli.StringFlag{Name: "etcd", Value: "bin/peers-etcd", Usage: "etcd's server, `FILE`"},
		},
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action:         action,
	}
}

func compare(ctx context.Context, c *cli.Context) (err error) {
	all := systems(c.String("coxswain"), c.String("etcd"))
	rows, measured, err := plan(c, all)
	if err != nil {
		return usageError{err}
	}
	if c.Bool("render") {
		j, err := readJournal(c.String("json"))
		if err != nil {
			return err
		}
		return writeReport(c.String("out"), j)
	}
	var missing []error
	for _, s := range measured {
		missing = append(missing, s.missing())
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	now := setting{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Program: digest(c.String("coxswain")), Rounds: c.Int("rounds"),
		Duration: c.Duration("duration").String(), Warmup: c.Duration("warmup").String(),
	}
	for _, s := range all {
		now.Versions = append(now.Versions, s.versions())
	}
	now.Versions = append(now.Versions, strings.Replace(runtime.Version(), "go", "Go ", 1))
	j, err := openJournal(c.String("json"), c.Bool("continue"), now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	running := &comparison{
		systems: measured, groups: rows, rounds: c.Int("rounds"), duration: c.Duration("duration"), warmup: c.Duration("warmup"),
		journal: j, out: os.Stderr,
	}
	err = running.run(ctx)
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted: --continue goes on")
	}
	return errors.Join(err, writeReport(c.String("out"), j))
}

// plan is what the command line asks to measure.
func plan(c *cli.Context, all []system) (rows []group, measured []system, err error) {
	if c.NArg() > 0 {
		return nil, nil, fmt.Errorf("flags only, not %q", c.Args().First())
	}
	if c.Int("rounds") < 1 || c.Duration("duration") <= 0 || c.Duration("warmup") < 0 {
		return nil, nil, errors.New("rounds and duration must be positive")
	}
	if rows, err = chosen(words(c.String("only"))); err != nil {
		return nil, nil, err
	}
	names := words(c.String("systems"))
	for _, name := range names {
		if !slices.Contains(systemNames, name) {
			return nil, nil, fmt.Errorf("there is no system %s: there are %s", name, strings.Join(systemNames, ", "))
		}
	}
	for _, s := range all {
		if len(names) == 0 || slices.Contains(names, s.name) {
			measured = append(measured, s)
		}
	}
	return rows, measured, nil
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}
