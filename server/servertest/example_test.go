package servertest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// others are the numbers of all servers but one.
func others(cluster *servertest.Cluster, but int) (rest []int) {
	for i := range cluster.Len() {
		if i != but {
			rest = append(rest, i)
		}
	}
	return rest
}

// within bounds a call that must end, one way or the other.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// await waits for something that must happen.
func await(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}

// awaitState waits until a client's session is in one of the states.
func awaitState(t *testing.T, c *client.Client, want client.State) {
	t.Helper()
	for {
		state, changed := c.State()
		if state == want {
			return
		}
		await(t, "state "+want.String(), changed)
	}
}

// TestReplyLostAfterTheCommit: a write whose reply is lost is sent again and answered as if it had been carried out only
// then. It was carried out once. That goes for closing the session, too.
func TestReplyLostAfterTheCommit(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	lost := cluster.DropReply(c.Session().ID)

	path, _, err := c.Create(t.Context(), "/job-", nil, client.Sequential())
	must(t, err)
	await(t, "the loss of the reply", lost)
	if path != "/job-0000000000" {
		t.Errorf("the create was answered with %s", path)
	}
	names, stat, err := c.Children(t.Context(), "/")
	must(t, err)
	if len(names) != 1 || stat.Cversion != 1 {
		t.Errorf("children %v, created %d times", names, stat.Cversion)
	}

	lost = cluster.DropReply(c.Session().ID)
	must(t, c.Close(t.Context()))
	await(t, "the loss of the reply", lost)
}

// TestLeaderIsCutOff: the leader is alone behind a partition. A client that can reach only this server waits, one that can
// reach all goes on with the majority, and when the partition is over what has waited is done.
func TestLeaderIsCutOff(t *testing.T) {
	cluster := servertest.Start(t, 3)
	leader := cluster.Leader()
	stranded, c := cluster.Client(t, on(cluster, leader)), cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil)
	must(t, err)

	cluster.Partition([]int{leader}, others(cluster, leader))
	// It is sent, because the server takes clients for as long as its lease lasts.
	if _, err := stranded.Set(within(t, 500*time.Millisecond), "/n", []byte("minority")); !errors.Is(err, context.DeadlineExceeded) || client.NotApplied(err) {
		t.Errorf("a write on the minority's side: %v", err)
	}
	if next := cluster.Leader(); next == leader {
		t.Fatalf("server %d still leads", leader)
	}
	_, err = c.Set(t.Context(), "/n", []byte("majority"))
	must(t, err)

	cluster.Heal()
	must(t, stranded.Sync(t.Context())) // behind the write, which nobody waits for any more
	node, err := c.Get(t.Context(), "/n")
	must(t, err)
	if string(node.Data) != "minority" || node.Stat.Version != 2 {
		t.Errorf("after the partition /n has %q in version %d", node.Data, node.Stat.Version)
	}
	cluster.Agree()
}

// TestOneWayLoss: a leader that is heard by one follower only, and hears both, still has a majority.
func TestOneWayLoss(t *testing.T) {
	cluster := servertest.Start(t, 3)
	leader := cluster.Leader()
	deaf := others(cluster, leader)[0]
	c := cluster.Client(t, on(cluster, others(cluster, deaf)...))
	cluster.Block(leader, deaf)
	_, _, err := c.Create(t.Context(), "/n", nil)
	must(t, err)
	cluster.Heal()
	cluster.Agree()
}

// TestPausedLeader: a leader that hangs is replaced, its clients leave it by themselves, and when it goes on it follows.
func TestPausedLeader(t *testing.T) {
	cluster := servertest.Start(t, 3)
	leader := cluster.Leader()
	c := cluster.Client(t, on(cluster, leader), func(c *client.Config) { c.SessionTimeout = 2 * time.Second })
	_, _, err := c.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)
	moving := cluster.Client(t, func(c *client.Config) { c.SessionTimeout = 2 * time.Second })

	cluster.Pause(leader)
	_, err = moving.Set(t.Context(), "/n", nil)
	must(t, err)
	awaitState(t, c, client.Suspended)

	cluster.Resume(leader)
	awaitState(t, c, client.Connected)
	cluster.Agree()
}

// TestKilledLeader: what was acknowledged is there after an abrupt end, and so is the session.
func TestKilledLeader(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)

	leader := cluster.Leader()
	cluster.Kill(leader)
	_, err = c.Set(t.Context(), "/n", []byte("after"))
	must(t, err)

	cluster.Run(leader)
	cluster.Agree()
	if info := c.Session(); !info.Valid() {
		t.Error("the session did not survive the leader")
	}
}

// TestDrainedLeader: an orderly end costs the clients a reconnect and nobody an election.
func TestDrainedLeader(t *testing.T) {
	cluster := servertest.Start(t, 3)
	leader := cluster.Leader()
	c := cluster.Client(t)
	cluster.Drain(leader)
	if next := cluster.Leader(); next == leader {
		t.Error("the leadership was not handed over")
	}
	_, _, err := c.Create(t.Context(), "/n", nil)
	must(t, err)
}

// TestClientLosesItsServer: a connection that breaks is replaced by one to the same server or another; the session and
// its ephemeral nodes do not notice.
func TestClientLosesItsServer(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)
	id := c.Session().ID

	for range cluster.Len() {
		cluster.CutClients(int(c.Session().Server) - 1)
		must(t, c.Sync(t.Context()))
	}
	first := int(c.Session().Server) - 1
	cluster.RefuseClients(first)
	must(t, c.Sync(t.Context()))
	if now := int(c.Session().Server) - 1; now == first {
		t.Errorf("the client is on server %d, which refuses clients", now)
	}
	cluster.AdmitClients(first)

	stat, there, err := c.Exists(t.Context(), "/n")
	must(t, err)
	if !there || stat.Owner != uint64(id) || c.Session().ID != id {
		t.Errorf("the ephemeral node of session %v: there %v, owner %x; the session is now %v", id, there, stat.Owner, c.Session().ID)
	}
}

// TestDelay: each call takes a delay there and one back; calls that are made at once share them.
func TestDelay(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	const delay = 100 * time.Millisecond
	cluster.Delay(delay)
	began := time.Now()
	answered := make(chan error)
	const calls = 100 // one after the other they would take a hundred times as long: half of that is far from both
	for range calls {
		go func() { answered <- c.Sync(context.Background()) }()
	}
	for range calls {
		must(t, <-answered)
	}
	if took := time.Since(began); took < 2*delay || took > calls*delay {
		t.Errorf("%d calls at once took %v with a delay of %v each way", calls, took, delay)
	}
	cluster.Delay(0)
}

// TestExpiredSession: the service ends a session although its client is there. The ephemeral nodes are gone at once, and
// the client is told and does not go on as if nothing had happened.
func TestExpiredSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, other := cluster.Client(t), cluster.Client(t)
	_, _, err := c.Create(t.Context(), "/n", nil, client.Ephemeral())
	must(t, err)

	cluster.ExpireSession(c.Session().ID)
	if _, there, err := other.Exists(t.Context(), "/n"); err != nil || there {
		t.Errorf("the ephemeral node of the ended session is there: %v (%v)", there, err)
	}
	awaitState(t, c, client.Expired)
	if _, err := c.Set(t.Context(), "/", nil); !errors.Is(err, client.ErrSessionExpired) || !client.NotApplied(err) {
		t.Errorf("a write of the ended session: %v", err)
	}
}

// TestFaultsEndWithTheTest: a test may end in the middle of everything. Its clients are closed in time nevertheless.
func TestFaultsEndWithTheTest(t *testing.T) {
	began := time.Now()
	t.Run("test", func(t *testing.T) {
		cluster := servertest.Start(t, 3)
		c, held := cluster.Client(t), cluster.Client(t)
		cluster.Partition()
		cluster.Block(0, 1)
		cluster.Pause(2)
		cluster.RefuseClients(0)
		cluster.HoldSession(held.Session().ID)
		cluster.Delay(time.Hour)
		cluster.DropReply(c.Session().ID)
		if err := c.Sync(within(t, 100*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call in the middle of everything: %v", err)
		}
	})
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the test took %v", took)
	}
}
