package recipes_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// background runs f and returns the channel of its error.
func background(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

// outcome returns the error of what was waiting.
func outcome(t testing.TB, what string, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-within(t).Done():
		t.Fatalf("%s: not within 30 s", what)
		return nil
	}
}

func raise(t testing.TB, b *recipes.Barrier) {
	t.Helper()
	if err := b.Raise(within(t)); err != nil {
		t.Fatal(err)
	}
}

func lift(t testing.TB, b *recipes.Barrier) {
	t.Helper()
	if err := b.Lift(within(t)); err != nil {
		t.Fatal(err)
	}
}

func TestBarrierHoldsBackUntilItIsLifted(t *testing.T) {
	root := tree(t)
	b := recipes.NewBarrier(view(t, root), "/deep/b")
	if err := b.Wait(within(t)); err != nil {
		t.Errorf("a barrier that was never raised: %v", err)
	}
	lift(t, b) // what is down stays down
	raise(t, b)
	raise(t, b)

	impatient, cancel := context.WithCancelCause(t.Context())
	why := errors.New("impatient")
	held := background(func() error { return b.Wait(impatient) })
	var all []<-chan error
	for range 3 {
		c := view(t, root)
		all = append(all, background(func() error { return recipes.NewBarrier(c, "/deep/b").Wait(within(t)) }))
	}
	cancel(why)
	if err := outcome(t, "the impatient one", held); !errors.Is(err, why) {
		t.Error(err)
	}
	for _, w := range all {
		select {
		case err := <-w:
			t.Fatalf("it has not held back: %v", err)
		default:
		}
	}
	lift(t, b)
	for _, w := range all {
		if err := outcome(t, "waiting", w); err != nil {
			t.Error(err)
		}
	}
}

// A barrier that is lifted and raised again at once lets those go who waited, although nobody ever sees it lifted.
func TestBarrierIsLiftedForThoseWhoWaited(t *testing.T) {
	root := tree(t)
	b, c := recipes.NewBarrier(view(t, root), "/b"), view(t, root)
	raise(t, b)
	waited := background(func() error { return b.Wait(within(t)) })
	eventually(t, "who waited has gone", func() bool { // the first time it may not wait yet
		if _, err := c.Multi(within(t), client.DeleteOp("/b"), client.CreateOp("/b", nil)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-waited:
			if err != nil {
				t.Fatal(err)
			}
			return true
		default:
			return false
		}
	})
}

func TestBarrierWithSomethingBelowItIsNotLifted(t *testing.T) {
	c := view(t, tree(t))
	b := recipes.NewBarrier(c, "/b")
	raise(t, b)
	if _, _, err := c.Create(within(t), "/b/mine", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Lift(within(t)); !errors.Is(err, client.ErrNotEmpty) {
		t.Error(err)
	}
}

// The question whether the barrier is up may be under way when the session ends. It is asked again in the next.
func TestBarrierAsksAgainInTheNextSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, other := cluster.Client(t, renewing), cluster.Client(t)
	raise(t, recipes.NewBarrier(other, "/b"))
	id := c.Session().ID
	cluster.HoldSession(id)
	waits := background(func() error { return recipes.NewBarrier(c, "/b").Wait(within(t)) })
	cluster.ExpireSession(id)
	cluster.ReleaseSession(id)
	eventually(t, "renewed", func() bool { return c.Session().Renewals == 1 })
	lift(t, recipes.NewBarrier(other, "/b"))
	must(t, outcome(t, "waiting", waits))
}

// TestBarrierUnderFaults: the barrier is not the session's, and so is not the waiting for it.
func TestBarrierUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	b := recipes.NewBarrier(cluster.Client(t), "/b")
	raiser := cluster.Client(t)
	raise(t, recipes.NewBarrier(raiser, "/b"))
	mortal, immortal := cluster.Client(t), cluster.Client(t, renewing)
	of := func(c *client.Client) <-chan error {
		return background(func() error { return recipes.NewBarrier(c, "/b").Wait(within(t)) })
	}
	dies, renewed, moved := of(mortal), of(immortal), of(cluster.Client(t))
	cluster.ExpireSession(raiser.Session().ID)
	cluster.ExpireSession(mortal.Session().ID)
	cluster.ExpireSession(immortal.Session().ID)
	if err := outcome(t, "the one whose session has ended", dies); !errors.Is(err, client.ErrSessionExpired) {
		t.Error(err)
	}
	cluster.Kill((cluster.Leader()))
	lift(t, b)
	for _, w := range []<-chan error{renewed, moved} {
		if err := outcome(t, "waiting", w); err != nil {
			t.Error(err)
		}
	}
}

// TestBarrierWaitEndsWithItsContext: whatever the cause is, also one that would make a wait go on if the service had said it.
func TestBarrierWaitEndsWithItsContext(t *testing.T) {
	c := view(t, tree(t), renewing)
	b := recipes.NewBarrier(c, "/b")
	if err := b.Raise(within(t)); err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{nil, client.ErrSessionExpired} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if err := b.Wait(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrSessionExpired) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
