package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// mute makes the service unreachable, for calls and connections alike, until it is given its voice back.
func (s *service) mute() {
	s.script(func() {
		s.onRequest = func(*peer, *wire.Request) answer { return ignore }
		s.onDial = func(string) error { return errRefused }
	})
}

func (s *service) unmute() { s.script(func() { s.onRequest, s.onDial = nil, nil }) }

func TestSessionContextEndsExactlyWhenTheSessionIsNoLongerCertain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := c.SessionContext()
		if again := c.SessionContext(); again != ctx {
			t.Error("two contexts for one certainty")
		}
		pass(time.Minute) // pings keep it valid
		if ctx.Err() != nil {
			t.Fatalf("ended in a quiet minute: %v", context.Cause(ctx))
		}
		s.mute()
		left := c.Session().ValidFor()
		if left <= 0 || left > 10*time.Second {
			t.Errorf("valid for %v", left)
		}
		pass(left - time.Millisecond)
		if ctx.Err() != nil || c.Session().ValidFor() != time.Millisecond {
			t.Errorf("just before the end: %v, valid for %v", context.Cause(ctx), c.Session().ValidFor())
		}
		pass(time.Millisecond)
		synctest.Wait()
		if context.Cause(ctx) != ErrSuspect || c.Session().ValidFor() != 0 {
			t.Errorf("at the end: %v, valid for %v", context.Cause(ctx), c.Session().ValidFor())
		}
		if now := c.SessionContext(); context.Cause(now) != ErrSuspect {
			t.Errorf("asked for in doubt: %v", context.Cause(now))
		}
		s.unmute()
		pass(time.Second)
		next := c.SessionContext()
		if next.Err() != nil || ctx.Err() == nil || c.Session().Renewals != 0 {
			t.Errorf("certain again: %v, and the old one %v", next.Err(), ctx.Err())
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if !errors.Is(context.Cause(next), ErrClosed) || !errors.Is(context.Cause(c.SessionContext()), ErrClosed) {
			t.Errorf("after the end: %v", context.Cause(next))
		}
	})
}

func TestSessionContextTellsOfAnExpiryAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := c.SessionContext()
		s.expire(c.Session().ID)
		s.say(wire.AppendGoodbye(nil, wire.CodeSessionExpired, ""))
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrSessionExpired) || !errors.Is(context.Cause(c.SessionContext()), ErrSessionExpired) {
			t.Errorf("got %v", context.Cause(ctx))
		}
	})
}

// The runtime's clock, and with it its timers, stand still while a machine is suspended; the wall clock tells afterwards.
func TestSessionContextEndsWithinASecondAfterASuspension(t *testing.T) {
	for name, notice := range map[string]func(c *Client){
		"by its timer":   func(*Client) { pass(leaseCheckMax) },
		"by any reading": func(c *Client) { _ = c.Session() },
		"by a call":      func(c *Client) { _ = c.Sync(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				ctx := c.SessionContext()
				c.mu.Lock()
				c.session.clock.wall = c.session.clock.wall.Add(-time.Hour) // it has gained an hour on the monotonic one
				c.mu.Unlock()
				notice(c)
				synctest.Wait()
				if context.Cause(ctx) != ErrSuspect {
					t.Errorf("got %v", context.Cause(ctx))
				}
			})
		})
	}
}

func TestSessionContextsCostNoGoroutines(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		for range 10_000 {
			if err := c.SessionContext().Err(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, func() { _ = c.SessionContext() }); n > 1 {
			t.Errorf("%v allocations", n)
		}
	})
}

// A Close whose answer is late left everybody believing in a session that the service had ended, and whose lock another had.
func TestNobodyBelievesInASessionThatIsBeingClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		other, held := connect(t, s), c.SessionContext()
		if _, _, err := c.Create(t.Context(), "/lock", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		s.script(func() {
			s.onDial = func(string) error { return errRefused }
			s.onRequest = once(wire.CloseSession, loseReply)
		})
		ctx, cancel := context.WithCancel(t.Context())
		closed := make(chan error, 1)
		go func() { closed <- c.Close(ctx) }()
		synctest.Wait()
		if _, _, err := other.Create(t.Context(), "/lock", nil, Ephemeral()); err != nil {
			t.Fatalf("the session is not closed yet: %v", err)
		}
		for _, ctx := range []context.Context{held, c.SessionContext()} {
			if !errors.Is(context.Cause(ctx), ErrClosed) {
				t.Errorf("another has the lock, and a SessionContext has ended with %v", context.Cause(ctx))
			}
		}
		if info := c.Session(); info.Valid() || !info.ValidUntil.IsZero() {
			t.Errorf("another has the lock, and the session is valid for %v", info.ValidFor())
		}
		cancel()
		if err := <-closed; !errors.Is(err, context.Canceled) {
			t.Errorf("close: %v", err)
		}
	})
}
