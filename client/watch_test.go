package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// watchData sets a data watch on a path by Exists, which works for absent nodes too.
func watchData(t *testing.T, c *Client, path string) *Watch {
	t.Helper()
	var w *Watch
	if _, _, err := c.Exists(t.Context(), path, WithWatch(&w)); err != nil {
		t.Fatal(err)
	}
	return w
}

func watchChildren(t *testing.T, c *Client, path string) *Watch {
	t.Helper()
	var w *Watch
	if _, _, err := c.Children(t.Context(), path, WithWatch(&w)); err != nil {
		t.Fatal(err)
	}
	return w
}

// fired demands that a watch has ended with one event.
func fired(t *testing.T, w *Watch, want EventType) {
	t.Helper()
	event, ok := <-w.C()
	if !ok || event.Type != want || event.Path != w.key.path {
		t.Errorf("watch on %s: event %v, %v, %v; want %v", w.key.path, event, ok, w.Err(), want)
	}
	if _, more := <-w.C(); more || w.Err() != nil {
		t.Errorf("watch on %s: a second event, or %v", w.key.path, w.Err())
	}
}

// standing demands that a watch has not ended.
func standing(t *testing.T, w *Watch) {
	t.Helper()
	synctest.Wait()
	select {
	case event, ok := <-w.C():
		t.Errorf("watch on %s: %v %v, %v", w.key.path, event, ok, w.Err())
	default:
	}
}

func TestWatchesFireOnceForWhatTheyWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/p", "")
		absent, present, children := watchData(t, c, "/p/c"), watchData(t, c, "/p"), watchChildren(t, c, "/p")
		s.set("/p/c", "1")
		fired(t, absent, EventCreated)
		fired(t, children, EventChildrenChanged)
		standing(t, present)

		one, two, grandchildren := watchData(t, c, "/p/c"), watchData(t, c, "/p/c"), watchChildren(t, c, "/p/c")
		s.set("/p/c", "2")
		fired(t, one, EventDataChanged)
		fired(t, two, EventDataChanged)
		standing(t, grandchildren)
		data := watchData(t, c, "/p/c")
		s.remove("/p/c")
		fired(t, grandchildren, EventDeleted)
		fired(t, data, EventDeleted)
		standing(t, present)
	})
}

func TestFailedReadSetsNoWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := new(Watch)
		given := w
		if _, err := c.Get(t.Context(), "/absent", WithWatch(&w)); !errors.Is(err, ErrNoNode) || w != given {
			t.Errorf("%v, %v", w, err)
		}
		if n := remembered(c); n != 0 {
			t.Errorf("the client remembers %d watches", n)
		}
	})
}

func TestEventComesBeforeTheReplyThatShowsTheChange(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "old")
		for i := range 100 {
			var w *Watch
			if _, err := c.Get(t.Context(), "/a", WithWatch(&w)); err != nil {
				t.Fatal(err)
			}
			data := fmt.Sprint(i)
			go s.set("/a", data)
			for {
				node, err := c.Get(t.Context(), "/a")
				if err != nil {
					t.Fatal(err)
				}
				if string(node.Data) != data {
					continue
				}
				select {
				case <-w.C():
				default:
					t.Fatal("the change was read before its event")
				}
				break
			}
		}
	})
}

// remembered is how many paths a client watches.
func remembered(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.watches)
}

// removals is how many watches clients have asked to remove.
func removals(s *service) (n int) {
	s.script(func() {
		for _, r := range s.requests {
			if r.Kind == wire.RemoveWatch {
				n++
			}
		}
	})
	return n
}

func TestLastWatchOfAPathIsRemovedAtTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		one, two, child := watchData(t, c, "/a"), watchData(t, c, "/a"), watchChildren(t, c, "/a")
		one.Close()
		one.Close()
		synctest.Wait()
		if n := removals(s); n != 0 {
			t.Errorf("%d removals while a watch stands", n)
		}
		if _, ok := <-one.C(); ok || !errors.Is(one.Err(), ErrClosed) {
			t.Errorf("a closed watch: %v", one.Err())
		}
		two.Close()
		synctest.Wait()
		if n := removals(s); n != 1 {
			t.Errorf("%d removals", n)
		}
		s.set("/a", "1")
		standing(t, child)
		s.remove("/a")
		fired(t, child, EventDeleted)
		child.Close()
		synctest.Wait()
		if n := removals(s); n != 1 {
			t.Errorf("%d removals after the watch has fired", n)
		}
	})
}

// A removal that overtook the read of another caller would take that caller's watch away.
func TestWatchIsNotRemovedWhileAnotherIsBeingSet(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		first := watchData(t, c, "/a")
		slow := make(chan *Watch)
		s.script(func() { s.onRequest = once(wire.Get, ignore) })
		go func() {
			var w *Watch
			if _, err := c.Get(t.Context(), "/a", WithWatch(&w)); err != nil {
				t.Error(err)
			}
			slow <- w
		}()
		synctest.Wait()
		first.Close()
		second := <-slow
		if n := removals(s); n != 0 {
			t.Errorf("%d removals", n)
		}
		s.set("/a", "1")
		fired(t, second, EventDataChanged)
	})
}

func TestWatchOfACancelledReadIsRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		s.script(func() { s.onRequest = once(wire.Sync, ignore) })
		go func() { _ = c.Sync(t.Context()) }() // holds up what is behind it
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		var held []byte
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind != wire.Get {
					return proceed
				}
				held = s.carryOut(p, r)
				cancel()
				return ignore
			}
		})
		var w *Watch
		if _, err := c.Get(ctx, "/a", WithWatch(&w)); !errors.Is(err, context.Canceled) || w != nil {
			t.Errorf("%v, %v", w, err)
		}
		s.script(func() {
			s.onRequest = nil
			for p := range s.peers {
				sync := s.requests[len(s.requests)-2]
				p.out <- wire.AppendEmptyReply(nil, sync.Xid, s.zxid)
				p.out <- held
			}
		})
		synctest.Wait()
		if n := removals(s); n != 1 || remembered(c) != 0 {
			t.Errorf("%d removals, the client remembers %d watches", n, remembered(c))
		}
	})
}

func TestWatchesComeBackAfterAReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		for _, path := range []string{"/same", "/set", "/gone", "/kids", "/kids/k", "/quiet"} {
			s.set(path, "")
		}
		same, set, gone := watchData(t, c, "/same"), watchData(t, c, "/set"), watchData(t, c, "/gone")
		born, unborn := watchData(t, c, "/born"), watchData(t, c, "/unborn")
		kids, quiet := watchChildren(t, c, "/kids"), watchChildren(t, c, "/quiet")
		closed := watchData(t, c, "/kids")
		var seen Zxid
		s.script(func() { seen = s.zxid })

		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		closed.Close()
		s.set("/set", "1")
		s.remove("/gone")
		s.set("/born", "")
		s.set("/kids/l", "")
		from := 0
		s.script(func() { s.onDial, from = nil, len(s.requests) })
		got := make(chan error)
		go func() { _, err := c.Get(t.Context(), "/same"); got <- err }()
		fired(t, set, EventDataChanged)
		fired(t, gone, EventDeleted)
		fired(t, born, EventCreated)
		fired(t, kids, EventChildrenChanged)
		if err := <-got; err != nil {
			t.Error(err)
		}
		for _, w := range []*Watch{same, unborn, quiet} {
			standing(t, w)
		}
		if r := s.requests[from]; r.Kind != wire.SetWatches || r.Since != seen || len(r.DataPaths) != 3 || len(r.ExistPaths) != 2 || len(r.ChildPaths) != 2 {
			t.Errorf("the first request is %+v, the client had seen %v", r, seen)
		}

		s.set("/same", "1")
		s.set("/unborn", "")
		s.set("/quiet/x", "")
		fired(t, same, EventDataChanged)
		fired(t, unborn, EventCreated)
		fired(t, quiet, EventChildrenChanged)
	})
}

// A connection that breaks while watches are being set again must not make the client forget since when it has not watched.
func TestBrokenReregistrationLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		w := watchData(t, c, "/a")
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		s.set("/a", "changed while nobody watched")
		broken := 0
		s.script(func() {
			s.onDial = nil
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if r.Kind == wire.SetWatches && broken < 3 {
					broken++
					return hangUp
				}
				return proceed
			}
		})
		fired(t, w, EventDataChanged)
	})
}

// The same when a part was set again, with replies and an event, before the connection broke.
func TestHalfAReregistrationLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		const n = wire.WatchPathsPerFrameMax + 10
		s.set("/0000", "")
		s.set("/9999", "")
		first, last := watchData(t, c, "/0000"), watchData(t, c, "/9999")
		for i := 1; i < n; i++ {
			watchData(t, c, fmt.Sprintf("/%04d", i))
		}
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		s.set("/0000", "changed while nobody watched")
		s.set("/9999", "changed while nobody watched")
		chunks := 0
		s.script(func() {
			s.onDial = nil
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if r.Kind != wire.SetWatches {
					return proceed
				}
				if chunks++; chunks == 2 || chunks == 4 {
					return hangUp
				}
				return proceed
			}
		})
		fired(t, first, EventDataChanged)
		fired(t, last, EventDataChanged)
	})
}

func TestManyWatchesAreSetAgainInChunks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		const n = 10_000
		list := make([]*Watch, n)
		for i := range list {
			list[i] = watchData(t, c, fmt.Sprintf("/%05d", i))
		}
		from := 0
		s.script(func() { from = len(s.requests) })
		s.cut()
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		chunks, paths := 0, 0
		for _, r := range s.requests[from:] {
			if r.Kind == wire.SetWatches {
				chunks++
				paths += len(r.ExistPaths)
				if r.Since != s.requests[from].Since {
					t.Errorf("chunks from %v and %v", r.Since, s.requests[from].Since)
				}
			}
		}
		if chunks < 3 || paths != n {
			t.Errorf("%d paths in %d requests", paths, chunks)
		}
		s.set("/09999", "")
		fired(t, list[n-1], EventCreated)
		sizes := []int{0, 0, 0, wire.WatchBytesPerFrameMax + 1}
		if n := chunkOf(len(sizes), func(i int) int { return sizes[i] }); n != 3 {
			t.Errorf("a chunk of %d watches", n)
		}
	})
}

func TestWatchThatCannotBeSetAgainEndsWithTheReason(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := watchData(t, c, "/a")
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind != wire.SetWatches {
					return proceed
				}
				p.out <- wire.AppendFailureReply(nil, r.Xid, wire.CodeTooMany, s.zxid, &znode.Error{Detail: "no room"})
				return ignore
			}
		})
		s.cut()
		if _, ok := <-w.C(); ok || !errors.Is(w.Err(), ErrTooMany) || w.Err().Error() != "too many: /a (no room)" {
			t.Errorf("got %v", w.Err())
		}
		if _, err := c.Get(t.Context(), "/"); err != nil || remembered(c) != 0 {
			t.Errorf("%v, %d watches are remembered", err, remembered(c))
		}
	})
}

// Whatever breaks, a watch that was returned is followed by an event when its node changes.
func TestRandomFaultsSwallowNoEvent(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			s := newService("one:1", "two:1")
			c := connect(t, s)
			faults := 100
			s.script(func() {
				s.onRequest = func(_ *peer, r *wire.Request) answer {
					if faults == 0 || rng.IntN(4) != 0 {
						return proceed
					}
					faults--
					return []answer{hangUp, loseReply}[rng.IntN(2)]
				}
			})
			const paths = 6
			done := make(chan int)
			for i := range paths {
				go func() {
					path, seen := fmt.Sprintf("/%d", i), 0
					defer func() { done <- seen }()
					for range 30 {
						var w *Watch
						stat, there, err := c.Exists(t.Context(), path, WithWatch(&w))
						if err != nil {
							t.Errorf("seed %d: %v", seed, err)
							return
						}
						s.script(func() {}) // nobody else is changing it now
						if there {
							s.set(path, "")
						} else {
							s.set(path, "first")
						}
						event, ok := <-w.C()
						if !ok || event.Zxid <= stat.Mzxid {
							t.Errorf("seed %d: %s: %v %v %v", seed, path, event, ok, w.Err())
							return
						}
						seen++
					}
				}()
			}
			for range paths {
				if n := <-done; n != 30 {
					t.Errorf("seed %d: %d events", seed, n)
				}
			}
		})
	}
}

func TestWatchLivesOnWhileASessionIsSuspended(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := watchData(t, c, "/a")
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		pass(time.Minute)
		standing(t, w)
		if state, _ := c.State(); state != Suspended {
			t.Errorf("the session is %v", state)
		}
		s.script(func() { s.onDial = nil })
		s.set("/a", "")
		fired(t, w, EventCreated)

	})
}
