package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/wire"
)

// inSmallPages is inViews with a service whose pages have three entries.
func inSmallPages(t *testing.T, test func(t *testing.T, s *service, c *Client)) {
	for _, root := range []string{"/", "/app/v1"} {
		t.Run(root, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService("one:1")
				s.limits.Page = 3
				test(t, s, viewOf(t, connect(t, s), root))
			})
		})
	}
}

func TestListShowsOnePointInTimeOverPages(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		want := []string{"/a", "/a/b", "/a/b/c", "/a/d", "/a/d/e", "/a-b", "/a0"}
		makeNodes(t, c, "/a", "/a/b", "/a/b/c", "/a/d", "/a/d/e", "/a-b", "/a0")
		before := s.zxid
		var got []string
		var zxid Zxid
		for entry, err := range c.List(ctx, "/", WithStats(), WithData(), WithZxid(&zxid)) {
			if err != nil {
				t.Fatal(err)
			}
			if entry.Path == "/" {
				continue
			}
			if string(entry.Data) != entry.Path || entry.Stat.DataLength != int64(len(entry.Path)) {
				t.Errorf("%+v", entry)
			}
			got = append(got, entry.Path)
			// Whatever is changed in front of the list or behind it does not show.
			if _, err := c.DeleteTree(ctx, "/a/d"); err != nil && !errors.Is(err, ErrNoNode) {
				t.Fatal(err)
			}
			if _, err := c.Set(ctx, "/a0", nil); err != nil {
				t.Fatal(err)
			}
			makeNodes(t, c, "/new"+entry.Path[1:2]+fmt.Sprint(len(got)))
		}
		if !reflect.DeepEqual(got, want) || zxid != before {
			t.Errorf("as of %v: %q, want as of %v: %q", zxid, got, before, want)
		}
		s.script(func() {
			pages := 0
			for _, r := range s.requests {
				if r.Kind != wire.List {
					continue
				}
				if pages++; pages == 1 && (r.AsOf != 0 || r.Level != wire.Linearizable) || pages > 1 && (r.AsOf != before || r.Level != wire.Session) {
					t.Errorf("page %d was asked for as of %v at level %v", pages, r.AsOf, r.Level)
				}
			}
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
		})
		if again := listPaths(t, c, "/a/b"); !reflect.DeepEqual(again, []string{"/a/b", "/a/b/c"}) {
			t.Errorf("a part: %q", again)
		}
	})
}

func TestListCanBeReadPageByPage(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/a", "/a/b", "/a/c")
		first, err := c.ListPage(ctx, "/a", "", 2)
		if err != nil || !first.More || !reflect.DeepEqual(first.Entries, []Entry{{Path: "/a"}, {Path: "/a/b"}}) || first.Zxid != s.zxid {
			t.Fatalf("%+v %v", first, err)
		}
		makeNodes(t, c, "/a/d")
		second, err := c.ListPage(ctx, "/a", "/a/b", 2, AsOf(first.Zxid))
		if err != nil || second.More || !reflect.DeepEqual(second.Entries, []Entry{{Path: "/a/c"}}) || second.Zxid != first.Zxid {
			t.Errorf("%+v %v", second, err)
		}
		for text, err := range map[string]error{
			"no node: /x": func() error { _, err := c.ListPage(ctx, "/x", "", 0); return err }(),
			`bad arguments: a (a path starts with "/")`:                   func() error { _, err := c.ListPage(ctx, "/a", "a", 0); return err }(),
			"bad arguments: /a (a page has a limit of 0 or more entries)": func() error { _, err := c.ListPage(ctx, "/a", "", -1); return err }(),
			"compacted: /a (begin a new list)":                            func() error { _, err := c.ListPage(ctx, "/a", "", 0, AsOf(1<<40)); return err }(),
			"bad arguments: /a (only List and ListPage show the past)":    func() error { _, err := c.ChildrenPage(ctx, "/a", "", 0, AsOf(1)); return err }(),
			"bad arguments: /a (a level is Linearizable or Session)":      func() error { _, err := c.ListPage(ctx, "/a", "", 0, AtLevel(9)); return err }(),
		} {
			if err == nil || err.Error() != text || !NotApplied(err) || Retryable(err) {
				t.Errorf("got %v, want %s", err, text)
			}
		}
	})
}

func TestListEndsWithItsError(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		makeNodes(t, c, "/a", "/b", "/c", "/d")
		count, last := 0, error(nil)
		for entry, err := range c.List(t.Context(), "/") {
			if last != nil {
				t.Fatal("there is something behind the error")
			}
			if last = err; err == nil {
				count++
				s.script(func() { clear(s.past) }) // the history goes by
			} else if entry.Path != "" {
				t.Errorf("an entry with an error: %+v", entry)
			}
		}
		if count != 3 || !errors.Is(last, ErrCompacted) {
			t.Errorf("%d entries, then %v", count, last)
		}
		for range c.List(t.Context(), "/") {
			break // and no more is read
		}
		if r := s.requests[len(s.requests)-1]; r.After != "" {
			t.Errorf("a page behind %q was read", r.After)
		}
	})
}

func TestChildrenAreStreamed(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/p")
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprintf("/p/%02d", i))
		}
		makeNodes(t, c, want...)
		var got []string
		var w *Watch
		children := c.ChildrenSeq(ctx, "/p", WithData(), WithWatch(&w))
		for range 2 { // each iteration begins anew
			got = nil
			for child, err := range children {
				if err != nil || child.Stat != (Stat{}) {
					t.Fatalf("%+v %v", child, err)
				}
				got = append(got, string(child.Data))
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q", got)
			}
		}
		watching, pages := 0, 0
		s.script(func() {
			for _, r := range s.requests {
				if r.Kind == wire.Children {
					pages++
				}
				if r.Watch {
					watching++
				}
			}
		})
		if pages != 8 || watching != 2 {
			t.Errorf("%d pages, %d set a watch", pages, watching)
		}
		makeNodes(t, c, "/p/new")
		if event := <-w.C(); event.Type != EventChildrenChanged || event.Path != "/p" {
			t.Errorf("%+v", event)
		}
		for child, err := range c.ChildrenSeq(ctx, "/absent") {
			if !errors.Is(err, ErrNoNode) || child.Name != "" {
				t.Errorf("%+v %v", child, err)
			}
		}
	})
}

// The first page is as fresh as was asked for, so those behind it are, too: only it asks the other servers.
func TestPagesOfChildrenBehindTheFirstNeedNoBarrier(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/p")
		var want []string
		for i := range 7 {
			want = append(want, fmt.Sprintf("%02d", i))
			makeNodes(t, c, "/p/"+want[i])
		}
		for _, one := range []struct {
			opts  []ReadOption
			first wire.Request
		}{
			{nil, wire.Request{Level: wire.Linearizable}},
			{[]ReadOption{AtLevel(Session)}, wire.Request{Level: wire.Session}},
			{[]ReadOption{AtLeast(1)}, wire.Request{Level: wire.AtLeast, AtLeast: 1}},
		} {
			var asked []wire.Request
			s.script(func() {
				s.onRequest = func(_ *peer, r *wire.Request) answer {
					if r.Kind == wire.Children {
						asked = append(asked, wire.Request{Level: r.Level, AtLeast: r.AtLeast})
					}
					return proceed
				}
			})
			got, stat, err := c.Children(ctx, "/p", one.opts...)
			if err != nil || !reflect.DeepEqual(got, want) || stat.NumChildren != 7 {
				t.Errorf("%q, %+v, %v", got, stat, err)
			}
			got = nil
			for child, err := range c.ChildrenSeq(ctx, "/p", one.opts...) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, child.Name)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("one by one: %q", got)
			}
			behind := wire.Request{Level: wire.Session}
			each := []wire.Request{one.first, behind, behind}
			s.script(func() {
				if !reflect.DeepEqual(asked, append(each, each...)) {
					t.Errorf("asked %+v", asked)
				}
			})
		}
	})
}

// A list that does not go on although it says so must not look complete.
func TestEmptyPageThatIsNotTheLastIsAnError(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.reply = func(r *wire.Request) []byte {
				dst, mark := wire.BeginReply(nil, r.Xid, s.zxid)
				switch r.Kind {
				case wire.Children:
					out, list := wire.BeginChildrenResult(dst)
					return wire.EndFrame(wire.EndChildrenResult(out, list, 0, true, &Stat{}), mark)
				case wire.List:
					out, list := wire.BeginListResult(dst)
					return wire.EndFrame(wire.EndListResult(out, list, 0, true, s.zxid), mark)
				case wire.Sessions:
					out, list := wire.BeginSessionsResult(dst)
					return wire.EndFrame(wire.EndSessionsResult(out, list, 0, true), mark)
				case wire.Ephemerals:
					out, list := wire.BeginEphemeralsResult(dst)
					return wire.EndFrame(wire.EndEphemeralsResult(out, list, 0, true), mark)
				}
				return nil
			}
		})
		ctx := t.Context()
		_, _, children := c.Children(ctx, "/")
		_, ephemerals := c.Ephemerals(ctx, "/")
		_, list := c.ListPage(ctx, "/", "", 0)
		var sessions error
		for _, sessions = range c.Sessions(ctx) {
		}
		for _, err := range []error{children, ephemerals, list, sessions} {
			if !errors.Is(err, errEmptyPage) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// The watch of a list that failed after its first page stayed, at the server too, and its caller had been given it.
func TestChildrenThatFailOnALaterPageSetNoWatch(t *testing.T) {
	inSmallPages(t, func(t *testing.T, s *service, c *Client) {
		makeNodes(t, c, "/d")
		for i := range 20 {
			makeNodes(t, c, fmt.Sprintf("/d/%02d", i))
		}
		var w *Watch
		if names, _, err := c.Children(t.Context(), "/d", WithWatch(&w)); err != nil || len(names) != 20 || w == nil {
			t.Fatalf("%q, %v", names, err)
		}
		w.Close()
		w = nil
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		s.script(func() {
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if r.Kind != wire.Children {
					return proceed
				}
				if pages++; pages == 2 {
					cancel()
				}
				return proceed
			}
		})
		if _, _, err := c.Children(ctx, "/d", WithWatch(&w)); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d pages: %v", pages, err)
		}
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		if w != nil || remembered(c) != 0 {
			t.Errorf("the caller has %v, the client remembers %d watches", w, remembered(c))
		}
		s.script(func() {
			for p := range s.peers {
				if len(p.watches) != 0 {
					t.Errorf("the server has %v", p.watches)
				}
			}
		})
	})
}
