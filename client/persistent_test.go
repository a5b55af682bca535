package client

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/coxswain-io/coxswain/znode"
)

// observer is a persistent watch whose events a test writes as lines, with zxids counted from its start: "1 Created /a",
// "9 Gap /a from 5".
type observer struct {
	*PersistentWatch
	start Zxid
}

func observe(t *testing.T, s *service, c *Client, path string, opts ...WatchOption) observer {
	t.Helper()
	w, err := c.AddWatch(t.Context(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return observer{w, s.newest()}
}

func (o observer) line(e Event) string {
	text := fmt.Sprint(uint64(e.Zxid-o.start), " ", e.Type, " ", e.Path)
	if e.Type == EventGap {
		text += fmt.Sprint(" from ", uint64(e.From-o.start))
	}
	return text
}

// taken is all that can be taken from the channel now; "closed" is its end.
func (o observer) taken() (lines []string) {
	synctest.Wait()
	for {
		select {
		case e, open := <-o.C():
			if !open {
				return append(lines, "closed")
			}
			lines = append(lines, o.line(e))
			synctest.Wait() // for the pump
		default:
			return lines
		}
	}
}

// tells demands that exactly these events can be taken now.
func (o observer) tells(t *testing.T, want ...string) {
	t.Helper()
	if got := o.taken(); !slices.Equal(got, want) {
		t.Errorf("the watch on %s has told %q, want %q", o.path, got, want)
	}
}

// backlogs is how many events wait behind the channels of all watches of a client, and how many goroutines serve them.
func backlogs(c *Client) (events, bytes, pumps int) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.streams.pumps {
		for _, w := range p.watches {
			events += len(w.backlog.events)
		}
	}
	return events, c.streams.backlogBytes, len(c.streams.pumps)
}

func (s *service) reachable(yes bool) {
	s.script(func() {
		if s.onDial = nil; !yes {
			s.onDial = func(string) error { return errRefused }
		}
	})
	if !yes {
		synctest.Wait() // for what is on its way
		s.cut()
	}
}

func TestPersistentWatchTellsEachChangeOfItsNodeAndOfItsChildren(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/p")
		s.set("/p", "created")
		s.set("/p", "set")
		s.set("/p/c", "a child")
		s.set("/p/c", "a child's data are not the parent's business")
		s.set("/p/c/d", "nor are grandchildren")
		s.set("/pc", "nor neighbours")
		s.remove("/p/c/d")
		s.remove("/p/c")
		s.remove("/p")
		s.set("/p", "again")
		w.tells(t, "1 Created /p", "2 DataChanged /p", "3 ChildrenChanged /p", "8 ChildrenChanged /p", "9 Deleted /p", "10 Created /p")
	})
}

func TestRecursiveWatchTellsEachChangeAtAndBelowItsPath(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w, root := observe(t, s, c, "/p", Recursive()), observe(t, s, c, "/", Recursive())
		s.set("/p", "")
		s.set("/p/c", "")
		s.set("/p/c/d", "")
		s.set("/p/c", "set")
		s.set("/pc", "a neighbour")
		s.remove("/p/c/d")
		below := []string{"1 Created /p", "2 Created /p/c", "3 Created /p/c/d", "4 DataChanged /p/c", "6 Deleted /p/c/d"}
		w.tells(t, below...)
		root.tells(t, slices.Insert(below, 4, "5 Created /pc")...)
	})
}

func TestEventsBringTheNodeIfAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		plain, stat, node := addedOn(t, c, "/a"), addedOn(t, c, "/a", WithNodeStat()), addedOn(t, c, "/a", WithNode())
		s.transact(
			znode.Op{Kind: znode.OpCreate, Path: "/a", Data: []byte("one")}, znode.Op{Kind: znode.OpSet, Path: "/a", Data: []byte("three")},
			znode.Op{Kind: znode.OpCreate, Path: "/a/b"}, znode.Op{Kind: znode.OpDelete, Path: "/a/b"}, znode.Op{Kind: znode.OpDelete, Path: "/a"},
		)
		for i, want := range []string{"one", "three", "", "", ""} {
			p, st, n := <-plain.C(), <-stat.C(), <-node.C()
			if p.Stat != (Stat{}) || p.Data != nil {
				t.Errorf("%v has brought something", p)
			}
			if st.Stat != n.Stat || st.Data != nil || string(n.Data) != want {
				t.Errorf("event %d: %v and %v, want %q", i, st, n, want)
			}
			if n.Stat.DataLength != int64(len(want)) || (n.Stat.Czxid != 0) != (want != "") {
				t.Errorf("event %d: %+v", i, n.Stat)
			}
		}
	})
}

func addedOn(t *testing.T, c *Client, path string, opts ...WatchOption) *PersistentWatch {
	t.Helper()
	w, err := c.AddWatch(t.Context(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestViewsAreToldTheirOwnPaths(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/base", "")
		s.set("/base/dir", "")
		view, err := c.Chroot("/base/dir")
		if err != nil {
			t.Fatal(err)
		}
		all, one := observe(t, s, view, "/", Recursive()), observe(t, s, view, "/one")
		s.set("/base/dir", "the view's root")
		s.set("/base/dir/one", "")
		s.set("/base/dir/one/two", "")
		s.set("/one", "outside")
		s.reachable(false)
		s.remove("/base/dir/one/two")
		s.forgetHistory()
		s.reachable(true)
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		all.tells(t, "1 DataChanged /", "2 Created /one", "3 Created /one/two", "5 Gap / from 2")
		one.tells(t, "2 Created /one", "3 ChildrenChanged /one", "5 Gap /one from 2")
	})
}

func TestSinceTellsWhatHasHappened(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		start := s.newest()
		s.set("/a", "")
		s.set("/a", "set")
		s.set("/b", "")
		for since, want := range [][]string{{"1 Created /a", "2 DataChanged /a"}, {"2 DataChanged /a"}, nil, nil} {
			w := observer{addedOn(t, c, "/a", Since(start+Zxid(since))), start}
			w.tells(t, want...)
		}
		s.forgetHistory()
		early, exact := observer{addedOn(t, c, "/a", Since(start+1)), start}, observer{addedOn(t, c, "/a", Since(start+3)), start}
		ever := addedOn(t, c, "/a", Since(0))
		future := observer{addedOn(t, c, "/a", Since(start+5)), start}
		s.remove("/a")
		s.set("/b", "")
		s.set("/a", "")
		early.tells(t, "3 Gap /a from 1", "4 Deleted /a", "6 Created /a")
		exact.tells(t, "4 Deleted /a", "6 Created /a")
		future.tells(t, "6 Created /a") // another server had told the rest
		if e := <-ever.C(); e.Type != EventGap || e.From != 0 || e.Zxid != start+3 {
			t.Errorf("got %v", e)
		}
	})
}

func TestClosedWatchIsRemovedAtTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		kept, closed := observe(t, s, c, "/a"), observe(t, s, c, "/a")
		s.set("/a", "")
		synctest.Wait()
		closed.Close()
		closed.Close()
		synctest.Wait()
		if n := s.persistentWatches(); n != 1 {
			t.Errorf("the server has %d watches", n)
		}
		s.set("/a", "1")
		closed.tells(t, "1 Created /a", "closed")
		kept.tells(t, "1 Created /a", "2 DataChanged /a")
		if !errors.Is(closed.Err(), ErrClosed) || kept.Err() != nil {
			t.Errorf("%v, %v", closed.Err(), kept.Err())
		}
		s.reachable(false)
		kept.Close()
		s.reachable(true)
		if err := c.Sync(t.Context()); err != nil || s.persistentWatches() != 0 {
			t.Errorf("%v, the server has %d watches", err, s.persistentWatches())
		}
	})
}
