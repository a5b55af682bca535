package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// stopped makes the server that is used first behave like a process under SIGSTOP: it accepts connections, and nothing else.
func (s *service) stopped(t *testing.T) {
	t.Helper()
	s.script(func() {
		addr := ""
		for p := range s.peers {
			addr = p.addr
		}
		s.onRequest = func(p *peer, _ *wire.Request) answer {
			if p.addr == addr {
				return ignore
			}
			return proceed
		}
		s.onHello = func(to string, _ *wire.Hello) answer {
			if to == addr {
				return ignore
			}
			return proceed
		}
	})
}

func TestStoppedServerIsLeftWithinThreeSeconds(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 10 * time.Second, 5 * time.Minute} {
		for _, idle := range []time.Duration{0, 777 * time.Millisecond, 3 * time.Second} { // moments in the rhythm of pings
			synctest.Test(t, func(t *testing.T) {
				s := newService("one:1", "two:1")
				cfg := s.config()
				cfg.SessionTimeout = timeout
				c, err := Dial(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				pass(idle)
				s.stopped(t)
				began := time.Now()
				if _, _, err := c.Create(t.Context(), "/n", nil); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("timeout %v, %v idle: the write took %v", timeout, idle, took)
				}
				if !c.Session().Valid() {
					t.Error("the session is in doubt")
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestIdleClientLeavesAStoppedServerInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		pass(time.Hour)
		s.stopped(t)
		_, changed := c.State()
		began := time.Now()
		<-changed
		if took := time.Since(began); took > 10*time.Second*2/3 {
			t.Errorf("noticed after %v", took)
		}
		_, changed = c.State()
		if state, _ := c.State(); state != Connected {
			<-changed
		}
		if !c.Session().Valid() {
			t.Error("the session is in doubt")
		}
	})
}

func TestIdleClientPingsThreeTimesPerTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 4 * time.Second, 10 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := newService("one:1")
			cfg := s.config()
			cfg.SessionTimeout = timeout
			c, err := Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			pass(100 * timeout)
			pings, want := 0, int(100*timeout/pingEvery(timeout))
			s.script(func() {
				for _, r := range s.requests {
					if r.Kind != wire.Ping {
						t.Errorf("a %v of an idle client", r.Kind)
					}
				}
				pings = len(s.requests)
			})
			if pings < want*9/10 || pings > want {
				t.Errorf("timeout %v: %d pings in 100 timeouts, want about %d", timeout, pings, want)
			}
			if !c.Session().Valid() {
				t.Errorf("timeout %v: the session is in doubt", timeout)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A write may wait for a majority for seconds. The server answers pings meanwhile, and is not left.
func TestSlowWriteKeepsItsConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind != wire.Create {
					return proceed
				}
				late := s.carryOut(p, r)
				time.AfterFunc(8*time.Second, func() {
					s.script(func() { p.out <- late })
				})
				return ignore
			}
		})
		if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
			t.Error(err)
		}
		if len(s.hellos) != 1 {
			t.Errorf("%d connections", len(s.hellos))
		}
	})
}

func TestServerThatAnswersOnlyPingsIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		began := time.Now()
		if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second || len(s.hellos) != 2 {
			t.Errorf("answered after %v, on %d connections", took, len(s.hellos))
		}
	})
}

// What has come before a request was sent is no sign of silence behind it, however late it is looked at; nor is what has come
// together with the welcome.
func TestWhatIsLookedAtLateIsNoSilence(t *testing.T) {
	for _, readAt := range []time.Time{{}, time.Now().Add(-time.Hour)} {
		conn := newConnection(nil, nil)
		c := &core{conn: conn}
		conn.readAt = readAt
		asked := time.Now()
		conn.timing.begin(asked)
		if err := c.received(conn, &wire.ServerFrame{Kind: wire.EventFrame, Event: wire.Event{Zxid: 1, Path: "/a"}}); err != nil {
			t.Fatal(err)
		}
		if since := conn.timing.quietSince; since.Before(asked) {
			t.Errorf("quiet since %v before the newest request", asked.Sub(since))
		}
	}
}

func TestBusyConnectionIsNotPinged(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		for range 1000 {
			pass(50 * time.Millisecond)
			if _, err := c.Get(t.Context(), "/"); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range s.requests {
			if r.Kind == wire.Ping {
				t.Error("a ping")
			}
		}
	})
}
