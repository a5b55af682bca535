//go:build linux

package storms

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// watchBytes is what a persistent watch may cost a server, and its event on the way.
const watchBytes = 1 * kib

// slowBytes is what a server keeps for a client that does not take what it is told, before it lets it go: 64 MiB, which grow by
// doubling while they are copied.
const slowBytes = 4 * 64 * mib

// watch sets n persistent watches on a node, numbered from 1. The server must hold them when it returns.
func (g *guest) watch(path string, n int, options wire.WatchOptions) error {
	for first := 1; first <= n; first += 1000 {
		r := wire.Request{Kind: wire.AddWatches}
		for id := first; id < first+1000 && id <= n; id++ {
			r.WatchList = append(r.WatchList, wire.WatchSpec{ID: wire.WatchID(id), Mode: wire.Persistent, Path: path, Options: options, FromNow: true})
		}
		if _, err := g.ask(r); err != nil {
			return err
		}
		if f, err := g.next(); err != nil || f.Kind != wire.Reply || f.Code != wire.CodeOK {
			return fmt.Errorf("watches from %d on: %+v: %w", first, f, err)
		}
	}
	return nil
}

// toldOnce demands that each of the n watches has told of one change, and that nothing more comes before the answer to a ping.
func (g *guest) toldOnce(n int) error {
	told := make([]bool, n+1)
	for range n {
		f, err := g.next()
		switch {
		case err != nil:
			return err
		case f.Kind != wire.EventFrame || f.Event.Type != wire.EventDataChanged:
			return fmt.Errorf("got %+v in place of an event", f)
		case f.Event.Watch < 1 || int(f.Event.Watch) > n || told[f.Event.Watch]:
			return fmt.Errorf("watch %d has told a second time", f.Event.Watch)
		}
		told[f.Event.Watch] = true
	}
	return g.answered()
}

// TestWatchFlood: very many watches on one node, then one write. All are told, each once; one client among them does not take
// what it is told, and is let go with the reason; the others go on and memory is bounded.
func TestWatchFlood(t *testing.T) {
	c := start(t, 3)
	s := startSteady(t, c.Addrs()...)
	w := dial(t, c.Addrs()...)
	const path = "/watched"
	// With so much data and so many watches that have it told, there is more for the slow one than a server keeps.
	data := bytes.Repeat([]byte("data"), 16*kib)
	const slowWatches = 2_000
	if _, _, err := w.Create(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
	m := c.watchMemory()
	clients, each := 100, size(200, 1000)
	crowd := gather(t, clients, 0, c.Addrs(), func(addr string) (*guest, error) {
		g, err := open(addr)
		if err == nil {
			err = g.watch(path, each, 0)
		}
		return g, err
	})
	slow := gather(t, 1, 0, c.Addrs(), func(addr string) (*guest, error) {
		g, err := open(addr)
		if err == nil {
			err = g.watch(path, slowWatches, wire.WithData)
		}
		return g, err
	}).guests[0]
	if err := some(crowd.errs); err != nil || slow == nil {
		t.Fatal("watching: ", err)
	}
	s.storms()
	begin := time.Now()
	if _, err := w.Set(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
	if _, err := crowd.each(func(g *guest) error { return g.toldOnce(each) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d watches were told of one write, each once, after %v", clients*each, time.Since(begin).Round(time.Millisecond))
	reason, told, err := slow.lastWord()
	if reason != wire.CodeSlowConsumer || told >= slowWatches {
		t.Errorf("the slow client was told %d events, and then %s, %v", told, reason.Name(), err)
	}
	s.goOn()
	s.judge()
	m.within(int64(clients*each)*watchBytes+slowBytes+roomBytes, fmt.Sprintf("%d watches and a slow client", clients*each))
	if _, err := w.Set(t.Context(), path, data, client.IfVersion(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := crowd.each(func(g *guest) error { return g.toldOnce(each) }); err != nil {
		t.Fatal("the second write: ", err)
	}
	c.agreed()
}

// lastWord reads until the server ends the connection, and returns how many events came before that and the reason.
func (g *guest) lastWord() (reason wire.Code, events int, err error) {
	for {
		f, err := g.next()
		switch {
		case err != nil:
			return reason, events, err
		case f.Kind == wire.Goodbye:
			return f.Code, events, nil
		default:
			events++
		}
	}
}
