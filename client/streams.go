package client

import (
	"cmp"
	"slices"
	"sync"

	"github.com/coxswain-io/coxswain/wire"
)

// streams are the persistent watches of a client. All but pumping is guarded by Client.mu.
type streams struct {
	watches map[wire.WatchID]*PersistentWatch // those that have not ended
	lastID  wire.WatchID                      // ids are not used twice

	// Every event up to it has come on the present connection, for the watches that are live on it: a reply of zxid z comes
	// behind all events up to z, an event of z behind all below z. One number for all, so that a frame costs the same
	// however many watches there are; each takes it over when the connection ends.
	complete Zxid

	pumps        []*pump
	backlogBytes int // of all watches

	pumping sync.WaitGroup
}

// told handles an event of a persistent watch. The caller holds mu.
func (c *core) told(e *wire.Event) {
	w := c.streams.watches[e.Watch]
	if w == nil {
		return // closed, and the service does not know it yet
	}
	event := Event{Zxid: e.Zxid, Type: e.Type, Path: w.root.out(e.Path), Data: e.Data}
	if e.Type == EventGap {
		from, ok := w.position.missed(e.From, e.Zxid)
		if !ok {
			return
		}
		event.From = from
	} else if !w.position.accepts(e.Zxid) {
		return
	}
	if e.Stat != nil {
		event.Stat = *e.Stat
	}
	w.put(event)
}

// addWatches returns a request that sets watches on the present connection, each from where it stands. The caller holds mu.
func (c *core) addWatches(list []*PersistentWatch) *call {
	r := wire.Request{Kind: wire.AddWatches, WatchList: make([]wire.WatchSpec, len(list))}
	for i, w := range list {
		w.position.resume()
		r.WatchList[i] = wire.WatchSpec{
			ID: w.id, Mode: w.mode, Options: w.bring, Path: w.path, FromNow: !w.position.known, Since: w.position.complete,
		}
	}
	cl := c.newCall(wire.AddWatches)
	cl.encode(&r)
	cl.adds, cl.abandoned = list, true
	return cl
}

// added notes the reply to a request that sets watches: what they had missed was told before it. If the server refused, they
// end: nothing is lost in silence. The caller holds mu.
func (c *core) added(cl *call, f *wire.ServerFrame) {
	for _, w := range cl.adds {
		switch {
		case w.ended:
		case f.Code == wire.CodeOK:
			w.live = true
			w.position.reached(f.Zxid)
			w.settle()
		default:
			path := w.root.out(w.path)
			w.end(&Error{Code: f.Code, Op: addWatch, Path: printable(path), Detail: c.detail(f), asked: path})
		}
	}
	cl.adds = nil
}

// resume returns requests that set all watches again on a new connection. The caller holds mu.
func (c *core) resume() (chunks []*call) {
	s := &c.streams
	s.complete = 0 // nothing has come on this connection
	list := make([]*PersistentWatch, 0, len(s.watches))
	for _, w := range s.watches {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b *PersistentWatch) int { return cmp.Compare(a.id, b.id) })
	for len(list) > 0 {
		n := chunkOf(len(list), func(i int) int { return len(list[i].path) })
		if i := slices.IndexFunc(list[:n], func(w *PersistentWatch) bool { return !w.added }); i >= 0 {
			n = max(i, 1) // one that no server has taken yet goes alone: a refusal is for all of a request
		}
		chunks = append(chunks, c.addWatches(list[:n:n]))
		list = list[n:]
	}
	return chunks
}

// interrupt notes that the connection has ended: no watch is live, and each knows from where it goes on. The caller holds mu.
func (s *streams) interrupt() {
	for _, w := range s.watches {
		if w.live {
			w.live = false
			w.position.reached(s.complete)
		}
	}
}

// endWatches is for the end of the session, because of err: the one-shot watches end with it, and so do the persistent ones
// unless the client goes on with a new session (renewed), in which they are resumed. The caller holds mu.
func (c *core) endWatches(err error, renewed bool) {
	c.watches.endAll(err)
	if renewed {
		c.streams.interrupt()
		return
	}
	for _, w := range c.streams.watches {
		w.end(err)
	}
}

// stopPumps drops what waits for the users of watches, and waits for the goroutines that would have told it. Nothing is
// received any more, because the session has ended for good.
func (c *core) stopPumps() {
	c.mu.Lock()
	for _, p := range c.streams.pumps {
		for _, w := range p.watches {
			w.drop()
		}
	}
	c.mu.Unlock()
	c.streams.pumping.Wait()
}
