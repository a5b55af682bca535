package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// mustRegister registers a node, which must work at once.
func mustRegister(t *testing.T, c *Client, path, data string, opts ...CreateOption) *Registration {
	t.Helper()
	r, err := c.Register(t.Context(), path, []byte(data), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until waits for a state of a registration.
func (r *Registration) until(t *testing.T, want RegistrationState) {
	t.Helper()
	for {
		state, changed := r.State()
		if state == want {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Hour):
			t.Fatalf("%s is %v for ever: %v", r.Path(), state, r.Err())
		}
	}
}

// has demands that a node is there with these data, as an ephemeral of the client's present session.
func (c *Client) has(t *testing.T, path, data string) {
	t.Helper()
	n, err := c.Get(t.Context(), path)
	if err != nil || string(n.Data) != data || n.Stat.Owner != uint64(c.Session().ID) {
		t.Errorf("%s: %q of %x, %v; want %q of %v", path, n.Data, n.Stat.Owner, err, data, c.Session().ID)
	}
}

func TestRegistrationComesBackInEachSession(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.set("/dir", "")
		view, err := c.Chroot("/dir")
		if err != nil {
			t.Fatal(err)
		}
		r := mustRegister(t, view, "/me", "one")
		numbered := mustRegister(t, c, "/dir/n-", "x", Sequential())
		first := numbered.Path()
		c.has(t, "/dir/me", "one")
		if fence, there := r.Fence(); !there || fence == 0 || r.Path() != "/me" || r.Err() != nil {
			t.Errorf("%v, %v, %q, %v", fence, there, r.Path(), r.Err())
		}
		for i := range 5 {
			data := fmt.Sprint("data ", i)
			if err := r.Set(t.Context(), []byte(data)); err != nil {
				t.Error(err)
			}
			c.has(t, "/dir/me", data)
			_, changed := r.State()
			before, _ := r.Fence()
			expireNow(s, c)
			<-changed
			r.until(t, RegistrationUp)
			numbered.until(t, RegistrationUp)
			c.has(t, "/dir/me", data)
			if fence, _ := r.Fence(); fence <= before {
				t.Errorf("the fence went from %v to %v", before, fence)
			}
			c.has(t, numbered.Path(), "x")
			if numbered.Path() == first {
				t.Error("a sequential node came back with its old name")
			}
		}
		if err := r.Close(t.Context()); err != nil || s.tree.Get("/dir/me") != nil {
			t.Errorf("close: %v", err)
		}
		if state, _ := r.State(); state != RegistrationClosed || !errors.Is(r.Err(), ErrClosed) || !errors.Is(r.Set(t.Context(), nil), ErrClosed) {
			t.Errorf("%v, %v", state, r.Err())
		}
		_, changed := numbered.State()
		expireNow(s, c)
		<-changed
		numbered.until(t, RegistrationUp)
		if s.tree.Get("/dir/me") != nil {
			t.Error("a closed registration came back")
		}
	})
}

func TestRegistrationWaitsForTheNodeOfTheLifeBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		old := connect(t, s)
		if _, _, err := old.Create(t.Context(), "/me", []byte("old"), Ephemeral()); err != nil {
			t.Fatal(err)
		}
		registered := make(chan *Registration, 1)
		go func() { registered <- mustRegister(t, c, "/me", "new") }()
		pass(time.Minute)
		if len(registered) != 0 {
			t.Fatal("registered twice")
		}
		if _, err := old.Set(t.Context(), "/me", []byte("still alive")); err != nil {
			t.Error(err)
		}
		if err := old.Close(t.Context()); err != nil {
			t.Error(err)
		}
		r := <-registered
		c.has(t, "/me", "new")
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRegistrationThatIsGivenUpLeavesNothing(t *testing.T) {
	for name, hold := range map[string]func(s *service){
		"another node has the path": func(s *service) { s.set("/me", "") },
		"the create is on its way": func(s *service) {
			s.script(func() { s.onRequest = once(wire.Create, ignore) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				hold(s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.Register(ctx, "/me", nil)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				s.script(func() {
					if s.tree.Get("/me") != nil && !errors.Is(err, ErrNodeExists) {
						t.Errorf("the error does not tell what is in the way: %v", err)
					}
				})
				pass(time.Minute)
				s.script(func() {
					if n := s.tree.Get("/me"); n != nil && n.Stat().Owner == uint64(c.Session().ID) {
						t.Error("a node is left")
					}
				})
				c.mu.Lock()
				if c.registrations.running || len(c.registrations.all) != 0 || len(c.watches) != 0 {
					t.Errorf("left behind: %d registrations, %d watches", len(c.registrations.all), len(c.watches))
				}
				c.mu.Unlock()
			})
		})
	}
}

func TestRegistrationIsRefusedLikeACreate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		if _, err := c.Register(t.Context(), "/no/parent", nil); !errors.Is(err, ErrNoNode) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Register(t.Context(), "/c", nil, Container()); !errors.Is(err, ErrBadArguments) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Register(t.Context(), "relative", nil); !errors.Is(err, ErrBadArguments) {
			t.Errorf("got %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := c.Register(t.Context(), "/late", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRegistrationThatSomebodyDeletesIsLost(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		r, kept := mustRegister(t, c, "/me", ""), mustRegister(t, c, "/kept", "")
		s.remove("/me")
		r.until(t, RegistrationLost)
		if !errors.Is(r.Err(), ErrNoNode) || !errors.Is(r.Set(t.Context(), nil), ErrNoNode) || r.Close(t.Context()) != nil {
			t.Errorf("%v", r.Err())
		}
		_, changed := kept.State()
		expireNow(s, c)
		<-changed
		kept.until(t, RegistrationUp)
		if s.tree.Get("/me") != nil {
			t.Error("it came back")
		}
	})
}

func TestRegistrationIsRetriedWhenItsParentIsGone(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		s.set("/dir", "")
		r := mustRegister(t, c, "/dir/me", "a")
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.expire(c.Session().ID)
		s.remove("/dir")
		s.cut()
		s.script(func() { s.onDial = nil })
		pass(time.Minute)
		if state, _ := r.State(); state != RegistrationPending || !errors.Is(r.Err(), ErrNoNode) {
			t.Errorf("%v, %v", state, r.Err())
		}
		if err := r.Set(t.Context(), []byte("b")); err != nil {
			t.Errorf("a set meanwhile: %v", err)
		}
		s.set("/dir", "")
		r.until(t, RegistrationUp)
		c.has(t, "/dir/me", "b")
	})
}

func TestRegistrationsEndWithTheirSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		r := mustRegister(t, c, "/me", "")
		expireNow(s, c)
		r.until(t, RegistrationLost)
		if !errors.Is(r.Err(), ErrSessionExpired) {
			t.Errorf("got %v", r.Err())
		}
		other := connect(t, s)
		r = mustRegister(t, other, "/me", "")
		if err := other.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if state, _ := r.State(); state != RegistrationClosed || !errors.Is(r.Err(), ErrClosed) {
			t.Errorf("%v, %v", state, r.Err())
		}
	})
}

func TestRegistrationIsAdoptedByTheHeirOfItsSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		r := mustRegister(t, c, "/me", "old")
		fence, _ := r.Fence()
		h, err := c.Export(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if state, _ := r.State(); state != RegistrationClosed || !errors.Is(r.Err(), ErrHandedOver) {
			t.Errorf("%v, %v", state, r.Err())
		}
		heir, err := takingOver(t, s, h)
		if err != nil {
			t.Fatal(err)
		}
		r = mustRegister(t, heir, "/me", "new")
		heir.has(t, "/me", "new")
		if now, _ := r.Fence(); now != fence {
			t.Errorf("it is another node: %v, %v", now, fence)
		}
		if err := r.Close(t.Context()); err != nil || s.tree.Get("/me") != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestSetOfARegistration(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		r := mustRegister(t, c, "/me", "a")
		if err := r.Set(t.Context(), make([]byte, 2<<20)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		_, changed := r.State()
		expireNow(s, c)
		<-changed
		r.until(t, RegistrationUp)
		c.has(t, "/me", "a") // what was refused is not used later

		s.script(func() { s.onRequest = once(wire.Set, ignore) }) // the session ends under it
		done := make(chan error, 1)
		go func() { done <- r.Set(t.Context(), []byte("b")) }()
		synctest.Wait()
		_, changed = r.State()
		expireNow(s, c)
		<-changed
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.until(t, RegistrationUp)
		c.has(t, "/me", "b")
	})
}

// A thousand registrations come back in a few round trips, with one goroutine for all.
func TestManyRegistrationsComeBackTogether(t *testing.T) {
	inRenewing(t, func(t *testing.T, s *service, c *Client) {
		const n = 1000
		s.script(func() { s.limits.Window = 1024 })
		made := make(chan *Registration)
		for i := range n {
			go func() { made <- mustRegister(t, c, fmt.Sprintf("/%d", i), "x") }()
		}
		list := make([]*Registration, n)
		for i := range list {
			list[i] = <-made
		}
		expireNow(s, c)
		synctest.Wait()
		for _, r := range list {
			r.until(t, RegistrationUp)
			c.has(t, r.Path(), "x")
		}
	})
}
