package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// TestElectionUnderFaults: what each fault means for a leader and for who observes it. See TestElections for all at random.
func TestElectionUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	watcher := cluster.Client(t)

	t.Run("the leader hangs past its timeout, and comes back", func(t *testing.T) {
		leader, candidate := cluster.Client(t, shortSession), cluster.Client(t)
		o := observe(t, recipes.NewElection(watcher, "/e"))
		told(t, o, 0, "")
		l, err := recipes.NewElection(leader, "/e").Campaign(within(t), []byte("a"))
		must(t, err)
		outcome := campaign(t, t.Context(), recipes.NewElection(candidate, "/e"), watcher, 2, "b")
		id := leader.Session().ID
		cluster.HoldSession(id)
		next := wins(t, outcome)
		if cause := context.Cause(l.Context()); !errors.Is(cause, client.ErrSuspect) || l.Err() == nil {
			t.Errorf("two lead: %v, %v", cause, l.Err())
		}
		cluster.ReleaseSession(id)
		if _, err := l.Commit(within(t), client.CreateOp("/written", nil)); err == nil {
			t.Error("it has written after its term")
		}
		if err := l.Proclaim(within(t), nil); err == nil {
			t.Error("it has proclaimed after its term")
		}
		must(t, l.Resign(within(t)))
		must(t, next.Resign(within(t)))
		told(t, o, l.Term(), "a")
		told(t, o, next.Term(), "b")
		told(t, o, 0, "")
	})

	t.Run("a leader whose term has ended leads anew in its next session", func(t *testing.T) {
		c := cluster.Client(t, renewing)
		e := recipes.NewElection(c, "/e")
		o := observe(t, e) // of the same client: it goes on
		told(t, o, 0, "")
		l, err := e.Campaign(within(t), []byte("a"))
		must(t, err)
		cluster.ExpireSession(c.Session().ID)
		done(t, "the leader's context", l.Context().Done())
		next, err := e.Campaign(within(t), []byte("b"))
		must(t, err)
		if l.Err() == nil || next.Err() != nil || next.Term() <= l.Term() {
			t.Errorf("%v, %v; terms %v, %v", l.Err(), next.Err(), l.Term(), next.Term())
		}
		must(t, l.Release(within(t))) // not the new one's
		leads(t, e, next, "b")
		must(t, next.Resign(within(t)))
		told(t, o, l.Term(), "a")
		told(t, o, 0, "")
		told(t, o, next.Term(), "b")
		told(t, o, 0, "")
	})

	t.Run("the server of the leader and of an observer is cut off, then killed", func(t *testing.T) {
		leader := cluster.Client(t)
		at := int(leader.Session().Server) - 1
		o := observe(t, recipes.NewElection(leader, "/e"))
		told(t, o, 0, "")
		e := recipes.NewElection(leader, "/e")
		l, err := e.Campaign(within(t), []byte("a"))
		must(t, err)
		cluster.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
		must(t, l.Proclaim(within(t), []byte("b")))
		cluster.Heal()
		cluster.Kill(at)
		must(t, l.Proclaim(within(t), []byte("c")))
		must(t, l.Err())
		cluster.Run(at)
		must(t, l.Resign(within(t)))
		for _, value := range []string{"a", "b", "c"} {
			told(t, o, l.Term(), value)
		}
		told(t, o, 0, "")
	})
}

// TestObserverComesBackTooLate: the servers' history does not reach back to the last term that was told. An observer that comes
// back is told who leads, and that it may have missed something, unless that is certainly not so.
func TestObserverComesBackTooLate(t *testing.T) {
	cluster := servertest.Start(t, 1, func(c *server.Config) { c.SnapshotEntries = 50 })
	c := cluster.Client(t)
	e := recipes.NewElection(c, "/e")
	forget := func() { // a server that starts with a snapshot has no history from before it
		for i := range 200 {
			_, _, err := c.Create(within(t), "/other", fmt.Appendf(nil, "%d", i), client.IfAbsent())
			must(t, err)
			_, err = c.Set(within(t), "/other", fmt.Appendf(nil, "%d", i))
			must(t, err)
		}
		cluster.Kill(0)
		cluster.Run(0)
	}
	l, err := e.Campaign(within(t), []byte("a"))
	must(t, err)
	last, _, err := e.Leader(within(t))
	must(t, err)
	forget()
	o := observe(t, e, recipes.ObserveAfter(last))
	must(t, l.Proclaim(within(t), []byte("b")))
	told(t, o, l.Term(), "b") // the term has lasted
	o.Close()

	must(t, l.Resign(within(t)))
	next, err := e.Campaign(within(t), []byte("c"))
	must(t, err)
	forget()
	o = observe(t, e, recipes.ObserveAfter(last))
	if term := nextTerm(t, o); term.Zxid != next.Term() || string(term.Value) != "c" || !term.Missed {
		t.Errorf("told %+v", term)
	}
	must(t, next.Resign(within(t)))
	told(t, o, 0, "")
}
