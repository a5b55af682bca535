package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// asCommand in the environment makes the test's binary the command.
const asCommand = "COXBENCH_TEST_IS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is coxbench with arguments, not yet started.
func command(t *testing.T, args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	c = exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	c.Stdout, c.Stderr = stdout, stderr
	return c, stdout, stderr
}

// status is how a command has ended.
func status(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestItMeasures(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, stdout, stderr := command(t, "--servers", cluster.Addrs()[0], "--workload", "set,get-local", "--clients", "2",
		"--duration", "50ms", "--warmup", "10ms", "--rounds", "3", "--pids", fmt.Sprint(os.Getpid()))
	if got := status(t, c.Run()); got != 0 {
		t.Fatalf("exit status %d: %s", got, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "workload") || !strings.HasPrefix(lines[1], "set ") ||
		!strings.Contains(lines[2], "median of 3 rounds: ") || !strings.HasPrefix(lines[3], "get-local ") {
		t.Errorf("printed\n%s", stdout)
	}
	if stderr.Len() > 0 {
		t.Errorf("and on stderr, which is no terminal\n%s", stderr)
	}
}

func TestACurveIsDrawn(t *testing.T) {
	cluster, picture := servertest.Start(t, 1), t.TempDir()+"/curve.svg"
	c, stdout, stderr := command(t, "--servers", cluster.Addrs()[0], "--workload", "get-local",
		"--duration", "50ms", "--warmup", "0s", "--picture", picture, "--json", "--progress")
	if got := status(t, c.Run()); got != 0 {
		t.Fatalf("exit status %d: %s", got, stderr)
	}
	if n := strings.Count(stdout.String(), "\n"); n < 5 {
		t.Errorf("%d results", n)
	}
	if !strings.Contains(stderr.String(), "\rget-local, 1 client: preparing") {
		t.Errorf("the progress is %q", stderr)
	}
	if text, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(text), "<svg") {
		t.Errorf("the picture is %q (%v)", text, err)
	}
}

// TestCtrlC: the command clears away, prints what was measured until then, and says by its status that there was more to come.
func TestCtrlC(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, stdout, stderr := command(t, "--servers", cluster.Addrs()[0], "--workload", "set,get", "--duration", "1h", "--warmup", "0s", "--json")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	node := cluster.Client(t)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C { // until something was set
		if names, _, err := node.Children(t.Context(), "/"); err != nil {
			t.Fatal(err)
		} else if len(names) > 0 && strings.HasPrefix(names[0], "coxbench-") {
			if n, err := node.Get(t.Context(), "/"+names[0]+"/0"); err == nil && n.Stat.Version > 10 {
				break
			}
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := status(t, c.Wait()); got != exitInterrupted || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit status %d, %s", got, stderr)
	}
	if strings.Count(stdout.String(), "\n") != 1 || !strings.Contains(stdout.String(), `"workload":"set"`) {
		t.Errorf("printed\n%s", stdout)
	}
	if names, _, err := node.Children(t.Context(), "/"); err != nil || len(names) > 0 {
		t.Errorf("%v are left over (%v)", names, err)
	}
}

func TestUnreachableServers(t *testing.T) {
	c, _, stderr := command(t, "--servers", "127.0.0.1:1", "--workload", "set")
	start := time.Now()
	got := status(t, c.Run())
	for _, text := range []string{"set, 1 client: cannot connect: ", "127.0.0.1:1: ", "refused", "does coxswain serve run there", "COXSWAIN_SERVERS"} {
		if got != exitFailed || !strings.Contains(stderr.String(), text) {
			t.Errorf("after %v exit status %d without %q in\n%s", time.Since(start), got, text, stderr)
		}
	}
}

// planned returns what a command line would measure, as "workload clients", or the error.
func planned(args ...string) (list []string, err error) {
	app := newApp(func(c *cli.Context) error {
		jobs, err := jobsOf(c)
		for _, j := range jobs {
			if j.capacity != nil {
				list = append(list, j.capacity.Name)
			} else {
				list = append(list, fmt.Sprint(j.plan.Workload, " ", j.plan.Clients))
			}
		}
		return err
	})
	return list, app.Run(append([]string{"coxbench"}, args...))
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--workload set", "set 1"},
		{"--workload get-at-least,mix --clients 64", "get-at-least 64, mix 64"},
		{"-w set,notify-recursive -c 10", "set 10, notify-recursive"},
		{"--local 3 -w failover", "failover"},
		{"--local 3", "set 1, set 64, get 1, get 64, get-at-least 1, get-at-least 64, get-local 1, get-local 64, " +
			"notify-one-shot, notify-persistent, notify-recursive, resume"},
	} {
		if got, err := planned(strings.Fields(c.args)...); err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, %v", c.args, got, err)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "--workload is missing: one or several of create, ephemeral, get, "},
		{"set", "did you mean --workload set?"},
		{"nothing", "options only"},
		{"--clinets 3", "there is no --clinets: did you mean --clients?"},
		{"--workload gett-local", `--workload: there is no "gett-local": did you mean get-local?`},
		{"--workload set,notify-oneshot", "did you mean notify-one-shot?"},
		{"--workload set --clients 0", "--clients must be at least 1"},
		{"--workload set --rounds 0", "--rounds must be at least 1"},
		{"--workload set --duration 0s", "--duration must be more than 0"},
		{"--workload set --duration 5", "duration"},
		{"--workload set --rate 0", "--rate must be more than 0"},
		{"--workload set --size -1", "--size must not be negative"},
		{"--workload set --rate 10 --curve", "leave --rate away"},
		{"--workload set --rounds 3 --picture x.svg", "leave --rounds away"},
		{"--workload resume --rate 10", "go with workloads"},
		{"--workload failover", "it goes with --local N"},
		{"--local 3 --workload set --pids 1", "leave --pids away"},
		{"--local 3 --curve", "--workload is missing"},
	} {
		if _, err := planned(strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	c, _, stderr := command(t, "--workload", "sett")
	if got := status(t, c.Run()); got != exitUsage || !strings.Contains(stderr.String(), "did you mean set?") {
		t.Errorf("exit status %d, %s", got, stderr)
	}
}

// TestHelpTellsEverything: the help names each workload and capacity and says what it does.
func TestHelpTellsEverything(t *testing.T) {
	c, stdout, _ := command(t, "--help")
	if got := status(t, c.Run()); got != 0 {
		t.Fatalf("exit status %d", got)
	}
	about := map[string]string{"Columns": "CPU µs/op", "Exit status": "130", "Examples": "--rate 5000"}
	for _, w := range load.Workloads() {
		about[w.Name+" "] = w.About
	}
	for _, c := range load.Capacities() {
		about[c.Name+" "] = c.About
	}
	for name, text := range about {
		if text == "" || !strings.Contains(stdout.String(), name) || !strings.Contains(stdout.String(), text) {
			t.Errorf("nothing about %s in\n%s", name, stdout)
		}
	}
}
