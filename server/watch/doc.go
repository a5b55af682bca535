// Package watch keeps who wants to know of which znode, finds out whom a change concerns, and remembers recent changes for
// those who come late.
//
//	                      ┌─ Table ─────────────────────────────────────────┐
//	                      │  path → one-shot: data, child                   │
//	               ┌─Fire─▶       → persistent, recursive                   ├──▶ deliver(watcher, Told), in order
//	               │      └────────────────────────────────────────▲────────┘          ▲
//	znode.Change ──┤                                               │ then live         │ what was missed, or a Gap
//	               │      ┌─ Ring ──────────────────────┐          │                   │
//	               └Append▶  floor ┤ txn │ txn │ … │ now ├──Step──▶ Replay ◀──Begin────┘
//	                      └─────────────┬───────────────┘
//	                                    └──Past──▶ the tree as it was
//
// A one-shot watch is gone when it fires (W-3). The client registers it again on its next connection, and is told from the
// state alone what has changed in between ([Table.CatchUp], W-12, W-13): that something did, not what and how often.
//
// A persistent watch has an id, stays until it is removed, and misses nothing: a client that comes back states the zxid up to
// which it knows what happened, and [Table.Step] tells it the rest from the [Ring], one event for each change, before the
// watch goes live. What the ring has no more is told as an event of its own, a Gap.
//
// No watch is replicated: it belongs to a connection, not to a session, and lives where its connection lives. The ring is
// not replicated either; it holds what this server has applied since it has its state.
//
// # Invariants
//
//   - A one-shot watcher gets at most one event for one registration, and registering twice is registering once (W-5). If
//     it watches both data and children of a node that is deleted, it gets one Deleted, not two.
//   - Events are delivered in the order of the changes, and for one change: the node's own event first, then its
//     parent's (W-4).
//   - A persistent watch is told exactly what happened behind its Since up to its removal, each thing once and in order; but
//     for Gaps, each of which tells the bounds of what the ring had lost. A replay tells the same events in the same order
//     as firing would have.
//   - A Gap's From is the last transaction of which the watch has been told everything. If the ring loses a transaction of
//     which a replay has told a part, the gap contains all of it.
//   - The ring holds whole transactions, and all behind its floor.
//   - A node that [Past.Walk] visits is what was there, so its stat is exactly that of then.
//   - What a dropped watcher had registered is gone in time proportional to its own watches.
//
// # Cost
//
// A change is looked up at its path, at its parent's if it is a create or delete, and at those of its ancestors that are at a
// depth where there are recursive watches at all: nothing grows with the number of watches that it does not concern. One
// scan of the ring is for all watches of a replay, whatever zxids they begin at. A page of the past looks at all changes
// since then.
//
// # Concurrency
//
// Nothing here locks or calls out except deliver and visit, which must not call back. The server fires and appends under the
// lock that makes the change visible, and registers and steps under the lock of the read that sets the watch, so that no
// change falls between the read and the registration, or between the end of a replay and the first live event (W-9). A
// [Ring] may be read by many under that lock shared; a [Table] and its replays need a mutex of their own then.
//
// # What it does not do
//
// It holds no queue: what was delivered is the server's to bound. It does not check permissions. It encodes nothing: a
// persistent watch that asks for stat or data is handed the node.
package watch
