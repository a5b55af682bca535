package recipes_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// permits takes permits that must be had.
func permits(t testing.TB, s *recipes.Semaphore, n int) *recipes.Hold {
	t.Helper()
	h, err := s.Acquire(within(t), n)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// forPermits is [recipes.Semaphore.Acquire] of n.
func forPermits(s *recipes.Semaphore, n int) func(context.Context) (*recipes.Hold, error) {
	return func(ctx context.Context) (*recipes.Hold, error) { return s.Acquire(ctx, n) }
}

func TestSemaphoreGrantsInTheOrderOfAsking(t *testing.T) {
	path, watcher := tree(t), dial(t)
	s := func() *recipes.Semaphore { return recipes.NewSemaphore(dial(t), path, 3) }
	first, second := permits(t, s(), 2), permits(t, s(), 1)
	many := waitFor(t, watcher, path+"/queue", forPermits(s(), 3))
	few := waitFor(t, watcher, path+"/queue", forPermits(s(), 1))
	for _, n := range []int{1, 3} {
		if _, err := s().TryAcquire(within(t), n); !errors.Is(err, recipes.ErrHeld) {
			t.Errorf("try %d: %v", n, err)
		}
	}
	release(t, first)
	waits(t, "the one who wants all permits", many)
	waits(t, "the one behind, who could have one,", few) // is not let past, so that nobody waits for ever
	release(t, second)
	all := granted(t, many).hold
	waits(t, "the one behind", few)
	if all.Fence() <= second.Fence() || second.Fence() <= first.Fence() {
		t.Errorf("fences %v, %v, %v", first.Fence(), second.Fence(), all.Fence())
	}
	if _, err := all.Commit(within(t), client.CreateOp(path+"-written", nil)); err != nil {
		t.Error(err)
	}
	release(t, all)
	last := granted(t, few).hold
	h, err := s().TryAcquire(within(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s().TryAcquire(within(t), 1); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("try with all out: %v", err)
	}
	release(t, last)
	release(t, h)
}

// The number of permits is the service's, and who was told another one is told so.
func TestSemaphorePermits(t *testing.T) {
	path := tree(t)
	c := dial(t)
	follower := recipes.NewSemaphore(c, path, 0)
	mismatch := func(err error, asked, set int) {
		t.Helper()
		if e, ok := errors.AsType[*recipes.PermitsError](err); !ok || e.Asked != asked || e.Set != set {
			t.Errorf("%v, want %d asked for and %d set", err, asked, set)
		}
	}
	_, err := follower.Acquire(within(t), 1)
	mismatch(err, 0, 0)
	release(t, permits(t, recipes.NewSemaphore(c, path, 5), 5))
	_, err = recipes.NewSemaphore(c, path, 7).Acquire(within(t), 1)
	mismatch(err, 7, 5)
	for _, s := range []*recipes.Semaphore{follower, recipes.NewSemaphore(c, path, 5)} {
		if _, err := s.Acquire(within(t), 6); !errors.Is(err, client.ErrTooMany) {
			t.Errorf("6 of 5: %v", err)
		}
		if _, err := s.Acquire(within(t), 0); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("0 of 5: %v", err)
		}
	}
	if err := follower.SetPermits(within(t), 0); !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("set 0: %v", err)
	}
	seven := recipes.NewSemaphore(c, path, 5)
	if err := seven.SetPermits(within(t), 7); err != nil {
		t.Fatal(err)
	}
	release(t, permits(t, seven, 7))
	release(t, permits(t, follower, 7))
	_, err = recipes.NewSemaphore(c, path, 5).Acquire(within(t), 1)
	mismatch(err, 5, 7)
	if _, err := c.Set(within(t), path, []byte("many")); err != nil {
		t.Fatal(err)
	}
	_, err = follower.Acquire(within(t), 1)
	mismatch(err, 0, 0)
	_, err = seven.Acquire(within(t), 1)
	mismatch(err, 7, 0)
	// A node without data is one without a number.
	if _, err := c.Set(within(t), path, nil); err != nil {
		t.Fatal(err)
	}
	release(t, permits(t, seven, 1))
	release(t, permits(t, follower, 7))
	if names, _, err := c.Children(within(t), path+"/queue"); err == nil && len(names) > 0 {
		t.Errorf("%v are left in the queue", names)
	}
}

// Whoever waits is told when there are more permits, or never enough any more.
func TestSetPermitsWhileSomebodyWaits(t *testing.T) {
	path, watcher := tree(t), dial(t)
	s := recipes.NewSemaphore(dial(t), path, 2)
	one := permits(t, s, 1)
	want2 := waitFor(t, watcher, path+"/queue", forPermits(s, 2))
	waits(t, "the second", want2)
	if err := s.SetPermits(within(t), 3); err != nil {
		t.Fatal(err)
	}
	two := granted(t, want2).hold
	want3 := waitFor(t, watcher, path+"/queue", forPermits(s, 3))
	want1 := waitFor(t, watcher, path+"/queue", forPermits(s, 1))
	if err := s.SetPermits(within(t), 1); err != nil {
		t.Fatal(err)
	}
	refused(t, want3, client.ErrTooMany)
	release(t, one)
	waits(t, "the third, of one permit while two are out,", want1)
	if err := two.Err(); err != nil {
		t.Error(err)
	}
	release(t, two)
	release(t, granted(t, want1).hold)
}

// What the doc comments say that it costs, in writes of a session, while nobody else is there.
func TestWritesOfAHold(t *testing.T) {
	c, watcher := dial(t), dial(t)
	writes := func() uint64 {
		for s, err := range watcher.Sessions(within(t)) {
			if err != nil {
				t.Fatal(err)
			}
			if s.ID == c.Session().ID {
				return s.Writes
			}
		}
		t.Fatal("no session")
		return 0
	}
	read := recipes.NewRWLock(c, tree(t)).Read
	lease, reentrant := recipes.NewLease(c, tree(t)), recipes.NewReentrantLock(c, tree(t))
	for _, each := range []struct {
		what string
		want uint64
		do   func()
	}{
		{"read", 2, func() {
			h, err := read(within(t))
			if err != nil {
				t.Fatal(err)
			}
			release(t, h)
		}},
		{"permits", 3, func() { release(t, permits(t, recipes.NewSemaphore(c, "/"+t.Name(), 3), 3)) }},
		{"lease", 3, func() {
			h := leased(t, lease, time.Minute)
			if err := errors.Join(h.Renew(within(t)), h.Release(within(t))); err != nil {
				t.Fatal(err)
			}
		}},
		{"two entries", 2, func() {
			outer := enterLock(t, reentrant, within(t))
			leave(t, enterLock(t, reentrant, outer.Context()))
			leave(t, outer)
		}},
	} {
		before := writes()
		if each.do(); writes()-before != each.want {
			t.Errorf("%s: %d writes, want %d", each.what, writes()-before, each.want)
		}
	}
}

// A number that is written in another way than the semaphore writes it is none.
func TestSemaphoreTakesItsOwnNumbersOnly(t *testing.T) {
	c := dial(t)
	for _, data := range []string{"05", "+5", " 5", "-5", "0"} {
		path := tree(t)
		if _, _, err := c.Create(within(t), path, []byte(data)); err != nil {
			t.Fatal(err)
		}
		for _, asked := range []int{5, 0} {
			_, err := recipes.NewSemaphore(c, path, asked).Acquire(within(t), 1)
			if e, ok := errors.AsType[*recipes.PermitsError](err); !ok || *e != (recipes.PermitsError{Asked: asked}) {
				t.Errorf("%q, %d asked for: %v", data, asked, err)
			}
		}
	}
}

// Who leaves the number to the service and comes while it is being set has it, or is told that there is none yet.
func TestSemaphoreWithoutANumberWhileItIsSet(t *testing.T) {
	setter, c := dial(t), dial(t)
	for range 100 {
		path := tree(t)
		set := make(chan error, 1)
		go func() { set <- recipes.NewSemaphore(setter, path, 0).SetPermits(within(t), 5) }()
		h, err := recipes.NewSemaphore(c, path, 0).Acquire(within(t), 1)
		if e, ok := errors.AsType[*recipes.PermitsError](err); err != nil && (!ok || *e != recipes.PermitsError{}) {
			t.Error(err)
		}
		if err == nil {
			release(t, h)
		}
		if err := <-set; err != nil {
			t.Fatal(err)
		}
	}
}

func TestSemaphoreOfManyPermits(t *testing.T) {
	s := recipes.NewSemaphore(dial(t), tree(t), math.MaxInt)
	h := permits(t, s, 1)
	if _, err := s.TryAcquire(within(t), math.MaxInt); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("one more than there are: %v", err)
	}
	release(t, h)
}

// Whoever gives up, be it in the middle of the grant, has no permits and no place afterwards.
func TestSemaphoreGivenUpAtAnyMoment(t *testing.T) {
	path, watcher := tree(t), dial(t)
	if err := recipes.NewSemaphore(watcher, path, 3).SetPermits(within(t), 3); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for p := range 6 {
		c, random := dial(t), rand.New(rand.NewPCG(uint64(p), 6))
		all.Go(func() {
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(4000))*time.Microsecond)
				h, err := recipes.NewSemaphore(c, path, 3).Acquire(ctx, 1+random.IntN(2))
				cancel()
				if err == nil {
					err = h.Release(within(t))
				} else if errors.Is(err, context.DeadlineExceeded) {
					err = nil
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, name := range []string{"/permits", "/queue"} {
		eventually(t, name+" is empty", func() bool { return inLine(t, watcher, path+name) == 0 })
	}
}
