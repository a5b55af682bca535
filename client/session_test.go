package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

func TestStatesOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		dialed := make(chan *Client)
		go func() {
			c, err := Dial(context.Background(), s.config())
			if err != nil {
				t.Error(err)
			}
			dialed <- c
		}()
		synctest.Wait()
		s.script(func() { s.onDial = nil })
		c := <-dialed
		state, changed := c.State()
		if state != Connected || c.Session().ID == 0 || c.Session().Server != 1 || !c.Session().Valid() {
			t.Errorf("%v %+v", state, c.Session())
		}
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		<-changed
		if state, changed = c.State(); state != Suspended || c.Err() == nil {
			t.Errorf("%v, %v", state, c.Err())
		}
		s.script(func() { s.onDial = nil })
		<-changed
		if state, changed = c.State(); state != Connected || c.Err() != nil {
			t.Errorf("%v, %v", state, c.Err())
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-changed
		if state, _ = c.State(); state != Closed || !errors.Is(c.Err(), ErrClosed) || c.Session().Valid() {
			t.Errorf("%v, %v", state, c.Err())
		}
	})
}

func TestCloseRemovesEphemeralsBeforeItReturns(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		if _, _, err := c.Create(t.Context(), "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		s.script(func() { s.onRequest = once(wire.CloseSession, loseReply) }) // closed, and the client does not know
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s.tree.Get("/e") != nil || s.table.Len() != 0 {
			t.Error("the session has left something")
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if _, err := c.Get(t.Context(), "/e"); !errors.Is(err, ErrClosed) || !NotApplied(err) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestCloseWithoutAServerGivesUpWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onDial = func(string) error { return errRefused }
			s.onRequest = func(_ *peer, r *wire.Request) answer { return hangUp }
		})
		unanswered := make(chan error)
		go func() { _, err := c.Set(context.Background(), "/a", nil); unanswered <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := c.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "its ephemeral nodes stay for 10s") || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := <-unanswered; !errors.Is(err, ErrClosed) || !Unknown(err) || NotApplied(err) {
			t.Errorf("the write that was sent: %v", err)
		}
	})
}

func TestExpiredSessionEndsEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		var w *Watch
		if _, _, err := c.Exists(ctx, "/w", WithWatch(&w)); err != nil {
			t.Fatal(err)
		}
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		sent, queued, read := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() { _, _, err := c.Create(ctx, "/a", nil); sent <- err }()
		synctest.Wait()
		s.expire(c.Session().ID)
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		synctest.Wait()
		go func() { _, _, err := c.Create(ctx, "/b", nil); queued <- err }()
		go func() { _, err := c.Get(ctx, "/a"); read <- err }()
		synctest.Wait()
		s.script(func() { s.onDial = nil })

		if err := <-sent; !errors.Is(err, ErrSessionExpired) || !Unknown(err) || NotApplied(err) || Retryable(err) {
			t.Errorf("the write that was sent: %v, unknown %v", err, Unknown(err))
		}
		if err := <-queued; !errors.Is(err, ErrSessionExpired) || Unknown(err) || !NotApplied(err) {
			t.Errorf("the write that was not: %v, unknown %v", err, Unknown(err))
		}
		if err := <-read; !errors.Is(err, ErrSessionExpired) || !NotApplied(err) {
			t.Errorf("the read: %v", err)
		}
		if _, ok := <-w.C(); ok || !errors.Is(w.Err(), ErrSessionExpired) {
			t.Errorf("the watch: %v", w.Err())
		}
		if state, _ := c.State(); state != Expired || !errors.Is(c.Err(), ErrSessionExpired) || c.Session().Valid() {
			t.Errorf("%v, %v", state, c.Err())
		}
		if _, err := c.Get(ctx, "/a"); !errors.Is(err, ErrSessionExpired) || !NotApplied(err) {
			t.Errorf("a later call: %v", err)
		}
		if err := c.Close(ctx); err != nil {
			t.Errorf("closing it: %v", err)
		}
		hellos := len(s.hellos)
		pass(time.Hour)
		if len(s.hellos) != hellos {
			t.Error("an expired client goes on asking")
		}
	})
}

func TestExpiryIsToldOnALiveConnectionToo(t *testing.T) {
	for name, tell := range map[string]func(s *service, c *Client){
		"by a reply": func(s *service, c *Client) {
			s.expire(c.Session().ID)
			_, _ = c.Get(context.Background(), "/")
		},
		"by a goodbye": func(s *service, c *Client) {
			s.expire(c.Session().ID)
			s.say(wire.AppendGoodbye(nil, wire.CodeSessionExpired, ""))
		},
		"by the answer to a ping": func(s *service, c *Client) { s.expire(c.Session().ID) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				_, changed := c.State()
				tell(s, c)
				<-changed
				if state, _ := c.State(); state != Expired {
					t.Errorf("%v: %v", state, c.Err())
				}
			})
		})
	}
}

func TestAnotherPasswordIsAnExpiredSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		c.mu.Lock()
		c.session.password[3]++
		c.mu.Unlock()
		s.cut()
		synctest.Wait()
		if state, _ := c.State(); state != Expired {
			t.Errorf("%v: %v", state, c.Err())
		}
		if strings.Contains(c.Err().Error(), "password") {
			t.Errorf("the error speaks of the password: %v", c.Err())
		}
	})
}

func TestServiceThatHasLostAnsweredWritesEndsTheSession(t *testing.T) {
	for name, notice := range map[string]func(s *service, c *Client) error{
		"told by a welcome": func(s *service, c *Client) error {
			s.cut()
			_, err := c.Get(context.Background(), "/")
			return err
		},
		"told by a gap": func(s *service, c *Client) error {
			_, _, err := c.Create(context.Background(), "/x", nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				for range 3 {
					if _, _, err := c.Create(t.Context(), "/n-", nil, Sequential()); err != nil {
						t.Fatal(err)
					}
				}
				s.script(func() { // the session as it was after its first write
					clock, servers, sessions, graves := s.table.Snapshot()
					sessions[0].Last, sessions[0].Acked, sessions[0].Replies = 1, 1, nil
					table, err := session.Restore(clock, servers, sessions, graves)
					if err != nil {
						t.Fatal(err)
					}
					s.table = table
				})
				if err := notice(s, c); !errors.Is(err, ErrSessionExpired) {
					t.Errorf("got %v", err)
				}
				if state, _ := c.State(); state != Expired || !strings.Contains(c.Err().Error(), "lost data") {
					t.Errorf("%v: %v", state, c.Err())
				}
			})
		})
	}
}

// The welcome to the first hello is lost: the second one opens another session, whose attempts count from 1.
func TestAttemptsAreCountedPerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		lost := 0
		s.script(func() {
			s.onHello = func(string, *wire.Hello) answer {
				if lost++; lost <= 2 {
					return ignore
				}
				return proceed
			}
		})
		c := connect(t, s)
		s.cut()
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		for i, want := range []session.Attempt{1, 1, 1, 2} {
			if h := s.hellos[i]; h.Attempt != want || (h.SessionID == 0) != (i < 3) {
				t.Errorf("hello %d: attempt %d of session %v", i, h.Attempt, h.SessionID)
			}
		}
	})
}

func TestClientNeverGoesBackInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		if _, err := c.Get(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		seen := s.zxid
		s.script(func() { s.zxid = 0 }) // the servers are behind
		s.cut()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := c.Get(ctx, "/a"); !errors.Is(err, wire.CodeZxidAhead) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		for _, h := range s.hellos[1:] {
			if h.LastZxid != seen {
				t.Errorf("a hello says %v, the client has seen %v", h.LastZxid, seen)
			}
		}
		s.script(func() { s.zxid = seen })
		if _, err := c.Get(t.Context(), "/a"); err != nil {
			t.Error(err)
		}
	})
}

func TestBeliefCountsFromTheSendingAndEndsWhileSuspended(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		began := time.Now()
		if until := c.Session().ValidUntil; until.After(began.Add(10 * time.Second)) {
			t.Errorf("valid for %v, the timeout is 10s", until.Sub(began))
		}
		pass(time.Minute) // pings keep it valid
		if info := c.Session(); !info.Valid() {
			t.Errorf("not valid after a quiet minute: until %v", time.Until(info.ValidUntil))
		}
		s.script(func() {
			s.onRequest = func(*peer, *wire.Request) answer { return ignore }
			s.onDial = func(string) error { return errRefused }
		})
		until := c.Session().ValidUntil
		pass(time.Until(until) - time.Millisecond)
		if state, _ := c.State(); state != Suspended || !c.Session().Valid() {
			t.Errorf("%v, valid %v, just before the end", state, c.Session().Valid())
		}
		pass(2 * time.Millisecond)
		if state, _ := c.State(); state != Suspended || c.Session().Valid() {
			t.Errorf("%v, valid %v, just after the end", state, c.Session().Valid())
		}
	})
}

func TestSuspendedMachineEndsTheBelief(t *testing.T) {
	var k clock
	start := time.Now()
	k.start(start)
	k.wall = k.wall.Add(-time.Hour) // the wall clock has gained an hour on the monotonic one
	if got := k.now(start.Add(time.Second)); got < session.Mono(time.Hour/time.Millisecond) {
		t.Errorf("the clock reads %d ms", got)
	}
	before := k.now(start.Add(2 * time.Second))
	k.wall = k.wall.Add(time.Hour) // set back by an hour
	if got := k.now(start.Add(3 * time.Second)); got != before+1000 {
		t.Errorf("a second took %d ms", got-before)
	}
}

func TestMalformedServersAreLeft(t *testing.T) {
	for name, frame := range map[string][]byte{
		"not msgpack":             {0, 0, 0, 1, 0xc1},
		"an empty frame":          {0, 0, 0, 0},
		"an impossible length":    {0xff, 0xff, 0xff, 0xff},
		"bytes behind":            append([]byte{0, 0, 0, 9}, append(wire.AppendGoodbye(nil, 0, "")[4:], 0, 0, 0, 0, 0)...),
		"a reply to nothing":      wire.AppendEmptyReply(nil, 1<<40, 0),
		"a gap for a read":        nil,
		"a reply out of order":    nil,
		"too large":               nil,
		"an unknown kind (is ok)": {0, 0, 0, 3, 0x92, 0x63, 0xc0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				s.set("/a", "")
				acted := false
				s.script(func() {
					s.onRequest = func(p *peer, r *wire.Request) answer {
						if acted {
							return proceed
						}
						acted = true
						switch name {
						case "a gap for a read":
							p.out <- wire.AppendFailureReply(nil, r.Xid, wire.CodeGap, s.zxid, nil)
						case "a reply out of order":
							p.out <- wire.AppendEmptyReply(nil, r.Xid+1, s.zxid)
						case "too large":
							p.out <- append([]byte{0, 0x50, 0, 0}, make([]byte, 0x500000)...)
						default:
							p.out <- frame
							return proceed
						}
						return ignore
					}
				})
				if _, err := c.Get(t.Context(), "/a"); err != nil {
					t.Error(err)
				}
				want := 2
				if strings.HasSuffix(name, "(is ok)") {
					want = 1
				}
				if len(s.hellos) != want {
					t.Errorf("%d connections, want %d", len(s.hellos), want)
				}
			})
		})
	}
}
