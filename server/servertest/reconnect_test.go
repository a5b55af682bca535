package servertest_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var reconnects = flag.Int("reconnects", 300, "how often TestReconnects breaks the connection of its client")

const (
	// watchesPerSort is how many watches the reconnecting client has: so many one-shot ones and so many persistent ones.
	watchesPerSort = 25

	// clientGrowthMax is how many bytes the client may hold more after all reconnects than after a tenth of them.
	clientGrowthMax = 16 << 10
)

// TestReconnects: a client whose connection breaks again and again, as soon as there is one, does not grow by it, and its
// watches tell each change once. Package client has the same against a scripted server; here the server is real.
func TestReconnects(t *testing.T) {
	defer profileAll()()
	cluster := servertest.Start(t, 1)
	var dials atomic.Int64
	c := cluster.Client(t, func(config *client.Config) {
		// The client pauses after each round of all servers without a steady connection, up to a second. With the one server
		// many times in the list a round is long. It is over when the first measure is taken, because the client remembers the
		// newest failure of each.
		config.Servers = slices.Repeat(config.Servers, max(1, *reconnects/10))
		config.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	w := newReconnector(t, c)
	type measure struct {
		goroutines   int
		client, heap uint64
	}
	var early measure
	began, rounds := time.Now(), *reconnects
	for i := range rounds {
		cluster.CutClients(0)
		w.round(t, i)
		if i != rounds/10-1 && i != rounds-1 {
			continue
		}
		took := time.Since(began)
		now := measure{goroutines: settledGoroutines(early.goroutines)}
		now.client, now.heap = clientBytes()
		t.Logf("%d reconnects in %v, %d dials: %d goroutines, %d bytes held by the client, %d by all", i+1, took.Round(time.Millisecond),
			dials.Load()-1, now.goroutines, now.client, now.heap)
		if early == (measure{}) {
			early = now
			continue
		}
		if now.goroutines > early.goroutines {
			t.Errorf("%d goroutines after %d reconnects, %d after %d", early.goroutines, rounds/10, now.goroutines, rounds)
		}
		if now.client > early.client+clientGrowthMax {
			t.Errorf("the client holds %d bytes after %d reconnects, %d after %d", early.client, rounds/10, now.client, rounds)
		}
	}
	if n := dials.Load() - 1; n < int64(rounds) {
		t.Errorf("there were only %d reconnects", n)
	}
	w.finish(t)
}

// TestReconnectPauses: without that long list a client whose connections all break at once comes back about once a second, so
// that it is no burden to the server.
func TestReconnectPauses(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	const cuts = 8
	began := time.Now()
	for range cuts {
		cluster.CutClients(0)
		must(t, c.Sync(t.Context()))
	}
	// 20, 40, 80 … ms, each less a random part of up to a half.
	if took := time.Since(began); took < time.Second {
		t.Errorf("%d reconnects took %v", cuts, took)
	} else {
		t.Logf("%d reconnects took %v", cuts, took)
	}
}

// reconnector is a client with watches, and what they have told.
type reconnector struct {
	client     *client.Client
	oneShot    []*client.Watch
	persistent []*client.PersistentWatch
	all        *client.PersistentWatch // recursive, of the root
	told       [watchesPerSort]int64   // version of each node
}

func watchedNode(i int) string { return fmt.Sprintf("/watched-%02d", i) }

func newReconnector(t *testing.T, c *client.Client) *reconnector {
	w := &reconnector{client: c, oneShot: make([]*client.Watch, watchesPerSort)}
	for i := range watchesPerSort {
		_, _, err := c.Create(t.Context(), watchedNode(i), nil)
		must(t, err)
		_, err = c.Get(t.Context(), watchedNode(i), client.WithWatch(&w.oneShot[i]))
		must(t, err)
		p, err := c.AddWatch(t.Context(), watchedNode(i), client.WithNodeStat())
		must(t, err)
		w.persistent = append(w.persistent, p)
	}
	var err error
	w.all, err = c.AddWatch(t.Context(), "/", client.Recursive(), client.WithNodeStat())
	must(t, err)
	return w
}

// round makes a change right after the connection has broken, and takes what the watches tell of it.
func (w *reconnector) round(t *testing.T, n int) {
	t.Helper()
	i := n % watchesPerSort
	stat, err := w.client.Set(t.Context(), watchedNode(i), nil)
	must(t, err)
	w.told[i]++
	if stat.Version != w.told[i] {
		t.Fatalf("%s has version %d after %d sets", watchedNode(i), stat.Version, w.told[i])
	}
	if e := next(t, w.oneShot[i].C()); e.Zxid != stat.Mzxid {
		t.Fatalf("the one-shot watch of %s told zxid %d instead of %d", watchedNode(i), e.Zxid, stat.Mzxid)
	}
	for _, p := range []*client.PersistentWatch{w.persistent[i], w.all} {
		if e := next(t, p.C()); e.Type != client.EventDataChanged || e.Path != watchedNode(i) || e.Stat != stat {
			t.Fatalf("the persistent watch told %v of %s in version %d, wanted %s in version %d",
				e.Type, e.Path, e.Stat.Version, watchedNode(i), stat.Version)
		}
	}
	_, err = w.client.Get(t.Context(), watchedNode(i), client.WithWatch(&w.oneShot[i]))
	must(t, err)
}

// next waits for an event.
func next(t *testing.T, events <-chan client.Event) client.Event {
	t.Helper()
	select {
	case e, open := <-events:
		if !open {
			t.Fatal("the watch has ended")
		}
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("no event")
	}
	panic("unreachable")
}

// finish checks that no watch has told more than was taken.
func (w *reconnector) finish(t *testing.T) {
	t.Helper()
	must(t, w.client.Sync(t.Context()))
	for i, o := range w.oneShot {
		if len(o.C()) > 0 || o.Err() != nil || len(w.persistent[i].C()) > 0 || w.persistent[i].Err() != nil {
			t.Errorf("the watches of %s have told more, or have ended: %v, %v", watchedNode(i), o.Err(), w.persistent[i].Err())
		}
	}
	if len(w.all.C()) > 0 {
		t.Error("the recursive watch has told more than was done")
	}
}

// settledGoroutines is how many goroutines there are when those of the last connection have ended: no more than wanted, if
// that is not 0 and they end in time, or else the fewest within half a second.
func settledGoroutines(wanted int) int {
	fewest := runtime.NumGoroutine()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	looks := 50
	if wanted != 0 {
		looks = 3000
	}
	for range looks {
		<-ticker.C
		if fewest = min(fewest, runtime.NumGoroutine()); wanted != 0 && fewest <= wanted {
			break
		}
	}
	return fewest
}

// profileAll makes the memory profile exact until the function that it returns is called. What is there already is not
// in it.
func profileAll() (restore func()) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	return func() { runtime.MemProfileRate = rate }
}

// clientBytes returns how many bytes are in use that package client has allocated, or had allocated, and how many in all.
func clientBytes() (own, all uint64) {
	const packageClient = "github.com/coxswain-io/coxswain/client."
	runtime.GC()
	runtime.GC() // the second empties the pools, and completes the profile of the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	records := make([]runtime.MemProfileRecord, 1000)
	for {
		n, ok := runtime.MemProfile(records, false)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, 2*n)
	}
	for _, r := range records {
		frames := runtime.CallersFrames(r.Stack())
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); strings.HasPrefix(frame.Function, packageClient) {
				own += uint64(r.InUseBytes())
				break
			}
		}
	}
	return own, stats.HeapAlloc
}
