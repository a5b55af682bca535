//go:build linux

package storms

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// TestLargeNodes: many nodes of the largest size are set at the same time. All are written, and memory is bounded by the data.
func TestLargeNodes(t *testing.T) {
	c := start(t, 3)
	s := startSteady(t, c.Addrs()...)
	w := dial(t, c.Addrs()...)
	m := c.watchMemory()
	s.storms()
	n := size(20, 200)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin := time.Now()
	if err := fill(ctx, w, 2*n, n); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes of 1 MiB were written twice, all at the same time, in %v", n, time.Since(begin).Round(time.Millisecond))
	// The data, what they were before in the history, as much again that is not collected, and on their way through the log.
	m.within(int64(n)*mib*4+4*roomBytes, fmt.Sprintf("%d MiB of data", n))
	s.goOn()
	s.judge()
	c.agreed()
}

// znodeBytes is what a node may cost a server besides its data.
const znodeBytes = 3 * kib / 2

// TestMillionNodes: so many nodes take the memory that they may, and no more.
func TestMillionNodes(t *testing.T) {
	if !*full {
		t.Skip("only with -storms.full")
	}
	const nodes, parents, dataBytes, inFlight = 1_000_000, 100, 32, 500
	c := start(t, 3)
	w := dial(t, c.Addrs()...)
	m := c.watchMemory()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	begin := time.Now()
	errs := make([]error, inFlight)
	for p := range parents {
		if _, _, err := w.Create(ctx, fmt.Sprintf("/p%d", p), nil); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for k := range inFlight {
		all.Go(func() {
			for i := k; i < nodes && errs[k] == nil; i += inFlight {
				_, _, errs[k] = w.Create(ctx, fmt.Sprintf("/p%d/node-%d", i%parents, i), make([]byte, dataBytes))
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d nodes in %v", nodes, time.Since(begin).Round(time.Second))
	m.within(nodes*(znodeBytes+dataBytes), fmt.Sprintf("%d nodes of %d bytes", nodes, dataBytes))
	c.agreed()
}

// TestEverybodyComesBack: the leader dies, with a third of very many sessions. All come back to the others with the session that
// they had, ephemeral nodes and all.
func TestEverybodyComesBack(t *testing.T) {
	const servers = 3
	c := start(t, servers)
	n := size(150, 2000)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if _, _, err := dial(t, c.Addrs()...).Create(ctx, "/here", nil); err != nil {
		t.Fatal(err)
	}
	clients, ids := make([]*client.Client, n), make([]client.SessionID, n)
	path := func(i int) string { return fmt.Sprintf("/here/%d", i) }
	together(t, n, func(i int) (err error) {
		if clients[i], err = client.Dial(ctx, client.Config{Servers: c.Addrs(), SessionTimeout: 20 * time.Second}); err != nil {
			return err
		}
		ids[i] = clients[i].Session().ID
		_, _, err = clients[i].Create(ctx, path(i), nil, client.Ephemeral())
		return err
	})
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(ctx, leader)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := c.Kill(leader); err != nil {
		t.Fatal(err)
	}
	together(t, n, func(i int) error {
		if _, err := clients[i].Set(ctx, path(i), nil); err != nil {
			return err
		}
		if now := clients[i].Session(); now.ID != ids[i] || now.Renewals != 0 {
			return fmt.Errorf("session %v has become %v", ids[i], now.ID)
		}
		return nil
	})
	took := time.Since(begin)
	t.Logf("the leader has died with %d of %d sessions: all were back and had written after %v, %.0f sessions per second",
		status.Connections, n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	if err := c.Run(leader); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx, leader); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		node, err := clients[i].Get(ctx, path(i))
		if err != nil || node.Stat.Owner != uint64(ids[i]) {
			t.Errorf("%s after that: owner %x, %v", path(i), node.Stat.Owner, err)
		}
	}
	together(t, n, func(i int) error { return clients[i].Close(ctx) })
	c.agreed()
}

// together calls f for 0 to n-1 at the same time and fails the test if one returns an error.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
}
