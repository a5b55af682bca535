// Package workload is clients that do random things to a small tree and write down what they see, as a [history.History] that
// package history can judge. What they do follows from one seed; what happens to them meanwhile is the caller's business, who
// breaks servers and networks while it runs.
//
//	Run ── worker 0 ──┬─ draw: rand ──▶ history.Input     what to ask for
//	    ├─ worker 1   ├─ perform ──▶ client.Client        asks it
//	    ┆             ├─ fate: error ──▶ Applied, Refused, Unknown, NotApplied
//	    │             ├─ record ──▶ history.Operation
//	    │             └─ session: opened, closed, abandoned, moved, killed; its streams and one-shot watches
//	    └─ at the end: Calm, a marker write, until all watches have come up to it; Outcome of what is open; close
//
// # The tree
//
// Everything is below one node that the run makes for itself, Root/h followed by the seed, whose creation is the first
// operation of the history; nothing is asked about its parent. There are eight paths that everybody wants, on two levels, and
// sequential nodes beside them, which are deleted about as fast as they are made. So what a client has seen a moment ago is
// often not so any more, and refusals are as frequent as successes. Data say who wrote them when, and are never the same twice.
//
// # Callers
//
// A worker is one session at a time and makes one call after another; now and then some at once, each by a caller of its own.
// One in three is two or three callers all the time, which share the session and know nothing of each other.
// A caller whose call may still take effect later gets another number, because a caller has one call at a time.
//
// # What became of a write
//
// A write that was given up after it had its number, or whose session ended before the answer, stands in the history as
// Unknown, without an end. Of every other one the service is asked later ([client.Client.Outcome]), which is chosen with the
// seed: so both the histories with open ends and the answers of the service are checked.
//
// # Locks
//
// [Locks] is another run: the clients take turns at two locks and a leadership, and use what these protect behind a gate.
//
// # Invariants
//
//   - All that is chosen follows from Config.Seed, the results, and the order in which the scheduler runs the callers. The
//     package uses no clock but Config.Now and timers, and no other source of chance.
//   - When Run has returned, all its goroutines have ended and all its clients are closed, whether it failed or not.
//   - An End has as its Call the beginning of the newest write that found its session alive, because a session may have
//     expired before its client closes it. Only a close that nothing can have come before has a Call of its own, and its zxid.
//   - A death by an operator stands in the history as the End that its victim is told of, and not as a call.
//   - Upto of a stream is read before the watch is closed, so nothing that was dropped by the closing counts as told.
//
// # What it does not do
//
// It judges nothing, except that an error which is neither a refusal that the tree can justify nor the consequence of a fault
// ends the run. It creates no container that ever has children, and no TTL node that could end: the service's own deletions are
// not in the history. It uses no guards but versions, and no operations on whole trees.
package workload
