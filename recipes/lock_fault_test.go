package recipes_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

func shortSession(c *client.Config) { c.SessionTimeout = time.Second }
func renewing(c *client.Config)     { c.Renew = true }

// TestLockUnderFaults: what each fault means for who holds a lock and for who waits.
func TestLockUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	watcher := cluster.Client(t)
	dial := func(change ...func(*client.Config)) *client.Client { return cluster.Client(t, change...) }

	t.Run("the holder's session is ended", func(t *testing.T) {
		const path = "/ended"
		holder, waiter := dial(), dial()
		h := acquire(t, recipes.NewLock(holder, path))
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		cluster.ExpireSession(holder.Session().ID)
		next := granted(t, grants).hold
		done(t, "the loser's context", h.Context().Done())
		if !errors.Is(cause(h), client.ErrSessionExpired) {
			t.Error(cause(h))
		}
		if _, err := h.Commit(within(t), client.CreateOp("/x", nil)); err == nil {
			t.Error("the loser has written")
		}
		release(t, h)
		release(t, next)
	})

	t.Run("the holder is paused past its timeout, and comes back", func(t *testing.T) {
		const path = "/paused"
		holder, waiter := dial(shortSession), dial()
		h := acquire(t, recipes.NewLock(holder, path))
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		id := holder.Session().ID
		cluster.HoldSession(id)
		next := granted(t, grants).hold
		if h.Err() == nil || h.Context().Err() == nil || !errors.Is(cause(h), client.ErrSuspect) {
			t.Errorf("the next one has it, and the last one's hold has ended with %v, %v", cause(h), h.Err())
		}
		if next.Fence() <= h.Fence() {
			t.Errorf("fence %v after %v", next.Fence(), h.Fence())
		}
		cluster.ReleaseSession(id)
		if _, err := h.Commit(within(t), client.CreateOp("/x", nil)); err == nil {
			t.Error("the loser has written")
		}
		if err := next.Err(); err != nil {
			t.Error(err)
		}
		release(t, next)
	})

	t.Run("the waiter's session is ended", func(t *testing.T) {
		const path = "/waiting"
		holder, waiter := dial(), dial(renewing)
		h := acquire(t, recipes.NewLock(holder, path))
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		cluster.ExpireSession(waiter.Session().ID)
		refused(t, grants, client.ErrSessionExpired)
		// It asks again in its next session.
		grants = queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		release(t, h)
		release(t, granted(t, grants).hold)
	})

	t.Run("a hold does not pass into the next session", func(t *testing.T) {
		const path = "/renewed"
		holder := dial(renewing)
		h := acquire(t, recipes.NewLock(holder, path))
		cluster.ExpireSession(holder.Session().ID)
		done(t, "the context", h.Context().Done())
		again := acquire(t, recipes.NewLock(holder, path))
		if h.Err() == nil || again.Err() != nil || again.Fence() <= h.Fence() {
			t.Errorf("%v, %v; fences %v, %v", h.Err(), again.Err(), h.Fence(), again.Fence())
		}
		release(t, h) // not the new one's
		if err := again.Err(); err != nil {
			t.Error(err)
		}
		if _, err := again.Commit(within(t), client.CreateOp("/y", nil)); err != nil {
			t.Error(err)
		}
		release(t, again)
	})

	t.Run("a stranger deletes the nodes", func(t *testing.T) {
		const path = "/deleted"
		h := acquire(t, recipes.NewLock(dial(), path))
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(dial(), path))
		if _, err := watcher.DeleteTree(within(t), path); err != nil {
			t.Fatal(err)
		}
		done(t, "the context", h.Context().Done())
		if !errors.Is(cause(h), recipes.ErrLost) {
			t.Error(cause(h))
		}
		refused(t, grants, recipes.ErrLost)
		release(t, h)
	})

	t.Run("connections break, and answers are lost", func(t *testing.T) {
		const path = "/cut"
		holder, waiter := dial(), dial()
		lost := cluster.DropReply(holder.Session().ID)
		h := acquire(t, recipes.NewLock(holder, path))
		done(t, "the loss of the reply", lost)
		if n := inLine(t, watcher, path); n != 1 {
			t.Errorf("%d nodes for one acquire", n)
		}
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		for i := range cluster.Len() {
			cluster.CutClients(i)
		}
		if err := h.Err(); err != nil {
			t.Error(err)
		}
		lost = cluster.DropReply(holder.Session().ID)
		release(t, h)
		done(t, "the loss of the reply", lost)
		release(t, granted(t, grants).hold)
	})

	t.Run("the server that the holder is on is cut off from the others", func(t *testing.T) {
		const path = "/partitioned"
		holder := dial()
		h := acquire(t, recipes.NewLock(holder, path))
		at := int(holder.Session().Server) - 1
		cluster.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(dial(), path))
		// The holder goes to another server and still has it: nobody else got it.
		if _, err := h.Commit(within(t), client.CreateOp("/held-on", nil)); err != nil {
			t.Error(err)
		}
		if err := h.Err(); err != nil {
			t.Error(err)
		}
		release(t, h)
		release(t, granted(t, grants).hold)
		cluster.Heal()
	})

	t.Run("the client is closed while it waits", func(t *testing.T) {
		const path = "/closed"
		h := acquire(t, recipes.NewLock(dial(), path))
		waiter := dial()
		grants := queueUp(t, t.Context(), watcher, path, recipes.NewLock(waiter, path))
		if err := waiter.Close(within(t)); err != nil {
			t.Fatal(err)
		}
		refused(t, grants, client.ErrClosed)
		if n := inLine(t, watcher, path); n != 1 {
			t.Errorf("%d are in line", n)
		}
		release(t, h)
	})

	t.Run("an export fails while somebody gives up", func(t *testing.T) {
		const path = "/exporting"
		h := acquire(t, recipes.NewLock(dial(), path))
		waiter := dial()
		waiting, leave := context.WithCancel(t.Context())
		grants := queueUp(t, waiting, watcher, path, recipes.NewLock(waiter, path))
		id := waiter.Session().ID
		cluster.HoldSession(id)
		exporting, stop := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := waiter.Export(exporting)
			failed <- err
		}()
		eventually(t, "the export has begun", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, _, err := waiter.Exists(ctx, "/")
			return errors.Is(err, client.ErrHandedOver)
		})
		leave()
		if g := <-grants; !errors.Is(g.err, context.Canceled) && !errors.Is(g.err, client.ErrHandedOver) { // the latter if it was asking just then
			t.Error(g.err)
		}
		stop()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("export: %v", err)
		}
		cluster.ReleaseSession(id)
		eventually(t, "the place is taken back", func() bool { return inLine(t, watcher, path) == 1 })
		release(t, h)
	})

	t.Run("the session is handed over, and the lock with it", func(t *testing.T) {
		const path = "/handed-over"
		old, delay := dial(), recipes.LockDelay(time.Hour) // which is not for this
		h := acquire(t, recipes.NewLock(old, path, delay))
		before := inLine(t, watcher, path)
		grants := make(chan grant, 1)
		successor := dial()
		var waiting sync.WaitGroup
		defer waiting.Wait()
		waiting.Go(func() {
			h, err := recipes.NewLock(successor, path, delay).Acquire(within(t))
			grants <- grant{0, h, err}
		})
		eventually(t, "in line", func() bool { return inLine(t, watcher, path) == before+1 })
		token, err := old.Export(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(h.Err(), client.ErrHandedOver) {
			t.Error(h.Err())
		}
		heir := dial(func(c *client.Config) { c.Handover = token })
		again, err := recipes.NewLock(heir, path, delay).Resume(within(t), h.Path())
		if err != nil {
			t.Fatal(err)
		}
		if again.Fence() != h.Fence() || again.Err() != nil {
			t.Errorf("fence %v, was %v; %v", again.Fence(), h.Fence(), again.Err())
		}
		if _, err := again.Commit(within(t), client.CreateOp("/by-the-heir", nil)); err != nil {
			t.Error(err)
		}
		if _, err := recipes.NewLock(dial(), path).Resume(within(t), h.Path()); !errors.Is(err, recipes.ErrLost) {
			t.Errorf("another session's: %v", err)
		}
		release(t, again)
		release(t, granted(t, grants).hold)
	})

	t.Run("a second release listens to its own context", func(t *testing.T) {
		c := dial()
		h := acquire(t, recipes.NewLock(c, "/second"))
		id := c.Session().ID
		cluster.HoldSession(id)
		first := make(chan error, 1)
		go func() { first <- h.Release(within(t)) }()
		done(t, "the context", h.Context().Done())
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := h.Release(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cluster.ReleaseSession(id)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
