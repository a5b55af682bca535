package recipes_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// waitFor asks for something in a goroutine and returns when it is in line at path.
func waitFor(t testing.TB, watcher *client.Client, path string, ask func(context.Context) (*recipes.Hold, error)) <-chan grant {
	t.Helper()
	before, grants := inLine(t, watcher, path), make(chan grant, 1)
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	ctx := within(t)
	all.Go(func() {
		h, err := ask(ctx)
		grants <- grant{hold: h, err: err}
	})
	eventually(t, "in line", func() bool { return inLine(t, watcher, path) > before })
	return grants
}

// toWrite is [recipes.RWLock.Write] as a function of the same type as Read.
func toWrite(l *recipes.RWLock) func(context.Context) (*recipes.Hold, error) {
	return func(ctx context.Context) (*recipes.Hold, error) {
		h, err := l.Write(ctx)
		if err != nil {
			return nil, err
		}
		return h.Hold, nil
	}
}

// waits checks that somebody has got nothing yet. That it never will without another's doing, the model test shows.
func waits(t testing.TB, what string, grants <-chan grant) {
	t.Helper()
	select {
	case g := <-grants:
		t.Fatalf("%s does not wait: %v", what, g.err)
	default:
	}
}

func reading(t testing.TB, l *recipes.RWLock) *recipes.Hold {
	t.Helper()
	h, err := l.Read(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func writing(t testing.TB, l *recipes.RWLock) *recipes.WriteHold {
	t.Helper()
	h, err := l.Write(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestReadersShareAndWritersDoNot(t *testing.T) {
	path := tree(t)
	a, b, watcher := recipes.NewRWLock(dial(t), path), recipes.NewRWLock(dial(t), path), dial(t)

	first, second := reading(t, a), reading(t, b)
	writer := waitFor(t, watcher, path, toWrite(a))
	late := waitFor(t, watcher, path, b.Read) // behind the writer, who would wait for ever otherwise
	waits(t, "the writer", writer)
	waits(t, "the late reader", late)
	if _, err := b.TryRead(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("try to read behind a writer: %v", err)
	}
	if _, err := b.TryWrite(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("try to write: %v", err)
	}
	release(t, second)
	waits(t, "the writer", writer)
	release(t, first)
	w := granted(t, writer).hold
	waits(t, "the late reader", late)
	release(t, w)
	r := granted(t, late).hold
	if w.Fence() <= second.Fence() || r.Fence() <= w.Fence() {
		t.Errorf("fences %v, %v, %v", second.Fence(), w.Fence(), r.Fence())
	}
	if h, err := a.TryRead(within(t)); err != nil {
		t.Errorf("try to read with a reader: %v", err)
	} else {
		release(t, h)
	}
	release(t, r)
	if h, err := a.TryWrite(within(t)); err != nil {
		t.Errorf("try to write while it is free: %v", err)
	} else {
		release(t, h.Hold)
	}
}

// A Lock of the same path is a writer.
func TestLockAndRWLockExcludeEachOther(t *testing.T) {
	path := tree(t)
	lock, rw, watcher := recipes.NewLock(dial(t), path), recipes.NewRWLock(dial(t), path), dial(t)
	h := acquire(t, lock)
	reader := waitFor(t, watcher, path, rw.Read)
	writer := waitFor(t, watcher, path, lock.Acquire)
	waits(t, "the reader", reader)
	release(t, h)
	r := granted(t, reader).hold
	waits(t, "the lock", writer)
	release(t, r)
	release(t, granted(t, writer).hold)
}

// A downgrade lets in the readers directly behind, and keeps its place, its fence and its label.
func TestDowngrade(t *testing.T) {
	path := tree(t)
	watcher := dial(t)
	label := []byte("shared\nis no more than a label")
	w := writing(t, recipes.NewRWLock(dial(t), path, recipes.WithLabel(label)))
	fence := w.Fence()
	first := waitFor(t, watcher, path, recipes.NewRWLock(dial(t), path).Read)
	second := waitFor(t, watcher, path, recipes.NewRWLock(dial(t), path).Read)
	writer := waitFor(t, watcher, path, toWrite(recipes.NewRWLock(dial(t), path)))
	late := waitFor(t, watcher, path, recipes.NewRWLock(dial(t), path).Read)
	waits(t, "a reader, whom a label does not let pass,", first)
	for range 2 { // the second time without effect
		if err := w.Downgrade(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	r1, r2 := granted(t, first).hold, granted(t, second).hold
	waits(t, "the next writer", writer)
	waits(t, "the reader behind it", late)
	if err := w.Err(); err != nil || w.Fence() != fence {
		t.Errorf("%v, fence %v, was %v", err, w.Fence(), fence)
	}
	if _, err := w.Commit(within(t), client.CreateOp(path+"-written", nil)); err != nil {
		t.Errorf("commit: %v", err)
	}
	if n, err := watcher.Get(within(t), w.Path()); err != nil || !strings.HasSuffix(string(n.Data), string(label)) {
		t.Errorf("data %q, %v", n.Data, err)
	}
	release(t, r1)
	release(t, w.Hold)
	waits(t, "the next writer", writer)
	release(t, r2)
	next := granted(t, writer).hold
	if next.Fence() <= fence {
		t.Errorf("fence %v after %v", next.Fence(), fence)
	}
	release(t, next)
	release(t, granted(t, late).hold)
	if err := w.Downgrade(within(t)); !errors.Is(err, recipes.ErrReleased) {
		t.Errorf("after the release: %v", err)
	}
}

// Whoever comes while the lock is shared after a downgrade has it at once.
func TestReadersAfterADowngrade(t *testing.T) {
	path := tree(t)
	w := writing(t, recipes.NewRWLock(dial(t), path))
	l := recipes.NewRWLock(dial(t), path)
	if _, err := l.TryRead(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("before: %v", err)
	}
	if err := w.Downgrade(within(t)); err != nil {
		t.Fatal(err)
	}
	h, err := l.TryRead(within(t))
	if err != nil {
		t.Fatal(err)
	}
	release(t, reading(t, l))
	release(t, h)
	release(t, w.Hold)
}

// With a lock-delay, readers wait as well when a writer was lost; after a reader, or a downgraded writer, nobody does.
func TestLockDelayOfReadersAndWriters(t *testing.T) {
	path, watcher := tree(t), dial(t)
	mine := func() (*client.Client, *recipes.RWLock) {
		c := dial(t)
		return c, recipes.NewRWLock(c, path, recipes.LockDelay(300*time.Millisecond))
	}
	for _, downgrade := range []bool{true, false} {
		lost, l := mine()
		w := writing(t, l)
		if downgrade {
			if err := w.Downgrade(within(t)); err != nil {
				t.Fatal(err)
			}
		}
		if err := watcher.KillSession(within(t), lost.Session().ID); err != nil {
			t.Fatal(err)
		}
		_, l = mine()
		h, err := l.TryRead(within(t))
		if downgrade && err != nil || !downgrade && !errors.Is(err, recipes.ErrHeld) {
			t.Fatalf("downgraded: %v, try: %v", downgrade, err)
		}
		if downgrade {
			release(t, h)
			continue
		}
		release(t, reading(t, l))
		release(t, writing(t, l).Hold)
	}
}

// TestRWLockModel: several processes do at random what can be done with a lock. After each grant the tree must say that it was
// right: whoever has the lock to write is first in line, and whoever reads has only those ahead who read. And nobody waits for
// ever.
func TestRWLockModel(t *testing.T) {
	path, watcher := tree(t), dial(t)
	const processes, rounds = 6, 25
	var all sync.WaitGroup
	for p := range processes {
		c := dial(t)
		all.Go(func() {
			random, l := rand.New(rand.NewPCG(uint64(p), 4)), recipes.NewRWLock(c, path, recipes.WithLabel([]byte("shared\n")))
			for range rounds {
				ctx, cancel := context.WithCancel(within(t))
				if random.IntN(4) == 0 {
					looks := random.IntN(8) // some are granted by then
					all.Go(func() {
						for range looks {
							_, _, _ = c.Exists(ctx, path)
						}
						cancel()
					})
				}
				var h *recipes.Hold
				if random.IntN(2) == 0 {
					if h, _ = l.Read(ctx); h != nil {
						allowed(t, c, path, h, false)
					}
				} else if w, _ := l.Write(ctx); w != nil {
					h = w.Hold
					allowed(t, c, path, h, true)
					if random.IntN(2) == 0 {
						if err := w.Downgrade(within(t)); err != nil {
							t.Errorf("downgrade: %v", err)
						}
					}
				}
				if h == nil && !errors.Is(context.Cause(ctx), context.Canceled) {
					t.Error("not granted")
				} else if h != nil {
					if err := h.Release(within(t)); err != nil {
						t.Errorf("release: %v", err)
					}
				}
				cancel()
			}
		})
	}
	all.Wait()
	eventually(t, "nothing is left", func() bool { return inLine(t, watcher, path) == 0 })
}

// allowed checks that a line says that h may have been granted.
func allowed(t testing.TB, c *client.Client, path string, h *recipes.Hold, alone bool) {
	for e, err := range c.List(within(t), path, client.WithStats(), client.WithData()) {
		switch reads := strings.Contains(e.Path, "/read-") || e.Stat.Version > 0; {
		case err != nil:
			t.Error(err)
		case e.Path == path || e.Stat.Czxid >= h.Fence():
		case alone || !reads:
			t.Errorf("%s is granted, alone: %v, and %s is ahead, reads: %v", h.Path(), alone, e.Path, reads)
		}
	}
}
