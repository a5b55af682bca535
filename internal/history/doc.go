// Package history records what clients of a cluster have seen and checks that against what the service promises.
//
//	clients ──▶ Operation, Stream ──▶ History ──▶ CheckHistory ──▶ Report: Violations, what is undecided
//	                                     │
//	the log's true changes ──────────────┴──────▶ CheckTruth
//	a lock's uses ───────────────────────────────▶ CheckUses
//
// What is checked, and what it is called in a [Violation]:
//
//	P1   writes and linearizable reads of the whole namespace are linearizable
//	P2   a session goes forward only, whatever server it is at; its session reads show the state of some transaction
//	P3   a write is applied exactly once, or what the service said about it is not so
//	P4   an ephemeral node is there as long as its session, and no longer
//	P5   nothing is done for a session that has ended
//	P6   watches: a missed, b told twice, d out of order, e not what happened, f never happened, p the wrong place
//	P7   the resource behind a lock admits one holder at a time, in the order of the fences
//	P8   each transaction has its own zxid
//	P10  sequential names are unique and increase
//	P14  stats agree with the transactions that made them
//
// # How linearizability is decided
//
// The service tells with each answer the zxid of the state that it shows: of a write its own, of anything else that of the
// newest transaction before it. So the answers themselves say in which order they belong, and the search (package porcupine)
// only has to find the places of those that have no answer: an operation with a zxid is tried at its own place in that order
// and nowhere else, and one without can only be where a zxid is free. What is known to have happened at a free place, but
// not its zxid, is carried as an unknown zxid that the first read of it fixes, within the bounds of its place.
// A history whose answers lie about zxids fits no order, so nothing is lost by believing them.
//
// Session reads are part of the same search, without the demand that they be recent: any state that existed when they
// returned will do, as long as it is the one that their zxid names.
//
// # Invariants
//
//   - A check is sound: what it calls a violation cannot happen if the service keeps its promises and the record is true.
//     Where an unknown outcome leaves a choice, every choice is allowed that fits all answers.
//   - The model of the namespace shares no code with the service; it is the slow and obvious one.
//   - Memory is bounded by limits: a search that does not come to an end says so in [Report.Undecided].
//
// # What it does not do
//
// It makes no calls and knows no cluster (package workload fills a history). It does not know of whole-tree operations, nor of
// options that are not in [Input]. When the service removes a TTL node is not checked, because nobody records the cluster's
// clock, so histories have none that end; an empty container may vanish at any time. Whether an event comes before
// the reads that show its change cannot be told from a record of times taken outside of the client, and has its own tests.
package history
