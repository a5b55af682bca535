package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// acquire takes a lock that must be had.
func acquire(t testing.TB, l *recipes.Lock) *recipes.Hold {
	t.Helper()
	h, err := l.Acquire(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func release(t testing.TB, h *recipes.Hold) {
	t.Helper()
	if err := h.Release(within(t)); err != nil {
		t.Fatal(err)
	}
}

// grant is how an Acquire in the background ended.
type grant struct {
	who  int
	hold *recipes.Hold
	err  error
}

// queueUp makes each lock Acquire in the background, one after the other, and returns when all are in line at path.
func queueUp(t testing.TB, ctx context.Context, watcher *client.Client, path string, locks ...*recipes.Lock) <-chan grant {
	t.Helper()
	before := inLine(t, watcher, path)
	grants := make(chan grant, len(locks))
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	for i, l := range locks {
		all.Go(func() {
			h, err := l.Acquire(ctx)
			grants <- grant{i, h, err}
		})
		eventually(t, "in line", func() bool { return inLine(t, watcher, path) == before+i+1 })
	}
	return grants
}

func inLine(t testing.TB, c *client.Client, path string) int {
	t.Helper()
	names, _, err := c.Children(within(t), path)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		t.Fatal(err)
	}
	return len(names)
}

func granted(t testing.TB, grants <-chan grant) grant {
	t.Helper()
	select {
	case g := <-grants:
		if g.err != nil {
			t.Fatal(g.err)
		}
		return g
	case <-time.After(30 * time.Second):
		t.Fatal("nobody got the lock within 30 s")
		panic("unreachable")
	}
}

func refused(t testing.TB, grants <-chan grant, want error) {
	t.Helper()
	select {
	case g := <-grants:
		if !errors.Is(g.err, want) {
			t.Fatalf("%v, want %v", g.err, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("still waiting after 30 s, want %v", want)
	}
}

func cause(h *recipes.Hold) error { return context.Cause(h.Context()) }

func TestLockIsHandedOverInTheOrderOfAsking(t *testing.T) {
	root := tree(t)
	holder, watcher := view(t, root), view(t, root)
	h := acquire(t, recipes.NewLock(holder, "/l"))
	var locks []*recipes.Lock
	for range 6 {
		locks = append(locks, recipes.NewLock(view(t, root), "/l"))
	}
	grants := queueUp(t, t.Context(), watcher, "/l", locks...)
	for i := range locks {
		fence := h.Fence()
		if err := h.Err(); err != nil {
			t.Error(err)
		}
		release(t, h)
		if err := cause(h); !errors.Is(err, recipes.ErrReleased) || !errors.Is(h.Err(), recipes.ErrReleased) {
			t.Errorf("after the release: %v, %v", err, h.Err())
		}
		g := granted(t, grants)
		if h = g.hold; g.who != i || h.Fence() <= fence {
			t.Errorf("number %d got it with fence %v after %v, want %d", g.who, h.Fence(), fence, i)
		}
	}
	release(t, h)
	release(t, h) // again is fine
	if n := inLine(t, watcher, "/l"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

func TestLockFencesGrowWhenItsPathIsMadeAgain(t *testing.T) {
	c := view(t, tree(t))
	l := recipes.NewLock(c, "/l")
	var last client.Zxid
	for range 5 {
		h := acquire(t, l)
		if h.Fence() <= last {
			t.Errorf("fence %v after %v", h.Fence(), last)
		}
		last = h.Fence()
		release(t, h)
		if _, err := c.DeleteTree(within(t), "/l"); err != nil && !errors.Is(err, client.ErrNoNode) {
			t.Fatal(err)
		}
	}
}

func TestTryAcquireDoesNotWait(t *testing.T) {
	root := tree(t)
	l, other := recipes.NewLock(view(t, root), "/l"), recipes.NewLock(view(t, root), "/l")
	h, err := l.TryAcquire(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) || err.Error() != "lock /l: held by another: 1 in line" {
		t.Error(err)
	}
	release(t, h)
	if h, err = other.TryAcquire(within(t)); err != nil {
		t.Fatal(err)
	}
	release(t, h)
}

// TestTryAcquireIsHadByOne: those who try at the same time do not all give way to each other for ever, and never two have it.
func TestTryAcquireIsHadByOne(t *testing.T) {
	root := tree(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	holders, had := 0, 0
	for range 4 {
		l := recipes.NewLock(view(t, root), "/l")
		all.Go(func() {
			for range 40 {
				h, err := l.TryAcquire(within(t))
				if errors.Is(err, recipes.ErrHeld) {
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if holders++; holders > 1 {
					t.Error("two have it")
				}
				had++
				mu.Unlock()
				mu.Lock()
				holders--
				mu.Unlock()
				if err := h.Release(within(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if had == 0 {
		t.Error("nobody ever had it")
	}
	if n := inLine(t, view(t, root), "/l"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

func TestWaitForALockEndsWithItsContext(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	h := acquire(t, recipes.NewLock(view(t, root), "/l"))
	waiting, leave := context.WithCancelCause(t.Context())
	quits := queueUp(t, waiting, watcher, "/l", recipes.NewLock(view(t, root), "/l"))
	stays := queueUp(t, t.Context(), watcher, "/l", recipes.NewLock(view(t, root), "/l"))
	changed := errors.New("changed his mind")
	leave(changed)
	refused(t, quits, changed)
	if n := inLine(t, watcher, "/l"); n != 2 {
		t.Errorf("%d are in line after one of three has left", n)
	}
	release(t, h)
	release(t, granted(t, stays).hold) // the one behind it has found another to wait for
}

// TestCancelledWaitsLeaveNothing: whenever the context ends, before, during and after the request is sent.
func TestCancelledWaitsLeaveNothing(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	h := acquire(t, recipes.NewLock(view(t, root), "/l"))
	c := view(t, root)
	for i := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*13%3000)*time.Microsecond)
		if _, err := recipes.NewLock(c, "/l").Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	eventually(t, "only the holder is in line", func() bool { return inLine(t, watcher, "/l") == 1 })
	release(t, h)
}

func TestMultiLockIsAllOrNone(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	both := recipes.NewMultiLock(view(t, root), []string{"/b", "/a", "/b"})
	h := acquire(t, recipes.NewLock(view(t, root), "/a"))
	if _, err := both.TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Error(err)
	}
	if n := inLine(t, watcher, "/b"); n != 0 {
		t.Errorf("%d in line for what it could have had alone", n)
	}
	grants := queueUp(t, t.Context(), watcher, "/b", both)
	if _, err := recipes.NewLock(view(t, root), "/b").TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Error(err)
	}
	release(t, h)
	h = granted(t, grants).hold
	if n := len(h.Checks()); n != 2 {
		t.Errorf("%d checks", n)
	}
	if _, err := watcher.DeleteTree(within(t), "/b"); err != nil { // one of two is lost: all is
		t.Fatal(err)
	}
	done(t, "the context", h.Context().Done())
	if _, err := h.Commit(within(t), client.CreateOp("/x", nil)); !errors.Is(err, recipes.ErrLost) {
		t.Error(err)
	}
	release(t, h)
	if n := inLine(t, watcher, "/a"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

// TestMultiLocksDoNotDeadlock: whoever wants several gets in all lines in one transaction, so nobody waits in a circle.
func TestMultiLocksDoNotDeadlock(t *testing.T) {
	root := tree(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	holder := map[string]int{}
	for who := range 4 {
		c := view(t, root)
		all.Go(func() {
			for i := range 12 {
				paths := []string{fmt.Sprintf("/%d", (who+i)%3), fmt.Sprintf("/%d", (who+2*i+1)%3)}
				h, err := recipes.NewMultiLock(c, paths).Acquire(within(t))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, p := range paths {
					if other, taken := holder[p]; taken && other != who {
						t.Errorf("%s is had by %d and %d", p, other, who)
					}
					holder[p] = who
				}
				mu.Unlock()
				mu.Lock()
				for _, p := range paths {
					delete(holder, p)
				}
				mu.Unlock()
				if err := h.Release(within(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestCommitWritesOnlyWhileTheLockIsHeld(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	h := acquire(t, recipes.NewLock(c, "/l"))
	results, err := h.Commit(within(t), client.CreateOp("/x", []byte("1")), client.GetOp("/x"))
	if err != nil || len(results) != 2 || results[0].Path != "/x" || string(results[1].Data) != "1" {
		t.Fatalf("%v, %v", results, err)
	}
	// A refusal of the user's own operation is told as such, by its own index.
	_, err = h.Commit(within(t), client.GetOp("/x"), client.CreateOp("/x", nil))
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Index != 1 || !errors.Is(err, client.ErrNodeExists) {
		t.Errorf("%v", err)
	}
	// One that looks like the lock's own is not taken for it.
	if _, err = h.Commit(within(t), client.DeleteOp("/nothing")); errors.Is(err, recipes.ErrLost) || !errors.Is(err, client.ErrNoNode) {
		t.Errorf("%v", err)
	}
	// In a transaction of the user's own.
	result, err := c.Txn(within(t), client.If(h.Checks()...).Then(client.SetOp("/x", []byte("2"))))
	if err != nil || !result.Held {
		t.Errorf("%v, %v", result, err)
	}
	release(t, h)
	if _, err := h.Commit(within(t), client.SetOp("/x", nil)); !errors.Is(err, recipes.ErrReleased) {
		t.Error(err)
	}
	result, err = c.Txn(within(t), client.If(h.Checks()...).Then(client.SetOp("/x", []byte("3"))))
	if err != nil || result.Held {
		t.Errorf("%v, %v", result, err)
	}
}

// TestMultiLockLooksAfterAllItsPlaces: what it has had in one line while it waited in another may be gone when it gets the rest.
func TestMultiLockLooksAfterAllItsPlaces(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	h := acquire(t, recipes.NewLock(view(t, root), "/b"))
	grants := queueUp(t, t.Context(), watcher, "/b", recipes.NewMultiLock(view(t, root), []string{"/a", "/b"}))
	if _, err := watcher.DeleteTree(within(t), "/a"); err != nil {
		t.Fatal(err)
	}
	other := acquire(t, recipes.NewLock(watcher, "/a"))
	release(t, h)
	refused(t, grants, recipes.ErrLost)
	if n := inLine(t, watcher, "/b"); n != 0 {
		t.Errorf("%d are in line at the other path", n)
	}
	release(t, other)
	if _, err := recipes.NewMultiLock(watcher, nil).Acquire(within(t)); !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("a lock of no path: %v", err)
	}
}

// TestALineHasOnlyThoseWhoStandInIt: a path may have other children, numbered ones too.
func TestALineHasOnlyThoseWhoStandInIt(t *testing.T) {
	c := view(t, tree(t))
	for range 3 {
		if _, _, err := c.Create(within(t), "/orders/order-", nil, client.Sequential(), client.Parents()); err != nil {
			t.Fatal(err)
		}
	}
	h, err := recipes.NewLock(c, "/orders").TryAcquire(within(t))
	if err != nil {
		t.Fatal(err)
	}
	release(t, h)
	release(t, acquire(t, recipes.NewLock(c, "/orders")))
}

// TestACommitThatWasInterruptedIsNoRefusal: if the hold's own context ends meanwhile the transaction may have been carried out.
func TestACommitThatWasInterruptedIsNoRefusal(t *testing.T) {
	c := view(t, tree(t))
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		h := acquire(t, recipes.NewLock(c, "/l"))
		go cancel(recipes.ErrLost)
		if _, err := h.Commit(ctx, client.CreateOp("/x-", nil, client.Sequential())); err != nil {
			if _, waited := errors.AsType[*client.WaitError](err); !waited || errors.Is(err, recipes.ErrLost) || !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		release(t, h)
	}
}

func TestReleaseWithTheHoldsOwnContext(t *testing.T) {
	c := view(t, tree(t))
	h := acquire(t, recipes.NewLock(c, "/l"))
	ctx, cancel := context.WithTimeout(h.Context(), time.Hour)
	defer cancel()
	if err := h.Release(ctx); err != nil {
		t.Error(err)
	}
	if n := inLine(t, c, "/l"); n != 0 {
		t.Errorf("%d are in line", n)
	}
}

func TestReleaseWithAnEndedContextReleases(t *testing.T) {
	root := tree(t)
	c, other := view(t, root), recipes.NewLock(view(t, root), "/l")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 30 {
		if err := acquire(t, recipes.NewLock(c, "/l")).Release(ended); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		release(t, acquire(t, other))
	}
}

// TestAnEndedContextCostsNothing: whoever calls with one again and again does not write to the log.
func TestAnEndedContextCostsNothing(t *testing.T) {
	c := view(t, tree(t))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Sync(within(t)); err != nil {
		t.Fatal(err)
	}
	before := c.LastZxid()
	for range 10 {
		if _, err := recipes.NewLock(c, "/l").Acquire(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	_, there, err := c.Exists(within(t), "/l")
	if err != nil || there {
		t.Errorf("the line is there: %v, %v; zxid %v before, %v after", there, err, before, c.LastZxid())
	}
}

// TestAWaitTellsWhyItsContextHasEnded: the kind of the end and its cause, but not so that it passes for an answer of the lock.
func TestAWaitTellsWhyItsContextHasEnded(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	h := acquire(t, recipes.NewLock(view(t, root), "/l"))
	mine := errors.New("changed his mind")
	for _, each := range []struct {
		cause error
		told  bool
	}{{mine, true}, {context.Canceled, true}, {recipes.ErrLost, false}, {client.ErrSessionExpired, false}, {client.ErrClosed, false}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		grants := queueUp(t, ctx, watcher, "/l", recipes.NewLock(view(t, root), "/l"))
		cancel(each.cause)
		g := <-grants
		if !errors.Is(g.err, context.Canceled) || errors.Is(g.err, each.cause) != each.told {
			t.Errorf("%v: %v", each.cause, g.err)
		}
	}
	release(t, h)
}
