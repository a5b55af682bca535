package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
)

// TestEachRoundMeasuresAllSystemsInTurn, also if one does not start, and goes on later with what has no result.
func TestEachRoundMeasuresAllSystemsInTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.jsonl")
	s := setting{Versions: []string{"a"}, Rounds: 2}
	j, err := openJournal(path, false, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.add(record{Round: 1, System: "etcd", Row: "set-1", Result: load.Result{Target: "etcd", PerSecond: 7}}); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(path, true, s); err != nil {
		t.Fatal(err)
	}
	var started []string
	one := &comparison{rounds: 2, journal: j, out: io.Discard}
	for _, name := range systemNames {
		one.systems = append(one.systems, system{name: name, start: func(context.Context, int) (load.Cluster, error) {
			started = append(started, name)
			return nil, errors.New("there is no port")
		}})
	}
	if one.groups, err = chosen([]string{"set-1", "freeze"}); err != nil {
		t.Fatal(err)
	}
	if err := one.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	// In the second round etcd has its result; what is frozen is ours.
	want := []string{ours, "ZooKeeper", "etcd", ours, "ZooKeeper", ours, ours}
	if !slices.Equal(started, want) {
		t.Errorf("started were %q", started)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	again, err := readJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.failures()); n != len(want) {
		t.Errorf("%d failures are kept", n)
	}
	if got := again.all("set-1", throughput)["etcd"]; !slices.Equal(got, series{0, 7}) {
		t.Errorf("kept is %v", got)
	}
}

// TestOtherProgramsAreNotMixed in one report.
func TestOtherProgramsAreNotMixed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.jsonl")
	for _, c := range []struct {
		program string
		goOn    bool
		ok      bool
	}{{"a", true, true}, {"a", true, true}, {"b", true, false}, {"b", false, true}, {"b", true, true}} {
		j, err := openJournal(path, c.goOn, setting{Versions: []string{"1"}, Program: c.program})
		if (err == nil) != c.ok {
			t.Fatalf("%+v: %v", c, err)
		}
		if err == nil {
			if err := j.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestEveryRowIsAWorkload that there is, and is named once.
func TestEveryRowIsAWorkload(t *testing.T) {
	known := map[string]bool{}
	for _, w := range load.Workloads() {
		known[w.Name] = true
	}
	capacities := map[string]bool{}
	for _, c := range load.Capacities() {
		capacities[c.Name] = true
	}
	seen := map[string]bool{}
	for _, g := range groups {
		for _, r := range g.rows {
			if seen[r.name] {
				t.Errorf("two rows are called %s", r.name)
			}
			seen[r.name] = true
			switch {
			case len(r.bars) == 0:
				t.Errorf("%s has no bar", r.name)
			case r.clients > 0 && !known[r.workload], r.clients == 0 && !capacities[r.workload]:
				t.Errorf("%s: there is no %s", r.name, r.workload)
			case r.clients == 0 && r.takes == 0:
				t.Errorf("%s does not say how long it takes", r.name)
			}
			for name, other := range r.other {
				if !slices.Contains(systemNames, name) || !known[other] {
					t.Errorf("%s: there is no %s for %s", r.name, other, name)
				}
			}
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"set-1", "flags only"},
		{"--only set-2", "there is no row set-2: there are set-1, "},
		{"--systems consul", "there is no system consul: there are coxswain, ZooKeeper, etcd"},
		{"--rounds 0", "must be positive"},
		{"--duration 0s", "must be positive"},
	} {
		app := newApp(func(c *cli.Context) error { return compare(t.Context(), c) })
		app.Writer = io.Discard
		err := app.Run(append([]string{"coxpeers"}, strings.Fields(c.args)...))
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}
