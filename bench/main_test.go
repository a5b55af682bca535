package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// planned returns what a command line would measure, as "workload kind clients", or the error.
func planned(t *testing.T, args ...string) (list []string, err error) {
	t.Helper()
	app := newApp(func(c *cli.Context) error {
		plans, err := plansOf(c)
		for _, p := range plans {
			list = append(list, strings.Join(strings.Fields(fmt.Sprint(p.workload, " ", p.kind, " ", p.clients)), " "))
		}
		return err
	})
	return list, app.Run(append([]string{"coxbench"}, args...))
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--workload set", "set 1"},
		{"--workload get-at-least --clients 64", "get-at-least 64"},
		{"--workload notify --clients 10", "notify one-shot 10, notify persistent 10, notify recursive 10"},
		{"--workload notify --kind recursive --watches 3", "notify recursive 1"},
		{"--workload resume --watches 100000", "resume 1"},
		{"--local 3", "set 1, set 64, get 1, get 64, get-at-least 1, get-at-least 64, get-session 1, get-session 64, " +
			"notify one-shot 10, notify persistent 10, notify recursive 10, resume 1"},
	} {
		if got, err := planned(t, strings.Fields(c.args)...); err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, %v", c.args, got, err)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "--workload is missing"},
		{"set", "flags only"},
		{"--workload nothing", "there are ephemeral, get, "},
		{"--workload set --clients 0", "must be positive"},
		{"--workload notify --watches 0", "must be positive"},
		{"--workload notify --kind weekly", "one-shot, persistent and recursive"},
		{"--workload set --kind persistent", "--kind goes with notify"},
		{"--local 1 --kind persistent", "--kind goes with notify"},
		{"--workload resume --clients 2", "one connection"},
		{"--workload notify --callers 2", "not with watches"},
	} {
		if _, err := planned(t, strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}

// TestHelpTellsWorkloads: the help names each workload and says what it does.
func TestHelpTellsWorkloads(t *testing.T) {
	var out strings.Builder
	app := newApp(nil)
	app.Writer = &out
	if err := app.Run([]string{"coxbench", "--help"}); err != nil {
		t.Fatal(err)
	}
	for name, w := range workloads {
		if w.about == "" || !strings.Contains(out.String(), w.about) || !strings.Contains(out.String(), name+" ") {
			t.Errorf("nothing about %s in\n%s", name, out.String())
		}
	}
}
