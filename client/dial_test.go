package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/internal/ports"
	"github.com/coxswain-io/coxswain/wire"
)

func TestDialErrorNamesEveryServerAndItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("refuses:1", "silent:1", "garbles:1", "behind:1", "hangs-up:1")
		s.script(func() {
			s.onDial = func(addr string) error {
				switch addr {
				case "refuses:1":
					return &net.OpError{Op: "dial", Net: "tcp", Err: errRefused}
				case "silent:1":
					return context.DeadlineExceeded
				}
				return nil
			}
			s.onHello = func(addr string, h *wire.Hello) answer {
				if addr == "hangs-up:1" {
					return hangUp
				}
				if h.LastZxid = 0; addr == "behind:1" {
					h.LastZxid = s.zxid + 1
				} else {
					h.Version = 99
				}
				return proceed
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, err := Dial(ctx, s.config())
		if c != nil || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRefused) || !errors.Is(err, wire.CodeZxidAhead) {
			t.Fatalf("got %v, %v", c, err)
		}
		for _, part := range []string{
			"dial: context deadline exceeded (session connecting: no server can be used: ",
			"refuses:1: connection refused", "silent:1: no answer in time", "garbles:1: version mismatch",
			"behind:1: zxid ahead", "hangs-up:1: waiting for the welcome: EOF",
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in\n%v", part, err)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line:\n%v", err)
		}
	})
}

func TestCallsSayWhyNoServerIsReached(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := c.Get(ctx, "/a")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRefused) ||
			err.Error() != "get /a: context deadline exceeded (session suspended: "+c.Err().Error()+")" {
			t.Errorf("got %v", err)
		}
		for _, part := range []string{"one:1: connection refused", "two:1: connection refused"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %v", part, err)
			}
		}
	})
}

func TestNamesAreResolvedAtEachDialAndEveryAddressIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("10.0.0.1:7181", "10.0.0.2:7181", "10.0.0.3:7181")
		cfg := s.config()
		cfg.Servers = []string{"cox.example:7181"}
		cfg, err := cfg.validate()
		if err != nil {
			t.Fatal(err)
		}
		d := newDialer(&cfg)
		answers := [][]string{nil, {"10.0.0.1", "10.0.0.2"}, {"10.0.0.3"}}
		lookups := 0
		d.lookup = func(_ context.Context, host string) ([]string, error) {
			if host != "cox.example" {
				t.Errorf("%q is looked up", host)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			now := answers[min(lookups, len(answers)-1)]
			if lookups++; now == nil {
				return nil, &net.DNSError{Err: "no such host", Name: host}
			}
			return now, nil
		}
		s.script(func() {
			s.onDial = func(addr string) error {
				if addr != "10.0.0.3:7181" {
					return errRefused
				}
				return nil
			}
		})
		c, err := dial(t.Context(), cfg, d)
		if err != nil {
			t.Fatal(err)
		}
		dialed := slices.Clone(s.dialed)
		slices.Sort(dialed)
		if want := []string{"10.0.0.1:7181", "10.0.0.2:7181", "10.0.0.3:7181"}; !slices.Equal(dialed, want) || lookups != 3 {
			t.Errorf("dialed %q after %d lookups", dialed, lookups)
		}
		s.script(func() {
			s.onDial = func(string) error { return errRefused }
			answers, lookups = [][]string{nil}, 0
		})
		s.cut()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, "/"); err == nil || !strings.Contains(err.Error(), "cox.example:7181: the name cannot be resolved: no such host") {
			t.Errorf("got %v", err)
		}
		_ = c.Close(ctx)
	})
}

func TestServerWithoutAPortIsExplained(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, Config{Servers: []string{"localhost"}}); err == nil || !strings.Contains(err.Error(), "localhost: a server is written host:port") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyListening(t *testing.T) {
	addrs, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	addr := addrs[0]
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, Config{Servers: []string{addr}}); err == nil || !strings.Contains(err.Error(), addr+": ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestOtherVersionEverywhereEndsTheDialAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1")
		other := map[string]bool{"one:1": true, "two:1": true}
		s.script(func() {
			s.onHello = func(addr string, h *wire.Hello) answer {
				if other[addr] {
					h.Version = 99
				}
				return proceed
			}
		})
		began := time.Now()
		if _, err := Dial(t.Context(), s.config()); !errors.Is(err, wire.CodeVersionMismatch) || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		s.script(func() { other["two:1"] = false })
		connect(t, s)
	})
}

func TestRoundsOfFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1", "three:1")
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Dial(ctx, s.config()); err == nil {
			t.Error("dialed nobody")
		}
		if n := len(s.dialed); n < 3*55 || n > 3*140 {
			t.Errorf("%d dials in a minute", n)
		}
		if first := slices.Sorted(slices.Values(s.dialed[:3])); !slices.Equal(first, []string{"one:1", "three:1", "two:1"}) {
			t.Errorf("the first round was %q", first)
		}
	})
}

// A server that takes clients and drops them at once is asked no more often than one that is down.
func TestServersThatDropClientsAreNotAskedInATightLoop(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = func(*peer, *wire.Request) answer { return hangUp } })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Get(ctx, "/"); err == nil {
			t.Error("an answer from nobody")
		}
		if n := len(s.hellos); n < 60 || n > 300 {
			t.Errorf("%d connections in a minute", n)
		}
	})
}

// A DialContext that asks another coxswain for addresses, and wraps the end of its session there, ended the session here.
func TestErrorOfADialContextDoesNotEndTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		before := c.Session()
		s.script(func() {
			s.onDial = func(string) error {
				return fmt.Errorf("looking for a server: %w", &Error{Code: wire.CodeSessionExpired, Op: "children", Path: "/servers"})
			}
		})
		s.cut()
		pass(time.Second)
		if state, _ := c.State(); state != Suspended {
			t.Errorf("the client is %v", state)
		}
		s.script(func() { s.onDial = nil })
		if err := c.Sync(t.Context()); err != nil || c.Session().ID != before.ID || c.Session().Renewals != 0 {
			t.Errorf("%v: %+v, before %+v", err, c.Session(), before)
		}
	})
}

func TestCancelledDialLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine stays
		s := newService("one:1")
		for _, where := range []string{"in the dial", "in the handshake"} {
			s.script(func() {
				s.onDial = func(string) error {
					if where == "in the dial" {
						return context.DeadlineExceeded
					}
					return nil
				}
				s.onHello = func(string, *wire.Hello) answer { return ignore }
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			if _, err := Dial(ctx, s.config()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%s: after %v: %v", where, time.Since(began), err)
			}
			cancel()
		}
	})
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"timeout":  {SessionTimeout: time.Microsecond},
		"negative": {SessionTimeout: -time.Second},
		"name":     {Name: strings.Repeat("n", wire.NameBytesMax+1)},
		"level":    {Level: 9},
	} {
		if _, err := Dial(t.Context(), cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	cfg, err := Config{}.validate()
	if err != nil || !slices.Equal(cfg.Servers, []string{"127.0.0.1:7181"}) || cfg.SessionTimeout != 10*time.Second || cfg.Name == "" || cfg.Level != Linearizable {
		t.Errorf("%+v, %v", cfg, err)
	}
}
