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

func leased(t testing.TB, l *recipes.Lease, d time.Duration) *recipes.LeaseHold {
	t.Helper()
	h, err := l.TryAcquire(within(t), []byte(t.Name()), d)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// taken checks that a lease is somebody's, who says this of himself.
func taken(t testing.TB, l *recipes.Lease, holder string, fence client.Zxid) {
	t.Helper()
	_, err := l.TryAcquire(within(t), []byte("another"), time.Minute)
	held, ok := errors.AsType[*recipes.HeldError](err)
	if !errors.Is(err, recipes.ErrHeld) || !ok || string(held.Holder) != holder || held.Fence != fence {
		t.Errorf("%v, want that %q holds it with fence %v", err, holder, fence)
	}
}

func TestLeaseIsOneHoldersUntilItIsReleased(t *testing.T) {
	path := tree(t) + "/made/on/the/way"
	l, other := recipes.NewLease(dial(t), path), recipes.NewLease(dial(t), path)
	h := leased(t, l, time.Minute)
	if err := h.Err(); err != nil {
		t.Error(err)
	}
	if left := h.Left(); left <= 0 || left > 52500*time.Millisecond {
		t.Errorf("%v are left of 7/8 of a minute", left)
	}
	taken(t, other, t.Name(), h.Fence())
	taken(t, l, t.Name(), h.Fence()) // the same process is no exception
	if _, err := h.Commit(within(t), client.CreateOp(path+"-written", nil)); err != nil {
		t.Error(err)
	}
	if err := h.Renew(within(t)); err != nil {
		t.Error(err)
	}
	if err := h.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	done(t, "the context", h.Context().Done())
	for what, err := range map[string]error{
		"err":   h.Err(),
		"renew": h.Renew(within(t)),
		"cause": context.Cause(h.Context()),
	} {
		if !errors.Is(err, recipes.ErrReleased) {
			t.Errorf("%s after the release: %v", what, err)
		}
	}
	if _, err := h.Commit(within(t), client.CreateOp(path+"-late", nil)); !errors.Is(err, recipes.ErrReleased) {
		t.Errorf("commit after the release: %v", err)
	}
	next := leased(t, other, time.Minute)
	if next.Fence() <= h.Fence() {
		t.Errorf("fence %v after %v", next.Fence(), h.Fence())
	}
	if err := h.Release(within(t)); err != nil { // not the other one's
		t.Error(err)
	}
	taken(t, l, t.Name(), next.Fence())
	if err := next.Release(within(t)); err != nil {
		t.Error(err)
	}
}

// The holder gives a lease up before the service does, by time alone.
func TestLeaseRunsOut(t *testing.T) {
	path := tree(t)
	l := recipes.NewLease(dial(t), path)
	h := leased(t, l, 400*time.Millisecond)
	if err := h.Renew(within(t)); err != nil {
		t.Fatal(err)
	}
	if left := h.Left(); left > 350*time.Millisecond {
		t.Errorf("%v are left of 7/8 of 400 ms", left)
	}
	done(t, "the context", h.Context().Done())
	if !errors.Is(context.Cause(h.Context()), recipes.ErrLapsed) || !errors.Is(h.Err(), recipes.ErrLapsed) || h.Left() != 0 {
		t.Errorf("%v, %v, %v left", context.Cause(h.Context()), h.Err(), h.Left())
	}
	if err := h.Renew(within(t)); !errors.Is(err, recipes.ErrLapsed) {
		t.Errorf("renewing what has run out: %v", err)
	}
	// Then the service does, some seconds later at most.
	var next *recipes.LeaseHold
	eventually(t, "it is free", func() bool {
		var err error
		next, err = l.TryAcquire(within(t), nil, time.Minute)
		return err == nil
	})
	if _, err := h.Commit(within(t), client.CreateOp(path+"-late", nil)); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("commit of a lease that another has: %v", err)
	}
	if err := h.Release(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := next.Commit(within(t), client.CreateOp(path+"-written", nil)); err != nil {
		t.Error(err)
	}
	if _, err := l.TryAcquire(within(t), nil, 0); !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("for no time: %v", err)
	}
}

// A lease is the holder's whatever becomes of its session, and another process can go on with it.
func TestLeaseOutlivesItsSession(t *testing.T) {
	path, watcher := tree(t), dial(t)
	c := dial(t, renewing)
	h := leased(t, recipes.NewLease(c, path), time.Minute)
	if err := watcher.KillSession(within(t), c.Session().ID); err != nil {
		t.Fatal(err)
	}
	done(t, "the session", c.SessionContext().Done())
	taken(t, recipes.NewLease(watcher, path), t.Name(), h.Fence())
	eventually(t, "it is renewed in the next session", func() bool { return h.Renew(within(t)) == nil })
	if _, err := h.Commit(within(t), client.CreateOp(path+"-written", nil)); err != nil {
		t.Error(err)
	}

	elsewhere := recipes.NewLease(dial(t), path)
	if _, err := elsewhere.Resume(within(t), h.Fence()-1); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("with another fence: %v", err)
	}
	resumed, err := elsewhere.Resume(within(t), h.Fence())
	if err != nil {
		t.Fatal(err)
	}
	if resumed.Fence() != h.Fence() || resumed.Left() < 30*time.Second || resumed.Left() > 52500*time.Millisecond {
		t.Errorf("fence %v, %v left", resumed.Fence(), resumed.Left())
	}
	taken(t, elsewhere, t.Name(), h.Fence())
	if err := resumed.Release(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Resume(within(t), h.Fence()); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("after the release: %v", err)
	}
}

// A stranger's deletion is found by the next renewal or commit.
func TestLeaseIsDeletedByAStranger(t *testing.T) {
	path, watcher := tree(t), dial(t)
	l := recipes.NewLease(dial(t), path)
	h := leased(t, l, time.Minute)
	if err := watcher.Delete(within(t), path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Commit(within(t), client.CreateOp(path+"-late", nil)); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("commit: %v", err)
	}
	next := leased(t, l, time.Minute)
	if err := h.Renew(within(t)); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("renew: %v", err)
	}
	done(t, "the context", h.Context().Done())
	if !errors.Is(context.Cause(h.Context()), recipes.ErrLost) {
		t.Error(context.Cause(h.Context()))
	}
	if err := h.Release(within(t)); err != nil {
		t.Error(err)
	}
	if err := next.Renew(within(t)); err != nil {
		t.Errorf("the next one's: %v", err)
	}
}

// A holder whose answers do not come counts from when it asked, and a service that goes on counts from when it heard.
func TestLeaseUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	t.Run("answers are lost, and connections break", func(t *testing.T) {
		c := cluster.Client(t)
		l := recipes.NewLease(c, "/lost")
		for range 3 {
			lost := cluster.DropReply(c.Session().ID)
			h := leased(t, l, time.Minute)
			done(t, "the loss of the reply", lost)
			lost = cluster.DropReply(c.Session().ID)
			if err := h.Renew(within(t)); err != nil {
				t.Error(err)
			}
			done(t, "the loss of the reply", lost)
			lost = cluster.DropReply(c.Session().ID)
			if err := h.Release(within(t)); err != nil {
				t.Error(err)
			}
			done(t, "the loss of the reply", lost)
		}
	})

	t.Run("the holder is paused past its time", func(t *testing.T) {
		c, next := cluster.Client(t), recipes.NewLease(cluster.Client(t), "/paused")
		h := leased(t, recipes.NewLease(c, "/paused"), 500*time.Millisecond)
		cluster.HoldSession(c.Session().ID)
		renewal := make(chan error, 1)
		go func() { renewal <- h.Renew(within(t)) }()
		var other *recipes.LeaseHold
		eventually(t, "the next one has it", func() bool {
			var err error
			other, err = next.TryAcquire(within(t), nil, time.Minute)
			return err == nil
		})
		if h.Context().Err() == nil || h.Err() == nil {
			t.Error("two hold it at once")
		}
		cluster.ReleaseSession(c.Session().ID)
		if err := <-renewal; !errors.Is(err, recipes.ErrLost) && !errors.Is(err, recipes.ErrLapsed) {
			t.Errorf("a renewal that comes too late: %v", err)
		}
		if _, err := h.Commit(within(t), client.CreateOp("/x", nil)); !errors.Is(err, recipes.ErrLost) {
			t.Errorf("commit: %v", err)
		}
		if err := other.Err(); err != nil {
			t.Error(err)
		}
	})

	t.Run("who gives up has nothing", func(t *testing.T) {
		c, watcher := cluster.Client(t), cluster.Client(t)
		cluster.HoldSession(c.Session().ID)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := recipes.NewLease(c, "/given-up").TryAcquire(ctx, nil, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		cluster.ReleaseSession(c.Session().ID) // now the grant comes
		// And so does one that is over when it comes.
		cluster.Delay(20 * time.Millisecond)
		if _, err := recipes.NewLease(c, "/short").TryAcquire(within(t), nil, 10*time.Millisecond); !errors.Is(err, recipes.ErrLapsed) {
			t.Errorf("%v", err)
		}
		cluster.Delay(0)
		for _, path := range []string{"/given-up", "/short"} {
			eventually(t, path+" is gone", func() bool {
				_, there, err := watcher.Exists(within(t), path)
				return err == nil && !there
			})
		}
	})

	t.Run("who resumes too late has nothing", func(t *testing.T) {
		c := cluster.Client(t)
		cluster.Delay(20 * time.Millisecond)
		defer cluster.Delay(0)
		eventually(t, "the answer comes late, and not to a lease that is over", func() bool {
			_, stat, err := c.Create(within(t), "/late", nil, client.TTL(10*time.Millisecond), client.IfAbsent())
			if err != nil {
				t.Fatal(err)
			}
			h, err := recipes.NewLease(c, "/late").Resume(within(t), stat.Czxid)
			if h != nil {
				t.Fatal("a hold of what has run out")
			}
			return errors.Is(err, recipes.ErrLapsed)
		})
	})

	t.Run("it is resumed at a server that is behind", func(t *testing.T) {
		ahead, behind, block := apart(t, cluster)
		block()
		h := leased(t, recipes.NewLease(ahead, "/behind"), time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		l := recipes.NewLease(behind, "/behind")
		if _, err := l.Resume(ctx, h.Fence()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cluster.Heal()
		if _, err := l.Resume(within(t), h.Fence()); err != nil {
			t.Error(err)
		}
	})
}

// A release ends the lease's own context, and yet waits for the service.
func TestLeaseReleasedWithItsOwnContext(t *testing.T) {
	l := recipes.NewLease(dial(t), tree(t))
	h := leased(t, l, time.Minute)
	if err := h.Release(h.Context()); err != nil {
		t.Fatal(err)
	}
	if err := leased(t, l, time.Minute).Release(within(t)); err != nil {
		t.Error(err)
	}
}

// TestRenewalThatWasInterruptedIsNoLoss: the context of a lock that was lost ends the call and not the lease.
func TestRenewalThatWasInterruptedIsNoLoss(t *testing.T) {
	c := view(t, tree(t))
	h, err := recipes.NewLease(c, "/lease").TryAcquire(within(t), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(recipes.ErrLost)
	if err := h.Renew(ended); !errors.Is(err, context.Canceled) || errors.Is(err, recipes.ErrLost) {
		t.Error(err)
	}
	if err := h.Err(); err != nil {
		t.Errorf("the lease: %v", err)
	}
	if err := h.Renew(within(t)); err != nil {
		t.Error(err)
	}
	if err := h.Release(within(t)); err != nil {
		t.Error(err)
	}
}
