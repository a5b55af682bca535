package recipes_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// sum is what an Add has said.
type sum struct{ before, after int64 }

// oneAfterTheOther checks that sums are those of a counter that began at 0, and returns the last.
func oneAfterTheOther(t *testing.T, sums []sum) (last int64) {
	t.Helper()
	slices.SortFunc(sums, func(a, b sum) int { return cmp.Compare(a.after, b.after) })
	for _, s := range sums {
		if s.before != last {
			t.Errorf("%d became %d, but it was %d", s.before, s.after, last)
		}
		last = s.after
	}
	return last
}

// addUp lets callers add positive numbers to their counters at the same time.
func addUp(t *testing.T, counters []*recipes.Counter, callers, each int) (sums []sum) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, n := range counters {
		for j := range callers {
			random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			all.Go(func() {
				for range each {
					delta := 1 + random.Int64N(1000)
					after, err := n.Add(within(t), delta)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					sums = append(sums, sum{after - delta, after})
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return sums
}

func TestCounterAddsOneAfterTheOther(t *testing.T) {
	path := tree(t)
	counters := make([]*recipes.Counter, 4)
	for i := range counters {
		counters[i] = recipes.NewCounter(dial(t), path+"/a/b")
	}
	last := oneAfterTheOther(t, addUp(t, counters, 8, 20))
	if now, err := counters[0].Get(within(t)); now != last || err != nil {
		t.Errorf("%d, not %d: %v", now, last, err)
	}
}

func TestCounterAddsOnceWhateverBreaks(t *testing.T) {
	cluster := servertest.Start(t, 3)
	counters := make([]*recipes.Counter, 3)
	clients := make([]*client.Client, len(counters))
	for i := range counters {
		clients[i] = cluster.Client(t)
		counters[i] = recipes.NewCounter(clients[i], "/n")
	}
	var lost []<-chan struct{}
	for _, c := range clients {
		lost = append(lost, cluster.DropReply(c.Session().ID), cluster.DropReply(c.Session().ID))
	}
	over := make(chan []sum)
	go func() { over <- addUp(t, counters, 2, 40) }()
	for _, l := range lost {
		done(t, "a lost reply", l)
	}
	leader := cluster.Leader()
	cluster.Partition([]int{leader}, []int{(leader + 1) % 3, (leader + 2) % 3})
	cluster.CutClients((leader + 1) % 3)
	eventually(t, "another leader", func() bool { return cluster.Leader() != leader })
	cluster.Heal()
	sums := <-over
	last := oneAfterTheOther(t, sums)
	if now, err := counters[0].Get(within(t)); now != last || err != nil {
		t.Errorf("%d, not %d: %v", now, last, err)
	}
}

func TestCounterRefusesWhatDoesNotFit(t *testing.T) {
	c := dial(t)
	path := tree(t)
	n := recipes.NewCounter(c, path)
	if now, err := n.Get(within(t)); now != 0 || err != nil {
		t.Errorf("none: %d %v", now, err)
	}
	for _, start := range []struct{ number, delta int64 }{{math.MaxInt64, 1}, {math.MinInt64, -1}, {1, math.MaxInt64}, {-2, math.MinInt64}} {
		if err := n.Set(within(t), start.number); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Add(within(t), start.delta); !errors.Is(err, recipes.ErrOverflow) {
			t.Errorf("%d and %d: %v", start.number, start.delta, err)
		}
		if now, err := n.Get(within(t)); now != start.number || err != nil {
			t.Errorf("%d, not %d: %v", now, start.number, err)
		}
	}
	if _, err := c.Set(within(t), path, []byte("many")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Get(within(t)); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if _, err := n.Add(within(t), 1); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if data, err := c.Get(within(t), path); string(data.Data) != "many" || err != nil {
		t.Errorf("%q %v", data.Data, err)
	}
	if err := n.Set(within(t), -5); err != nil {
		t.Error(err)
	}
	if now, err := n.Add(within(t), 3); now != -2 || err != nil {
		t.Errorf("%d %v", now, err)
	}
}

// What a Counter remembers is only a guess: what others have done meanwhile decides.
func TestCounterComparesWithWhatIsThere(t *testing.T) {
	c := dial(t)
	path := tree(t)
	n, other := recipes.NewCounter(c, path), recipes.NewCounter(dial(t), path)
	if now, swapped, err := n.CompareAndSet(within(t), 1, 2); now != 0 || swapped || err != nil {
		t.Errorf("%d %v %v", now, swapped, err)
	}
	if now, swapped, err := n.CompareAndSet(within(t), 0, math.MaxInt64); now != math.MaxInt64 || !swapped || err != nil {
		t.Errorf("%d %v %v", now, swapped, err)
	}
	if err := other.Set(within(t), 4); err != nil {
		t.Fatal(err)
	}
	if now, err := n.Add(within(t), 1); now != 5 || err != nil {
		t.Errorf("%d %v", now, err)
	}
	if err := c.Delete(within(t), path); err != nil {
		t.Fatal(err)
	}
	if now, swapped, err := n.CompareAndSet(within(t), 0, 9); now != 9 || !swapped || err != nil {
		t.Errorf("%d %v %v", now, swapped, err)
	}
}

func TestCounterOfCallersWhoGiveUp(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	n := recipes.NewCounter(c, "/n")
	if _, err := n.Add(within(t), 1); err != nil {
		t.Fatal(err)
	}
	cluster.HoldSession(c.Session().ID)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := n.Add(ctx, 1); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	cancel()
	all.Wait() // nobody waits for the service
	cluster.ReleaseSession(c.Session().ID)
	now, err := n.Add(within(t), 100)
	if now < 101 || now > 111 || err != nil {
		t.Errorf("%d %v", now, err)
	}
	cluster.ExpireSession(c.Session().ID)
	if _, err := n.Add(within(t), 1); !errors.Is(err, client.ErrSessionExpired) {
		t.Error(err)
	}
}

// What ends a caller's waiting says nothing about his part, even if it would as the answer to a call.
func TestCounterDoesNotTakeTheCauseOfAnEndForAnAnswer(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, other := cluster.Client(t), cluster.Client(t)
	n := recipes.NewCounter(c, "/n")
	_, err := n.Add(within(t), 1)
	must(t, err)
	_, none := other.Get(within(t), "/none")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, late := other.Get(ended, "/none")
	cluster.HoldSession(c.Session().ID)
	for _, cause := range []error{client.ErrClosed, none, late, recipes.ErrLost} {
		ctx, cancel := context.WithCancelCause(t.Context())
		adds := background(func() error { _, err := n.Add(ctx, 1); return err })
		cancel(cause)
		err := outcome(t, "adding", adds)
		if client.NotApplied(err) || client.Retryable(err) || client.Unknown(err) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v: not applied %v, retryable %v, unknown %v",
				err, client.NotApplied(err), client.Retryable(err), client.Unknown(err))
		}
	}
	cluster.ReleaseSession(c.Session().ID)
}

// givenUp makes calls one after the other that are given up, and returns a function that says how many are still remembered.
func givenUp(t *testing.T, call func(context.Context)) (left func() int) {
	type of struct{}
	var marks []weak.Pointer[[64]byte]
	for range 30 {
		mark := new([64]byte)
		marks = append(marks, weak.Make(mark))
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), of{}, mark), time.Millisecond)
		call(ctx)
		cancel()
	}
	return func() (n int) {
		runtime.GC()
		for _, m := range marks {
			if m.Value() != nil {
				n++
			}
		}
		return n
	}
}

func TestCounterForgetsCallersWhoGiveUp(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	n := recipes.NewCounter(c, "/n")
	_, err := n.Add(within(t), 1)
	must(t, err)
	cluster.HoldSession(c.Session().ID)
	left := givenUp(t, func(ctx context.Context) { _, _ = n.Add(ctx, 1) })
	eventually(t, "all but those of the write under way are forgotten", func() bool { return left() < 10 })
	cluster.ReleaseSession(c.Session().ID)
}

func TestCounterGivesEachProcessItsTurn(t *testing.T) {
	const processes, most, least = 8, 60, 6
	path := tree(t)
	var counts [processes]atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for i := range processes {
		n := recipes.NewCounter(dial(t), path)
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := n.Add(within(t), 1); err != nil {
					t.Error(err)
					return
				}
				if counts[i].Add(1) == most {
					stop()
				}
			}
		})
	}
	all.Wait()
	for i := range processes {
		if n := counts[i].Load(); n < least {
			t.Errorf("one added %d times while another did %d times", n, most)
		}
	}
}

// The line is a courtesy: neither does somebody in it who stands still hold up the others, nor does it matter who deletes what
// in it.
func TestCounterDoesNotDependOnItsLine(t *testing.T) {
	c, stranger := dial(t), dial(t)
	path := tree(t)
	n := recipes.NewCounter(c, path)
	if err := n.Set(within(t), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := stranger.Create(within(t), path+"/turns/turn-", nil,
		client.Ephemeral(), client.Sequential(), client.ContainerParents()); err != nil {
		t.Fatal(err)
	}
	if sum, err := n.Add(within(t), 1); sum != 1 || err != nil {
		t.Errorf("%d %v", sum, err)
	}
	if names, _, err := c.Children(within(t), path+"/turns"); len(names) != 1 || err != nil {
		t.Errorf("left behind: %v %v", names, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	deleted := make(chan struct{})
	go func() {
		defer close(deleted)
		for ctx.Err() == nil {
			if _, err := stranger.DeleteTree(within(t), path+"/turns"); err != nil && !errors.Is(err, client.ErrNoNode) {
				t.Error(err)
			}
		}
	}()
	counters := make([]*recipes.Counter, 4)
	for i := range counters {
		counters[i] = recipes.NewCounter(dial(t), path)
	}
	if err := n.Set(within(t), 0); err != nil {
		t.Fatal(err)
	}
	last := oneAfterTheOther(t, addUp(t, counters, 1, 20))
	stop()
	<-deleted
	if now, err := n.Get(within(t)); now != last || err != nil {
		t.Errorf("%d, not %d: %v", now, last, err)
	}
}
