package client

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// inViews runs a test twice: with a client of its own, and with a view of one, which must behave the same.
func inViews(t *testing.T, test func(t *testing.T, s *service, c *Client)) {
	t.Run("client", func(t *testing.T) { inBubble(t, test) })
	t.Run("view", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *service, c *Client) { test(t, s, viewOf(t, c, "/app/v1")) })
	})
}

// viewOf returns a view of c whose root is there.
func viewOf(t *testing.T, c *Client, root string) *Client {
	t.Helper()
	view, err := c.Chroot(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := view.Create(t.Context(), "/", nil, Parents(), IfAbsent()); err != nil {
		t.Fatal(err)
	}
	return view
}

// makeNodes creates nodes with their paths as data.
func makeNodes(t *testing.T, c *Client, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, _, err := c.Create(t.Context(), path, []byte(path)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestViewTakesAndTellsItsOwnPaths(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		outer := viewOf(t, c, "/app")
		view := viewOf(t, outer, "/v1")
		if path, _, err := view.Create(ctx, "/n-", nil, Sequential(), Ephemeral()); err != nil || path != "/n-0000000000" {
			t.Errorf("create: %q %v", path, err)
		}
		if path, _, err := view.Create(ctx, "/", nil, Sequential()); err != nil || path != "/0000000001" {
			t.Errorf("a sequential create of a number alone: %q %v", path, err)
		}
		if paths, err := view.Ephemerals(ctx, "/"); err != nil || !reflect.DeepEqual(paths, []string{"/n-0000000000"}) {
			t.Errorf("ephemerals: %q %v", paths, err)
		}
		if names, _, err := c.Children(ctx, "/app/v1"); err != nil || !reflect.DeepEqual(names, []string{"0000000001", "n-0000000000"}) {
			t.Errorf("what the client itself sees: %q %v", names, err)
		}
		if n, err := view.Descendants(ctx, "/"); err != nil || n != 2 {
			t.Errorf("descendants: %d %v", n, err)
		}
		results, _, err := view.MultiRead(ctx, []ReadOp{ChildrenOf("/"), GetOf("/absent")})
		if err != nil || len(results[0].Children) != 2 || results[1].Err == nil || results[1].Err.Error() != "no node: /absent" {
			t.Errorf("multi-read: %+v %v", results, err)
		}
		if same, err := view.Chroot("/"); err != nil || same != view {
			t.Errorf("a view of everything: %v", err)
		}
		if _, err := view.Chroot("x"); !errors.Is(err, ErrBadArguments) {
			t.Errorf("a view of an illegal path: %v", err)
		}
	})
}

func TestErrorsOfAViewNameItsPaths(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		view := viewOf(t, c, "/app")
		makeNodes(t, view, "/x", "/x/y")
		for text, call := range map[string]func() error{
			"no node: /absent": func() error { _, err := view.Get(ctx, "/absent"); return err },
			"no node: /a (parent of /a/b; the option Parents makes it)":                   func() error { _, _, err := view.Create(ctx, "/a/b", nil); return err },
			"operation 0: not empty: /x (its children come first, it has 1)":              func() error { _, err := view.Multi(ctx, DeleteOp("/x")); return err },
			"bad version: /x has version 0, expected 3":                                   func() error { _, err := view.Set(ctx, "/x", nil, IfVersion(3)); return err },
			"node exists: /x (a tree is copied to where nothing is; choose another path)": func() error { _, _, err := view.CopyTree(ctx, "/x/y", "/x"); return err },
			`else: operation 0: node exists: /x`: func() error {
				_, err := view.Txn(ctx, If(AbsentOp("/x")).Else(CreateOp("/x", nil)))
				return err
			},
		} {
			if err := call(); err == nil || err.Error() != text {
				t.Errorf("got %v, want %s", err, text)
			}
		}
	})
}

// With a root in front an illegal path might look legal, or name something outside.
func TestViewRefusesPathsThatDoNotBeginAtItsRoot(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		view := viewOf(t, c, "/app")
		before := len(s.requests)
		for _, bad := range []string{"", "x", "le", "../app", "/../x", "//x", "/x/"} {
			for name, call := range map[string]func() error{
				"create":      func() error { _, _, err := view.Create(ctx, bad, nil); return err },
				"set":         func() error { _, err := view.Set(ctx, bad, nil); return err },
				"delete tree": func() error { _, err := view.DeleteTree(ctx, bad); return err },
				"copy from":   func() error { _, _, err := view.CopyTree(ctx, bad, "/y"); return err },
				"copy to":     func() error { _, _, err := view.CopyTree(ctx, "/y", bad); return err },
				"multi":       func() error { _, err := view.Multi(ctx, CheckOp(bad)); return err },
				"condition":   func() error { _, err := view.Txn(ctx, If(AbsentOp(bad))); return err },
				"get":         func() error { _, err := view.Get(ctx, bad); return err },
				"list":        func() error { _, err := view.ListPage(ctx, bad, "", 0); return err },
			} {
				if err := call(); !errors.Is(err, ErrBadArguments) || !NotApplied(err) {
					t.Errorf("%s of %q: %v", name, bad, err)
				}
			}
		}
		if len(s.requests) != before {
			t.Errorf("%d requests were sent", len(s.requests)-before)
		}
	})
}

// What is legal in a view may be too long behind its root. The server refused it, and every watch that came with it.
func TestViewRefusesPathsThatAreTooLongBehindItsRoot(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		view, err := c.Chroot("/app")
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("/123456789abcdef", znode.MaxPathBytes/16)
		for name, call := range map[string]func() error{
			"get":         func() error { _, err := view.Get(ctx, long); return err },
			"exists":      func() error { _, _, err := view.Exists(ctx, long); return err },
			"children":    func() error { _, _, err := view.Children(ctx, long); return err },
			"descendants": func() error { _, err := view.Descendants(ctx, long); return err },
			"ephemerals":  func() error { _, err := view.Ephemerals(ctx, long); return err },
			"list":        func() error { _, err := view.ListPage(ctx, long, "", 0); return err },
			"list behind": func() error { _, err := view.ListPage(ctx, "/", long, 0); return err },
			"multi-read":  func() error { _, _, err := view.MultiRead(ctx, []ReadOp{GetOf(long)}); return err },
			"add watch":   func() error { _, err := view.AddWatch(ctx, long); return err },
			"set":         func() error { _, err := view.Set(ctx, long, nil); return err },
			"view":        func() error { _, err := view.Chroot(long); return err },
		} {
			e, ok := errors.AsType[*Error](call())
			if !ok || e.Code != wire.CodeTooLarge || !NotApplied(e) || !strings.HasPrefix(e.Path, "/123456789abcdef/") {
				t.Errorf("%s: %v", name, e)
			}
		}
		if len(s.requests) != 0 {
			t.Errorf("%d requests were sent", len(s.requests))
		}
	})
}

// The service's path was told to whoever had set the watch.
func TestWatchOfAViewThatCannotBeSetAgainNamesItsPath(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		view := viewOf(t, c, "/app")
		makeNodes(t, view, "/a")
		w := watchData(t, view, "/a")
		s.script(func() {
			s.reply = func(r *wire.Request) []byte {
				if r.Kind != wire.SetWatches {
					return nil
				}
				return wire.AppendFailureReply(nil, r.Xid, wire.CodeTooMany, s.zxid, &znode.Error{Detail: "no room"})
			}
		})
		s.cut()
		if _, ok := <-w.C(); ok || w.Err().Error() != "too many: /a (no room)" {
			t.Errorf("got %v", w.Err())
		}
	})
}

// Rules about special paths are about the service's paths.
func TestSpecialPathsAreOrdinaryInAView(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		view := viewOf(t, c, "/app")
		if _, _, err := view.Create(ctx, "/zookeeper", nil); err != nil {
			t.Errorf("a name that is reserved at the root of the tree only: %v", err)
		}
		if n, err := view.DeleteTree(ctx, "/"); err != nil || n != 2 {
			t.Errorf("the root of the view: %d %v", n, err)
		}
		if _, there, err := c.Exists(ctx, "/app"); there || err != nil {
			t.Errorf("it is still there: %v", err)
		}
		if _, err := c.DeleteTree(ctx, "/"); !errors.Is(err, ErrBadArguments) {
			t.Errorf("the root of the tree: %v", err)
		}
	})
}

func TestViewsShareSessionAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		c := connect(t, s)
		view := viewOf(t, c, "/app")
		makeNodes(t, view, "/a")
		if node, err := c.Get(t.Context(), "/app/a"); err != nil || string(node.Data) != "/a" {
			t.Errorf("%+v %v", node, err)
		}
		if view.Session().ID != c.Session().ID || len(s.hellos) != 1 {
			t.Errorf("the view has its own session")
		}
		s.script(func() {
			for i, r := range s.requests {
				if r.Kind.Write() && int(r.Seq) != i+1 {
					t.Errorf("request %d is write %d", i, r.Seq)
				}
			}
			if s.requests[0].Kind != wire.Create {
				t.Errorf("the first request is a %v", s.requests[0].Kind)
			}
		})
	})
}
