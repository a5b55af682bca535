package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// burst changes a node as often, and returns the lines of what a watch on it tells.
func burst(s *service, w observer, n int) (lines []string) {
	for range n {
		s.set("/a", "")
		what := "DataChanged"
		if len(lines) == 0 && s.newest() == w.start+1 {
			what = "Created"
		}
		lines = append(lines, fmt.Sprint(uint64(s.newest()-w.start), " ", what, " /a"))
	}
	return lines
}

func TestSlowUserGetsEverythingAndHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		slow, fast := observe(t, s, c, "/a"), observe(t, s, c, "/a")
		var want []string
		for range 10 {
			part := burst(s, slow, eventsBuffer)
			fast.tells(t, part...)
			want = append(want, part...)
		}
		if _, err := c.Get(t.Context(), "/a"); err != nil {
			t.Error(err)
		}
		if events, _, pumps := backlogs(c); events != len(want)-eventsBuffer || pumps != 1 {
			t.Errorf("%d events wait, served by %d goroutines", events, pumps)
		}
		if z := slow.Zxid(); z != slow.start {
			t.Errorf("the slow watch is at %v", z-slow.start)
		}
		s.cut() // what waits is not told again
		want = append(want, burst(s, slow, 3)...)
		slow.tells(t, want...)
		if err := c.Sync(t.Context()); err != nil { // the answer says that the last transaction is complete
			t.Error(err)
		}
		if z := slow.Zxid(); z != slow.start+Zxid(len(want)) {
			t.Errorf("the slow watch is at %v", z-slow.start)
		}
		if events, bytes, pumps := backlogs(c); events != 0 || bytes != 0 || pumps != 0 {
			t.Errorf("%d events in %d bytes wait, served by %d goroutines", events, bytes, pumps)
		}
		slow.tells(t)
	})
}

func TestBacklogBeyondItsBoundBecomesOneGap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		const kept = eventsBuffer + backlogEventsMax
		want := burst(s, w, kept)
		burst(s, w, 100)
		s.cut()
		s.transact(create("/a/b"), znode.Op{Kind: znode.OpSet, Path: "/a"})
		want = append(want, fmt.Sprintf("%d Gap /a from %d", kept+101, kept))
		w.tells(t, want...)
		s.cut()
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		w.tells(t, burst(s, w, 3)...)
		if events, bytes, pumps := backlogs(c); events != 0 || bytes != 0 || pumps != 0 {
			t.Errorf("%d events in %d bytes wait, served by %d goroutines", events, bytes, pumps)
		}
	})
}

// The gap begins in front of the whole of a transaction of which a part was dropped.
func TestGapCoversATransactionThatWasKeptInPart(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		const kept = eventsBuffer + backlogEventsMax
		want := burst(s, w, kept-1)
		s.transact(create("/a/b"), create("/a/c"))
		s.set("/b", "")
		want = append(want, fmt.Sprintf("%d ChildrenChanged /a", kept), fmt.Sprintf("%d Gap /a from %d", kept, kept-1))
		w.tells(t, want...)
	})
}

// A gap that the pump is about to send is as it is: what is dropped after that is a gap of its own.
func TestGapGrowsUntilItIsTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		const kept = eventsBuffer + backlogEventsMax
		burst(s, w, kept+5)
		var got []string
		for range backlogEventsMax { // until the gap is the next
			synctest.Wait()
			got = append(got, w.line(<-w.C()))
		}
		synctest.Wait()
		if events, _, _ := backlogs(c); events != 1 {
			t.Fatalf("%d events wait", events)
		}
		more := burst(s, w, 3)
		got = append(got, w.taken()...)
		want := append([]string{fmt.Sprintf("%d Gap /a from %d", kept+5, kept)}, more...)
		if got = got[kept:]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestSizeOfAnEvent(t *testing.T) {
	if size := unsafe.Sizeof(Event{}); size > eventBytes || size < eventBytes/2 {
		t.Errorf("an event takes %d bytes, and counts for %d", size, eventBytes)
	}
}

// Of a transaction that a gap covers nothing more is told, also when the gap was taken in the middle of it.
func TestGapCoversTheRestOfItsTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		const kept = eventsBuffer + backlogEventsMax
		tell := func(z Zxid) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told(&wire.Event{Zxid: w.start + z, Type: EventChildrenChanged, Path: "/a", Watch: w.id})
		}
		for z := range Zxid(kept + 1) {
			tell(z + 1)
		}
		if got := w.taken(); got[kept] != fmt.Sprintf("%d Gap /a from %d", kept+1, kept) {
			t.Errorf("got %q", got[kept])
		}
		tell(kept + 1)
		tell(kept + 2)
		w.tells(t, fmt.Sprintf("%d ChildrenChanged /a", kept+2))
	})
}

func TestBacklogIsBoundedByBytes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a", WithNode())
		big := string(make([]byte, 1<<20))
		for range eventsBuffer + 10 {
			s.set("/a", big)
		}
		if events, bytes, _ := backlogs(c); events != 4 || bytes > backlogBytesMax+2*eventBytes {
			t.Errorf("%d events in %d bytes wait", events, bytes)
		}
		got := w.taken()
		if n, last := len(got), got[len(got)-1]; n != eventsBuffer+4 || last != fmt.Sprintf("%d Gap /a from %d", eventsBuffer+10, eventsBuffer+3) {
			t.Errorf("%d events, the last is %q", n, last)
		}
		if _, bytes, _ := backlogs(c); bytes != 0 {
			t.Errorf("%d bytes", bytes)
		}
	})
}

func TestBacklogsAreBoundedTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		const n = 40
		var list [n]observer
		for i := range list {
			list[i] = observe(t, s, c, "/a", WithNode())
		}
		big := make([]byte, 1<<20)
		for i := range eventsBuffer + 2 {
			c.mu.Lock()
			for _, w := range list { // it costs seconds to send them
				c.told(&wire.Event{Zxid: w.start + 1 + Zxid(i), Type: EventDataChanged, Path: "/a", Watch: w.id, Data: big})
			}
			c.mu.Unlock()
		}
		if _, bytes, _ := backlogs(c); bytes > backlogsBytesMax+n*2*eventBytes {
			t.Errorf("%d bytes wait", bytes)
		}
		whole, cut := 0, 0
		for _, w := range list {
			switch got := w.taken(); got[len(got)-1] {
			case fmt.Sprintf("%d DataChanged /a", eventsBuffer+2):
				whole++
			case fmt.Sprintf("%d Gap /a from %d", eventsBuffer+2, eventsBuffer+1):
				cut++
			}
		}
		if whole+cut != n || whole == 0 || cut == 0 {
			t.Errorf("%d watches were told everything, %d had a gap", whole, cut)
		}
		if _, bytes, pumps := backlogs(c); bytes != 0 || pumps != 0 {
			t.Errorf("%d bytes wait, %d pumps", bytes, pumps)
		}
	})
}

// Many backlogs are served by a few goroutines, none of which waits for one user.
func TestManySlowUsers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		list := make([]observer, 2*pumpWatchesMax+1)
		for i := range list {
			list[i] = observe(t, s, c, "/a")
		}
		want := burst(s, list[0], 2*eventsBuffer)
		if events, _, pumps := backlogs(c); events != len(list)*eventsBuffer || pumps != 3 {
			t.Errorf("%d events wait, served by %d goroutines", events, pumps)
		}
		for i := range list {
			if i%2 == 0 {
				list[i].tells(t, want...)
			}
		}
		want = append(want, burst(s, list[0], 1)...)
		list[0].tells(t, want[len(want)-1])
		for i := range list {
			if i%2 == 1 {
				list[i].tells(t, want...)
			}
		}
		if events, bytes, pumps := backlogs(c); events != 0 || bytes != 0 || pumps != 0 {
			t.Errorf("%d events in %d bytes wait, served by %d goroutines", events, bytes, pumps)
		}
	})
}

func TestCloseDropsTheBacklog(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w, other := observe(t, s, c, "/a"), observe(t, s, c, "/a")
		want := burst(s, w, 3*eventsBuffer)
		synctest.Wait()
		w.Close()
		w.tells(t, append(slices.Clone(want[:eventsBuffer]), "closed")...)
		if z := w.Zxid(); z != w.start+eventsBuffer {
			t.Errorf("the watch is at %v", z-w.start)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, _, pumps := backlogs(c); pumps != 0 {
			t.Error("the client is closed and a pump runs")
		}
		other.tells(t, append(slices.Clone(want[:eventsBuffer]), "closed")...)
		if !errors.Is(w.Err(), ErrClosed) || !errors.Is(other.Err(), ErrClosed) {
			t.Errorf("%v, %v", w.Err(), other.Err())
		}
	})
}

func TestBacklogOutlivesTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w, untaken := observe(t, s, c, "/a"), observe(t, s, c, "/a")
		want := burst(s, w, 3*eventsBuffer)
		synctest.Wait()
		s.expire(session.ID(c.Session().ID))
		s.cut()
		synctest.Wait()
		w.tells(t, append(want, "closed")...)
		if !errors.Is(w.Err(), ErrSessionExpired) {
			t.Errorf("got %v", w.Err())
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(untaken.taken()); n != eventsBuffer+1 || !errors.Is(untaken.Err(), ErrSessionExpired) {
			t.Errorf("%d events, %v", n, untaken.Err())
		}
	})
}

// Whoever closes a watch, and whenever: its channel is closed, and nothing stays behind.
func TestWatchesAreClosedDuringEverything(t *testing.T) {
	for seed := range uint64(40) {
		inBubble(t, func(t *testing.T, s *service, c *Client) {
			rng := rand.New(rand.NewPCG(seed, 5))
			var all sync.WaitGroup
			for range 40 {
				taken, life := rng.IntN(200), time.Duration(rng.IntN(100))*time.Millisecond
				all.Go(func() {
					w, err := c.AddWatch(t.Context(), "/", Recursive())
					if err != nil {
						if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrSessionExpired) {
							t.Errorf("seed %d: %v", seed, err)
						}
						return
					}
					all.Go(func() {
						pass(life)
						w.Close()
					})
					for range taken {
						<-w.C()
					}
					pass(life)
					for range w.C() {
					}
					if w.Err() == nil {
						t.Errorf("seed %d: a watch has ended without a reason", seed)
					}
				})
			}
			life := time.Duration(rng.IntN(80)) * time.Millisecond
			all.Go(func() { // rng is its own from here on
				for i := range 100 {
					s.set("/a", "")
					switch rng.IntN(20) {
					case 0:
						s.cut()
					case 1, 2, 3:
						pass(time.Millisecond)
					}
					if seed%3 == 0 && i == 50 {
						s.expire(session.ID(c.Session().ID))
					}
				}
			})
			if seed%2 == 0 {
				pass(life)
				_ = c.Close(t.Context())
			}
			all.Wait()
			if events, bytes, pumps := backlogs(c); events+bytes+pumps+len(c.streams.watches) != 0 {
				t.Errorf("seed %d: left: %d events, %d bytes, %d pumps, %d watches", seed, events, bytes, pumps, len(c.streams.watches))
			}
		})
	}
}
