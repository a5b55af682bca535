package client

import (
	"errors"
	"testing"
	"testing/synctest"
)

// takeBehindThePump takes n events of a watch, one more than its channel holds, while the pump, which sends the last of them,
// cannot note that it has; then does what is given, as the holder of mu.
func takeBehindThePump(w observer, n int, then func()) {
	synctest.Wait()
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	for range n {
		<-w.C()
	}
	then()
}

// Zxid was one event behind until the pump had noted what it had sent; who waited for a zxid by taking events waited for ever.
func TestZxidCountsTheLastEventOfTheBacklog(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		for range 100 {
			burst(s, w, eventsBuffer+1)
			if err := c.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			takeBehindThePump(w, eventsBuffer+1, func() {})
			if z := w.Zxid(); z != s.newest() {
				t.Fatalf("all was taken, and the watch is at %v of %v", z-w.start, s.newest()-w.start)
			}
		}
	})
}

// What was taken just before the rest was dropped was told again to whoever continued from Zxid.
func TestZxidAfterCloseIsThatOfTheLastEventThatWasTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		burst(s, w, 2*eventsBuffer)
		takeBehindThePump(w, eventsBuffer+1, w.close)
		w.tells(t, "closed")
		if z := w.Zxid(); z != w.start+eventsBuffer+1 {
			t.Errorf("the watch is at %v", z-w.start)
		}
	})
}

// Close of a watch that had ended with its session left the backlog to be taken, and its goroutine waiting for that.
func TestCloseDropsTheBacklogOfAWatchThatHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		w := observe(t, s, c, "/a")
		burst(s, w, 3*eventsBuffer)
		synctest.Wait()
		expireNow(s, c)
		<-c.done
		if events, _, _ := backlogs(c); events != 2*eventsBuffer || !errors.Is(w.Err(), ErrSessionExpired) {
			t.Fatalf("%d events wait, ended by %v", events, w.Err())
		}
		w.Close()
		w.Close()
		if got := w.taken(); len(got) != eventsBuffer+1 || got[eventsBuffer] != "closed" {
			t.Errorf("told after Close: %q", got)
		}
		if z := w.Zxid(); z != w.start+eventsBuffer || !errors.Is(w.Err(), ErrSessionExpired) {
			t.Errorf("the watch is at %v, ended by %v", z-w.start, w.Err())
		}
		if events, bytes, pumps := backlogs(c); events != 0 || bytes != 0 || pumps != 0 {
			t.Errorf("%d events in %d bytes wait, served by %d goroutines", events, bytes, pumps)
		}
	})
}
