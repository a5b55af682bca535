package servertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// on restricts a client to some of the servers.
func on(cluster *servertest.Cluster, servers ...int) func(*client.Config) {
	return func(c *client.Config) {
		c.Servers = nil
		for _, i := range servers {
			c.Servers = append(c.Servers, cluster.Addrs()[i])
		}
	}
}

// TestReadsAreLinearizable: what one client was told is done, every client sees at once, on every server.
func TestReadsAreLinearizable(t *testing.T) {
	cluster := servertest.Start(t, 3)
	writer := cluster.Client(t)
	_, _, err := writer.Create(t.Context(), "/n", nil)
	must(t, err)
	var readers []*client.Client
	for i := range 3 {
		readers = append(readers, cluster.Client(t, on(cluster, i)))
	}
	for version := int64(1); version <= 50; version++ {
		_, err := writer.Set(t.Context(), "/n", nil)
		must(t, err)
		for i, r := range readers {
			node, err := r.Get(t.Context(), "/n")
			must(t, err)
			if node.Stat.Version != version {
				t.Fatalf("server %d: version %d was read after version %d was acknowledged", i+1, node.Stat.Version, version)
			}
		}
	}
}

// TestSessionReadsSeeOwnWrites, and never go back, also while the session moves from server to server.
func TestSessionReadsSeeOwnWrites(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil)
	must(t, err)
	for round := range 3 {
		for range 20 {
			stat, err := c.Set(t.Context(), "/n", nil)
			must(t, err)
			node, err := c.Get(t.Context(), "/n", client.AtLevel(client.Session))
			must(t, err)
			if node.Stat.Version != stat.Version {
				t.Fatalf("version %d was read after version %d was written by the same session", node.Stat.Version, stat.Version)
			}
		}
		cluster.Stop(round)
		cluster.Run(round)
	}
}

// TestEventBeforeChange: with many clients reading and writing, nobody sees a change before the event about it (W-9).
func TestEventBeforeChange(t *testing.T) {
	cluster := servertest.Start(t, 3)
	writer := cluster.Client(t)
	_, _, err := writer.Create(t.Context(), "/n", nil)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var writing, reading sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			if _, err := writer.Set(t.Context(), "/n", nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 3 {
		reader := cluster.Client(t, on(cluster, i))
		reading.Go(func() {
			for range 100 {
				if err := seeChange(t.Context(), reader); err != nil {
					t.Errorf("server %d: %v", i+1, err)
					return
				}
			}
		})
	}
	reading.Wait()
	cancel()
	writing.Wait()
}

// seeChange watches /n and reads it until it has changed: then the event must be there.
func seeChange(ctx context.Context, c *client.Client) error {
	var w *client.Watch
	node, err := c.Get(ctx, "/n", client.WithWatch(&w), client.AtLevel(client.Session))
	for seen := node.Stat.Version; err == nil && seen == node.Stat.Version; {
		var again client.Node
		again, err = c.Get(ctx, "/n", client.AtLevel(client.Session))
		seen = again.Stat.Version
	}
	if err != nil {
		return err
	}
	select {
	case <-w.C():
		return nil
	default:
		return errors.New("a change was seen before its event")
	}
}

// TestWatchesSurviveTheServer: watches set on a server that stops fire on the next one, whether the change came before the
// move or after it.
func TestWatchesSurviveTheServer(t *testing.T) {
	cluster := servertest.Start(t, 3)
	writer := cluster.Client(t, on(cluster, 1, 2))
	watcher := cluster.Client(t, on(cluster, 0, 1, 2))
	_, _, err := writer.Create(t.Context(), "/set", nil)
	must(t, err)
	_, _, err = writer.Create(t.Context(), "/later", nil)
	must(t, err)
	var set, later, created, children *client.Watch
	_, err = watcher.Get(t.Context(), "/set", client.WithWatch(&set))
	must(t, err)
	_, err = watcher.Get(t.Context(), "/later", client.WithWatch(&later))
	must(t, err)
	_, there, err := watcher.Exists(t.Context(), "/new", client.WithWatch(&created))
	must(t, err)
	if there {
		t.Fatal("/new is there already")
	}
	_, _, err = watcher.Children(t.Context(), "/", client.WithWatch(&children))
	must(t, err)
	for i := range 3 {
		if st := cluster.Server(i).Status(); st.Watches > 0 {
			cluster.Stop(i)
			defer cluster.Run(i)
			break
		}
	}
	_, err = writer.Set(t.Context(), "/set", nil)
	must(t, err)
	_, _, err = writer.Create(t.Context(), "/new", nil)
	must(t, err)
	for name, w := range map[string]*client.Watch{"/set": set, "/new": created, "/": children} {
		select {
		case e, ok := <-w.C():
			if !ok || e.Path != name {
				t.Errorf("the watch on %s ended with %v, %v", name, e, w.Err())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the watch on %s was lost with its server", name)
		}
	}
	_, err = writer.Set(t.Context(), "/later", nil)
	must(t, err)
	select {
	case <-later.C():
	case <-time.After(20 * time.Second):
		t.Fatal("the watch on /later was lost with its server")
	}
}

// TestExactlyOnceWhileServersStop: writers that check every answer, while each server is stopped and started in turn.
func TestExactlyOnceWhileServersStop(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/q", nil)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	const callers = 8
	paths := make([][]string, callers)
	for i := range callers {
		wg.Go(func() { // all share one session, so their writes are pipelined on one connection
			for ctx.Err() == nil {
				path, _, err := c.Create(t.Context(), "/q/n-", nil, client.Sequential())
				if err != nil {
					t.Error(err)
					return
				}
				paths[i] = append(paths[i], path)
			}
		})
	}
	for i := range 3 {
		cluster.Stop(i)
		cluster.Run(i)
	}
	cancel()
	wg.Wait()
	var all []string
	for _, p := range paths {
		if !slices.IsSorted(p) {
			t.Error("a caller's creates were not in order")
		}
		all = append(all, p...)
	}
	slices.Sort(all)
	names, stat, err := c.Children(t.Context(), "/q")
	must(t, err)
	if len(names) != len(all) || stat.NumChildren != int64(len(all)) || stat.Cversion != int64(len(all)) {
		t.Fatalf("%d creates were acknowledged, there are %d children and cversion is %d", len(all), len(names), stat.Cversion)
	}
	for i, name := range names {
		if want := fmt.Sprintf("n-%010d", i); name != want || all[i] != "/q/"+want {
			t.Fatalf("child %d is %s, acknowledged as %s; want %s", i, name, all[i], want)
		}
	}
	cluster.Agree()
}

// TestFollowerThatFellBehind: a server that was down for longer than the log reaches back gets a snapshot, and has the same.
func TestFollowerThatFellBehind(t *testing.T) {
	cluster := servertest.Start(t, 3, func(c *server.Config) { c.SnapshotEntries = 50 })
	c := cluster.Client(t, on(cluster, 0, 1))
	cluster.Stop(2)
	for i := range 300 {
		_, _, err := c.Create(t.Context(), fmt.Sprintf("/n%d", i), []byte("x"))
		must(t, err)
	}
	cluster.Run(2)
	late := cluster.Client(t, on(cluster, 2))
	names, _, err := late.Children(t.Context(), "/")
	must(t, err)
	if len(names) != 300 {
		t.Errorf("the server that was down has %d of 300 nodes", len(names))
	}
	cluster.Agree()
}

// TestNoQuorum: without a majority nothing is answered wrongly: calls wait for their context and say why.
func TestNoQuorum(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)
	cluster.Stop(1)
	cluster.Stop(2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.Set(ctx, "/n", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write without a quorum: %v", err)
	} else {
		t.Log(err)
	}
	fresh, cancelFresh := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancelFresh()
	if _, err := client.Dial(fresh, client.Config{Servers: cluster.Addrs()}); err == nil {
		t.Error("a session was opened without a quorum")
	} else {
		t.Log(err)
	}
	cluster.Run(1)
	// An outage expires nobody: the session and its ephemeral node are there.
	stat, there, err := c.Exists(t.Context(), "/n")
	must(t, err)
	if !there || stat.Owner == 0 {
		t.Error("the ephemeral node did not survive the outage")
	}
	cluster.Run(2)
}

// TestCloseWaitsForTheFirst: a second Close does not cut the first one short, and neither says that the session is closed
// while it is not.
func TestCloseWaitsForTheFirst(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/e", nil, client.Ephemeral())
	must(t, err)
	cluster.Stop(1)
	cluster.Stop(2)
	first := make(chan error, 1)
	go func() { first <- c.Close(context.Background()) }()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for err == nil { // until the first has begun
		err = c.Sync(short)
	}
	if err := c.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Close without a quorum: %v", err)
	}
	cluster.Run(1)
	must(t, <-first)
	if _, there, err := cluster.Client(t).Exists(t.Context(), "/e"); err != nil || there {
		t.Errorf("the session was closed and its ephemeral node is there (%v)", err)
	}
	cluster.Run(2)
}
