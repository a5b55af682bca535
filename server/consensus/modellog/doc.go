// Package modellog is a model of the replicated log, for tests that run a whole cluster in one process. It keeps the promises of
// consensus.Log, which stand there, and in everything else it is as bad as they allow. One seed makes all choices, and inside a
// synctest bubble, where all time is the bubble's, the same seed makes the same run.
//
//	Submit ─▶ proposal ────────▶ leader          of one term, as far as it knows
//	   ▲      lost, late, twice    │ entries: lost, late, twice, out of order
//	   │                           ▼
//	   │                        followers ──▶ disk, some time ──▶ acknowledged to the leader
//	   │                                                              │
//	 Apply ◀── batches of any size ◀── told to each at its own time ◀─┴─ by a majority: committed
//
//	Barrier ─▶ question ─▶ leader ─▶ "do I still lead?" ─▶ majority ─▶ index ─▶ applied up to there: passed
//
// # What can happen
//
//   - Messages ([Rates]) are delayed each for itself, lost and doubled; [Cluster.Block] loses those of one direction.
//   - [Cluster.Crash] takes what was not on disk, although the machine may have applied it: the rest is applied again after
//     the next Open, from the newest snapshot on, when a leader is known. It may keep some of what was just being written.
//   - [Cluster.Pause] stops a replica where it is. A leader that is cut off or was paused believes in itself for as long as it
//     likes, and can neither commit nor pass a barrier.
//   - A leader goes by silence, by [Cluster.Depose] or by [Cluster.Transfer]. Its last entries survive if one of those who elect
//     the next has them; they are committed when an entry of the new term is, and not before.
//   - A machine is snapshotted at any time and forgets the log before it, all of it, so that a follower that was away for a moment
//     gets a snapshot. The bytes of a command are spoiled after Apply.
//
// # Invariants
//
//   - A term has one leader: who votes takes the candidate's term, on its disk, and follows no earlier one.
//   - Two replicas that have an entry of the same index and term have the same entries before it.
//   - Committed is what a majority has on disk under a leader of the entry's own term, or before such an entry. It is never
//     cut off, and whoever is elected has it. [Cluster.Committed] is the list of it.
//   - What holds the cluster's lock calls nobody back. Every callback has an instant of its own: what happens at one instant does
//     not depend on the scheduler, if the caller's goroutines do not act at the same one.
//
// These are Raft's, because what Raft lets happen is what a server must bear. It is not Raft: an election is one step, with the
// votes of all who can be reached, and a term, a vote or a snapshot is on the disk at once.
//
// # Concurrency
//
// All methods may be called by any goroutine, but a machine must not call Crash or Close. A machine is used by one goroutine at a
// time, but for Snapshot.WriteTo. Goroutines are those of timers; [Log.Close] waits for those that call back.
//
// # What it does not do
//
// It has no files, no connections, no census, no TLS and no metrics. Its members do not change. Disks lose nothing that was on
// them: damage, full disks and failing writes are tested with the real log. Entries of the log have no size, and nothing slows
// down under load.
package modellog
