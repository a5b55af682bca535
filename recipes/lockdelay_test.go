package recipes_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

func TestLockDelayHoldsBackAfterALoss(t *testing.T) {
	root := tree(t)
	const delay = 700 * time.Millisecond
	watcher := view(t, root)
	lock := func() *recipes.Lock { return recipes.NewLock(view(t, root), "/d/l", recipes.LockDelay(delay)) }
	first, second := lock(), lock()
	h := acquire(t, second)
	grants := queueUp(t, t.Context(), watcher, "/d/l", first)
	begin := time.Now()
	if err := watcher.Delete(within(t), h.Path()); err != nil {
		t.Fatal(err)
	}
	done(t, "the context", h.Context().Done())
	if _, err := lock().TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Error(err)
	}
	h = granted(t, grants).hold
	if took := time.Since(begin); took < delay*7/8 {
		t.Errorf("it was free after %v, want %v", took, delay)
	}
	// Nobody waits: the next one who tries finds out, and after the delay gets it.
	if err := watcher.Delete(within(t), h.Path()); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	for {
		h, err := first.TryAcquire(within(t))
		if err == nil {
			release(t, h)
			break
		}
		if !errors.Is(err, recipes.ErrHeld) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < delay*7/8 {
		t.Errorf("it was free after %v, want %v", took, delay)
	}
	eventually(t, "the lock leaves nothing behind", func() bool {
		_, there, err := watcher.Exists(within(t), "/d/l")
		return err == nil && !there
	})
}

func TestLockDelayIsNotForReleases(t *testing.T) {
	root := tree(t)
	lock := func() *recipes.Lock { return recipes.NewLock(view(t, root), "/l", recipes.LockDelay(time.Hour)) }
	first, second := lock(), lock()
	release(t, acquire(t, first))
	h := acquire(t, second)
	grants := queueUp(t, t.Context(), view(t, root), "/l", first)
	release(t, h)
	release(t, granted(t, grants).hold)
	// Nor for acquires that were given up, whenever that was: a mark that is on its way is taken back.
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*17%4000)*time.Microsecond)
		if h, err := first.Acquire(ctx); err == nil {
			release(t, h)
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
	release(t, acquire(t, second))
}

// TestLockDelayOfALostPlace: whoever loses his place while he waits for the delay, or right before his grant, is told.
func TestLockDelayOfALostPlace(t *testing.T) {
	c := view(t, tree(t))
	l := recipes.NewLock(c, "/l", recipes.LockDelay(time.Hour))
	for _, mark := range []string{"", "/l/held", "/l/delay"} {
		path, stat, err := c.Create(within(t), "/l/lock-", nil, client.Ephemeral(), client.Sequential(), client.Parents())
		if err != nil {
			t.Fatal(err)
		}
		if mark != "" {
			if _, _, err := c.Create(within(t), mark, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Delete(within(t), path); err != nil {
			t.Fatal(err)
		}
		if err := recipes.Settle(within(t), l, path, stat); !errors.Is(err, recipes.ErrLost) {
			t.Errorf("with %q: %v", mark, err)
		}
		if _, err := c.DeleteTree(within(t), "/l"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockDelayOfAMomentIsFine(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	l := recipes.NewLock(view(t, root), "/l", recipes.LockDelay(time.Microsecond))
	if err := c.Delete(within(t), acquire(t, l).Path()); err != nil {
		t.Fatal(err)
	}
	release(t, acquire(t, l))
}

// TestLocksAreReleasedWhenTheDiskIsLow: what is refused then is what needs room.
func TestLocksAreReleasedWhenTheDiskIsLow(t *testing.T) {
	var config *server.Config
	cluster := servertest.Start(t, 1, func(c *server.Config) { config = c })
	c := cluster.Client(t)
	holds := []*recipes.Hold{
		acquire(t, recipes.NewLock(c, "/plain")),
		acquire(t, recipes.NewMultiLock(c, []string{"/a", "/b"})),
		acquire(t, recipes.NewLock(c, "/delayed", recipes.LockDelay(time.Hour))),
	}
	cluster.Stop(0)
	config.DiskWatermark = 1 << 60
	cluster.Run(0)
	eventually(t, "the disk is low", func() bool {
		_, _, err := c.Create(within(t), "/x", nil, client.IfAbsent())
		return errors.Is(err, client.ErrNoSpace)
	})
	for _, h := range holds {
		release(t, h)
	}
	if n := inLine(t, c, "/delayed"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}
