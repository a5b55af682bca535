package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// inRenewing runs a test with a client that opens another session when one has ended.
func inRenewing(t *testing.T, test func(t *testing.T, s *service, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1", "three:1")
		test(t, s, connectWith(t, s, func(cfg *Config) { cfg.Renew = true }))
	})
}

// connectWith is connect with another configuration.
func connectWith(t *testing.T, s *service, change func(*Config)) *Client {
	t.Helper()
	cfg := s.config()
	change(&cfg)
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
	})
	return c
}

// expireNow ends the client's session, and the client learns of it.
func expireNow(s *service, c *Client) {
	s.expire(c.Session().ID)
	s.cut()
}

func TestRenewedClientGoesOnInAnotherSession(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		var w *Watch
		if _, _, err := c.Exists(t.Context(), "/w", WithWatch(&w)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Create(t.Context(), "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		first, ctx := c.Session(), c.SessionContext()
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		_, changed := c.State()
		s.cut()
		<-changed
		s.expire(first.ID)
		open := false
		s.script(func() {
			s.onDial = nil
			s.onHello = func(_ string, h *wire.Hello) answer { // the old session is refused, a new one has to wait
				if h.SessionID == 0 && !open {
					return hangUp
				}
				return proceed
			}
		})
		_, changed = c.State()
		<-changed
		synctest.Wait()
		if state, _ := c.State(); state != Renewing || state.Final() || !errors.Is(c.Err(), ErrSessionExpired) {
			t.Errorf("%v, %v", state, c.Err())
		}
		if info := c.Session(); info.Renewals != 1 || info.ID != 0 || info.Valid() {
			t.Errorf("%+v", info)
		}
		if !errors.Is(context.Cause(ctx), ErrSessionExpired) || !errors.Is(context.Cause(c.SessionContext()), ErrSessionExpired) {
			t.Errorf("the old session's context: %v", context.Cause(ctx))
		}
		if _, ok := <-w.C(); ok || !errors.Is(w.Err(), ErrSessionExpired) {
			t.Errorf("the one-shot watch: %v", w.Err())
		}
		early := make(chan error, 1) // a call made now waits
		go func() { _, _, err := c.Create(t.Context(), "/e", nil, Ephemeral()); early <- err }()
		pass(time.Minute)
		select {
		case err := <-early:
			t.Errorf("a call did not wait for the new session: %v", err)
		default:
		}
		s.script(func() { open = true })
		if err := <-early; err != nil {
			t.Error(err)
		}
		info := c.Session()
		if state, _ := c.State(); state != Connected || c.Err() != nil || info.Renewals != 1 || info.ID == first.ID || !info.Valid() {
			t.Errorf("%v, %v, %+v", state, c.Err(), info)
		}
		if c.SessionContext().Err() != nil {
			t.Error("the new session is not certain")
		}
		last := s.hellos[len(s.hellos)-1]
		if last.SessionID != 0 || last.Attempt != 1 || last.LastZxid == 0 {
			t.Errorf("the newest hello: %+v", last)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if state, _ := c.State(); state != Closed || s.table.Len() != 0 {
			t.Errorf("%v, %d sessions are left", state, s.table.Len())
		}
	})
}

func TestEndsOfSessionsInQuickSuccessionAreCounted(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		for i := range 20 {
			expireNow(s, c)
			if err := c.Sync(t.Context()); err != nil && !errors.Is(err, ErrSessionExpired) {
				t.Fatal(err)
			}
			if err := c.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := c.Session().Renewals; n != i+1 {
				t.Fatalf("%d after %d ends", n, i+1)
			}
		}
	})
}

func TestWriteThatWasUnansweredAtTheEndGetsItsOriginalAnswer(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		s.set("/there", "")
		const creates = 7 // more than one reply of the fake tells
		s.script(func() {
			s.limits.Window = 100
			s.onRequest = func(p *peer, r *wire.Request) answer {
				switch {
				case r.Seq == 0:
					return proceed
				case r.Seq == creates+3:
					return ignore // it does not come to the service
				}
				s.carryOut(p, r) // carried out, and the answer is lost
				return ignore
			}
		})
		type result struct {
			path string
			err  error
		}
		results := make([]chan result, creates+3)
		start := func(i int, call func() (string, error)) {
			results[i] = make(chan result, 1)
			go func() { path, err := call(); results[i] <- result{path, err} }()
			synctest.Wait()
		}
		for i := range creates {
			start(i, func() (string, error) { path, _, err := c.Create(ctx, "/n-", nil, Sequential()); return path, err })
		}
		start(creates, func() (string, error) { path, _, err := c.Create(ctx, "/there", nil); return path, err })
		start(creates+1, func() (string, error) { return "", c.Delete(ctx, "/there") })
		start(creates+2, func() (string, error) { path, _, err := c.Create(ctx, "/never", nil); return path, err })
		s.script(func() { s.onRequest = nil })
		expireNow(s, c)
		for i := range creates {
			if got := <-results[i]; got.err != nil || got.path != fmt.Sprintf("/n-%010d", i+1) {
				t.Errorf("write %d: %q, %v", i+1, got.path, got.err)
			}
		}
		if got := <-results[creates]; !errors.Is(got.err, ErrNodeExists) || !NotApplied(got.err) {
			t.Errorf("the refused write: %v", got.err)
		}
		if got := <-results[creates+1]; got.err != nil {
			t.Errorf("the delete: %v", got.err)
		}
		if got := <-results[creates+2]; !errors.Is(got.err, ErrSessionExpired) || !NotApplied(got.err) || Unknown(got.err) {
			t.Errorf("the write that never came: %v, unknown %v", got.err, Unknown(got.err))
		}
		if _, there, err := c.Exists(ctx, "/never"); err != nil || there {
			t.Errorf("it was carried out in another session: %v %v", there, err)
		}
	})
}

func TestFateThatCannotBeLearnedIsUnknown(t *testing.T) {
	for name, deny := range map[string]func(s *service){
		"the service has forgotten": func(s *service) {
			s.reply = func(r *wire.Request) []byte {
				if r.Kind != wire.Outcomes {
					return nil
				}
				return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoSession, s.zxid, nil)
			}
		},
		"the answer is broken": func(s *service) {
			s.reply = func(r *wire.Request) []byte {
				if r.Kind != wire.Outcomes {
					return nil
				}
				return wire.AppendEmptyReply(nil, r.Xid, s.zxid)
			}
		},
		"no server opens another session": func(s *service) {
			s.onHello = func(_ string, h *wire.Hello) answer {
				if h.SessionID == 0 {
					return hangUp
				}
				return proceed
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRenewing(t, func(t *testing.T, s *service, c *Client) {
				s.script(func() { s.onRequest = func(*peer, *wire.Request) answer { return ignore } })
				done := make(chan error, 1)
				go func() { _, _, err := c.Create(t.Context(), "/a", nil); done <- err }()
				synctest.Wait()
				s.script(func() { s.onRequest = nil; deny(s) })
				id := c.Session().ID
				expireNow(s, c)
				began := time.Now()
				err := <-done
				if !Unknown(err) || NotApplied(err) || Retryable(err) || !errors.Is(err, ErrSessionExpired) || time.Since(began) > outcomeWaitMax+time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				if w, ok := WriteOf(err); !ok || w.Session() != id {
					t.Errorf("the write is %v", w)
				}
			})
		})
	}
}

func TestCallerOfAWriteInQuestionMayStopWaiting(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, _, err := c.Create(ctx, "/a", nil); done <- err }()
		synctest.Wait()
		s.script(func() {
			s.onHello = func(_ string, h *wire.Hello) answer {
				if h.SessionID == 0 {
					return hangUp
				}
				return proceed
			}
		})
		expireNow(s, c)
		synctest.Wait()
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) || !Unknown(err) || NotApplied(err) || Retryable(err) {
			t.Errorf("got %v, unknown %v", err, Unknown(err))
		}
		s.script(func() { s.onHello = nil })
		w, ok := WriteOf(err)
		if out, err := c.Outcome(t.Context(), w); !ok || err != nil || out.Fate != FateNever {
			t.Errorf("%v: %+v %v", ok, out, err)
		}
	})
}

func TestClosingBetweenTwoSessionsWaitsForNobody(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onHello = func(_ string, h *wire.Hello) answer {
				if h.SessionID == 0 {
					return hangUp
				}
				return proceed
			}
		})
		expireNow(s, c)
		synctest.Wait()
		waiting := make(chan error, 1)
		go func() { _, err := c.Get(context.Background(), "/"); waiting <- err }()
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-waiting; !errors.Is(err, ErrClosed) || !NotApplied(err) {
			t.Errorf("the call that waited: %v", err)
		}
	})
}

// A server that says of a new session that it has expired is broken; it must not be asked in a tight loop.
func TestServerThatRefusesNewSessionsAsExpiredIsNotAskedInALoop(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onHello = func(_ string, h *wire.Hello) answer {
				if h.SessionID == 0 {
					h.SessionID = 1 << 40 // unknown
				}
				return proceed
			}
		})
		expireNow(s, c)
		pass(time.Minute)
		hellos := 0
		s.script(func() { hellos = len(s.hellos) })
		if state, _ := c.State(); state != Renewing || c.Session().Renewals != 1 || hellos > 300 {
			t.Errorf("%v, %d renewals, %d hellos in a minute", state, c.Session().Renewals, hellos)
		}
	})
}

// The model is what the fake has carried out, per caller: an answered write is there exactly once, one that was told not to
// be applied is not, and one that is unknown may be either. Sessions end at random, also while the next one is opened.
func TestRandomEndsOfSessionsNeitherLoseNorRepeatWrites(t *testing.T) {
	for seed := range uint64(15) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			s := newService("one:1", "two:1", "three:1")
			c := connectWith(t, s, func(cfg *Config) { cfg.Renew = true })
			faults := 80
			s.script(func() {
				s.onRequest = func(p *peer, r *wire.Request) answer {
					if faults == 0 || rng.IntN(5) != 0 {
						return proceed
					}
					faults--
					if rng.IntN(3) == 0 {
						if info, ok := s.table.Get(p.id); ok {
							s.table.Expire(p.id, info.Attempt)
						}
						return hangUp
					}
					return []answer{hangUp, loseReply, ignore}[rng.IntN(3)]
				}
			})
			const callers, each = 5, 20
			fates := make(chan map[string]error)
			for i := range callers {
				go func() {
					mine := map[string]error{}
					for j := range each {
						path := fmt.Sprintf("/%d-%d", i, j)
						_, _, mine[path] = c.Create(t.Context(), path, nil)
					}
					fates <- mine
				}()
			}
			told := map[string]error{}
			for range callers {
				maps.Copy(told, <-fates)
			}
			unknown := 0
			s.script(func() {
				for path, err := range told {
					n := len(slices.DeleteFunc(slices.Clone(s.applied), func(other string) bool { return other != path }))
					switch {
					case err == nil && n != 1, err != nil && NotApplied(err) && n != 0, n > 1:
						t.Errorf("seed %d: %s was carried out %d times, and its caller got %v", seed, path, n, err)
					case err != nil && !NotApplied(err):
						unknown++
					}
				}
			})
			if unknown > 0 { // the fake remembers everything
				t.Errorf("seed %d: %d writes are unknown", seed, unknown)
			}
			if c.Session().Renewals == 0 {
				t.Errorf("seed %d: no session has ended", seed)
			}
		})
	}
}

func TestWritesOfAnotherProcessEndTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			if verdict, _, code := s.table.Admit(c.Session().ID, 1, 0); verdict != session.Apply {
				t.Fatal(verdict, code)
			}
			s.table.Record(c.Session().ID, 1, wire.AppendOutcome(nil, wire.Delete, s.zxid, nil))
		})
		s.cut()
		synctest.Wait()
		if _, _, err := c.Create(t.Context(), "/a", nil); !errors.Is(err, ErrSessionExpired) {
			t.Errorf("it was given the answer to another write: %v", err)
		}
	})
}

// The service was asked for the fate of a write by the number that another process's write had got, and its answer was taken.
func TestNumbersThatAnotherProcessHasUsedAreNotAskedFor(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		done := make(chan error, 1)
		go func() { _, _, err := c.Create(t.Context(), "/a", nil); done <- err }()
		synctest.Wait()
		s.script(func() {
			for seq := session.Seq(1); seq <= 2; seq++ {
				if verdict, _, code := s.table.Admit(c.Session().ID, seq, 0); verdict != session.Apply {
					t.Fatal(verdict, code)
				}
				s.table.Record(c.Session().ID, seq, wire.AppendOutcome(nil, wire.Delete, s.zxid, nil))
			}
		})
		s.cut()
		err := <-done
		if !Unknown(err) {
			t.Errorf("got %v", err)
		}
		if w, ok := WriteOf(err); ok {
			t.Errorf("its name is that of another write: %v", w)
		}
		if c.Session().Renewals != 1 {
			t.Errorf("%+v", c.Session())
		}
	})
}
