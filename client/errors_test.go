package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// refusedRead is the error of a read of a node that is absent: the service's answer to that call and to no other.
func refusedRead(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.Get(t.Context(), "/absent")
	if !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
	return err
}

// Whoever cancels a context with the error of a call of this package made Exists report that a node is absent that is there.
func TestCauseOfAContextIsNotTakenForTheServicesAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/there", "")
		cause := refusedRead(t, c)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		var w *Watch
		_, there, err := c.Exists(ctx, "/there", WithWatch(&w))
		if there || !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoNode) {
			t.Errorf("exists: %v, %v", there, err)
		}
		if w != nil {
			t.Error("a watch that was never set")
		}
		if e, ok := errors.AsType[*WaitError](err); !ok || e.Cause != cause {
			t.Errorf("the cause is not told: %v", err)
		}
	})
}

func TestOtherCausesOfAContextAreFound(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		if _, err := c.Get(ctx, "/"); !errors.Is(err, enough) || !errors.Is(err, context.Canceled) || !Retryable(err) {
			t.Errorf("got %v", err)
		}
	})
}

// A write that was on its way was told as not applied, without a name, when the cause was the error of a call that was not.
func TestCauseOfAContextDoesNotSayWhatBecameOfAWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		cause := refusedRead(t, c)
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { _, _, err := c.Create(ctx, "/a", nil); done <- err }()
		synctest.Wait()
		cancel(cause)
		err := <-done
		if NotApplied(err) || Unknown(err) || Retryable(err) {
			t.Errorf("not applied %v, unknown %v, retryable %v: %v", NotApplied(err), Unknown(err), Retryable(err), err)
		}
		pass(time.Minute)
		w, ok := WriteOf(err)
		if out, err := c.Outcome(t.Context(), w); !ok || err != nil || out.Fate != FateApplied {
			t.Errorf("its name %v, %v: %+v, %v", w, ok, out, err)
		}
	})
}

// A Close that gave up returned nil when the cause of its context was the end of some client or session.
func TestCloseThatGivesUpSaysSoWhateverTheCause(t *testing.T) {
	for _, cause := range []error{ErrClosed, ErrSessionExpired} {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			s.script(func() { s.onRequest = once(wire.CloseSession, ignore) })
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Millisecond, func() { cancel(cause) })
			if err := c.Close(ctx); err == nil || s.table.Len() != 1 {
				t.Errorf("%v: got %v, with %d sessions open", cause, err, s.table.Len())
			}
		})
	}
}

// A call that waited for the next session, and would have been carried out in it, failed as one of the session before.
func TestCallThatWaitsForTheNextSessionHasNotExpired(t *testing.T) {
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
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := c.Create(ctx, "/a", nil)
		e, ok := errors.AsType[*WaitError](err)
		if !ok || e.State != Renewing || !errors.Is(e.Last, ErrSessionExpired) {
			t.Errorf("the error does not tell why there is no session: %v", err)
		}
		if errors.Is(err, ErrSessionExpired) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		s.script(func() { s.onHello = nil })
		pass(time.Minute)
		if _, there, err := c.Exists(t.Context(), "/a"); !there || err != nil {
			t.Errorf("the write was not carried out in the next session: %v", err)
		}
	})
}
