package process_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

var rounds = flag.Int("kill.rounds", 3, "how often TestKillLeader kills the leader")

// binary is coxswain, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "coxswain")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "coxswain")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/coxswain-io/coxswain/cmd/coxswain").CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

func start(t *testing.T, n int, flags ...string) *process.Cluster {
	t.Helper()
	c, err := process.Start(t.Context(), binary, t.TempDir(), n, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func dial(t *testing.T, servers ...string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Servers: servers, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKillLeader kills the leader with SIGKILL while 16 clients write, again and again. Each client checks each answer: a
// write that is lost, applied twice or out of order shows. After each round all replicas must have the same digest.
func TestKillLeader(t *testing.T) {
	cluster := start(t, 3)
	c := dial(t, cluster.Addrs()...)
	if _, _, err := c.Create(t.Context(), "/kill", nil); err != nil {
		t.Fatal(err)
	}
	var gaps, agreements []time.Duration
	total := int64(0)
	for round := range *rounds {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		w, err := process.StartWriters(ctx, cluster.Addrs(), "/kill", 16)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged(t, ctx, w, 200)
		leader, err := cluster.Leader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.Gap()
		if err := cluster.Kill(leader); err != nil {
			t.Fatal(err)
		}
		_, before := w.Gap()
		acknowledged(t, ctx, w, before+500)
		gap, _ := w.Gap()
		gaps = append(gaps, gap)
		if err := cluster.Run(leader); err != nil {
			t.Fatal(err)
		}
		if err := cluster.WaitReady(ctx, leader); err != nil {
			t.Fatal(err)
		}
		if err := w.Stop(ctx); err != nil {
			t.Fatalf("round %d: %v", round+1, err)
		}
		_, n := w.Gap()
		total += n
		healed := time.Now()
		agreed, err := cluster.Agreed(ctx)
		if err != nil {
			t.Fatalf("round %d: %v", round+1, err)
		}
		agreements = append(agreements, time.Since(healed))
		t.Logf("round %d: killed server %d, gap %d ms, %d writes acknowledged, digest %s on all", round+1, leader+1, gap.Milliseconds(), n, agreed.Digest)
		cancel()
	}
	slices.Sort(gaps)
	t.Logf("%d rounds, %d writes acknowledged, 0 lost, 0 applied twice, 0 out of order; gap: median %d ms, p99 %d ms, max %d ms; "+
		"equal digests at most %d ms after the last write (with quiet processors: a gap below 1200 ms, three elections, and 10 s)",
		len(gaps), total, gaps[len(gaps)/2].Milliseconds(), gaps[len(gaps)*99/100].Milliseconds(), gaps[len(gaps)-1].Milliseconds(),
		slices.Max(agreements).Milliseconds())
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// acknowledged waits until the writers have been acknowledged n writes.
func acknowledged(t *testing.T, ctx context.Context, w *process.Writers, n int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if w.Acknowledged() >= n {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("only %d writes were acknowledged: %v", w.Acknowledged(), w.Stop(context.WithoutCancel(ctx)))
		case <-tick.C:
		}
	}
}

// TestFrozenLeader stops the leader from running (SIGSTOP) under load: the others go on without it, and when it runs again
// nothing was lost, doubled or answered from the past.
func TestFrozenLeader(t *testing.T) {
	cluster := start(t, 3)
	c := dial(t, cluster.Addrs()...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, _, err := c.Create(ctx, "/freeze", nil); err != nil {
		t.Fatal(err)
	}
	w, err := process.StartWriters(ctx, cluster.Addrs(), "/freeze", 8)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged(t, ctx, w, 200)
	leader, err := cluster.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.Gap()
	if err := cluster.Pause(leader); err != nil {
		t.Fatal(err)
	}
	acknowledged(t, ctx, w, w.Acknowledged()+1000)
	gap, _ := w.Gap()
	if err := cluster.Resume(leader); err != nil {
		t.Fatal(err)
	}
	if err := w.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Agreed(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("no writer was answered for %d ms", gap.Milliseconds())
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestStateSurvivesKillOfAll kills all servers at once, several times: what was acknowledged is there.
func TestStateSurvivesKillOfAll(t *testing.T) {
	cluster := start(t, 3)
	c := dial(t, cluster.Addrs()...)
	for round := range 3 {
		path := "/round-" + string(rune('a'+round))
		if _, _, err := c.Create(t.Context(), path, []byte(path)); err != nil {
			t.Fatal(err)
		}
		for i := range cluster.Len() {
			if err := cluster.Kill(i); err != nil {
				t.Fatal(err)
			}
		}
		for i := range cluster.Len() {
			if err := cluster.Run(i); err != nil {
				t.Fatal(err)
			}
		}
		for i := range cluster.Len() {
			if err := cluster.WaitReady(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		for i, addr := range cluster.Addrs() {
			fresh := dial(t, addr)
			node, err := fresh.Get(t.Context(), path)
			if err != nil || string(node.Data) != path {
				t.Errorf("round %d: server %d has %q, %v", round+1, i+1, node.Data, err)
			}
			if err := fresh.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	// The first client's session lived through all of it: an outage expires nobody.
	if _, err := c.Get(t.Context(), "/round-a"); err != nil {
		t.Errorf("the session did not survive: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStopDrains: SIGTERM ends a server with status 0, its clients go on elsewhere without losing their session, and the
// leadership is handed over.
func TestStopDrains(t *testing.T) {
	cluster := start(t, 3)
	leader, err := cluster.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, append([]string{cluster.Addrs()[leader]}, cluster.Addrs()...)...)
	if _, _, err := c.Create(t.Context(), "/mine", nil, client.Ephemeral()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Stop(leader); err != nil {
		t.Fatal(err)
	}
	if _, there, err := c.Exists(t.Context(), "/mine"); err != nil || !there {
		t.Errorf("the ephemeral node is gone after a drain (%v)", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLostDirectoryIsRefused: a server whose disk was lost must not come back under its old id, because it has forgotten
// what it had promised.
func TestLostDirectoryIsRefused(t *testing.T) {
	cluster := start(t, 3)
	if err := cluster.Kill(1); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(cluster.DataDir(1)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Run(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := cluster.WaitReady(ctx, 1)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the server with the lost directory did not refuse to start: %v", err)
	}
	t.Log(err)
}
