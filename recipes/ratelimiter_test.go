package recipes_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// seldom is a rate that brings no token during a test.
const seldom = 1.0 / 3600

func TestRateLimiterKeepsAllBelowTheRate(t *testing.T) {
	const rate, burst = 200, 10
	path := tree(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var taken atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for range 3 {
		l := recipes.NewRateLimiter(dial(t), path, rate, burst)
		for n := 1; n <= 3; n++ {
			all.Go(func() {
				for {
					if err := l.Wait(ctx, n); errors.Is(err, context.Canceled) {
						return
					} else if err != nil {
						t.Error(err)
						return
					}
					taken.Add(int64(n))
				}
			})
		}
	}
	eventually(t, "enough", func() bool { return taken.Load() > 150 })
	cancel()
	all.Wait()
	passed := time.Since(begin).Seconds()
	if most := burst + rate*passed; float64(taken.Load()) > most {
		t.Errorf("%d tokens in %.3f s, more than %.1f", taken.Load(), passed, most)
	}
	t.Logf("%.0f %% of the rate", 100*(float64(taken.Load())-burst)/passed/rate)
}

func TestRateLimiterAllowsTheBurstAndNoMore(t *testing.T) {
	path := tree(t)
	limiters := []*recipes.RateLimiter{recipes.NewRateLimiter(dial(t), path, seldom, 20), recipes.NewRateLimiter(dial(t), path, seldom, 20)}
	var yes atomic.Int64
	var all sync.WaitGroup
	for _, l := range limiters {
		for range 30 {
			all.Go(func() {
				if ok, err := l.Allow(within(t), 1); err != nil {
					t.Error(err)
				} else if ok {
					yes.Add(1)
				}
			})
		}
	}
	all.Wait()
	if yes.Load() != 20 {
		t.Errorf("%d of 20", yes.Load())
	}
	if ok, err := limiters[0].Allow(within(t), 0); !ok || err != nil {
		t.Errorf("none: %v %v", ok, err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begin := time.Now()
	if err := limiters[0].Wait(late, 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 30*time.Second {
		t.Errorf("in vain: %v after %v", err, time.Since(begin))
	}
}

func TestRateLimiterHasTheLimitOfTheNode(t *testing.T) {
	c := dial(t)
	path := tree(t)
	first, other := recipes.NewRateLimiter(c, path, seldom, 3), recipes.NewRateLimiter(dial(t), path, 1000, 1000)
	if ok, err := first.Allow(within(t), 1); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := other.Allow(within(t), 4); !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("more than there is room for: %v", err)
	}
	if ok, err := other.Allow(within(t), 3); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if err := other.SetLimit(within(t), 1000, 5); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(within(t), 5); err != nil {
		t.Error(err)
	}
	if err := other.SetLimit(within(t), seldom, 1); err != nil {
		t.Fatal(err)
	}
	if ok, err := first.Allow(within(t), 2); ok || !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("%v %v", ok, err)
	}
	if _, err := c.Set(within(t), path, []byte(`{"rate":-1}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Allow(within(t), 1); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if err := first.SetLimit(within(t), 1000, 1000); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(within(t), 2); err != nil {
		t.Error(err)
	}
	if err := c.Delete(within(t), path); err != nil {
		t.Fatal(err)
	}
	if ok, err := other.Allow(within(t), 1000); !ok || err != nil {
		t.Errorf("made anew: %v %v", ok, err)
	}
	for _, bad := range []*recipes.RateLimiter{
		recipes.NewRateLimiter(c, path, 0, 1), recipes.NewRateLimiter(c, path, -1, 1), recipes.NewRateLimiter(c, path, 1, 0),
	} {
		if _, err := bad.Allow(within(t), 1); !errors.Is(err, client.ErrBadArguments) {
			t.Error(err)
		}
	}
	if _, err := first.Allow(within(t), -1); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
	if err := first.SetLimit(within(t), 1, 0); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
}

// Whoever waits for many tokens is not overtaken by those of his process who want few, and who gives up is in nobody's way.
func TestRateLimiterServesAProcessInOrder(t *testing.T) {
	l := recipes.NewRateLimiter(dial(t), tree(t), seldom, 10)
	if ok, err := l.Allow(within(t), 4); !ok || err != nil {
		t.Fatal(ok, err)
	}
	first, giveUp := context.WithCancel(t.Context())
	gone, next := make(chan error), make(chan error)
	go func() { gone <- l.Wait(first, 10) }()
	eventually(t, "somebody who waits", func() bool { // takes one token or two before
		ok, err := l.Allow(within(t), 1)
		return !ok && err == nil
	})
	if err := l.Wait(within(t), 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that is there, and not for him: %v", err)
	}
	go func() { next <- l.Wait(t.Context(), 2) }()
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := l.SetLimit(within(t), 1000, 10); err != nil { // should the tokens have been used up
		t.Fatal(err)
	}
	if err := <-next; err != nil {
		t.Error(err)
	}
}

func TestRateLimiterForgetsCallersWhoGiveUp(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	l := recipes.NewRateLimiter(c, "/l", 1e6, 1000)
	must(t, l.Wait(within(t), 1))
	cluster.HoldSession(c.Session().ID)
	left := givenUp(t, func(ctx context.Context) { _ = l.Wait(ctx, 1) })
	eventually(t, "all but those of the write under way are forgotten", func() bool { return left() < 10 })
	cluster.ReleaseSession(c.Session().ID)
}

// Who waits for tokens, and not for the service, is told at once as well that the client is closed.
func TestRateLimiterEndsWithItsClient(t *testing.T) {
	c := dial(t)
	l := recipes.NewRateLimiter(c, tree(t), seldom, 1)
	must(t, l.Wait(within(t), 1))
	waits := background(func() error { return l.Wait(t.Context(), 1) })
	for range 3 { // it has looked by then
		_, err := l.Allow(within(t), 1)
		must(t, err)
	}
	begin := time.Now()
	must(t, c.Close(within(t)))
	if err := outcome(t, "waiting", waits); !errors.Is(err, client.ErrClosed) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestRateLimiterEndsWithItsSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	l := recipes.NewRateLimiter(c, "/l", 100, 1)
	if err := l.Wait(within(t), 1); err != nil {
		t.Fatal(err)
	}
	cluster.HoldSession(c.Session().ID)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Wait(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	cluster.ExpireSession(c.Session().ID)
	cluster.ReleaseSession(c.Session().ID)
	if err := l.Wait(within(t), 1); !errors.Is(err, client.ErrSessionExpired) {
		t.Error(err)
	}
}
