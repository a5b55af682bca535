package client

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// meanwhile makes something happen once while the next request is being made, before it is submitted.
func (c *core) meanwhile(what func()) {
	for c.calls.Get() != nil { // until the pool has to ask for a new one
	}
	var begun atomic.Bool
	c.calls.New = func() any {
		if begun.CompareAndSwap(false, true) {
			what()
		}
		return &call{done: make(chan struct{}, 1)}
	}
}

// renewNow ends the client's session and returns when it has the next one.
func renewNow(s *service, c *Client) {
	old := c.Session().Renewals
	expireNow(s, c)
	for {
		state, changed := c.State()
		if state == Connected && c.Session().Renewals > old {
			return
		}
		<-changed
	}
}

// A create that was begun in one session and sent in the next was taken for none, and made again: two nodes in one session.
func TestRegistrationMakesOneNodePerSession(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		c.meanwhile(func() { renewNow(s, c) })
		r := mustRegister(t, c, "/n-", "", Sequential())
		pass(time.Minute)
		if paths, err := c.Ephemerals(t.Context(), "/"); err != nil || len(paths) != 1 || paths[0] != r.Path() {
			t.Errorf("%q, %v; the registration is of %s", paths, err, r.Path())
		}
		if c.Session().Renewals != 1 {
			t.Errorf("%d sessions have ended", c.Session().Renewals)
		}
	})
}

// What stood in the way of a sequential node was looked for under the path without its number, and the create sent again at once,
// for ever.
func TestSequentialRegistrationWhoseNameSomebodyHasChosen(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.set("/dir", "")
		r := mustRegister(t, c, "/dir/n-", "", Sequential())
		s.set("/dir/n-0000000002", "")
		if _, err := c.Register(t.Context(), "/dir/n-", nil, Sequential()); !errors.Is(err, ErrNodeExists) {
			t.Errorf("got %v", err)
		}
		renewNow(s, c)
		before, after := 0, 0
		s.script(func() { before = len(s.requests) })
		pass(time.Minute)
		s.script(func() { after = len(s.requests) })
		if state, _ := r.State(); state != RegistrationPending || !errors.Is(r.Err(), ErrNodeExists) {
			t.Errorf("%v, %v", state, r.Err())
		}
		if n := after - before; n > 100 {
			t.Errorf("%d requests in a minute", n)
		}
		s.remove("/dir/n-0000000002")
		r.until(t, RegistrationUp)
	})
}

// A Set whose session ended before it was sent met the node of the next one and failed, although that node had its data.
func TestSetOfARegistrationThatComesBackMeanwhile(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		r := mustRegister(t, c, "/me", "old")
		c.meanwhile(func() { renewNow(s, c); r.until(t, RegistrationUp) })
		if err := r.Set(t.Context(), []byte("new")); err != nil {
			t.Errorf("got %v", err)
		}
		c.has(t, "/me", "new")
		renewNow(s, c)
		r.until(t, RegistrationUp)
		c.has(t, "/me", "new")
	})
}

// The data of a Set that was told as not applied came with the node of the next session.
func TestDataThatWereNotAppliedAreNotUsedLater(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		r := mustRegister(t, c, "/me", "old")
		s.script(func() { s.limits.Window = 1 })
		s.cut()
		if err := c.Sync(t.Context()); err != nil { // the client knows the limit now
			t.Fatal(err)
		}
		s.script(func() { s.onRequest = once(wire.Delete, ignore) })
		first, cancelFirst := context.WithCancel(t.Context())
		go func() { _ = c.Delete(first, "/absent") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Set(ctx, []byte("new")) }() // waits for room
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || !NotApplied(err) {
			t.Fatalf("got %v", err)
		}
		cancelFirst()
		renewNow(s, c)
		r.until(t, RegistrationUp)
		c.has(t, "/me", "old")
	})
}

// What no create will ever be accepted with was taken for the next one, and would have kept the node from coming back for ever.
func TestSetOfAPendingRegistrationChecksItsData(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.set("/dir", "")
		view, err := c.Chroot("/dir")
		if err != nil {
			t.Fatal(err)
		}
		r := mustRegister(t, view, "/me", "old")
		s.reachable(false)
		s.expire(c.Session().ID)
		s.remove("/dir")
		s.reachable(true)
		r.until(t, RegistrationPending)
		e, ok := errors.AsType[*Error](r.Set(t.Context(), make([]byte, wire.DataMax+1)))
		if !ok || e.Code != wire.CodeTooLarge || e.Path != "/me" || !NotApplied(e) {
			t.Errorf("got %v", e)
		}
		s.set("/dir", "")
		r.until(t, RegistrationUp)
		c.has(t, "/dir/me", "old")
	})
}
