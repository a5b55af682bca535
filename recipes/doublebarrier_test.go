package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// attempt is the outcome of one Enter.
type attempt struct {
	*recipes.Attendance
	err error
}

func attending(ctx context.Context, b *recipes.DoubleBarrier) <-chan attempt {
	result := make(chan attempt, 1)
	go func() {
		a, err := b.Enter(ctx)
		result <- attempt{a, err}
	}()
	return result
}

func attended(t testing.TB, result <-chan attempt) *recipes.Attendance {
	t.Helper()
	select {
	case e := <-result:
		if e.err != nil {
			t.Fatal(e.err)
		}
		return e.Attendance
	case <-within(t).Done():
		t.Fatal("not entered within 30 s")
		return nil
	}
}

// waitingAt is how many wait at a barrier.
func waitingAt(t testing.TB, c *client.Client, path string) int {
	t.Helper()
	names, _, err := c.Children(within(t), path)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(names, func(name string) bool { return name == "in" }))
}

func TestDoubleBarrierBeginsAndEndsTogether(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	var entries []<-chan attempt
	for i := range 3 {
		b := recipes.NewDoubleBarrier(view(t, root), "/b", 3)
		entries = append(entries, attending(within(t), b))
		if i == 2 {
			break
		}
		eventually(t, "in line", func() bool { return waitingAt(t, watcher, "/b") == i+1 })
		for _, e := range entries {
			select {
			case e := <-e:
				t.Fatalf("%d of 3 are there, and one is in: %v", i+1, e.err)
			default:
			}
		}
	}
	var in []*recipes.Attendance
	for _, e := range entries {
		a := attended(t, e)
		in = append(in, a)
		if a.Fence() != in[0].Fence() {
			t.Errorf("generation %v, that of another member is %v", a.Fence(), in[0].Fence())
		}
		if err := a.Err(); err != nil {
			t.Error(err)
		}
	}
	left := make([]<-chan error, 0, 3)
	for _, a := range in[:2] {
		left = append(left, background(func() error { return a.Leave(within(t)) }))
	}
	eventually(t, "leaving", func() bool {
		names, _, err := watcher.Children(within(t), "/b/in")
		return err == nil && len(names) == 1
	})
	for _, l := range left {
		select {
		case err := <-l:
			t.Fatalf("one is inside, and another one has left: %v", err)
		default:
		}
	}
	if _, err := in[2].Commit(within(t), client.CreateOp("/result", nil)); err != nil {
		t.Error(err)
	}
	left = append(left, background(func() error { return in[2].Leave(within(t)) }))
	for _, l := range left {
		if err := outcome(t, "leaving", l); err != nil {
			t.Error(err)
		}
	}
	if err := in[0].Leave(within(t)); err != nil {
		t.Errorf("once more: %v", err)
	}
	eventually(t, "nothing is left", func() bool {
		_, there, err := watcher.Exists(within(t), "/b")
		return err == nil && !there
	})
}

func TestDoubleBarrierOfOne(t *testing.T) {
	b := recipes.NewDoubleBarrier(view(t, tree(t)), "/b", 1)
	var last client.Zxid
	for range 3 {
		a, err := b.Enter(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if a.Fence() <= last {
			t.Errorf("generation %v after %v", a.Fence(), last)
		}
		last = a.Fence()
		if err := a.Leave(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := recipes.NewDoubleBarrier(dial(t), "/b", 0).Enter(within(t)); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
}

// Who is one too many waits until the generation before is out, and is not counted as one of it.
func TestDoubleBarrierOneTooManyWaits(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	b := recipes.NewDoubleBarrier(view(t, root), "/b", 2)
	x, y := attending(within(t), b), attending(within(t), b)
	first, second := attended(t, x), attended(t, y)
	z, u := attending(within(t), b), attending(within(t), b)
	eventually(t, "in line", func() bool { return waitingAt(t, watcher, "/b") == 2 })
	left := background(func() error { return first.Leave(within(t)) })
	eventually(t, "leaving", func() bool {
		names, _, err := watcher.Children(within(t), "/b/in")
		return err == nil && len(names) == 1
	})
	select {
	case <-z:
		t.Fatal("the next generation has begun before the last has ended")
	case <-u:
		t.Fatal("the next generation has begun before the last has ended")
	default:
	}
	if err := second.Leave(within(t)); err != nil {
		t.Fatal(err)
	}
	third, fourth := attended(t, z), attended(t, u)
	if third.Fence() != fourth.Fence() || third.Fence() <= first.Fence() {
		t.Errorf("generations %v and %v after %v", third.Fence(), fourth.Fence(), first.Fence())
	}
	if err := outcome(t, "leaving", left); err != nil {
		t.Error(err)
	}
	for _, a := range []*recipes.Attendance{third, fourth} {
		if err := a.Release(within(t)); err != nil { // without waiting for the other
			t.Error(err)
		}
	}
}

func TestDoubleBarrierDoesNotCountWhoGivesUp(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	b := recipes.NewDoubleBarrier(view(t, root), "/b", 2)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("impatient")
	gone := attending(ctx, b)
	eventually(t, "in line", func() bool { return waitingAt(t, watcher, "/b") == 1 })
	cancel(why)
	if e := <-gone; !errors.Is(e.err, why) {
		t.Error(e.err)
	}
	if n := waitingAt(t, watcher, "/b"); n != 0 {
		t.Errorf("%d are still in line", n)
	}
	x := attending(within(t), b)
	eventually(t, "in line", func() bool { return waitingAt(t, watcher, "/b") == 1 })
	select {
	case e := <-x:
		t.Fatalf("alone inside: %v", e.err)
	default:
	}
	y := attending(within(t), b)
	ax, ay := attended(t, x), attended(t, y)
	if ax.Fence() != ay.Fence() {
		t.Error("two generations")
	}
	for _, a := range []*recipes.Attendance{ax, ay} {
		if err := a.Release(within(t)); err != nil {
			t.Error(err)
		}
	}
}

// What strangers have put below the barrier is nobody who enters, whatever numbers it has.
func TestDoubleBarrierCountsItsMembersOnly(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	for _, name := range []string{"lock-", "member-", "members"} {
		_, _, err := watcher.Create(within(t), "/b/"+name, nil, client.Sequential(), client.Parents())
		must(t, err)
	}
	b := recipes.NewDoubleBarrier(view(t, root), "/b", 2)
	x := attending(within(t), b)
	eventually(t, "in line", func() bool { return waitingAt(t, watcher, "/b") == 4 })
	select {
	case e := <-x:
		t.Fatalf("alone inside: %v", e.err)
	default:
	}
	y := attending(within(t), b)
	if ax, ay := attended(t, x), attended(t, y); ax.Fence() != ay.Fence() {
		t.Error("two generations")
	}
}

// TestDoubleBarrierUnderFaults: members that die, hang, are deleted, or lose their server.
func TestDoubleBarrierUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	watcher := cluster.Client(t)
	eventuallyInLine := func(path string, n int) {
		eventually(t, "in line", func() bool { return waitingAt(t, watcher, path) == n })
	}
	pair := func(path string, change ...func(*client.Config)) (*client.Client, *recipes.Attendance, *recipes.Attendance) {
		c := cluster.Client(t, change...)
		x := attending(within(t), recipes.NewDoubleBarrier(c, path, 2))
		y := attending(within(t), recipes.NewDoubleBarrier(cluster.Client(t), path, 2))
		return c, attended(t, x), attended(t, y)
	}

	t.Run("a member dies while it waits", func(t *testing.T) {
		c := cluster.Client(t)
		dying := attending(within(t), recipes.NewDoubleBarrier(c, "/waits", 2))
		eventuallyInLine("/waits", 1)
		cluster.ExpireSession(c.Session().ID)
		if e := <-dying; !errors.Is(e.err, client.ErrSessionExpired) {
			t.Error(e.err)
		}
		_, x, y := pair("/waits")
		if x.Fence() != y.Fence() {
			t.Error("two generations")
		}
	})

	t.Run("a member dies inside", func(t *testing.T) {
		c, dying, lives := pair("/inside")
		left := background(func() error { return lives.Leave(within(t)) })
		cluster.ExpireSession(c.Session().ID)
		done(t, "the dead one's context", dying.Context().Done())
		if err := outcome(t, "leaving", left); err != nil {
			t.Error(err)
		}
		if err := dying.Leave(within(t)); !errors.Is(err, client.ErrSessionExpired) {
			t.Error(err)
		}
	})

	t.Run("a member is paused inside, and comes back as another session", func(t *testing.T) {
		c, paused, lives := pair("/paused", shortSession, renewing)
		id := c.Session().ID
		cluster.HoldSession(id)
		if err := lives.Leave(within(t)); err != nil {
			t.Error(err)
		}
		if paused.Err() == nil {
			t.Error("all have left, and one believes to be inside")
		}
		cluster.ReleaseSession(id)
		if err := paused.Leave(within(t)); err != nil {
			t.Error(err)
		}
	})

	t.Run("a member waits through the end of its session, with another one following", func(t *testing.T) {
		c := cluster.Client(t, renewing)
		old := attending(within(t), recipes.NewDoubleBarrier(c, "/renewed", 2))
		eventuallyInLine("/renewed", 1)
		cluster.ExpireSession(c.Session().ID)
		if e := <-old; !errors.Is(e.err, client.ErrSessionExpired) {
			t.Error(e.err)
		}
	})

	t.Run("somebody deletes a member's node", func(t *testing.T) {
		waits := attending(within(t), recipes.NewDoubleBarrier(cluster.Client(t), "/deleted", 2))
		eventuallyInLine("/deleted", 1)
		if _, err := watcher.DeleteTree(within(t), "/deleted"); err != nil {
			t.Fatal(err)
		}
		if e := <-waits; !errors.Is(e.err, recipes.ErrLost) {
			t.Error(e.err)
		}
		_, x, y := pair("/deleted")
		if _, err := watcher.DeleteTree(within(t), "/deleted"); err != nil {
			t.Fatal(err)
		}
		for _, a := range []*recipes.Attendance{x, y} {
			done(t, "the context", a.Context().Done())
			if err := cause(a.Hold); !errors.Is(err, recipes.ErrLost) {
				t.Error(err)
			}
			if err := a.Leave(within(t)); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("the leader dies while members wait", func(t *testing.T) {
		x := attending(within(t), recipes.NewDoubleBarrier(cluster.Client(t), "/leader", 2))
		eventuallyInLine("/leader", 1)
		cluster.Kill(cluster.Leader())
		y := attending(within(t), recipes.NewDoubleBarrier(cluster.Client(t), "/leader", 2))
		ax, ay := attended(t, x), attended(t, y)
		left := background(func() error { return ax.Leave(within(t)) })
		if err := ay.Leave(within(t)); err != nil {
			t.Error(err)
		}
		if err := outcome(t, "leaving", left); err != nil {
			t.Error(err)
		}
	})
}

// attendances is the obviously correct view of a double barrier, by what its members were told: who is in which generation.
type attendances struct {
	mu     sync.Mutex
	n      int
	inside map[client.Zxid]int // those who have entered and not begun to leave
	came   map[client.Zxid]int // those who have entered
}

func (a *attendances) enter(t *testing.T, generation client.Zxid) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside[generation]++
	a.came[generation]++
	if a.came[generation] > a.n {
		t.Errorf("%d are in generation %v", a.came[generation], generation)
	}
	for other, n := range a.inside {
		if other != generation && n > 0 {
			t.Errorf("%d of generation %v are inside when one enters %v", n, other, generation)
		}
	}
}

func (a *attendances) leave(generation client.Zxid) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside[generation]--
}

func (a *attendances) left(t *testing.T, generation client.Zxid) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.inside[generation]; n > 0 {
		t.Errorf("one has left generation %v, and %d are inside", generation, n)
	}
}

// TestDoubleBarrierModel: more members than fit, who enter, give up, leave and just go, in random interleavings.
func TestDoubleBarrierModel(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			root := tree(t)
			a := &attendances{n: n, inside: map[client.Zxid]int{}, came: map[client.Zxid]int{}}
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			var members, busy sync.WaitGroup
			for range 2*n + 1 {
				c := view(t, root)
				b := recipes.NewDoubleBarrier(c, "/b", n)
				busy.Add(1)
				members.Go(func() {
					for round := 0; ctx.Err() == nil; round++ {
						if round == 12 {
							busy.Done()
						}
						attendOnce(t, ctx, a, b)
					}
				})
			}
			ended := make(chan struct{})
			go func() { busy.Wait(); cancel(); members.Wait(); close(ended) }()
			done(t, "twelve rounds of everybody", ended)
			c := view(t, root)
			if n := waitingAt(t, c, "/b"); n != 0 {
				t.Errorf("%d are left in line", n)
			}
			if names, _, err := c.Children(within(t), "/b/in"); err == nil && len(names) > 0 {
				t.Errorf("%v are left inside", names)
			}
		})
	}
}

// attendOnce is one round of a member. It goes on without ctx once it is inside.
func attendOnce(t *testing.T, ctx context.Context, a *attendances, b *recipes.DoubleBarrier) {
	if rand.N(3) == 0 { // gives up at any moment
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rand.N(4*time.Millisecond))
		defer cancel()
	}
	in, err := b.Enter(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	a.enter(t, in.Fence())
	a.leave(in.Fence())
	if rand.N(5) == 0 {
		err = in.Release(within(t))
	} else if err = in.Leave(within(t)); err == nil {
		a.left(t, in.Fence())
	}
	if err != nil {
		t.Error(err)
	}
}
