package recipes_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// contest is a way in which one process has something that another one waits for.
type contest struct {
	name       string
	have, want func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error)
	line       string // where the other one waits, below the path
}

func contests() []contest {
	write := func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error) {
		return toWrite(recipes.NewRWLock(c, path))
	}
	read := func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error) {
		return recipes.NewRWLock(c, path).Read
	}
	downgraded := func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error) {
		return func(ctx context.Context) (*recipes.Hold, error) {
			h, err := recipes.NewRWLock(c, path).Write(ctx)
			if err != nil {
				return nil, err
			}
			return h.Hold, h.Downgrade(ctx)
		}
	}
	permits := func(n int) func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error) {
		return func(c *client.Client, path string) func(context.Context) (*recipes.Hold, error) {
			return forPermits(recipes.NewSemaphore(c, path, 3), n)
		}
	}
	return []contest{
		{"writer-reader", write, read, ""},
		{"reader-writer", read, write, ""},
		{"downgraded-writer", downgraded, write, ""},
		{"permits", permits(2), permits(3), "/queue"},
	}
}

// TestSharedHoldsUnderFaults: what each fault means for who has something and for who waits for it, be it a lock with readers
// and writers or a semaphore. Package process has tests in which processes are killed and stopped.
func TestSharedHoldsUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	watcher := cluster.Client(t)
	type match struct {
		contest
		path           string
		holder, waiter *client.Client
		hold           *recipes.Hold
		wanted         <-chan grant
	}
	begin := func(t *testing.T, each contest, change ...func(*client.Config)) *match {
		t.Helper()
		m := &match{contest: each, path: tree(t), holder: cluster.Client(t, change...), waiter: cluster.Client(t, renewing)}
		h, err := m.have(m.holder, m.path)(within(t))
		if err != nil {
			t.Fatal(err)
		}
		m.hold = h
		m.wanted = waitFor(t, watcher, m.path+m.line, m.want(m.waiter, m.path))
		return m
	}
	// loses checks that the first one has nothing any more and can do nothing.
	loses := func(t *testing.T, m *match, why error) {
		t.Helper()
		done(t, "the loser's context", m.hold.Context().Done())
		if !errors.Is(cause(m.hold), why) || m.hold.Err() == nil {
			t.Errorf("%s: the end is %v, %v", m.name, cause(m.hold), m.hold.Err())
		}
		if _, err := m.hold.Commit(within(t), client.CreateOp(m.path+"-late", nil)); err == nil {
			t.Errorf("%s: the loser has written", m.name)
		}
	}
	// gains checks that the other one gets it, with a greater fence, and that nothing is left in the end.
	gains := func(t *testing.T, m *match) {
		t.Helper()
		next := granted(t, m.wanted).hold
		if err := next.Err(); err != nil || next.Fence() <= m.hold.Fence() {
			t.Errorf("%s: %v, fence %v after %v", m.name, err, next.Fence(), m.hold.Fence())
		}
		release(t, m.hold)
		release(t, next)
		if n := inLine(t, watcher, m.path+m.line); n > 0 {
			t.Errorf("%s: %d are left", m.name, n)
		}
	}

	for _, each := range contests() {
		t.Run(each.name, func(t *testing.T) {
			m := begin(t, each)
			cluster.ExpireSession(m.holder.Session().ID)
			loses(t, m, client.ErrSessionExpired)
			gains(t, m)

			m = begin(t, each)
			cluster.ExpireSession(m.waiter.Session().ID)
			refused(t, m.wanted, client.ErrSessionExpired)
			m.wanted = waitFor(t, watcher, m.path+m.line, m.want(m.waiter, m.path)) // in its next session
			release(t, m.hold)
			gains(t, m)

			m = begin(t, each)
			if _, err := watcher.DeleteTree(within(t), m.path); err != nil {
				t.Fatal(err)
			}
			refused(t, m.wanted, recipes.ErrLost)
			loses(t, m, recipes.ErrLost)

			// Connections break, and the answers to a release and to the next write of the one who waits, a grant or a release,
			// are lost.
			m = begin(t, each)
			lostHere, lostThere := cluster.DropReply(m.holder.Session().ID), cluster.DropReply(m.waiter.Session().ID)
			for i := range cluster.Len() {
				cluster.CutClients(i)
			}
			release(t, m.hold)
			gains(t, m)
			done(t, "the loss of a reply", lostHere)
			done(t, "the loss of a reply", lostThere)

			// Who gives up leaves nothing behind.
			m = begin(t, each)
			before := inLine(t, watcher, m.path+m.line)
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if _, err := m.want(m.holder, m.path)(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a wait that was given up: %v", err)
				}
				cancel()
			}
			eventually(t, "only those who wait are left", func() bool { return inLine(t, watcher, m.path+m.line) == before })
			release(t, m.hold)
			gains(t, m)

			m = begin(t, each)
			if err := m.waiter.Close(within(t)); err != nil {
				t.Fatal(err)
			}
			refused(t, m.wanted, client.ErrClosed)
			release(t, m.hold)
		})
	}

	t.Run("the holders are paused past their timeout, and come back", func(t *testing.T) {
		var all []*match
		for _, each := range contests() {
			m := begin(t, each, shortSession)
			all = append(all, m)
		}
		for _, m := range all {
			cluster.HoldSession(m.holder.Session().ID)
		}
		for _, m := range all {
			next := granted(t, m.wanted)
			if m.hold.Context().Err() == nil || !errors.Is(cause(m.hold), client.ErrSuspect) {
				t.Errorf("%s: another has it, and the holder's context ends with %v", m.name, cause(m.hold))
			}
			cluster.ReleaseSession(m.holder.Session().ID)
			loses(t, m, client.ErrSuspect)
			release(t, next.hold)
		}
	})

	t.Run("the server of the holder is cut off from the others", func(t *testing.T) {
		m := begin(t, contests()[3])
		at := int(m.holder.Session().Server) - 1
		cluster.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
		if _, err := m.hold.Commit(within(t), client.CreateOp(m.path+"-held-on", nil)); err != nil {
			t.Error(err)
		}
		if err := m.hold.Err(); err != nil {
			t.Error(err)
		}
		release(t, m.hold)
		gains(t, m)
		cluster.Heal()
	})
}

// A client whose reads are local, at a server that is behind: what it is told there is no reason to refuse.
func TestTryAtAServerThatIsBehind(t *testing.T) {
	cluster := servertest.Start(t, 3)
	ahead, behind, block := apart(t, cluster)
	semaphore, lock := recipes.NewSemaphore(ahead, "/permits", 1), recipes.NewRWLock(ahead, "/lock")
	p, w := permits(t, semaphore, 1), writing(t, lock)
	if err := behind.Sync(within(t)); err != nil {
		t.Fatal(err)
	}
	block()
	release(t, p)
	release(t, w.Hold)
	for _, try := range []func(context.Context) (*recipes.Hold, error){
		func(ctx context.Context) (*recipes.Hold, error) {
			return recipes.NewSemaphore(behind, "/permits", 1).TryAcquire(ctx, 1)
		},
		recipes.NewRWLock(behind, "/lock").TryRead,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := try(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	cluster.Heal()
}

// apart returns a client of the leader, and one of another server, whose reads are local; the function keeps from that server what
// the leader says, until the cluster is healed.
func apart(t testing.TB, cluster *servertest.Cluster) (ahead, behind *client.Client, block func()) {
	t.Helper()
	leader := cluster.Leader()
	other, addrs := (leader+1)%cluster.Len(), cluster.Addrs()
	ahead = cluster.Client(t, func(c *client.Config) { c.Servers = addrs[leader : leader+1] })
	behind = cluster.Client(t, func(c *client.Config) { c.Servers, c.Level = addrs[other:other+1], client.Session })
	return ahead, behind, func() { cluster.Block(leader, other) }
}
