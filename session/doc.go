// Package session decides who is alive: it keeps the replicated table of sessions, the view that one server has of the
// sessions attached to it, and what a client may believe about its own session.
//
//	   client                       server                            log, the same on every replica
//	┌──────────┐   requests   ┌──────────────────┐   Beat, Expire   ┌──────────────────────────────────┐
//	│  Belief  │ ───────────► │       Host       │ ───────────────► │              Table               │
//	│          │ ◄─────────── │                  │ ◄─────────────── │ sessions · leases · cluster clock│
//	└──────────┘   answers    └──────────────────┘  applied effects └──────────────────────────────────┘
//	 first sent +              covered, heard                        sequence rule, deadlines
//	 timeout - margin          within the timeout
//
// # Rules
//
// Sequence rule. A session numbers its writes 1, 2, 3…; a write takes effect iff its number is the last one plus one. A
// lower number gets the recorded reply again, a higher one is refused. So anybody may propose a write again at any time,
// and each takes effect once, in order. See [Table.Admit].
//
// Clock rule. The cluster clock moves only by [Table.Advance], from the value it has, by time that its proposer measured on
// a monotonic clock since it applied that value. So it never runs faster than the proposers' clocks, and stands still
// while nothing can be committed: an outage expires nobody.
//
// Server-lease rule. A heartbeat never touches the log. A session is attached to one server; that server renews its own
// lease by a [Beat], and answers its sessions only while the newest Beat that it has seen applied was proposed less than a
// lease ago ([Host.Covered]). When the lease ends on the cluster clock, or the server comes back as another boot, its
// sessions are detached and get a deadline; until then they may be attached anywhere. Silence of an attached session is
// timed by its server alone, which proposes its end.
//
// # Why belief and expiry never overlap
//
// Write e for the moment at which the end of a session is committed, T for its timeout, and s for the first sending of the
// newest request that the client counts as answered on its present connection; it believes until s + T - margin. The server
// that answered had heard that request, at h ≥ s, while the session was attached to it by the attempt of that connection.
// There are three ways to end the session against its will:
//
//   - The server proposes it. It does so T after it last heard the session, which is h or later, so e ≥ h + T. Requests that
//     it hears after proposing are not answered, so they move no belief.
//   - The server's lease ends. At h the lease was covered: the newest applied Beat had been proposed, thus committed, less than
//     a lease ago. The cluster clock counts a lease and MaxStepMS from that commit; one Advance may count up to MaxStepMS from
//     before it. So the lease ended after h, and the deadline is T later.
//   - The server comes back with another boot. The old process is dead by then, so h is past; the deadline is T and MaxStepMS
//     later, MaxStepMS for the same reason.
//
// A session attached anew leaves its old server behind at once, though that server may not know yet and go on answering:
// the client counts nothing from a connection once it has begun another, and numbers its attempts, so that a late one
// cannot take the session back.
//
// The margin is a 1/[ClockMarginDivisor] of each interval that must end first: see there for how unequal the clocks may
// be. The tests contain a random model of all of this that drives the types of this package and finds every rule above to be
// needed.
//
// [Table.Kill], an operator's tool, ends a session without waiting for anything, so it is outside of all this: its client
// may believe for up to its timeout that a session lives which is over. What such a client still does to the world is kept
// from harm by fencing alone.
//
// # What is remembered of the dead
//
// As long as a session lives, a client whose write was not answered sends it again and gets the recorded reply. When the
// session has ended against the client's will that is no longer possible, so the table keeps a [Grave]: the number of the last
// write and the replies that were not acknowledged. Whoever knows the session's secret can ask with [Table.Outcomes], from
// another session, whether a write took effect, and what it was answered; a write above the last one never will take
// effect. A session that closes itself leaves a grave only if replies besides that of its close were not acknowledged.
//
// Graves are part of the replicated state: the same on every replica, in the digest and in snapshots. They are kept for
// [GraveKeepMS] of the cluster clock, within [GravesMax] and [GraveBytesMax], beyond which the oldest go first. They are no
// reason to keep the clock running, so an idle cluster remembers for longer.
//
// # Cost
//
// Each call costs a hash lookup or O(log n), except for what it returns or ends. [Table.Advance] removes at most
// [ExpirePerAdvance] sessions and [GravesPerAdvance] graves per call; the rest stay, the sessions detached, for the next one.
// The end of a lease detaches all sessions of that server in the same call: a fraction of a microsecond each, once per death
// of a server.
//
// # Concurrency
//
// Nothing here locks. A Table is changed under the state's exclusive lock and read under its shared lock; a Host and a
// Belief are each used under a lock of their owner. Time is an argument: [Clock] is the cluster's, [Mono] the caller's.
//
// # What it does not do
//
// It knows no znodes (whoever applies the log removes the ephemerals of sessions that ended), no sockets and no timers, makes
// no passwords, and proposes nothing: it tells what is to be proposed.
package session
