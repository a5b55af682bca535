//go:build linux

package storms

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

var full = flag.Bool("storms.full", false, "storms of full size, and judge how long the steady clients wait")

// barFactor is how many times longer than in a calm the steady clients' 99th percentile may be in a storm of full size.
const barFactor = 5

// patience is how long anything may take that must happen: the end of a test that hangs.
const patience = 2 * time.Minute

// program is coxswain, built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "storms")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "coxswain")
		if out, err := exec.Command("go", "build", "-o", program, "github.com/coxswain-io/coxswain/cmd/coxswain").CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// size is small in the ordinary run.
func size(small, large int) int {
	if *full {
		return large
	}
	return small
}

// cluster is servers as processes, with what the tests ask about them.
type cluster struct {
	*process.Cluster
	t *testing.T
}

// start starts n servers.
func start(t *testing.T, n int, flags ...string) *cluster {
	return startProgram(t, program, n, flags...)
}

// startLimited starts n servers that may have so many open files.
func startLimited(t *testing.T, files, n int, flags ...string) *cluster {
	t.Helper()
	script := filepath.Join(t.TempDir(), "limited")
	text := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", files, program)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return startProgram(t, script, n, flags...)
}

func startProgram(t *testing.T, run string, n int, flags ...string) *cluster {
	t.Helper()
	if !*full {
		t.Parallel() // most of the time something is waited for
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := process.Start(ctx, run, t.TempDir(), n, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &cluster{c, t}
}

// dial opens a session on any of the servers at addrs.
func dial(t *testing.T, addrs ...string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Servers: addrs, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = c.Close(ctx) // the cluster may have ended before
	})
	return c
}

// eventually waits until ready, and fails the test if that takes too long.
func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// pass waits until some time has passed in which a storm goes on.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// connections is how many connections all servers have.
func (c *cluster) connections() int {
	n := 0
	for i := range c.Len() {
		status, err := c.Status(c.t.Context(), i)
		if err != nil {
			c.t.Fatalf("server %d: %v: %s", i+1, err, c.LogTail(i))
		}
		n += status.Connections
	}
	return n
}

// agreed fails the test unless all servers run and come to the same state.
func (c *cluster) agreed() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	c.connections()
	if _, err := c.Agreed(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// panics is how often a server had to contain a mistake of its own.
func (c *cluster) panics() int {
	n := 0
	for i := range c.Len() {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(c.DataDir(i)), fmt.Sprintf("server-%d.log", i+1)))
		if err != nil {
			c.t.Fatal(err)
		}
		n += strings.Count(string(text), "a mistake in the server")
	}
	return n
}
