package recipes_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func enterLock(t testing.TB, l *recipes.ReentrantLock, ctx context.Context) *recipes.ReentrantHold {
	t.Helper()
	h, err := l.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func leave(t testing.TB, h *recipes.ReentrantHold) {
	t.Helper()
	if err := h.Release(within(t)); err != nil {
		t.Fatal(err)
	}
}

func TestReentrantLockIsFreeWhenAllEntriesAreReleased(t *testing.T) {
	path, c, watcher := tree(t), dial(t), dial(t)
	l := recipes.NewReentrantLock(c, path)
	outer := enterLock(t, l, within(t))
	ctx, cancel := context.WithCancel(outer.Context())
	defer cancel()
	inner := enterLock(t, l, ctx)
	innermost := enterLock(t, l, inner.Context())
	if n := inLine(t, watcher, path); n != 1 {
		t.Errorf("%d nodes for one lock", n)
	}
	if inner.Fence() != outer.Fence() || inner.Path() != outer.Path() {
		t.Errorf("fences %v and %v", inner.Fence(), outer.Fence())
	}
	waiter := waitFor(t, watcher, path, recipes.NewLock(dial(t), path).Acquire)

	// In any order, and twice is once.
	leave(t, outer)
	leave(t, outer)
	done(t, "the context of what is released", outer.Context().Done())
	if !errors.Is(context.Cause(outer.Context()), recipes.ErrReleased) || !errors.Is(outer.Err(), recipes.ErrReleased) {
		t.Errorf("%v, %v", context.Cause(outer.Context()), outer.Err())
	}
	if _, err := outer.Commit(within(t), client.CreateOp(path+"-late", nil)); !errors.Is(err, recipes.ErrReleased) {
		t.Errorf("commit by what is released: %v", err)
	}
	for _, h := range []*recipes.ReentrantHold{inner, innermost} {
		if err := h.Err(); err != nil || h.Context().Err() != nil {
			t.Errorf("an entry that is not released: %v", err)
		}
	}
	if _, err := inner.Commit(within(t), client.CreateOp(path+"-in-time", nil)); err != nil {
		t.Error(err)
	}
	if _, err := l.TryAcquire(outer.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	again, err := l.TryAcquire(context.WithoutCancel(outer.Context())) // still inside
	if err != nil {
		t.Fatal(err)
	}
	leave(t, again)
	leave(t, innermost)
	waits(t, "another one", waiter)
	leave(t, inner)
	release(t, granted(t, waiter).hold)

	// A context from inside counts as any other when everything is released.
	anew := enterLock(t, l, context.WithoutCancel(inner.Context()))
	if anew.Fence() <= outer.Fence() {
		t.Errorf("fence %v after %v", anew.Fence(), outer.Fence())
	}
	if _, err := l.TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("from outside: %v", err)
	}
	if _, err := recipes.NewReentrantLock(c, path).TryAcquire(anew.Context()); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("another lock of the path: %v", err)
	}
	leave(t, anew)
}

// When the lock is lost every entry is, and what descends from it does not get another lock without knowing.
func TestReentrantLockIsLostToAllEntries(t *testing.T) {
	for _, each := range []struct {
		name string
		lose func(t *testing.T, by *client.Client, c *client.Client, h *recipes.ReentrantHold)
		want error
	}{
		{"the session is ended", func(t *testing.T, by, c *client.Client, _ *recipes.ReentrantHold) {
			if err := by.KillSession(within(t), c.Session().ID); err != nil {
				t.Fatal(err)
			}
		}, client.ErrSessionExpired},
		{"a stranger deletes the node", func(t *testing.T, by, _ *client.Client, h *recipes.ReentrantHold) {
			if err := by.Delete(within(t), h.Path()); err != nil {
				t.Fatal(err)
			}
		}, recipes.ErrLost},
	} {
		t.Run(each.name, func(t *testing.T) {
			c := dial(t, renewing)
			l := recipes.NewReentrantLock(c, tree(t))
			outer := enterLock(t, l, within(t))
			inner := enterLock(t, l, outer.Context())
			each.lose(t, dial(t), c, outer)
			for _, h := range []*recipes.ReentrantHold{outer, inner} {
				done(t, "the context", h.Context().Done())
				if !errors.Is(context.Cause(h.Context()), each.want) || h.Err() == nil {
					t.Errorf("%v, %v", context.Cause(h.Context()), h.Err())
				}
			}
			if _, err := l.Acquire(context.WithoutCancel(inner.Context())); !errors.Is(err, each.want) {
				t.Errorf("entering what is lost: %v", err)
			}
			if _, err := inner.Commit(within(t), client.CreateOp("/x", nil)); err == nil {
				t.Error("the loser has written")
			}
			leave(t, inner)
			leave(t, outer)
			leave(t, enterLock(t, l, context.WithoutCancel(outer.Context()))) // from the beginning, in the next session if that one has ended
		})
	}
}

// A wait that is given up, or refused, leaves nothing behind.
func TestReentrantLockGivesUp(t *testing.T) {
	path, watcher := tree(t), dial(t)
	l := recipes.NewReentrantLock(dial(t), path)
	h := acquire(t, recipes.NewLock(dial(t), path))
	ctx, cancel := context.WithCancelCause(t.Context())
	over := waitFor(t, watcher, path, func(context.Context) (*recipes.Hold, error) {
		_, err := l.Acquire(ctx)
		return nil, err
	})
	why := errors.New("no time")
	cancel(why)
	refused(t, over, why)
	if _, err := l.TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Error(err)
	}
	eventually(t, "only the holder is left", func() bool { return inLine(t, watcher, path) == 1 })
	release(t, h)
	leave(t, enterLock(t, l, within(t)))
}

// A context that enters again ends with its own deadline, or with the entry, and keeps its values.
func TestReentrantLockWithAnotherContext(t *testing.T) {
	l := recipes.NewReentrantLock(dial(t), tree(t))
	outer := enterLock(t, l, within(t))
	type key struct{}
	why := errors.New("no time")
	request, cancel := context.WithCancelCause(context.WithValue(within(t), key{}, "request"))
	ctx := outer.With(request)
	deadline, _ := request.Deadline()
	if d, ok := ctx.Deadline(); !ok || !d.Equal(deadline) || ctx.Value(key{}) != "request" {
		t.Errorf("deadline %v, %v, value %v", d, ok, ctx.Value(key{}))
	}
	leave(t, enterLock(t, l, ctx))
	cancel(why)
	if _, err := l.Acquire(ctx); !errors.Is(err, why) {
		t.Errorf("when the request is over: %v", err)
	}
	if err := outer.Err(); err != nil {
		t.Error(err)
	}
	ctx = outer.With(within(t))
	inner := enterLock(t, l, ctx)
	leave(t, outer)
	done(t, "the context of what is released", ctx.Done())
	if !errors.Is(context.Cause(ctx), recipes.ErrReleased) || inner.Err() != nil {
		t.Errorf("%v, %v", context.Cause(ctx), inner.Err())
	}
	// The last release ends its own context, and yet waits for the service.
	if err := inner.Release(inner.With(within(t))); err != nil {
		t.Error(err)
	}
	again := enterLock(t, l, within(t))
	if err := again.Release(again.Context()); err != nil {
		t.Error(err)
	}
}
