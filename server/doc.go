// Package server runs one server of a coxswain cluster: a replica of the state, and the clients connected to it.
//
//	client ──▶ reader ──┬── write ──▶ open batch ──▶ proposer ──▶ log (consensus) ──▶ Apply on every replica
//	  ▲                 │             one entry in flight per server                      │
//	  │                 ├── read ───▶ queue ◀── read barrier ──┐                          │ state's lock, exclusive:
//	  │                 │              │ in turn               │                          │   events to watchers' connections
//	  │                 └── ping        ▼ state's lock, shared │                          │   replies to own writes
//	socket ◀── out ◀────────────────── answer ◀────────────────┴──────────────────────────┘
//	  one write for all that is there: by the reader if that cannot block, else by the connection's writer
//
// # A write
//
// The reader checks the frame's limits and appends the request's bytes, as they came, to the server's open batch. The
// proposer makes an entry of all that has queued up and submits it; what arrives meanwhile is the next entry. When the log
// has committed the entry, every replica applies it under the exclusive lock, where watches fire into their connections'
// out-queues; on the proposing server the replies enter theirs in the same step. Whatever may have been lost is proposed
// again at once, since applying twice does nothing (the sequence rule).
//
// # A read
//
// It is answered from this server's own state: a session read at once, unless something of its session is unanswered
// before it; a linearizable one when a read barrier that began after its arrival has been passed. Many reads share one
// barrier. A watch is registered, and the reply put into out, under the lock of the read.
//
// # Ordering contract
//
//   - One out-queue per connection takes replies and events; both enter it under the lock that makes the change visible,
//     so nobody sees a change before the event about it (W-9), and events come in zxid order.
//   - Replies leave in the order of the requests (C-3). Only a ping's answer overtakes.
//   - A slow client is held back by not reading from it; one that does not take events and replies is told so and
//     disconnected. Nothing is skipped.
//
// # Persistent watches, and the past
//
// Every change enters a bounded ring under the lock that makes it visible. Watches that come with the zxid from which they
// go on are told from it what they have missed, in parts, as their client takes it: their AddWatches stays at the front of
// the connection's queue until it is through, nothing behind it is answered, and no write of the connection is proposed.
// A list that states the zxid of its first page takes back from the ring what has changed since. What takes long under the
// shared lock gives it back after each answer.
//
// # Lease
//
// The pulse renews the server's lease through the log, notices silent sessions and proposes their end, and, on the leader,
// moves the cluster clock. A request is answered only if its session was heard while the lease was covered; see package
// session for the rule and its model.
//
// # What clients cannot do to each other
//
//   - A panic in taking in, answering or sending ends that connection and is counted; where something shared may have been half
//     changed, and in Apply, it ends the process (contain.go).
//   - Connections leave the log the descriptors that it needs (descriptors.go), and those on which nothing is said make room for
//     those who have something to say.
//
// # Lock order
//
// mu (the state), conn.mu, then one of: watchMu, connMu, the proposer's and under it the lease's.
//
// # What it does not do
//
// It decides nothing about znodes and sessions: that is the state's; nor about who belongs to the cluster: that is the log's.
// It knows no flags, no files but the data directory's free space, and nothing of Raft but what package consensus offers.
package server
