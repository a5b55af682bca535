package client

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// told is what a user of persistent watches has taken: of one watch, or of several of which each has continued the one
// before.
type told struct {
	spec   wire.WatchSpec
	root   chroot
	since  Zxid // where the first one has begun
	events []Event
	closed bool // by its user: the end of the story is not told
}

// history is the true story of a watch: everything that has happened behind its beginning.
func (o *told) history(s *service) (events []Event) {
	for _, h := range s.history {
		for i := range h.changes {
			for _, e := range eventsOf(&o.spec, h.zxid, &h.changes[i]) {
				if h.zxid <= o.since {
					continue
				}
				event := Event{Zxid: e.Zxid, Type: e.Type, Path: o.root.out(e.Path), Data: e.Data}
				if e.Stat != nil {
					event.Stat = *e.Stat
				}
				events = append(events, event)
			}
		}
	}
	return events
}

// check compares what was told with the true story: the events are those, in this order, and what is left out is covered by
// gaps that cover nothing else.
func (o *told) check(s *service) error {
	history := o.history(s)
	next := 0
	for i, e := range o.events {
		if e.Type == EventGap {
			if e.From >= e.Zxid || e.Path != o.root.out(o.spec.Path) {
				return fmt.Errorf("event %d: %v", i, e)
			}
			for ; next < len(history) && history[next].Zxid <= e.Zxid; next++ {
				if history[next].Zxid <= e.From {
					return fmt.Errorf("event %d: the gap %v does not cover %v", i, e, history[next])
				}
			}
			if next > 0 && i > 0 && o.events[i-1].Zxid > e.From+1 {
				return fmt.Errorf("event %d: the gap %v covers %v, which was told", i, e, o.events[i-1])
			}
			continue
		}
		if next == len(history) {
			return fmt.Errorf("event %d: %v, and nothing more has happened", i, e)
		}
		if want := history[next]; e.Zxid != want.Zxid || e.Type != want.Type || e.Path != want.Path || e.Stat != want.Stat || !bytes.Equal(e.Data, want.Data) {
			return fmt.Errorf("event %d: %v instead of %v", i, e, want)
		}
		next++
	}
	if next < len(history) && !o.closed {
		return fmt.Errorf("%d events were not told, beginning with %v", len(history)-next, history[next])
	}
	return nil
}

// trial is a client that has watches, on a service on which everything goes wrong.
type trial struct {
	t   *testing.T
	s   *service
	rng *rand.Rand // guarded by s.mu
	c   *Client
	end chan struct{} // closed when all has happened

	begun map[wire.WatchID]Zxid // where the server has set the watches that begin when they are set; guarded by s.mu
}

// paths are those of the nodes that come and go.
var paths = []string{"/a", "/b", "/a/a", "/a/b", "/a/a/a", "/a/a/b", "/aa"}

// transaction changes up to four nodes at once.
func (tr *trial) transaction() {
	tr.s.script(func() {
		ops := make([]znode.Op, 1+tr.rng.IntN(4))
		for i := range ops {
			ops[i] = znode.Op{
				Kind: []znode.OpKind{znode.OpCreate, znode.OpSet, znode.OpSet, znode.OpDelete}[tr.rng.IntN(4)],
				Path: paths[tr.rng.IntN(len(paths))], Data: fmt.Append(nil, tr.rng.IntN(1000)),
			}
		}
		for len(ops) > 0 {
			_, changes, err := tr.s.tree.Apply(znode.Txn{Zxid: tr.s.zxid + 1}, ops, nil, nil)
			if err == nil {
				tr.s.zxid++
				tr.s.fire(changes)
				return
			}
			ops = slices.Delete(ops, err.Index, err.Index+1)
		}
	})
}

// expire ends the client's session, unless that has happened and the client does not know it yet.
func (tr *trial) expire() {
	id := session.ID(tr.c.Session().ID)
	if _, alive := tr.s.table.Get(id); alive {
		tr.s.expire(id)
	}
}

// watch takes the events of a watch until the end, at its own pace. It may stop in between and continue with another watch.
func (tr *trial) watch(o *told, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	view, pace, hops := tr.c, time.Duration(rng.IntN(3))*10*time.Millisecond, rng.IntN(3)
	var opts []WatchOption
	o.spec = wire.WatchSpec{Mode: wire.Persistent, Path: append(paths, "/")[rng.IntN(len(paths)+1)]}
	if path := o.spec.Path; rng.IntN(3) == 0 && path != "/" {
		o.root, o.spec.Path = chroot(path), "/"
		if rng.IntN(2) == 0 {
			o.spec.Path = "/b"
		}
		view, _ = tr.c.Chroot(path)
	}
	path := o.spec.Path
	o.spec.Path = o.root.in(path)
	if rng.IntN(2) == 0 {
		o.spec.Mode, opts = wire.Recursive, append(opts, Recursive())
	}
	if rng.IntN(2) == 0 {
		o.spec.Options, opts = wire.WithStat|wire.WithData, append(opts, WithNode())
	}
	since := opts
	fromNow := rng.IntN(2) == 0
	if !fromNow {
		o.since = Zxid(rng.Uint64N(uint64(tr.s.newest()) + 1))
		since = append(slices.Clone(opts), Since(o.since))
	}
	for {
		w, err := view.AddWatch(tr.t.Context(), path, since...)
		if err != nil {
			tr.t.Errorf("seed %d: %v", seed, err)
			return
		}
		if fromNow {
			tr.s.script(func() { o.since = tr.begun[w.id] })
			fromNow = false
		}
		for n := 1 + rng.IntN(40); n > 0 || hops == 0; n-- {
			select {
			case e, open := <-w.C():
				if !open {
					tr.t.Errorf("seed %d: the watch on %s has ended: %v", seed, path, w.Err())
					return
				}
				o.events = append(o.events, e)
				pass(pace)
				continue
			case <-tr.end:
			}
			drain(w, o)
			return
		}
		hops--
		at := w.Zxid()
		w.Close()
		if rng.IntN(4) == 0 {
			o.closed = true
			return
		}
		o.events = slices.DeleteFunc(o.events, func(e Event) bool { return e.Zxid > at }) // they will be told again
		since = append(slices.Clone(opts), Since(at))
	}
}

// drain takes what is left of a watch.
func drain(w *PersistentWatch, o *told) {
	for {
		select {
		case e, open := <-w.C():
			if !open {
				return
			}
			o.events = append(o.events, e)
		case <-time.After(time.Second): // nothing is left
			return
		}
	}
}

// Whatever breaks, between any two frames, each watch tells the true story, with gaps exactly where the servers have forgotten
// it.
func TestWatchesTellTheTrueStory(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			tr := &trial{t: t, s: newService("one:1", "two:1"), rng: rand.New(rand.NewPCG(seed, 3)), end: make(chan struct{}), begun: map[wire.WatchID]Zxid{}}
			s := tr.s
			cfg := s.config()
			cfg.Renew = true
			var err error
			if tr.c, err = Dial(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tr.c.Close(t.Context()) }()
			for range 20 {
				tr.transaction()
			}
			calm := false
			forgetful, expiring := seed%3 == 0, seed%5 == 0
			s.script(func() {
				s.onFrame = func(*peer, []byte) answer {
					if !calm && tr.rng.IntN(12) == 0 {
						return hangUp
					}
					return proceed
				}
				s.onRequest = func(_ *peer, r *wire.Request) answer {
					for _, spec := range r.WatchList {
						if spec.FromNow {
							tr.begun[spec.ID] = s.zxid
						}
					}
					if !calm && tr.rng.IntN(12) == 0 {
						return []answer{hangUp, loseReply}[tr.rng.IntN(2)]
					}
					return proceed
				}
			})
			list := make([]told, 12)
			done := make(chan int)
			for i := range list {
				go func() {
					tr.watch(&list[i], seed*100+uint64(i))
					done <- i
				}()
			}
			pace := rand.New(rand.NewPCG(seed, 4))
			for i := range 300 {
				tr.transaction()
				switch {
				case i%4 == 0:
					pass(time.Duration(pace.IntN(20)) * time.Millisecond)
				case i%31 == 0 && forgetful:
					s.forgetHistory()
				case i%97 == 0 && expiring:
					tr.expire()
				}
			}
			s.script(func() { calm = true })
			for tr.c.Sync(t.Context()) != nil { // the session expires under it, perhaps
			}
			pass(time.Minute) // the slowest have taken everything
			close(tr.end)
			for range list {
				<-done
			}
			for i := range list {
				if err := list[i].check(s); err != nil {
					t.Errorf("seed %d: watch %d on %s in %q: %v", seed, i, list[i].spec.Path, list[i].root, err)
				}
				if !forgetful && slices.ContainsFunc(list[i].events, func(e Event) bool { return e.Type == EventGap }) {
					t.Errorf("seed %d: watch %d has a gap", seed, i)
				}
			}
		})
	}
}
