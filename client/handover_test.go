package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

func contextFor(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// takingOver dials a client that goes on with the session in h, which has travelled as text.
func takingOver(t *testing.T, s *service, h Handover) (*Client, error) {
	t.Helper()
	text, err := h.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.config()
	if cfg.Handover, err = ParseHandover(string(text)); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), cfg)
	if err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = c.Close(ctx)
		})
	}
	return c, err
}

func TestSessionIsHandedOverWithItsEphemerals(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		if _, _, err := c.Create(ctx, "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		var w *Watch
		if _, err := c.Get(ctx, "/e", WithWatch(&w)); err != nil {
			t.Fatal(err)
		}
		id, certain := c.Session().ID, c.SessionContext()
		s.script(func() { s.onRequest = once(wire.Create, ignore) }) // in flight when it is exported
		unanswered := make(chan error, 1)
		go func() { _, _, err := c.Create(ctx, "/late", nil, Ephemeral()); unanswered <- err }()
		synctest.Wait()
		exported := make(chan Handover, 1)
		go func() {
			h, err := c.Export(ctx)
			if err != nil {
				t.Error(err)
			}
			exported <- h
		}()
		synctest.Wait()
		if _, err := c.Get(ctx, "/e"); !errors.Is(err, ErrHandedOver) || !errors.Is(err, ErrClosed) || !NotApplied(err) {
			t.Errorf("a new call: %v", err)
		}
		h := <-exported
		if err := <-unanswered; err != nil {
			t.Errorf("the call that was under way: %v", err)
		}
		if state, _ := c.State(); state != Closed || !errors.Is(c.Err(), ErrHandedOver) {
			t.Errorf("%v, %v", state, c.Err())
		}
		if _, ok := <-w.C(); ok || !errors.Is(w.Err(), ErrHandedOver) || context.Cause(certain) != ErrHandedOver {
			t.Errorf("the watch: %v; the session's context: %v", w.Err(), context.Cause(certain))
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
		if h.Session() != id || h.Timeout() != 10*time.Second {
			t.Errorf("the token: %v", h)
		}

		heir, err := takingOver(t, s, h)
		if err != nil {
			t.Fatal(err)
		}
		if info := heir.Session(); info.ID != id || !info.Valid() || info.Renewals != 0 {
			t.Errorf("%+v", info)
		}
		if paths, err := heir.Ephemerals(ctx, "/"); err != nil || len(paths) != 2 {
			t.Errorf("its ephemerals: %q, %v", paths, err)
		}
		if last := s.hellos[len(s.hellos)-1]; last.Attempt <= h.attempt+1 || last.LastZxid < h.lastZxid {
			t.Errorf("the heir's hello: %+v", last)
		}
		for i := range 3 { // its writes go on where the others ended, over reconnects
			if _, _, err := heir.Create(ctx, fmt.Sprintf("/%d", i), nil); err != nil {
				t.Error(err)
			}
			s.cut()
		}
		again, err := heir.Export(ctx) // and on to a third
		if err != nil {
			t.Fatal(err)
		}
		if heir, err = takingOver(t, s, again); err != nil {
			t.Fatal(err)
		}
		if err := heir.Close(ctx); err != nil || s.tree.Get("/e") != nil || s.table.Len() != 0 {
			t.Errorf("the last one closes it: %v", err)
		}
	})
}

func TestHandoverThatIsCalledOffLeavesTheClientAsItWas(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.mute()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Export(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		s.unmute()
		if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestHandoverComesTooLate(t *testing.T) {
	for _, renew := range []bool{false, true} {
		t.Run(fmt.Sprintf("renew %v", renew), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				id := c.Session().ID
				h, err := c.Export(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.expire(id)
				if !renew {
					if _, err := takingOver(t, s, h); !errors.Is(err, ErrSessionExpired) {
						t.Errorf("got %v", err)
					}
					return
				}
				heir := connectWith(t, s, func(cfg *Config) { cfg.Handover, cfg.Renew = h, true })
				if info := heir.Session(); info.Renewals != 1 || info.ID == id || info.ID == 0 {
					t.Errorf("%+v", info)
				}
				if last := s.hellos[len(s.hellos)-1]; last.Attempt != 1 {
					t.Errorf("the new session's attempts begin with %d", last.Attempt)
				}
			})
		})
	}
}

// Only one of two is served, whatever they do, and nobody is given the answer to the other's write.
func TestTokenUsedTwiceServesOneProcess(t *testing.T) {
	for range 10 { // the jump is random
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			h, err := c.Export(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			first, err := takingOver(t, s, h)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := first.Create(t.Context(), "/first", nil); err != nil {
				t.Fatal(err)
			}
			cfg := s.config()
			cfg.Handover = h
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			second, err := Dial(ctx, cfg)
			switch {
			case err == nil:
				_ = second.Close(t.Context())
				t.Error("both were served")
			case errors.Is(err, ErrSessionExpired): // it was the higher one
			case errors.Is(err, wire.CodeLateAttempt):
				if _, _, err := first.Create(t.Context(), "/again", nil); err != nil {
					t.Errorf("the one that is served: %v", err)
				}
			default:
				t.Errorf("got %v", err)
			}
		})
	}
}

// The attempts of a Dial whose welcomes were lost could be above those of the next one with the same token, at random.
func TestTokenCanBeDialedAgainAfterALostWelcome(t *testing.T) {
	for range 20 {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			id := c.Session().ID
			h, err := c.Export(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cfg := s.config()
			cfg.Handover = h
			s.script(func() { s.onFrame = func(*peer, []byte) answer { return hangUp } })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := Dial(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
			s.script(func() { s.onFrame = nil })
			ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			again, err := Dial(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if info := again.Session(); info.ID != id || info.Renewals != 0 {
				t.Errorf("%+v", info)
			}
			if err := again.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Attempts only go up, whatever the clocks of the processes show.
func TestAttemptsOfAnHeirAreAboveThoseBefore(t *testing.T) {
	for _, now := range []time.Time{time.Unix(-1, 0), time.Unix(0, 0), time.Now(), time.Now().AddDate(100, 0, 0)} {
		for _, newest := range []session.Attempt{1, 1 << 20, 1 << 62} {
			if base := attemptBaseAt(now, newest); base < newest || base > 1<<63 {
				t.Errorf("after %d, at %v: %d", newest, now, base)
			}
		}
		if base := attemptBaseAt(now.Add(time.Millisecond), 1); now.Unix() >= 0 && base < attemptBaseAt(now, 1) {
			t.Errorf("a millisecond after %v: %d", now, base)
		}
	}
}

// The service's record of another process's write, which had got the same number, was given to the caller as the answer to his.
func TestWritesOfAProcessThatWasTurnedAwayAreUnknown(t *testing.T) {
	for name, firstRequest := range map[string]answer{
		"it is told so when it attaches again": hangUp,
		"it is told so on its connection":      ignore,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				h, err := c.Export(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				away := connectWith(t, s, func(cfg *Config) { cfg.Handover, cfg.Renew, cfg.Name = h, true, "away" })
				reachable := false // for the one that is to be turned away
				s.script(func() {
					s.onRequest = once(wire.Create, firstRequest)
					s.onHello = func(_ string, h *wire.Hello) answer {
						if h.Name == "away" && !reachable {
							return hangUp
						}
						return proceed
					}
				})
				got := make(chan error, 1)
				go func() { _, _, err := away.Create(t.Context(), "/away", nil); got <- err }()
				pass(time.Second) // the heir is the later one
				heir := connectWith(t, s, func(cfg *Config) { cfg.Handover = h })
				if _, _, err := heir.Create(t.Context(), "/heir", nil); err != nil {
					t.Fatal(err)
				}
				s.script(func() { reachable = firstRequest == hangUp })
				pass(5 * time.Second) // the other is turned away
				s.expire(heir.Session().ID)
				s.cut()
				s.script(func() { reachable = true })
				err = <-got
				if !Unknown(err) {
					t.Errorf("got %v", err)
				}
				if w, ok := WriteOf(err); ok {
					t.Errorf("its write has a name that may be of another: %v", w)
				}
			})
		})
	}
}

func TestHandoverTravelsAsText(t *testing.T) {
	h := Handover{id: 31, secret: secretOf(wire.Password{7, 15: 9}), timeout: 12345 * time.Millisecond, attempt: 1 << 50, lastZxid: 99, lastSeq: 12}
	text, err := h.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseHandover(string(text)); err != nil || back != h {
		t.Errorf("got %v, %v", back, err)
	}
	damaged(t, text, func(text []byte) error { return new(Handover).UnmarshalText(text) })
	for _, impossible := range []Handover{{timeout: time.Second}, {id: 1}, {id: 1, timeout: time.Hour}} {
		text, _ := impossible.MarshalText()
		if _, err := ParseHandover(string(text)); !errors.Is(err, ErrBadToken) {
			t.Errorf("%+v was taken: %v", impossible, err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%s"} {
		if got := fmt.Sprintf(verb, h); got != "session 0x1f" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestNameOfAClientSaysWhichProcessItIs(t *testing.T) {
	cfg, err := Config{}.validate()
	if err != nil || !strings.Contains(cfg.Name, "@") || !strings.Contains(cfg.Name, "/") || len(cfg.Name) > wire.NameBytesMax {
		t.Errorf("%q, %v", cfg.Name, err)
	}
}
