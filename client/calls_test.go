package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// inBubble runs a test against a service of two servers, with a client that is connected.
func inBubble(t *testing.T, test func(t *testing.T, s *service, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1", "two:1")
		test(t, s, connect(t, s))
	})
}

func TestWritesAndReads(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		path, stat, err := c.Create(ctx, "/a", []byte("one"))
		if err != nil || path != "/a" || stat.DataLength != 3 || stat.Version != 0 {
			t.Fatalf("create: %q %+v %v", path, stat, err)
		}
		if stat, err = c.Set(ctx, "/a", []byte("two!"), IfVersion(0)); err != nil || stat.Version != 1 {
			t.Fatalf("set: %+v %v", stat, err)
		}
		node, err := c.Get(ctx, "/a")
		if err != nil || string(node.Data) != "two!" || node.Stat != stat {
			t.Fatalf("get: %+v %v", node, err)
		}
		if _, there, err := c.Exists(ctx, "/absent"); there || err != nil {
			t.Errorf("exists of an absent node: %v %v", there, err)
		}
		if stat, there, err := c.Exists(ctx, "/a"); !there || err != nil || stat != node.Stat {
			t.Errorf("exists: %+v %v %v", stat, there, err)
		}
		for i := range 3 {
			path, _, err := c.Create(ctx, "/a/n-", nil, Ephemeral(), Sequential())
			if want := fmt.Sprintf("/a/n-%010d", i); err != nil || path != want {
				t.Fatalf("sequential create: %q %v", path, err)
			}
		}
		names, stat, err := c.Children(ctx, "/a", AtLevel(Session))
		if want := []string{"n-0000000000", "n-0000000001", "n-0000000002"}; err != nil || !reflect.DeepEqual(names, want) || stat.NumChildren != 3 {
			t.Errorf("children: %q %+v %v", names, stat, err)
		}
		page, err := c.ChildrenPage(ctx, "/a", "n-0000000000", 1, WithStats())
		if err != nil || len(page.Children) != 1 || page.Children[0].Name != "n-0000000001" || !page.More || page.Children[0].Stat.Kind != KindEphemeral ||
			SessionID(page.Children[0].Stat.Owner) != c.Session().ID {
			t.Errorf("page: %+v %v", page, err)
		}
		if n, err := c.Descendants(ctx, "/"); err != nil || n != 4 {
			t.Errorf("descendants: %d %v", n, err)
		}
		if paths, err := c.Ephemerals(ctx, "/a"); err != nil || len(paths) != 3 || paths[2] != "/a/n-0000000002" {
			t.Errorf("ephemerals: %q %v", paths, err)
		}
		if err := c.Sync(ctx); err != nil {
			t.Errorf("sync: %v", err)
		}
		if err := c.Delete(ctx, "/a/n-0000000001", IfVersion(0)); err != nil {
			t.Errorf("delete: %v", err)
		}
		s.script(func() {
			for _, r := range s.requests {
				if want := wire.Linearizable; r.Kind.Read() && r.Kind != wire.Children && r.Level != want {
					t.Errorf("%v was sent at level %v", r.Kind, r.Level)
				} else if r.Kind == wire.Children && r.After == "" && r.Level != wire.Session {
					t.Errorf("children was sent at level %v", r.Level)
				}
			}
		})
	})
}

func TestCreateOptionsChooseTheMode(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		for _, good := range []struct {
			opts []CreateOption
			kind Kind
		}{
			{nil, KindPersistent}, {[]CreateOption{Ephemeral()}, KindEphemeral}, {[]CreateOption{Container()}, KindContainer},
			{[]CreateOption{TTL(1500 * time.Millisecond)}, KindTTL}, {[]CreateOption{TTL(time.Hour), Sequential()}, KindTTL},
		} {
			path, stat, err := c.Create(t.Context(), "/n", nil, good.opts...)
			if err != nil || stat.Kind != good.kind {
				t.Errorf("%v: %+v %v", good.kind, stat, err)
			}
			if err := c.Delete(t.Context(), path); err != nil {
				t.Error(err)
			}
		}
		for _, bad := range [][]CreateOption{{Ephemeral(), Container()}, {Ephemeral(), TTL(time.Second)}, {Container(), Sequential()}, {TTL(0)}, {TTL(time.Microsecond)}, {TTL(-time.Second)}} {
			if _, _, err := c.Create(t.Context(), "/n", nil, bad...); !errors.Is(err, ErrBadArguments) || !NotApplied(err) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestListsAreReadInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		s.limits.Page = 7
		c := connect(t, s)
		var want []string
		for i := range 30 {
			name := fmt.Sprintf("%03d", i)
			want = append(want, name)
			if _, _, err := c.Create(t.Context(), "/"+name, nil, Ephemeral()); err != nil {
				t.Fatal(err)
			}
		}
		var w *Watch
		names, _, err := c.Children(t.Context(), "/", WithWatch(&w))
		if err != nil || !reflect.DeepEqual(names, want) {
			t.Errorf("children: %q %v", names, err)
		}
		paths, err := c.Ephemerals(t.Context(), "/")
		if err != nil || len(paths) != 30 || paths[29] != "/029" {
			t.Errorf("ephemerals: %q %v", paths, err)
		}
		watching := 0
		s.script(func() {
			for _, r := range s.requests {
				if r.Watch {
					watching++
				}
			}
		})
		if watching != 1 {
			t.Errorf("%d pages set the watch", watching)
		}
	})
}

func TestMulti(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		results, err := c.Multi(ctx, CreateOp("/m", []byte("0")), SetOp("/m", []byte("1"), IfVersion(0)), CheckOp("/m", IfVersion(1)),
			CreateOp("/m/s-", nil, Sequential()), DeleteOp("/m/s-0000000000"))
		if err != nil || len(results) != 5 || results[0].Stat.Version != 0 || results[1].Stat.Version != 1 || results[3].Path != "/m/s-0000000000" {
			t.Fatalf("got %+v %v", results, err)
		}
		if results, err := c.Multi(ctx); results != nil || err != nil {
			t.Errorf("an empty multi: %v %v", results, err)
		}
		for _, bad := range []struct {
			ops  []Op
			code error
			at   int
			text string
		}{
			{[]Op{CheckOp("/m"), SetOp("/m", nil, IfVersion(7))}, ErrBadVersion, 1, "operation 1: bad version: /m has version 1, expected 7"},
			{[]Op{SetOp("/m", nil), CreateOp("/x/y", nil)}, ErrNoNode, 1, "operation 1: no node: /x (parent of /x/y; the option Parents makes it)"},
			{[]Op{DeleteOp("/gone")}, ErrNoNode, 0, "operation 0: no node: /gone"},
			{[]Op{CheckOp("/m"), CheckOp("/m"), DeleteOp("m")}, ErrBadArguments, 2, `operation 2: bad arguments: m (a path starts with "/")`},
		} {
			_, err := c.Multi(ctx, bad.ops...)
			var e *Error
			if !errors.Is(err, bad.code) || !errors.As(err, &e) || e.Index != bad.at || err.Error() != bad.text {
				t.Errorf("got %v, want %s", err, bad.text)
			}
			if !NotApplied(err) || Unknown(err) || Retryable(err) {
				t.Errorf("%v is classified as %v %v %v", err, NotApplied(err), Unknown(err), Retryable(err))
			}
		}
		if node, err := c.Get(ctx, "/m"); err != nil || node.Stat.Version != 1 {
			t.Errorf("a failed multi had an effect: %+v %v", node, err)
		}
		many := make([]Op, wire.OpsMax+1)
		for i := range many {
			many[i] = CheckOp("/m")
		}
		if _, err := c.Multi(ctx, many...); !errors.Is(err, ErrTooMany) {
			t.Errorf("too many operations: %v", err)
		}
	})
}

func TestMultiReadIsOnePointInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "1")
		s.set("/b", "2")
		results, zxid, err := c.MultiRead(t.Context(), []ReadOp{GetOf("/a"), ExistsOf("/none"), ExistsOf("/b"), ChildrenOf("/")})
		if err != nil || zxid != s.zxid || len(results) != 4 {
			t.Fatalf("%+v %v %v", results, zxid, err)
		}
		if string(results[0].Data) != "1" || !errors.Is(results[1].Err, ErrNoNode) || results[2].Stat.DataLength != 1 ||
			!reflect.DeepEqual(results[3].Children, []string{"a", "b"}) {
			t.Errorf("%+v", results)
		}
		if _, _, err := c.MultiRead(t.Context(), []ReadOp{GetOf("/a"), GetOf("b")}); !errors.Is(err, ErrBadArguments) {
			t.Errorf("an illegal path: %v", err)
		}
		if _, _, err := c.MultiRead(t.Context(), make([]ReadOp, wire.ReadsMax+1)); !errors.Is(err, ErrTooMany) {
			t.Errorf("too many reads: %v", err)
		}
	})
}

func TestErrorsTellPathVersionAndWhatToDo(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		s.set("/x", "")
		s.set("/x/child", "")
		if _, _, err := c.Create(ctx, "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		for text, call := range map[string]func() error{
			"no node: /absent": func() error { _, err := c.Get(ctx, "/absent"); return err },
			"no node: /a (parent of /a/b; the option Parents makes it)": func() error { _, _, err := c.Create(ctx, "/a/b", nil); return err },
			"bad version: /x has version 0, expected 3":                 func() error { _, err := c.Set(ctx, "/x", nil, IfVersion(3)); return err },
			"bad version: /x has version 0, expected -1":                func() error { return c.Delete(ctx, "/x", IfVersion(-1)) },
			"not empty: /x (its children come first, it has 1)":         func() error { return c.Delete(ctx, "/x") },
			"bad arguments: / (the root cannot be deleted)":             func() error { return c.Delete(ctx, "/") },
			`bad arguments: "/a\x00b" (control characters are not allowed in a path)`: func() error {
				_, err := c.Get(ctx, "/a\x00b")
				return err
			},
			"bad arguments: children": func() error { _, err := c.ChildrenPage(ctx, "/x", "", -1); return err },
			"node exists: /x":         func() error { _, _, err := c.Create(ctx, "/x", nil); return err },
			"too large: /x":           func() error { _, err := c.Set(ctx, "/x", make([]byte, wire.DataMax+1)); return err },
			"ephemeral nodes cannot have children: /e": func() error {
				_, _, err := c.Create(ctx, "/e/c", nil)
				return err
			},
		} {
			err := call()
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), text) && !strings.HasPrefix(text, "bad arguments: children") {
				t.Errorf("got %v, want %s", err, text)
			}
			if !NotApplied(err) || Unknown(err) || Retryable(err) {
				t.Errorf("%v is classified as %v %v %v", err, NotApplied(err), Unknown(err), Retryable(err))
			}
		}
	})
}

func TestLocallyRefusedWritesUseUpNoNumber(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		for _, err := range []error{
			func() error { _, _, err := c.Create(ctx, "no-slash", nil); return err }(),
			func() error { _, err := c.Set(ctx, "/a//b", nil); return err }(),
			func() error { return c.Delete(ctx, "/zookeeper/x") }(),
			func() error {
				big := make([]byte, wire.DataMax)
				_, err := c.Multi(ctx, SetOp("/a", big), SetOp("/b", big), SetOp("/c", big))
				return err
			}(),
		} {
			if err == nil || !NotApplied(err) {
				t.Errorf("got %v", err)
			}
		}
		if _, _, err := c.Create(ctx, "/ok", nil); err != nil {
			t.Error(err)
		}
		s.script(func() {
			if len(s.requests) != 1 || s.requests[0].Seq != 1 {
				t.Errorf("%d requests were sent: %+v", len(s.requests), s.requests)
			}
		})
	})
}

func TestConcurrentCallersSharePipeline(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		const callers, each = 50, 20
		failures := make(chan error, callers)
		for i := range callers {
			go func() {
				var last error
				for j := range each {
					path := fmt.Sprintf("/c%d-%d", i, j)
					if _, _, err := c.Create(t.Context(), path, []byte(path)); err != nil {
						last = err
					}
					if node, err := c.Get(t.Context(), path); err != nil || string(node.Data) != path {
						last = errors.Join(err, fmt.Errorf("%s holds %q", path, node.Data))
					}
				}
				failures <- last
			}()
		}
		for range callers {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if len(s.applied) != callers*each {
			t.Errorf("%d writes were carried out", len(s.applied))
		}
	})
}

func TestWindowIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		s.limits.Window = 4
		c := connect(t, s)
		held := make(chan *peer, 100)
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind == wire.Ping {
					return proceed
				}
				held <- p
				return ignore
			}
		})
		results := make(chan error, 10)
		for i := range 10 {
			go func() { _, _, err := c.Create(t.Context(), fmt.Sprintf("/%d", i), nil); results <- err }()
		}
		synctest.Wait()
		if n := len(held); n != 4 {
			t.Errorf("%d writes are in flight, the window is 4", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := c.Set(ctx, "/late", nil); !errors.Is(err, context.DeadlineExceeded) || !NotApplied(err) || !Retryable(err) {
			t.Errorf("a write that got no number: %v, not applied %v", err, NotApplied(err))
		}
		s.script(func() { s.onRequest = nil })
		s.cut() // everything is sent again, and answered
		for range 10 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if len(s.applied) != 10 {
			t.Errorf("carried out: %q", s.applied)
		}
		for _, r := range s.requests {
			if r.Seq > r.Ack+4 {
				t.Errorf("write %d was sent with acknowledgement %d, beyond the window", r.Seq, r.Ack)
			}
		}
	})
}

func TestBytesInFlightAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind == wire.Set {
					return ignore
				}
				return proceed
			}
		})
		const writes = 40
		s.set("/a", "")
		results := make(chan error, writes)
		for range writes {
			go func() { _, err := c.Set(t.Context(), "/a", make([]byte, wire.DataMax)); results <- err }()
		}
		synctest.Wait()
		c.mu.Lock()
		bytes, waiting := c.queue.bytes, len(c.queue.waiting)
		c.mu.Unlock()
		if bytes > queueBytesMax || bytes < queueBytesMax/2 || waiting == 0 {
			t.Errorf("%d bytes are in flight, %d calls wait", bytes, waiting)
		}
		s.script(func() { s.onRequest = nil })
		s.cut()
		for range writes {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// A large request that waits for room is not overtaken for ever by small ones.
func TestCallsThatWaitForRoomKeepTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() {
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if r.Kind.Write() || r.Kind.Read() {
					return ignore
				}
				return proceed
			}
		})
		const sets = 20
		results := make(chan error, sets+1)
		for range sets {
			go func() { _, err := c.Set(t.Context(), "/", make([]byte, wire.DataMax)); results <- err }()
		}
		synctest.Wait()
		go func() { _, err := c.Get(t.Context(), "/"); results <- err }()
		synctest.Wait()
		c.mu.Lock()
		last := c.queue.waiting[len(c.queue.waiting)-1]
		c.mu.Unlock()
		if last.kind != wire.Get {
			t.Errorf("the last in the line is a %v", last.kind)
		}
		s.script(func() { s.onRequest = nil })
		s.cut()
		for range sets + 1 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}
