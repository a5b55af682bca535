package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/wire"
)

func TestAddWatchIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		if _, err := c.AddWatch(t.Context(), "a"); !errors.Is(err, ErrBadArguments) {
			t.Errorf("a relative path: %v", err)
		}
		s.script(func() { s.limits.Watches = 2 })
		addedOn(t, c, "/a")
		addedOn(t, c, "/a")
		if _, err := c.AddWatch(t.Context(), "/b"); !errors.Is(err, ErrTooMany) || err.Error() != "too many: /b (no room)" {
			t.Errorf("refused by the service: %v", err)
		}
		s.cut()
		if err := c.Sync(t.Context()); err != nil { // the client knows the limit now
			t.Error(err)
		}
		n := len(s.requests)
		if _, err := c.AddWatch(t.Context(), "/b"); !errors.Is(err, ErrTooMany) || len(s.requests) != n {
			t.Errorf("refused by the client: %v", err)
		}
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		if _, err := c.AddWatch(gone, "/a"); err == nil || !NotApplied(err) || err.Error() != "add watch /a: enough (session connected)" {
			t.Errorf("a context that has ended: %v", err)
		}
		if len(c.streams.watches) != 2 {
			t.Errorf("%d watches", len(c.streams.watches))
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := c.AddWatch(t.Context(), "/a"); !errors.Is(err, ErrClosed) {
			t.Errorf("a closed client: %v", err)
		}
	})
}

func TestAddWatchWaitsForAServer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.reachable(false)
		added := make(chan observer)
		go func() { added <- observe(t, s, c, "/a") }()
		synctest.Wait()
		s.set("/a", "before the watch is set")
		s.reachable(true)
		w := <-added
		s.set("/a", "after")
		w.tells(t, "1 DataChanged /a")
	})
}

// A watch is not lost, and not set twice, when the connection breaks while it is being set.
func TestAddWatchSurvivesBrokenConnections(t *testing.T) {
	for _, what := range []answer{hangUp, loseReply, ignore} {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			s.script(func() { s.onRequest = once(wire.AddWatches, what) })
			w := observe(t, s, c, "/a")
			s.set("/a", "")
			w.tells(t, "1 Created /a")
			if n := s.persistentWatches(); n != 1 {
				t.Errorf("the server has %d watches", n)
			}
		})
	}
}

func TestCancelledAddWatchLeavesNoWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		for _, connected := range []bool{true, false} {
			s.reachable(connected)
			synctest.Wait()
			var held []byte
			s.script(func() {
				s.onRequest = func(p *peer, r *wire.Request) answer {
					if r.Kind != wire.AddWatches || held != nil {
						return proceed
					}
					held = s.carryOut(p, r) // the answer comes late
					return ignore
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error)
			go func() { _, err := c.AddWatch(ctx, "/a", Since(0)); failed <- err }()
			synctest.Wait()
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) || !NotApplied(err) {
				t.Errorf("got %v", err)
			}
			s.script(func() {
				for p := range s.peers {
					p.out <- held
				}
			})
			s.reachable(true)
			if err := c.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			if n := s.persistentWatches(); n != 0 || len(c.streams.watches) != 0 {
				t.Errorf("connected %v: the server has %d watches, the client %d", connected, n, len(c.streams.watches))
			}
		}
	})
}

// The client let pass what a server refuses, which without a connection ended all watches that were set again with it.
func TestWatchesOfBothSortsCountForTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		s.script(func() { s.limits.Watches = 3 })
		s.cut()
		data := watchData(t, c, "/a")
		watchChildren(t, c, "/a")
		addedOn(t, c, "/a")
		n := len(s.requests)
		if _, err := c.AddWatch(t.Context(), "/b"); !errors.Is(err, ErrTooMany) || !NotApplied(err) || len(s.requests) != n {
			t.Errorf("%v, after %d requests", err, len(s.requests)-n)
		}
		s.set("/a", "fires")
		fired(t, data, EventDataChanged)
		addedOn(t, c, "/b")
	})
}

// A watch that had been set was set again on the same connection, behind a write that had to be repeated, and was refused.
func TestWatchIsSetOnceOnAConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		var refused *wire.Request
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				switch {
				case r.Kind == wire.Create && refused == nil:
					held := *r
					refused = &held
					return ignore
				case r.Kind == wire.AddWatches: // it stands behind the write whose refusal comes now
					p.out <- wire.AppendFailureReply(nil, refused.Xid, wire.CodeGap, s.zxid, nil)
					s.onRequest = nil
				}
				return proceed
			}
		})
		created := make(chan error, 1)
		go func() { _, _, err := c.Create(t.Context(), "/a", nil); created <- err }()
		synctest.Wait()
		w, err := c.AddWatch(t.Context(), "/b")
		if err != nil {
			t.Fatal(err)
		}
		if err := <-created; err != nil {
			t.Error(err)
		}
		o := observer{w, s.newest()}
		s.set("/b", "")
		o.tells(t, "1 Created /b")
		s.cut()
		s.set("/b", "")
		if err := c.Sync(t.Context()); err != nil || len(s.hellos) != 2 {
			t.Errorf("%v, %d connections", err, len(s.hellos))
		}
		o.tells(t, "2 DataChanged /b")
	})
}

// One that was refused ended those that were set again in the same request.
func TestRefusedAddWatchEndsNoOtherWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		first, second := observe(t, s, c, "/a"), observe(t, s, c, "/b")
		s.reachable(false)
		s.script(func() { s.limits.Watches = 2 }) // which the client does not know yet
		refused := make(chan error, 1)
		go func() { _, err := c.AddWatch(t.Context(), "/c"); refused <- err }()
		synctest.Wait()
		s.reachable(true)
		if err := <-refused; !errors.Is(err, ErrTooMany) {
			t.Errorf("got %v", err)
		}
		s.set("/a", "")
		s.set("/b", "")
		first.tells(t, "1 Created /a")
		second.tells(t, "2 Created /b")
	})
}
