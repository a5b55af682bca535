// Package state is the replicated state machine: it marries the tree of znodes to the table of sessions, numbers the
// transactions, and turns one log entry after another into effects.
//
//	           entry = header + commands                       effects, in order
//	log ──▶ [server boot number time | cmd cmd cmd …] ──▶ Step ──▶ Changed, Replied, Opened, Attached, Ended, …
//	                                                  │
//	                              ┌───────────────────┴──────────────────┐
//	                        znode.Tree                             session.Table
//	              nodes, versions, ephemerals by owner    sequence numbers, clock, leases, deadlines
//
// # Invariants
//
//   - Apply is a function of (state, entry). There is no clock, flag, random number or map order in it: wall time, secrets
//     and identities are put into the entry by the server that proposes it. An entry that cannot be decoded, in whole or
//     in part, gives a deterministic result and never an error.
//   - The zxid is a counter of this state, one per transaction that changed the tree or opened or ended a session. It is
//     in the snapshot, so it never goes back. Everything in one transaction, and everything that dies with one session,
//     shares a zxid. Clock, lease and attachment bookkeeping consumes none.
//   - A session's id is the zxid at which it was opened: unique for ever without a generator.
//   - A write is carried out as a whole or not at all, and what changes nothing is no transaction. Of a conditional
//     transaction the conditions select one branch at the moment at which it is applied; the other is not looked at.
//   - What became of a write can be asked for some time after its session is over: the table of sessions remembers the
//     replies ([session.Table.Outcomes]), also that of the write that closed it.
//   - Whatever is applied twice takes effect once: writes by the sequence rule, Open by the server's own count, Attach by
//     the client's attempt number, Expire by the attempt it names, Advance by its from, Beat by its number, Reap by the
//     identity of the node. So anyone may propose anything again at any time.
//   - Replicas at the same point have the same [State.Digest]. Advance carries the proposer's digest of the point at which
//     its from was reached; a replica that computed another one reports [Diverged].
//   - A snapshot is exact: one point in time, although writes go on while it is written. Snapshots of the formats before
//     this release's are read, and give the digest that their writer had: what a format did not know is left out of the
//     digest while it is empty.
//
// # Concurrency
//
// Nothing here locks. The caller holds an exclusive lock around Begin, Step, Snapshot, Snapshot.Close and Restore's
// replacement of the state, and a shared one around every read. Snapshot.WriteTo takes the caller's shared lock itself,
// once per shard of the tree.
//
// # What it does not do
//
// It delivers nothing: watches, connections and sockets are the server's. It keeps no list of watches, which live where
// their connection lives. It does not enforce ACLs yet: a create that carries one is refused.
package state
