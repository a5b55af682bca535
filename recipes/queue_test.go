package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func put(t testing.TB, q *recipes.Queue, text string, options ...recipes.PutOption) {
	t.Helper()
	if _, err := q.Put(within(t), []byte(text), options...); err != nil {
		t.Fatal(err)
	}
}

func take(t testing.TB, q *recipes.Queue, want string) *recipes.Delivery {
	t.Helper()
	d, err := q.Take(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Data()) != want {
		t.Fatalf("took %q, want %q", d.Data(), want)
	}
	return d
}

func ack(t testing.TB, d *recipes.Delivery, ops ...client.Op) {
	t.Helper()
	if _, err := d.Ack(within(t), ops...); err != nil {
		t.Fatal(err)
	}
}

func TestQueueOrder(t *testing.T) {
	q := recipes.NewQueue(view(t, tree(t)), "/q")
	put(t, q, "b")
	put(t, q, "last", recipes.Priority(900))
	put(t, q, "a", recipes.Priority(7))
	put(t, q, "c")
	put(t, q, "first", recipes.Priority(0))
	if n, err := q.Len(within(t)); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, want := range []string{"first", "a", "b", "c", "last"} {
		ack(t, take(t, q, want))
	}
	if d, err := q.TryTake(within(t)); d != nil || !errors.Is(err, recipes.ErrEmpty) {
		t.Errorf("%v, %v", d, err)
	}
	if n, err := q.Len(within(t)); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, p := range []int{-1, 1000} {
		if _, err := q.Put(within(t), nil, recipes.Priority(p)); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("priority %d: %v", p, err)
		}
	}
}

func TestQueueGivesAnItemToOneUntilItIsGivenBack(t *testing.T) {
	root := tree(t)
	q, other := recipes.NewQueue(view(t, root), "/q"), recipes.NewQueue(view(t, root), "/q")
	put(t, q, "a")
	put(t, q, "b")
	a, b := take(t, q, "a"), take(t, other, "b")
	if d, err := other.TryTake(within(t)); d != nil || !errors.Is(err, recipes.ErrEmpty) {
		t.Errorf("%v, %v", d, err)
	}
	if a.Attempt() != 1 {
		t.Errorf("attempt %d", a.Attempt())
	}
	release(t, a.Hold)
	again := take(t, other, "a")
	if again.Attempt() != 2 || again.Fence() <= a.Fence() || again.ItemPath() != a.ItemPath() {
		t.Errorf("attempt %d, fence %v after %v", again.Attempt(), again.Fence(), a.Fence())
	}
	if _, err := a.Ack(within(t)); !errors.Is(err, recipes.ErrReleased) {
		t.Error(err)
	}
	ack(t, again)
	ack(t, b)
}

// TestQueueAckIsOneTransactionWithTheWork: either both or nothing.
func TestQueueAckIsOneTransactionWithTheWork(t *testing.T) {
	root := tree(t)
	c, admin := view(t, root), view(t, root)
	q := recipes.NewQueue(c, "/q")
	put(t, q, "a")
	d := take(t, q, "a")
	if _, err := d.Ack(within(t), client.SetOp("/absent", nil)); !errors.Is(err, client.ErrNoNode) || errors.Is(err, recipes.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := d.Err(); err != nil {
		t.Errorf("after a refused Ack: %v", err)
	}
	// A stranger takes the claim away: nothing is written.
	if err := admin.Delete(within(t), d.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Ack(within(t), client.CreateOp("/done", nil)); !errors.Is(err, recipes.ErrLost) {
		t.Errorf("%v", err)
	}
	done(t, "the context", d.Context().Done())
	release(t, d.Hold)
	d = take(t, q, "a")
	results, err := d.Ack(within(t), client.CreateOp("/done", nil))
	if err != nil || len(results) != 1 || results[0].Path != "/done" {
		t.Errorf("%v, %v", results, err)
	}
	if !errors.Is(d.Err(), recipes.ErrReleased) {
		t.Error(d.Err())
	}
}

func TestQueuePutIsPartOfATransaction(t *testing.T) {
	c := view(t, tree(t))
	q := recipes.NewQueue(c, "/q")
	if _, err := c.Multi(within(t), q.PutOp([]byte("a")), client.CheckOp("/absent")); !errors.Is(err, client.ErrNoNode) {
		t.Fatal(err)
	}
	if d, err := q.TryTake(within(t)); d != nil || !errors.Is(err, recipes.ErrEmpty) {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := c.Multi(within(t), q.PutOp([]byte("b")), client.CreateOp("/order", nil)); err != nil {
		t.Fatal(err)
	}
	ack(t, take(t, q, "b"))
	if _, err := c.Multi(within(t), q.PutOp(nil, recipes.Priority(1000))); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
}

func TestQueueTakeWaits(t *testing.T) {
	root := tree(t)
	producer, watcher := recipes.NewQueue(view(t, root), "/q"), view(t, root)
	type taken struct {
		who int
		d   *recipes.Delivery
		err error
	}
	deliveries := make(chan taken, 4)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	for i := range 3 {
		q := recipes.NewQueue(view(t, root), "/q")
		c := t.Context()
		if i == 1 {
			c = ctx
		}
		all.Go(func() {
			d, err := q.Take(c)
			deliveries <- taken{i, d, err}
		})
		eventually(t, "in line", func() bool { return inLine(t, watcher, "/q/consumers") == i+1 })
	}
	put(t, producer, "a")
	first := <-deliveries
	if first.err != nil || first.who != 0 {
		t.Fatalf("%d was first, %v", first.who, first.err)
	}
	cancel()
	if quit := <-deliveries; quit.who != 1 || !errors.Is(quit.err, context.Canceled) {
		t.Fatalf("%d: %v", quit.who, quit.err)
	}
	release(t, first.d.Hold) // given back: goes to the one who waits
	last := <-deliveries
	if last.err != nil || last.who != 2 || last.d.Attempt() != 2 {
		t.Fatalf("%d, %v", last.who, last.err)
	}
	ack(t, last.d)
	eventually(t, "nobody is in line", func() bool { return inLine(t, watcher, "/q/consumers") == 0 })
}

// TestQueueLosesNothingAndDoesNothingTwice: producers and consumers whose sessions die at random; what an item causes, in the
// transaction of its acknowledgement, happens once, and in the end the queue is empty.
func TestQueueLosesNothingAndDoesNothingTwice(t *testing.T) {
	root := tree(t)
	const producers, consumers, items = 2, 4, 40
	admin := dial(t)
	var all, producing sync.WaitGroup
	for p := range producers {
		q := recipes.NewQueue(view(t, root), "/q")
		producing.Go(func() {
			for i := range items {
				if _, err := q.Put(within(t), fmt.Appendf(nil, "%d-%d", p, i), recipes.Priority(i%3)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	finished, finish := context.WithCancel(t.Context())
	defer finish()
	var mu sync.Mutex
	redelivered := 0
	for i := range consumers {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		c := view(t, root, renewing)
		all.Go(func() {
			q := recipes.NewQueue(c, "/q")
			for finished.Err() == nil {
				d, err := q.Take(finished)
				if err != nil {
					if finished.Err() == nil && !errors.Is(err, client.ErrSessionExpired) {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				if d.Attempt() > 1 {
					redelivered++
				}
				mu.Unlock()
				switch random.IntN(8) {
				case 0:
					if err := admin.KillSession(within(t), c.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
						t.Error(err)
					}
				case 1:
					if err := d.Release(within(t)); err != nil {
						t.Error(err)
					}
					continue
				}
				_, err = d.Ack(within(t), client.CreateOp("/done/"+string(d.Data()), nil, client.Parents()))
				if err != nil && !errors.Is(err, recipes.ErrLost) && !errors.Is(err, client.ErrSessionExpired) {
					t.Error(err)
				}
				if err := d.Release(within(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	producing.Wait()
	q := recipes.NewQueue(view(t, root), "/q")
	for end := time.Now().Add(60 * time.Second); ; {
		n, err := q.Len(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d items are left", n)
		}
	}
	finish()
	all.Wait()
	if n := inLine(t, view(t, root), "/done"); n != producers*items {
		t.Errorf("%d items have had their effect, want %d", n, producers*items)
	}
	if redelivered == 0 {
		t.Error("no item was delivered twice: this test tests little")
	}
}
