package client

import (
	"cmp"
	"slices"

	"github.com/coxswain-io/coxswain/wire"
)

// Event tells what has happened to a path, in which transaction. That of a one-shot watch tells no more; that of a
// persistent watch may also tell how the node was right after the change, or that something is missing.
type Event struct {
	Zxid Zxid
	Type EventType
	Path string // of the node; of an EventGap that of the watch

	Stat Stat   // with [WithNode] and [WithNodeStat]; zero for EventDeleted, EventChildrenChanged and EventGap
	Data []byte // with [WithNode], the receiver's own; nil likewise

	// EventGap: what has happened behind From and up to Zxid is not told, but for what was told already of the first
	// transaction behind From. Whoever wants to know it reads after taking the event. What happens behind Zxid is told.
	From Zxid
}

// EventType is what happened.
type EventType = wire.EventType

// The types of events.
const (
	EventCreated         = wire.EventCreated
	EventDeleted         = wire.EventDeleted
	EventDataChanged     = wire.EventDataChanged
	EventChildrenChanged = wire.EventChildrenChanged
	EventGap             = wire.EventGap
)

// Watch waits for the first change of what a read has seen. It stays set while the client moves between servers; a change
// that happened meanwhile is an event too (W-13). It fires once.
type Watch struct {
	client *core
	root   chroot
	key    watchKey
	events chan Event      // closed when the watch has ended; room for the one event
	wake   chan<- struct{} // nil: nobody. Gets something, if it has room, when the watch has ended

	// guarded by Client.mu
	ended bool
	err   error
}

func (c *core) newWatch(key watchKey) *Watch {
	return &Watch{client: c, key: key, events: make(chan Event, 1)}
}

// C returns the channel of the event. It gets exactly one event and is then closed; or it is closed without one, and
// [Watch.Err] says why.
func (w *Watch) C() <-chan Event { return w.events }

// Err returns why the watch has ended without an event: [ErrSessionExpired] or [ErrClosed], perhaps wrapped, or the service's
// refusal to set it again on another server. It is nil before the end, and after an event.
func (w *Watch) Err() error {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	return w.err
}

// Close ends the watch without an event, if it has had none. The service forgets it when it was the last one of its kind on
// its path. Close does not block.
func (w *Watch) Close() {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	w.close()
}

// close is Close; the caller holds mu.
func (w *Watch) close() {
	c := w.client
	if w.ended {
		return
	}
	w.end(ErrClosed)
	if e := c.watches[w.key]; e != nil {
		e.watches = slices.DeleteFunc(e.watches, func(other *Watch) bool { return other == w })
		c.release(w.key)
	}
}

// end closes the channel; the caller holds mu.
func (w *Watch) end(err error) {
	w.ended, w.err = true, err
	close(w.events)
	if w.wake != nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// watchKey is what the server knows a watch by: all watches of one kind on one path are one to it (W-5).
type watchKey struct {
	kind wire.WatchKind // 0: no watch
	path string
}

// watched is all watches of one key.
type watched struct {
	watches  []*Watch
	arming   int  // reads in flight that will set it
	atServer bool // the server has it, on the present connection
	absent   bool // the node was absent when it was set
}

// watches is the table of what is watched. It is guarded by Client.mu.
type watches map[watchKey]*watched

// arming notes that a read that sets a watch is in flight, so that the watch is not removed behind it.
func (t watches) arming(key watchKey) {
	e := t[key]
	if e == nil {
		e = &watched{}
		t[key] = e
	}
	e.arming++
}

// fire delivers an event to all watches that it concerns, which end with it (W-7).
func (t watches) fire(event *wire.Event) {
	if event.Type == wire.EventChildrenChanged {
		t.fireKey(watchKey{wire.WatchChild, event.Path}, event)
		return
	}
	t.fireKey(watchKey{wire.WatchData, event.Path}, event)
	if event.Type == wire.EventDeleted {
		t.fireKey(watchKey{wire.WatchChild, event.Path}, event)
	}
}

func (t watches) fireKey(key watchKey, event *wire.Event) {
	e := t[key]
	if e == nil {
		return
	}
	for _, w := range e.watches {
		w.events <- Event{Zxid: event.Zxid, Type: event.Type, Path: w.root.out(event.Path)} // has room: this is its only event
		w.end(nil)
	}
	e.watches, e.atServer = nil, false
	if e.arming == 0 {
		delete(t, key)
	}
}

// endAll ends all watches because of err.
func (t watches) endAll(err error) {
	for key, e := range t {
		for _, w := range e.watches {
			w.end(err)
		}
		delete(t, key)
	}
}

// armed notes the reply to a read that was to set a watch. The caller holds mu.
func (c *core) armed(cl *call, code Code) {
	if cl.arms.kind == 0 {
		return
	}
	e := c.watches[cl.arms]
	if absent := code == wire.CodeNoNode && cl.kind == wire.Exists; code == wire.CodeOK || absent {
		e.atServer, e.absent = true, absent
		if cl.watch != nil {
			e.watches = append(e.watches, cl.watch)
		}
	}
	c.disarm(cl)
}

// disarm notes that a read will set no watch any more. The caller holds mu.
func (c *core) disarm(cl *call) {
	if cl.arms.kind == 0 {
		return
	}
	c.watches[cl.arms].arming--
	c.release(cl.arms)
}

// release forgets a key that nobody watches any more, and makes the server forget it. The caller holds mu.
func (c *core) release(key watchKey) {
	e := c.watches[key]
	if len(e.watches) > 0 || e.arming > 0 {
		return
	}
	delete(c.watches, key)
	if e.atServer && c.conn != nil {
		cl := c.newCall(wire.RemoveWatch)
		cl.encode(&wire.Request{Kind: wire.RemoveWatch, WatchKind: key.kind, Path: key.path})
		cl.abandoned = true
		c.launch(cl)
	}
}

// rearm puts requests in front of the queue that set all watches again on a new connection: first the one-shot ones, and the
// server tells what has changed since they were last all in place; then the persistent ones, each from where it stands. The
// caller holds mu.
func (c *core) rearm() {
	keys := make([]watchKey, 0, len(c.watches))
	for key, e := range c.watches {
		if e.atServer = len(e.watches) > 0; e.atServer {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b watchKey) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.kind, b.kind))
	})
	var chunks []*call
	for len(keys) > 0 {
		n := chunkOf(len(keys), func(i int) int { return len(keys[i].path) })
		chunks = append(chunks, c.setWatches(keys[:n:n]))
		keys = keys[n:]
	}
	c.conn.restoring = len(chunks)
	c.queue.prepend(append(chunks, c.resume()...))
}

// chunkOf returns how many of n watches one request may carry; size tells the length of a path in bytes.
func chunkOf(n int, size func(i int) int) int {
	bytes := 0
	for i := range n {
		bytes += size(i)
		if i == wire.WatchPathsPerFrameMax || i > 0 && bytes > wire.WatchBytesPerFrameMax {
			return i
		}
	}
	return n
}

// setWatches returns a request that sets the watches of keys.
func (c *core) setWatches(keys []watchKey) *call {
	r := wire.Request{Kind: wire.SetWatches, Since: c.session.watchedZxid}
	for _, key := range keys {
		list := &r.DataPaths
		switch {
		case key.kind == wire.WatchChild:
			list = &r.ChildPaths
		case c.watches[key].absent:
			list = &r.ExistPaths
		}
		*list = append(*list, key.path)
	}
	cl := c.newCall(wire.SetWatches)
	cl.encode(&r)
	cl.restores, cl.abandoned = keys, true
	return cl
}

// restored notes the reply to a request that set watches again. If the server refused, the watches end: nothing is lost in
// silence. The caller holds mu.
func (c *core) restored(cl *call, f *wire.ServerFrame) {
	c.conn.restoring--
	if f.Code == wire.CodeOK {
		return
	}
	for _, key := range cl.restores {
		e := c.watches[key]
		if e == nil {
			continue
		}
		for _, w := range e.watches {
			w.end(&Error{Code: f.Code, Op: "watch", Path: printable(w.root.out(key.path)), Detail: c.detail(f)})
		}
		e.watches, e.atServer = nil, false
		c.release(key)
	}
}
