package client

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// A watch may be closed while it is being set again: the removal comes behind it.
func TestWatchClosedWhileItIsResumedIsRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w, other := observe(t, s, c, "/a"), observe(t, s, c, "/b")
		s.script(func() {
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if r.Kind == wire.AddWatches {
					go w.Close()
				}
				return proceed
			}
		})
		s.cut()
		synctest.Wait()
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		if n := s.persistentWatches(); n != 1 {
			t.Errorf("the server has %d watches", n)
		}
		s.set("/b", "")
		w.tells(t, "closed")
		other.tells(t, "1 Created /b")
	})
}

func TestWatchRefusedByTheNextServerEndsWithTheReason(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		s.set("/a", "")
		synctest.Wait()
		s.script(func() { s.limits.Watches = 0 })
		s.cut()
		w.tells(t, "1 Created /a", "closed")
		if err := w.Err(); !errors.Is(err, ErrTooMany) || err.Error() != "too many: /a (no room)" {
			t.Errorf("got %v", err)
		}
		if len(c.streams.watches) != 0 {
			t.Error("the client remembers the watch")
		}
	})
}

func TestPersistentEventComesBeforeTheReplyThatShowsTheChange(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := addedOn(t, c, "/a", WithNode())
		for i := range 300 {
			data := fmt.Sprint(i)
			go s.set("/a", data)
			if i%7 == 0 {
				go s.cut()
			}
			for {
				node, err := c.Get(t.Context(), "/a")
				if err != nil && !errors.Is(err, ErrNoNode) {
					t.Fatal(err)
				}
				if string(node.Data) != data {
					continue
				}
				select {
				case e := <-w.C():
					if string(e.Data) != data {
						t.Fatalf("event of %q when %q was read", e.Data, data)
					}
				default:
					t.Fatal("the change was read before its event")
				}
				break
			}
		}
	})
}

// One transaction may give several events, and the connection may break between them: what of it came is not told again, and
// what did not come is.
func TestTransactionIsResumedInItsMiddle(t *testing.T) {
	for broken := range 6 {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			all, some := observe(t, s, c, "/", Recursive()), observe(t, s, c, "/a")
			s.script(func() { s.onFrame = cutBefore(broken + 1) })
			s.transact(create("/a"), create("/b"), create("/a/1"), create("/c"))
			s.set("/d", "")
			all.tells(t, "1 Created /a", "1 Created /b", "1 Created /a/1", "1 Created /c", "2 Created /d")
			some.tells(t, "1 Created /a", "1 ChildrenChanged /a")
			s.cut()
			all.tells(t)
			some.tells(t)
		})
	}
}

func create(path string) znode.Op { return znode.Op{Kind: znode.OpCreate, Path: path} }

// cutBefore closes the connection instead of sending the n-th frame from now.
func cutBefore(n int) func(*peer, []byte) answer {
	return func(*peer, []byte) answer {
		if n--; n == 0 {
			return hangUp
		}
		return proceed
	}
}

// The same for one-shot watches, which are caught up by their nodes' zxids.
func TestOneShotWatchesOfOneTransactionAreAllTold(t *testing.T) {
	for broken := 1; broken <= 3; broken++ {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			s.set("/a", "")
			s.set("/b", "")
			a, b := watchData(t, c, "/a"), watchData(t, c, "/b")
			s.script(func() { s.onFrame = cutBefore(broken) })
			s.transact(znode.Op{Kind: znode.OpSet, Path: "/a"}, znode.Op{Kind: znode.OpSet, Path: "/b"})
			fired(t, a, EventDataChanged)
			fired(t, b, EventDataChanged)
		})
	}
}

// A gap speaks for its own watch. A server that has installed a snapshot tells one to each watch; if the connection breaks
// between two of them, the watch whose gap did not come still goes on from where it was.
func TestGapSpeaksForItsOwnWatchOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		a, b := observe(t, s, c, "/a"), observe(t, s, c, "/b")
		s.transact(create("/a"), create("/b"))
		a.tells(t, "1 Created /a")
		b.tells(t, "1 Created /b")
		s.mu.Lock()
		for p := range s.peers {
			specs := p.persistent
			p.persistent = nil // what the snapshot has brought is told to nobody
			s.outside(znode.Op{Kind: znode.OpSet, Path: "/a"}, znode.Op{Kind: znode.OpSet, Path: "/b"})
			s.outside(znode.Op{Kind: znode.OpSet, Path: "/b"})
			p.persistent = specs
			gap := wire.Event{Zxid: s.zxid, Type: wire.EventGap, Path: specs[0].Path, Watch: specs[0].ID, From: s.zxid - 2}
			p.out <- wire.AppendEvent(nil, &gap)
		}
		s.mu.Unlock()
		a.tells(t, "3 Gap /a from 1")
		s.cut()
		b.tells(t, "2 DataChanged /b", "3 DataChanged /b")
		a.tells(t)
	})
}

func TestSlowConsumerIsResumed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		s.set("/a", "")
		s.say(wire.AppendGoodbye(nil, wire.CodeSlowConsumer, "read faster"))
		s.set("/a", "1")
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		w.tells(t, "1 Created /a", "2 DataChanged /a")
	})
}

// A server that tells a long history before it answers is not stuck.
func TestLongReplayIsNoStandstill(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		start := s.newest()
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if r.Kind != wire.AddWatches {
					return proceed
				}
				request := *r
				go func() {
					for i := range Zxid(60) {
						pass(time.Second)
						s.script(func() {
							p.out <- wire.AppendEvent(nil, &wire.Event{Zxid: start + i + 1, Type: EventDataChanged, Path: "/a", Watch: request.WatchList[0].ID})
						})
					}
					s.script(func() { p.out <- wire.AppendEmptyReply(nil, request.Xid, start+60) })
				}()
				return ignore
			}
		})
		w := addedOn(t, c, "/a", Since(start))
		for i := range Zxid(60) {
			if e := <-w.C(); e.Zxid != start+i+1 {
				t.Errorf("got %v", e)
			}
		}
		if len(s.hellos) != 1 {
			t.Errorf("%d connections", len(s.hellos))
		}
	})
}

func TestWatchesAreResumedInChunks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		const n = 10_000
		list := make([]observer, n)
		for i := range list {
			list[i] = observer{addedOn(t, c, fmt.Sprintf("/%05d", i)), s.newest()}
		}
		s.reachable(false)
		s.set("/00000", "")
		s.set("/09999", "")
		from := len(s.requests)
		s.reachable(true)
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		chunks, specs := 0, 0
		for _, r := range s.requests[from:] {
			if r.Kind == wire.AddWatches {
				chunks++
				specs += len(r.WatchList)
			}
		}
		if chunks != 3 || specs != n {
			t.Errorf("%d watches in %d requests", specs, chunks)
		}
		list[0].tells(t, "1 Created /00000")
		list[n-1].tells(t, "2 Created /09999")
	})
}

func TestWatchesEndWithTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		s.set("/a", "")
		synctest.Wait()
		s.expire(session.ID(c.Session().ID))
		s.cut()
		w.tells(t, "1 Created /a", "closed")
		if !errors.Is(w.Err(), ErrSessionExpired) {
			t.Errorf("got %v", w.Err())
		}
		if _, err := c.AddWatch(t.Context(), "/a"); !errors.Is(err, ErrSessionExpired) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWatchesGoOnInARenewedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		cfg := s.config()
		cfg.Renew = true
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(t.Context()) }()
		w := observe(t, s, c, "/a")
		s.set("/a", "")
		synctest.Wait()
		old := c.Session().ID
		s.reachable(false)
		s.set("/a", "while the session expires")
		s.expire(session.ID(old))
		waiting := make(chan observer)
		go func() { waiting <- observe(t, s, c, "/a") }()
		s.reachable(true)
		other := <-waiting
		if c.Session().ID == old {
			t.Fatal("the session has not expired")
		}
		last := s.newest()
		s.set("/a", "afterwards")
		w.tells(t, "1 Created /a", "2 DataChanged /a", fmt.Sprint(uint64(last-w.start)+1, " DataChanged /a"))
		other.tells(t, "1 DataChanged /a")
	})
}

// Zxid moves on with what is heard from the service, and lets another client continue without a loss.
func TestZxidIsWhereAnotherClientContinues(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		at := func(want Zxid) {
			t.Helper()
			synctest.Wait()
			if z := w.Zxid(); z != w.start+want {
				t.Errorf("the watch is at %v, want %v", z-w.start, want)
			}
		}
		at(0)
		s.set("/b", "")
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		at(1)
		s.set("/a", "")
		s.transact(create("/a/b"), znode.Op{Kind: znode.OpSet, Path: "/a"})
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		at(1) // two events were not taken
		<-w.C()
		at(2)
		<-w.C()
		at(2) // another event of the same transaction
		<-w.C()
		at(3)
		s.transact(create("/a/c"), znode.Op{Kind: znode.OpSet, Path: "/a"})
		synctest.Wait()
		<-w.C()
		at(3)
		w.Close()
		at(3)
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		other := observer{addedOn(t, connect(t, s), "/a", Since(w.Zxid())), w.start}
		other.tells(t, "4 ChildrenChanged /a", "4 DataChanged /a")
	})
}
