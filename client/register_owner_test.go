package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// givenUp makes a Register give up while its create, or its look at the node, is on its way, and returns its error when the
// client has come to rest.
func givenUp(t *testing.T, s *service, c *Client, onItsWay wire.Kind, path string, opts ...CreateOption) error {
	t.Helper()
	s.script(func() { s.onRequest = once(onItsWay, ignore) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := c.Register(ctx, path, []byte("given up"), opts...)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it has not given up: %v", err)
	}
	pass(time.Minute) // it is sent again, and what was created is deleted
	return err
}

// With IfAbsent the create of a node that was there looked like that of its own, which was then deleted.
func TestRegistrationThatIsGivenUpLeavesTheNodeOfAnotherSession(t *testing.T) {
	for name, opts := range map[string][]CreateOption{"plain": nil, "if absent": {IfAbsent()}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				owner := connect(t, s)
				if _, _, err := owner.Create(t.Context(), "/me", []byte("owner's"), Ephemeral()); err != nil {
					t.Fatal(err)
				}
				givenUp(t, s, c, wire.Create, "/me", opts...)
				owner.has(t, "/me", "owner's")
			})
		})
	}
}

// The node of another registration of the same session was adopted, to be deleted.
func TestRegistrationThatIsGivenUpLeavesTheNodeOfAnotherRegistration(t *testing.T) {
	for _, onItsWay := range []wire.Kind{wire.Create, wire.Children} {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			first := mustRegister(t, c, "/me", "first")
			givenUp(t, s, c, onItsWay, "/me")
			if state, _ := first.State(); state != RegistrationUp {
				t.Errorf("%v: the first is %v: %v", onItsWay, state, first.Err())
			}
			c.has(t, "/me", "first")
		})
	}
}

// With IfAbsent a node that was there already counted as the registration's own, and it was told to be lost a moment later.
func TestRegistrationWaitsForTheNodeInItsWayAlsoWithIfAbsent(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/me", "another's")
		registered := make(chan *Registration, 1)
		go func() { registered <- mustRegister(t, c, "/me", "mine", IfAbsent()) }()
		pass(time.Minute)
		if len(registered) != 0 {
			t.Fatal("it has not waited")
		}
		s.remove("/me")
		<-registered
		c.has(t, "/me", "mine")
	})
}

// NotApplied was told of a Register whose create was still carried out.
func TestRegisterThatGaveUpMayHaveCreatedItsNode(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		before := s.newest()
		err := givenUp(t, s, c, wire.Create, "/me")
		if s.newest() == before {
			t.Fatal("nothing was created")
		}
		if NotApplied(err) || Retryable(err) {
			t.Errorf("not applied %v, retryable %v: %v", NotApplied(err), Retryable(err), err)
		}
	})
}

func TestRegisterInAContextThatHasEndedDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Register(gone, "/me", nil); !errors.Is(err, context.Canceled) || !NotApplied(err) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if len(s.requests) != 0 {
			t.Errorf("%d requests were sent", len(s.requests))
		}
	})
}
