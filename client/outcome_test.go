package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/wire"
)

// unknownOf makes a client's write end as unknown, carried out or not, and returns its name.
func unknownOf(t *testing.T, s *service, what answer, write func(c *Client) error) WriteID {
	t.Helper()
	c := connect(t, s)
	s.script(func() {
		s.onRequest = func(p *peer, r *wire.Request) answer {
			if r.Seq == 0 || p.id != c.Session().ID {
				return proceed
			}
			if what == loseReply {
				s.carryOut(p, r)
			}
			return ignore
		}
	})
	done := make(chan error, 1)
	go func() { done <- write(c) }()
	synctest.Wait()
	s.script(func() { s.onRequest = nil })
	expireNow(s, c)
	err := <-done
	if !Unknown(err) {
		t.Fatalf("the write ended with %v", err)
	}
	w, ok := WriteOf(err)
	if !ok || w.Session() != c.Session().ID {
		t.Fatalf("its name is %v, %v", w, ok)
	}
	return w
}

func TestFateOfAnUnknownWriteCanBeAskedFromAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1")
		s.set("/there", "old")
		s.set("/dir", "")
		s.set("/dir/a", "")
		ctx, other := t.Context(), connect(t, s)

		w := unknownOf(t, s, loseReply, func(c *Client) error {
			_, _, err := c.Create(ctx, "/n-", []byte("xyz"), Sequential())
			return err
		})
		out, err := other.Outcome(ctx, w)
		if err != nil || out.Fate != FateApplied || out.Path != "/n-0000000002" || out.Stat.DataLength != 3 || out.Zxid != out.Stat.Czxid {
			t.Errorf("a create: %+v, %v", out, err)
		}
		w = unknownOf(t, s, loseReply, func(c *Client) error { _, err := c.Set(ctx, "/there", []byte("new!")); return err })
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateApplied || out.Stat.Version != 1 {
			t.Errorf("a set: %+v, %v", out, err)
		}
		w = unknownOf(t, s, loseReply, func(c *Client) error { return c.Delete(ctx, "/absent") })
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateRefused || !errors.Is(out.Err, ErrNoNode) || !strings.Contains(out.Err.Error(), "/absent") {
			t.Errorf("a refused delete: %+v, %v", out, err)
		}
		w = unknownOf(t, s, loseReply, func(c *Client) error {
			_, err := c.Multi(ctx, CreateOp("/m", nil), DeleteOp("/there"))
			return err
		})
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateApplied || len(out.Results) != 2 || out.Results[0].Path != "/m" {
			t.Errorf("a multi: %+v, %v", out, err)
		}
		w = unknownOf(t, s, loseReply, func(c *Client) error {
			_, err := c.Txn(ctx, If(AbsentOp("/m")).Then(CreateOp("/m", nil)).Else(GetOp("/m")))
			return err
		})
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateApplied || out.Held || out.Failed != 0 || len(out.Results) != 1 {
			t.Errorf("a transaction: %+v, %v", out, err)
		}
		w = unknownOf(t, s, loseReply, func(c *Client) error { _, err := c.DeleteTree(ctx, "/dir"); return err })
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateApplied || out.Count != 2 {
			t.Errorf("a tree: %+v, %v", out, err)
		}
		w = unknownOf(t, s, ignore, func(c *Client) error { _, _, err := c.Create(ctx, "/x", nil); return err })
		if out, err = other.Outcome(ctx, w); err != nil || out.Fate != FateNever {
			t.Errorf("a write that never came: %+v, %v", out, err)
		}
		w.secret = secretOf(wire.Password{1})
		if out, err = other.Outcome(ctx, w); !errors.Is(err, ErrNoSession) {
			t.Errorf("with another password: %+v, %v", out, err)
		}
		if _, err = other.Outcome(ctx, WriteID{}); !errors.Is(err, ErrBadArguments) {
			t.Errorf("of no write: %v", err)
		}
	})
}

func TestFateOfAWriteWhoseCallerStoppedWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		w := cancelled(t, c)
		other := connect(t, s)
		if out, err := other.Outcome(ctx, w); err != nil || out.Fate != FateOpen {
			t.Errorf("before it was carried out: %+v, %v", out, err)
		}
		if err := c.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		if out, err := other.Outcome(ctx, w); err != nil || out.Fate != FateApplied || out.Path != "/a" {
			t.Errorf("after: %+v, %v", out, err)
		}
		if _, _, err := c.Create(ctx, "/b", nil); err != nil { // tells the service that the answer has come
			t.Fatal(err)
		}
		if out, err := other.Outcome(ctx, w); !errors.Is(err, ErrForgotten) {
			t.Errorf("when its client has had the answer: %+v, %v", out, err)
		}
	})
}

// cancelled makes a create whose caller stops waiting.
func cancelled(t *testing.T, c *Client) WriteID {
	t.Helper()
	ctx, cancel := contextFor(t)
	done := make(chan error, 1)
	go func() { _, _, err := c.Create(ctx, "/a", nil); done <- err }()
	synctest.Wait()
	cancel()
	w, ok := WriteOf(<-done)
	if !ok {
		t.Fatal("the write has no name")
	}
	return w
}

func TestOutcomeInAViewTellsTheViewsPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		s.set("/base", "")
		view, err := connect(t, s).Chroot("/base")
		if err != nil {
			t.Fatal(err)
		}
		w := unknownOf(t, s, loseReply, func(c *Client) error { _, _, err := c.Create(t.Context(), "/base/a", nil); return err })
		if out, err := view.Outcome(t.Context(), w); err != nil || out.Path != "/a" {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

func TestNameOfAWriteTravelsAsText(t *testing.T) {
	w := WriteID{session: 1 << 60, secret: secretOf(wire.Password(bytes.Repeat([]byte{0xab}, 16))), seq: 77, kind: wire.Txn}
	text, err := w.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back WriteID
	if err := back.UnmarshalText(text); err != nil || back != w {
		t.Errorf("got %v, %v", back, err)
	}
	damaged(t, text, func(text []byte) error { return new(WriteID).UnmarshalText(text) })
	if text, err = (Handover{id: 1, timeout: 1e9}).MarshalText(); err != nil || back.UnmarshalText(text) == nil {
		t.Errorf("a token of another kind was taken: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%s"} {
		if got := fmt.Sprintf(verb, w); got != "transaction 77 of session 0x1000000000000000" {
			t.Errorf("%s prints %q", verb, got)
		}
		for _, err := range []error{&Error{write: &w}, &WaitError{Cause: context.Canceled, write: &w}} {
			if got := fmt.Sprintf(verb, err); strings.Contains(got, "abab") || strings.Contains(got, "171 171") || strings.Contains(got, "0xab, 0xab") {
				t.Errorf("%s of an error prints %q", verb, got)
			}
		}
	}
}

// damaged demands that a token with any one character changed, left out, or put in, and any part of it, is refused with a
// clear error that does not show it.
func damaged(t *testing.T, text []byte, parse func([]byte) error) {
	t.Helper()
	refuse := func(text []byte) {
		err := parse(text)
		if !errors.Is(err, ErrBadToken) || len(text) > 20 && strings.Contains(err.Error(), string(text[10:20])) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for i := range text {
		for _, c := range "AZ_\n=" {
			if changed := append([]byte{}, text...); text[i] != byte(c) {
				changed[i] = byte(c)
				refuse(changed)
			}
		}
		refuse(text[:i])
		refuse(append(append(append([]byte{}, text[:i]...), '-'), text[i:]...))
	}
}
