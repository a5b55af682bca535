package servertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// timeout is the session timeout of the tests with a manual clock: long, as none is waited for.
const timeout = 30 * time.Second

func withTimeout(c *client.Config) { c.SessionTimeout = timeout }

// vanishes watches a node that must be there and returns a channel that tells when it is deleted.
func vanishes(t *testing.T, c *client.Client, path string) <-chan struct{} {
	t.Helper()
	var w *client.Watch
	_, there, err := c.Exists(t.Context(), path, client.WithWatch(&w))
	must(t, err)
	if !there {
		t.Fatalf("%s is gone already", path)
	}
	gone := make(chan struct{})
	go func() {
		if _, ok := <-w.C(); ok {
			close(gone)
		}
	}()
	return gone
}

func still(t *testing.T, c *client.Client, path string) {
	t.Helper()
	_, there, err := c.Exists(t.Context(), path)
	must(t, err)
	if !there {
		t.Fatalf("%s is gone too early", path)
	}
}

// TestClientThatHangs: the session of a client that is not heard for its timeout ends on time, its ephemeral node goes, and
// the client is told so when it comes back. All that takes half a minute of the servers' time, and no time of the test's.
func TestClientThatHangs(t *testing.T) {
	cluster := servertest.Start(t, 3, servertest.WithManualClock())
	hanging, watching := cluster.Client(t, withTimeout), cluster.Client(t, withTimeout)
	_, _, err := hanging.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)
	gone := vanishes(t, watching, "/n")

	cluster.HoldSession(hanging.Session().ID)
	cluster.Advance(timeout - time.Second)
	still(t, watching, "/n")
	cluster.Advance(2 * time.Second)
	await(t, "the end of the ephemeral node", gone)
	if state, _ := hanging.State(); state == client.Expired {
		t.Error("the client that hangs knows of the end of its session")
	}
	cluster.ReleaseSession(hanging.Session().ID)
	awaitState(t, hanging, client.Expired)
}

// TestTimeFlies: sessions whose clients are there outlive any time, leases are renewed in it, and it goes by quickly.
func TestTimeFlies(t *testing.T) {
	cluster := servertest.Start(t, 3, servertest.WithManualClock())
	var clients []*client.Client
	for i := range 6 {
		c := cluster.Client(t, on(cluster, i%3), func(c *client.Config) { c.SessionTimeout = time.Second })
		_, _, err := c.Create(t.Context(), fmt.Sprintf("/n%d", i), nil, client.Ephemeral())
		must(t, err)
		clients = append(clients, c)
	}
	before := cluster.Server(0).Status().ClockMS
	cluster.Advance(time.Minute)
	if passed := cluster.Server(0).Status().ClockMS - before; passed < 59_000 || passed > 61_000 {
		t.Errorf("the cluster clock went forward by %d ms in a minute", passed)
	}
	for i, c := range clients {
		still(t, c, fmt.Sprintf("/n%d", i))
		if state, _ := c.State(); state != client.Connected {
			t.Errorf("client %d is %v: %v", i, state, c.Err())
		}
	}
	cluster.Agree()
}

// TestServerAndClientDieTogether: nobody times the silence of a dead server's sessions but the cluster clock. They end when
// the server's lease has ended and their timeout has passed after it, with the steps of the clock; not before.
func TestServerAndClientDieTogether(t *testing.T) {
	cluster := servertest.Start(t, 3, servertest.WithManualClock())
	const victim = 0
	dying, watching := cluster.Client(t, on(cluster, victim), withTimeout), cluster.Client(t, on(cluster, 1, 2), withTimeout)
	_, _, err := dying.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)
	gone := vanishes(t, watching, "/n")

	cluster.Kill(victim)
	cluster.Advance(timeout)
	still(t, watching, "/n")
	cluster.Advance((session.LeaseMS + 3*session.MaxStepMS) * time.Millisecond)
	await(t, "the end of the ephemeral node", gone)
	cluster.Run(victim)
}

// TestTTLByTheClusterClock: a TTL node goes when its time has passed on the cluster clock, however long the test takes.
func TestTTLByTheClusterClock(t *testing.T) {
	cluster := servertest.Start(t, 1, servertest.WithManualClock())
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/day", nil, client.TTL(24*time.Hour))
	must(t, err)
	_, _, err = c.Create(t.Context(), "/minute", nil, client.TTL(time.Minute))
	must(t, err)
	cluster.Advance(59 * time.Second)
	still(t, c, "/minute")
	cluster.Advance(3 * time.Second)
	if _, there, err := c.Exists(t.Context(), "/minute"); err != nil || there {
		t.Errorf("/minute is there after more than a minute (%v)", err)
	}
	still(t, c, "/day")
}

// TestNoSessionReadsWithoutQuorum: a server that has lost touch with the majority answers session reads from what it has,
// but only for as long as its lease lasts. Then it sends its clients away and takes no new ones, and says why.
func TestNoSessionReadsWithoutQuorum(t *testing.T) {
	cluster := servertest.Start(t, 3, servertest.WithManualClock())
	c := cluster.Client(t, on(cluster, 0), withTimeout)
	_, _, err := c.Create(t.Context(), "/n", nil)
	must(t, err)
	read := func(ctx context.Context) error {
		_, err := c.Get(ctx, "/n", client.AtLevel(client.Session))
		return err
	}

	cluster.Partition([]int{0}, []int{1, 2})
	cluster.Advance(session.LeaseMS / 2 * time.Millisecond)
	must(t, read(t.Context()))

	cluster.Advance(session.LeaseMS * time.Millisecond)
	awaitState(t, c, client.Suspended)
	err = read(within(t, 2*time.Second))
	var waited *client.WaitError
	if !errors.As(err, &waited) || waited.State != client.Suspended || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a session read after the end of the lease: %v", err)
	}
	if !errors.Is(err, wire.CodeNoLease) && !errors.Is(err, client.ErrNoQuorum) {
		t.Errorf("a session read after the end of the lease does not say why: %v", err)
	}

	cluster.Heal()
	must(t, read(t.Context()))
}
