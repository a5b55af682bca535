package client

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// serving returns the address of the server that the client is attached to.
func (s *service) serving() (addr string) {
	s.script(func() {
		for p := range s.peers {
			addr = p.addr
		}
	})
	return addr
}

// Whatever happens to servers and network: calls under way and later ones are answered once it is over, the session is the
// same one, and the state is told to whoever looks, however late, without anybody having waited for him.
func TestSessionSurvives(t *testing.T) {
	for name, strike := range map[string]func(s *service, c *Client) (mend func()){
		"its server killed": func(s *service, _ *Client) func() {
			dead := s.serving()
			s.script(func() {
				s.onDial = func(addr string) error {
					if addr == dead {
						return errRefused
					}
					return nil
				}
			})
			s.cut()
			return func() {}
		},
		"all servers restarted": func(s *service, _ *Client) func() {
			s.script(func() { s.onDial = func(string) error { return errRefused } })
			s.cut()
			pass(3 * time.Second)
			s.script(func() {
				for _, id := range s.servers {
					s.table.Beat(session.Beat{Server: id, Boot: 2, Number: 1}) // detaches its sessions
				}
				s.boot = 2
				s.onDial = nil
			})
			return func() {}
		},
		"its server paused, and back": func(s *service, _ *Client) func() {
			paused := s.serving()
			s.script(func() {
				s.onRequest = func(p *peer, _ *wire.Request) answer {
					if p.addr == paused {
						return ignore
					}
					return proceed
				}
			})
			return s.unmute
		},
		"a partition from all, longer than its certainty": func(s *service, _ *Client) func() {
			s.script(func() {
				s.onRequest = func(*peer, *wire.Request) answer { return ignore }
				s.onDial = func(string) error { return context.DeadlineExceeded }
			})
			pass(time.Minute)
			return s.unmute
		},
		"its server drained": func(s *service, _ *Client) func() {
			s.say(wire.AppendGoodbye(nil, wire.CodeDraining, "move"))
			return func() {}
		},
		"moved by the service": func(s *service, _ *Client) func() {
			s.say(wire.AppendGoodbye(nil, wire.CodeSessionMoved, ""))
			return func() {}
		},
		"two cuts in a row": func(s *service, _ *Client) func() {
			s.cut()
			synctest.Wait()
			s.cut()
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				ctx := t.Context()
				if _, _, err := c.Create(ctx, "/e", nil, Ephemeral()); err != nil {
					t.Fatal(err)
				}
				id := c.Session().ID
				_, unread := c.State() // nobody looks at it until the end
				s.script(func() { s.onRequest = once(wire.Set, ignore) })
				flying := make(chan error, 1)
				go func() { _, err := c.Set(ctx, "/e", []byte("x")); flying <- err }()
				synctest.Wait()
				mend := strike(s, c)
				later := make(chan error, 1)
				go func() { _, err := c.Get(ctx, "/e"); later <- err }()
				mend()
				if err := <-flying; err != nil {
					t.Errorf("the call under way: %v", err)
				}
				if err := <-later; err != nil {
					t.Errorf("a later call: %v", err)
				}
				pass(5 * time.Second)
				<-unread
				if state, _ := c.State(); state != Connected || c.Err() != nil || c.Session().ID != id || !c.Session().Valid() {
					t.Errorf("%v, %v, %+v", state, c.Err(), c.Session())
				}
				if n := len(slices.DeleteFunc(slices.Clone(s.applied), func(path string) bool { return path != "/e" })); n != 2 {
					t.Errorf("carried out %q", s.applied)
				}
			})
		})
	}
}

// Every state that lasts is seen by a reader that goes from change to change, and each change wakes it.
func TestStateIsNeitherLostNorBlocks(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		seen, stop := []State{}, make(chan struct{})
		reader := make(chan struct{})
		go func() {
			defer close(reader)
			for {
				state, changed := c.State()
				seen = append(seen, state)
				if state.Final() {
					return
				}
				<-changed
				<-stop // a reader that is slow at first
			}
		}()
		for range 5 {
			synctest.Wait()
			s.cut()
		}
		pass(time.Second)
		close(stop)
		synctest.Wait()
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.expire(c.Session().ID)
		s.cut()
		synctest.Wait()
		s.script(func() {
			s.onDial = nil
			s.onHello = func(_ string, h *wire.Hello) answer {
				if h.SessionID == 0 {
					return hangUp
				}
				return proceed
			}
		})
		pass(10 * time.Second)
		s.script(func() { s.onHello = nil })
		pass(10 * time.Second)
		if err := c.Close(t.Context()); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		<-reader
		if want := []State{Connected, Connected, Suspended, Renewing, Connected, Closed}; !slices.Equal(seen, want) {
			t.Errorf("seen: %v", seen)
		}
	})
}
