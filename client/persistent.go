package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/wire"
)

// WatchOption changes what a persistent watch tells.
type WatchOption func(*watchOptions)

type watchOptions struct {
	mode  wire.WatchMode
	bring wire.WatchOptions
	since bool
	zxid  Zxid
}

// Recursive makes the watch see every node that is created, deleted or set at its path and below it. It never tells
// ChildrenChanged: children are told by themselves (W-2).
func Recursive() WatchOption { return func(o *watchOptions) { o.mode = wire.Recursive } }

// WithNode makes the events bring the node's stat and data as they were right after the change.
func WithNode() WatchOption {
	return func(o *watchOptions) { o.bring |= wire.WithStat | wire.WithData }
}

// WithNodeStat makes the events bring the node's stat as it was right after the change.
func WithNodeStat() WatchOption { return func(o *watchOptions) { o.bring |= wire.WithStat } }

// Since makes the watch begin behind a transaction: what has happened after it is told, and nothing that happened up to it.
// The zxid is that of a read, after which nothing is missed then, or that of another watch ([PersistentWatch.Zxid]), which is
// continued then. The servers remember a bounded part of their history; where it does not reach back an [EventGap] is told.
func Since(z Zxid) WatchOption { return func(o *watchOptions) { o.since, o.zxid = true, z } }

// PersistentWatch tells everything that happens to a node, or with [Recursive] to a node and all below it: each change as
// one event, in the order of the transactions, once. It goes on over reconnects, on whatever server, exactly behind the last
// event that was received. What cannot be told is told to be missing, by an [EventGap].
type PersistentWatch struct {
	// immutable
	client  *core
	root    chroot
	id      wire.WatchID
	path    string // as the service names it
	mode    wire.WatchMode
	bring   wire.WatchOptions
	events  chan Event    // sent to under Client.mu while pump is nil, else by the pump; closed when all is over
	settled chan struct{} // closed when the service has set the watch for the first time, or it has ended

	// owned by the pump, if there is one
	offered Event // what the pump is about to send

	// guarded by Client.mu
	ended    bool
	err      error
	added    bool     // settled is closed
	live     bool     // the server has set it on the present connection, and has told what was missed before
	position position // of what was received
	backlog  backlog  // what was received and has no room in events
	pump     *pump    // serves the backlog; nil if there is none
	dropping bool     // the pump is to drop the backlog, and to close events
	marks    [eventsBuffer]Zxid
	sent     uint64 // how many events were put into events; marks[i%eventsBuffer] is what was complete before the i-th
	passed   Zxid   // the highest that Zxid has returned
}

// AddWatch sets a persistent watch on a path, which need not exist, and returns when the service has set it. Nothing falls
// between it and the reads made after it returned: a change that they do not show is told. So whoever wants to know a state and
// how it goes on adds a watch first and reads then; or reads, and adds a watch [Since] the zxid of what was read.
// It begins where the server at hand is: what somebody else was told already may come as an event, if that server is behind.
//
// If ctx ends earlier there is no watch. Errors: [ErrTooMany] for more watches than the connection may have, one-shot ones
// included, [ErrBadArguments], [ErrTooLarge] (the path).
func (c *Client) AddWatch(ctx context.Context, path string, opts ...WatchOption) (*PersistentWatch, error) {
	real, wrong := c.root.path(path) // one bad path would make a server refuse all that are set again with it
	if wrong != nil {
		return nil, invalid(addWatch, wrong)
	}
	o := watchOptions{mode: wire.Persistent}
	for _, opt := range opts {
		opt(&o)
	}
	w := &PersistentWatch{
		client: c.core, root: c.root, path: real, mode: o.mode, bring: o.bring,
		events: make(chan Event, eventsBuffer), settled: make(chan struct{}),
		position: position{known: o.since, complete: o.zxid},
	}
	if err := c.begin(ctx, w, path); err != nil {
		return nil, err
	}
	select {
	case <-w.settled:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case w.ended && errors.Is(w.err, ErrSessionExpired):
		return nil, (&ending{state: Expired, detail: detailOf(w.err)}).of(addWatch, path)
	case w.ended:
		return nil, w.err
	case !w.added:
		w.close()
		return nil, c.waitError(ctx, &call{}, addWatch, path)
	}
	return w, nil
}

// addWatch is what errors call the method.
const addWatch = "add watch"

// C returns the channel of the events. It should be read without long pauses: what does not find room waits in the client, up
// to 4096 events or 4 MiB, and is then replaced by an [EventGap]; other watches and calls are not held up. The channel is closed
// when the watch has ended; [PersistentWatch.Err] then says why.
//
// The event of a change is in the channel before any read of this client returns that shows the change; if the channel is
// full, it is in the line behind it.
func (w *PersistentWatch) C() <-chan Event { return w.events }

// Err returns why the watch has ended: [ErrClosed] after Close of it or of the client, [ErrHandedOver], [ErrSessionExpired],
// perhaps wrapped, or the service's refusal to set it again on another server. It is nil before the end. When the session has
// expired, or the service has refused, what was received before is still told before the channel is closed, unless somebody
// closes the client.
func (w *PersistentWatch) Err() error {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	return w.err
}

// Zxid returns how far the watch is: every event up to it was taken from C, and it moves on with what the client hears from
// the service, also while nothing happens below the path. Somebody who has worked off what was taken and keeps the zxid can
// continue with [Since] later, in another process too, and misses nothing. A transaction may consist of several events: if only
// some of them were taken, all are told again.
//
// When C is empty it is exact: whoever has to get to a certain zxid, and is not there yet, is told of something or has to wait
// for what the service tells next. While C holds events it may be one of them behind for a moment.
func (w *PersistentWatch) Zxid() Zxid {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	for w.pump != nil && len(w.events) == 0 { // whether the event in its hands was taken only the pump can tell, and will at once
		w.pump.rouse()
		w.pump.round.Wait()
	}
	w.passed = max(w.passed, w.zxid())
	return w.passed
}

// zxid is what is known about the progress at this moment; the caller holds mu. While the pump is at work it may be less than
// what was returned before, never more than what is true.
func (w *PersistentWatch) zxid() Zxid {
	n := uint64(len(w.events))
	switch {
	case n > 0:
		return w.marks[(w.sent-min(n, w.sent))%eventsBuffer]
	case len(w.backlog.events) > 0:
		return before(&w.backlog.events[0])
	case w.live:
		return max(w.position.complete, w.client.streams.complete)
	default:
		return w.position.complete
	}
}

// Close ends the watch, and the service forgets it. What C holds can still be taken, what waits behind it is dropped; then C
// is closed. Close does not block.
func (w *PersistentWatch) Close() {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	w.close()
}

// close ends the watch because its user wants it; the caller holds mu.
func (w *PersistentWatch) close() {
	c := w.client
	if w.ended {
		if w.pump != nil && !w.dropping {
			w.drop()
		}
		return
	}
	w.end(ErrClosed)
	if c.conn != nil {
		cl := c.newCall(wire.RemoveWatch)
		cl.encode(&wire.Request{Kind: wire.RemoveWatch, WatchKind: wire.WatchPersistent, Path: w.path, WatchID: w.id})
		cl.abandoned = true
		c.launch(cl)
	}
}

// end ends the watch because of err; the caller holds mu. What is in the backlog is still told, unless the user has had
// enough.
func (w *PersistentWatch) end(err error) {
	s := &w.client.streams
	if w.live {
		w.position.reached(s.complete)
	}
	w.ended, w.err, w.live = true, err, false
	delete(s.watches, w.id)
	w.settle()
	switch {
	case w.pump == nil:
		close(w.events)
	case errors.Is(err, ErrClosed):
		w.drop()
	}
}

// settle lets AddWatch return.
func (w *PersistentWatch) settle() {
	if !w.added {
		w.added = true
		close(w.settled)
	}
}

// drop makes the pump drop what waits for room; the caller holds mu.
func (w *PersistentWatch) drop() {
	w.dropping = true
	w.pump.rouse()
}

// begin puts a new watch into the table and asks the server for it, if there is a connection; if not, the next one begins with
// that.
func (c *core) begin(ctx context.Context, w *PersistentWatch, path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.streams
	switch limit := c.session.limits.Watches; {
	case c.status.state == Expired:
		return (&ending{state: Expired, detail: detailOf(c.status.err)}).of(addWatch, path)
	case c.status.state == Closed:
		return c.ended
	case c.status.closing:
		return ErrClosed
	case c.status.handingOff:
		return ErrHandedOver
	case ctx.Err() != nil:
		return c.waitError(ctx, &call{}, addWatch, path)
	case int64(len(s.watches)+len(c.watches)) >= limit: // the server counts both sorts
		return &Error{Code: wire.CodeTooMany, Op: addWatch, Path: printable(path), asked: path,
			Detail: fmt.Sprintf("the limit is %d watches, persistent and one-shot ones together; close some", limit)}
	}
	s.lastID++
	w.id = s.lastID
	if s.watches == nil {
		s.watches = map[wire.WatchID]*PersistentWatch{}
	}
	s.watches[w.id] = w
	if c.conn != nil {
		c.launch(c.addWatches([]*PersistentWatch{w}))
	}
	return nil
}
