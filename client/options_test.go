package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/wire"
)

func TestCreateMakesParentsWhenAsked(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		if path, _, err := c.Create(ctx, "/a/b/c", nil, Parents(), Ephemeral()); err != nil || path != "/a/b/c" {
			t.Fatalf("%q %v", path, err)
		}
		if _, _, err := c.Create(ctx, "/k/l/m", nil, ContainerParents()); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]Kind{
			"/a": KindPersistent, "/a/b": KindPersistent, "/a/b/c": KindEphemeral,
			"/k": KindContainer, "/k/l": KindContainer, "/k/l/m": KindPersistent,
		} {
			if stat, there, err := c.Exists(ctx, path); !there || err != nil || stat.Kind != want {
				t.Errorf("%s: %v %v %v", path, there, stat.Kind, err)
			}
		}
		if _, _, err := c.Create(ctx, "/x/y", nil, Parents(), ContainerParents()); !errors.Is(err, ErrBadArguments) {
			t.Errorf("two kinds of parents: %v", err)
		}
		if _, _, err := c.Create(ctx, "/a/b/c/d", nil, Parents()); !errors.Is(err, ErrNoChildrenForEphemerals) {
			t.Errorf("below an ephemeral node: %v", err)
		}
	})
}

func TestCreateIfAbsentTellsWhetherItExisted(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		for i, want := range []bool{false, true, true} {
			existed := !want
			path, stat, err := c.Create(ctx, "/a", []byte{byte(i)}, IfAbsent(), Existed(&existed))
			if err != nil || existed != want || path != "/a" || stat.Version != 0 {
				t.Errorf("create %d: %q %+v %v, existed %v", i, path, stat, err, existed)
			}
		}
		if node, err := c.Get(ctx, "/a"); err != nil || node.Data[0] != 0 {
			t.Errorf("the node was changed: %v %v", node, err)
		}
		var first, second bool
		results, err := c.Multi(ctx, CreateOp("/b", nil, IfAbsent(), Existed(&first)), CreateOp("/b", nil, IfAbsent(), Existed(&second)))
		if err != nil || first || !second || results[0].Existed || !results[1].Existed {
			t.Errorf("in a multi: %+v %v", results, err)
		}
		if _, _, err := c.Create(ctx, "/s-", nil, IfAbsent(), Sequential()); !errors.Is(err, ErrBadArguments) {
			t.Errorf("a sequential one: %v", err)
		}
	})
}

func TestExpectationsGuardWrites(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/x")
		stat, err := c.Set(ctx, "/x", []byte("now"))
		if err != nil {
			t.Fatal(err)
		}
		all := []WriteOption{IfVersion(1), IfCzxid(stat.Czxid), IfMzxid(stat.Mzxid), IfData([]byte("now"))}
		for _, one := range []struct {
			name string
			opts []WriteOption
			code error // nil: they hold
		}{
			{"all", all, nil}, {"czxid", all[1:2], nil}, {"mzxid", all[2:3], nil}, {"data", all[3:], nil},
			{"another version", []WriteOption{IfVersion(0), IfCzxid(stat.Czxid)}, ErrBadVersion},
			{"another czxid", []WriteOption{IfVersion(1), IfCzxid(stat.Czxid + 1)}, ErrMismatch},
			{"another mzxid", []WriteOption{IfMzxid(stat.Czxid)}, ErrMismatch},
			{"other data", []WriteOption{IfData([]byte("now!"))}, ErrMismatch},
			{"no data", []WriteOption{IfData(nil)}, ErrMismatch},
		} {
			for verb, op := range map[string]Op{
				"check": CheckOp("/x", one.opts...), "set": SetOp("/x", []byte("now"), one.opts...), "delete": DeleteOp("/x", one.opts...),
				"delete tree": DeleteTreeOp("/x", one.opts...), "copy": CopyTreeOp("/x", "/y", one.opts...),
				"move": MoveTreeOp("/x", "/y", one.opts...),
			} {
				_, err := c.Multi(ctx, op, DeleteOp("/none")) // so that it is never carried out
				want, index := one.code, 0
				if want == nil {
					want, index = ErrNoNode, 1
				}
				var e *Error
				if !errors.Is(err, want) || !errors.As(err, &e) || e.Index != index {
					t.Errorf("%s with %s: %v", verb, one.name, err)
				}
			}
		}
		if _, err := c.Set(ctx, "/x", []byte("then"), all...); err != nil {
			t.Errorf("set: %v", err)
		}
		_, err = c.Set(ctx, "/x", nil, all...)
		if !errors.Is(err, ErrBadVersion) || !NotApplied(err) || Retryable(err) || Unknown(err) {
			t.Errorf("a second time: %v", err)
		}
		err = c.Delete(ctx, "/x", IfData([]byte("now")))
		if !errors.Is(err, ErrMismatch) || !strings.HasPrefix(err.Error(), "mismatch: /x (") || !NotApplied(err) || Retryable(err) {
			t.Errorf("delete: %v", err)
		}
		_, err = c.Multi(ctx, AbsentOp("/none"), AbsentOp("/x"))
		if !errors.Is(err, ErrNodeExists) || !strings.HasPrefix(err.Error(), "operation 1: node exists: /x") {
			t.Errorf("a check of absence: %v", err)
		}
	})
}

// The data of an expectation are the caller's: it may change them as soon as the option is made.
func TestExpectedDataAreCopied(t *testing.T) {
	data := []byte("old")
	option := IfData(data)
	copy(data, "new")
	if got, _ := SetOp("/x", nil, option).op.Guard.Data(); got != "old" {
		t.Errorf("the option expects %q", got)
	}
}

func TestWithZxidTellsTheTransactionOfEveryAnswer(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		var z Zxid
		for _, step := range []struct {
			name    string
			changes Zxid // how far the service moves on
			call    func() error
			code    error
		}{
			{"create", 1, func() error { _, _, err := c.Create(ctx, "/a", nil, WithZxid(&z)); return err }, nil},
			{"create what is there", 0, func() error { _, _, err := c.Create(ctx, "/a", nil, WithZxid(&z)); return err }, ErrNodeExists},
			{"create if absent", 0, func() error { _, _, err := c.Create(ctx, "/a", nil, IfAbsent(), WithZxid(&z)); return err }, nil},
			{"set", 1, func() error { _, err := c.Set(ctx, "/a", nil, WithZxid(&z)); return err }, nil},
			{"check", 0, func() error { _, err := c.Multi(ctx, CheckOp("/a", WithZxid(&z))); return err }, nil},
			{"multi", 1, func() error { _, err := c.Multi(ctx, CheckOp("/a"), SetOp("/a", nil, WithZxid(&z))); return err }, nil},
			{"failed multi", 0, func() error { _, err := c.Multi(ctx, SetOp("/a", nil, WithZxid(&z)), DeleteOp("/b")); return err }, ErrNoNode},
			{"txn", 1, func() error { _, err := c.Txn(ctx, If().Then(SetOp("/a", nil, WithZxid(&z)))); return err }, nil},
			{"get", 0, func() error { _, err := c.Get(ctx, "/a", WithZxid(&z)); return err }, nil},
			{"exists of nothing", 0, func() error { _, _, err := c.Exists(ctx, "/b", WithZxid(&z)); return err }, nil},
			{"children", 0, func() error { _, _, err := c.Children(ctx, "/a", WithZxid(&z)); return err }, nil},
			{"descendants", 0, func() error { _, err := c.Descendants(ctx, "/a", WithZxid(&z)); return err }, nil},
			{"multi-read", 0, func() error { _, _, err := c.MultiRead(ctx, []ReadOp{GetOf("/a")}, WithZxid(&z)); return err }, nil},
			{"list", 0, func() error { _, err := c.ListPage(ctx, "/a", "", 0, WithZxid(&z)); return err }, nil},
			{"delete", 1, func() error { return c.Delete(ctx, "/a", WithZxid(&z)) }, nil},
		} {
			want := s.zxid + step.changes
			z = 0
			if err := step.call(); !errors.Is(err, step.code) || z != want {
				t.Errorf("%s: zxid %v, want %v; %v", step.name, z, want, err)
			}
			if got := c.LastZxid(); got != want {
				t.Errorf("%s: the highest zxid seen is %v, want %v", step.name, got, want)
			}
		}
		z = 7
		if _, err := c.Set(ctx, "bad", nil, WithZxid(&z)); err == nil || z != 7 {
			t.Errorf("a call that nobody has answered told %v: %v", z, err)
		}
	})
}

func TestReadsAskForTheirLevel(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		s.set("/a", "")
		for _, one := range []struct {
			opts  []ReadOption
			level Level
			least Zxid
		}{
			{nil, Linearizable, 0}, {[]ReadOption{AtLevel(Session)}, Session, 0}, {[]ReadOption{AtLeast(1)}, wire.AtLeast, 1},
			{[]ReadOption{AtLeast(0)}, Session, 0}, // everybody has come that far
			{[]ReadOption{AtLeast(1), AtLevel(Linearizable)}, Linearizable, 0}, {[]ReadOption{AtLevel(Session), AtLeast(1)}, wire.AtLeast, 1},
		} {
			for name, read := range map[string]func() error{
				"get":         func() error { _, err := c.Get(ctx, "/a", one.opts...); return err },
				"exists":      func() error { _, _, err := c.Exists(ctx, "/a", one.opts...); return err },
				"children":    func() error { _, _, err := c.Children(ctx, "/a", one.opts...); return err },
				"descendants": func() error { _, err := c.Descendants(ctx, "/a", one.opts...); return err },
				"ephemerals":  func() error { _, err := c.Ephemerals(ctx, "/a", one.opts...); return err },
				"multi-read":  func() error { _, _, err := c.MultiRead(ctx, []ReadOp{GetOf("/a")}, one.opts...); return err },
				"list":        func() error { _, err := c.ListPage(ctx, "/a", "", 0, one.opts...); return err },
				"sessions": func() error {
					for _, err := range c.Sessions(ctx, one.opts...) {
						return err
					}
					return nil
				},
			} {
				if err := read(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				s.script(func() {
					if r := s.requests[len(s.requests)-1]; r.Level != one.level || r.AtLeast != one.least {
						t.Errorf("%s was sent at level %v, at least %v; want %v, %v", name, r.Level, r.AtLeast, one.level, one.least)
					}
				})
			}
		}
		_, err := c.Get(ctx, "/a", AtLeast(1000))
		if !errors.Is(err, ErrNotReached) || err.Error() != "not reached: /a" || !NotApplied(err) || !Retryable(err) {
			t.Errorf("a zxid that the service has not come to: %v", err)
		}
		if _, err := c.Get(ctx, "/a", AtLevel(wire.AtLeast)); !errors.Is(err, ErrBadArguments) {
			t.Errorf("at least of nothing: %v", err)
		}
	})
}

func TestAtLeastIsNoLevelOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := newService("one:1").config()
		cfg.Level = wire.AtLeast
		if _, err := Dial(context.Background(), cfg); err == nil {
			t.Error("it was accepted")
		}
	})
}

func TestOptionsThatDoNotGoWithAReadAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		var w *Watch
		for name, err := range map[string]error{
			"watch of a list":      func() error { _, err := c.ListPage(ctx, "/", "", 0, WithWatch(&w)); return err }(),
			"watch of descendants": func() error { _, err := c.Descendants(ctx, "/", WithWatch(&w)); return err }(),
			"watch of multi-read":  func() error { _, _, err := c.MultiRead(ctx, nil, WithWatch(&w)); return err }(),
			"get of the past":      func() error { _, err := c.Get(ctx, "/", AsOf(1)); return err }(),
			"get with stats":       func() error { _, err := c.Get(ctx, "/", WithStats()); return err }(),
			"ephemerals with data": func() error { _, err := c.Ephemerals(ctx, "/", WithData()); return err }(),
		} {
			if !errors.Is(err, ErrBadArguments) || w != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
