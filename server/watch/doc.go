// Package watch keeps who wants to know of which znode, and finds out whom a change concerns.
//
//	                     ┌── data:  path → watchers   (Get, Exists)
//	znode.Change ──Fire──┤                                           ──▶ deliver(watcher, Event), in order
//	                     └── child: path → watchers   (Children)
//
// A watch is one-shot: it is gone when it fires (W-3). It belongs to a connection, not to a session, and is not
// replicated: it lives where its connection lives, and the client registers it again on the next one ([Table.CatchUp],
// W-12, W-13).
//
// # Invariants
//
//   - A watcher gets at most one event for one registration, and registering twice is registering once (W-5).
//   - Events are delivered in the order of the changes, and for one change: the node's own event first, then its
//     parent's (W-4). A watcher that watches a node's data and its children gets one Deleted, not two.
//   - What a dropped watcher had registered is gone in time proportional to its own watches.
//
// # Concurrency
//
// Nothing here locks or calls out except deliver, which must not call back into the table. The server fires under the
// lock that makes the change visible and registers under the lock of the read that sets the watch, so that no change falls
// between the read and the registration (W-9).
//
// # What it does not do
//
// It holds no queue and no history: a watch that must survive a reconnect without a gap needs a ring of recent changes,
// which is not part of one-shot watches. It does not check permissions.
package watch
