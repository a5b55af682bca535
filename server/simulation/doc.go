// Package simulation runs a whole cluster in one goroutine bubble with simulated time: the real server and client code, on the
// model of the log (package modellog), a simulated network and simulated clocks, under faults that one seed chooses.
//
//	workload: clients ──▶ network ──▶ server 1 ┐
//	     │                 delays,    server 2 ├── server.Log ──▶ modellog: delays, losses, crashes, elections
//	     │                 cuts,      server 3 ┘                      │
//	     ▼                 stalls        ▲   ▲                        ▼ entries, before each server applies them
//	 history                nemesis ─────┘   └ clock: drift, leaps   truth: a replica of its own
//	     │                                                            │ changes, ends of sessions, digest
//	     └──────────▶ history.CheckHistory, history.CheckTruth ◀─────────────┘
//
// A run ends with good weather: a write must succeed soon, all servers must come to the state of the truth, which must be that
// of a replay of the log from empty and of a snapshot and the rest. Everything must have ended when it returns.
//
// # One seed, one run
//
// The seed decides the operations, the faults and all delays. In a plain build the scheduler decides the rest. In a build with the
// tag "deterministic" and the overlay of that name (package overlay) it decides nothing, and two processes with the same seed do
// the same to the last byte and moment: [Result].Trace says so. Runs before it in the same process would matter, by the addresses
// of what they leave: so such builds make each run in a process of its own.
//
// # Invariants
//
//   - No goroutine of a run waits for anything outside of the bubble, so time passes when all wait.
//   - The truth sees an entry before the first server shows what it has done. What is checked against it at that moment, as the
//     belief of clients in a session that ends, is checked at the earliest moment that matters.
//   - A crash takes effect at once on the log, then on the network; what the server does while it is closed reaches nobody.
//
// # What it does not do
//
// Real disks, real sockets, Raft itself, TLS and processes are not here: package chaos and the tests of storage are for these.
// All clients have the same, true clock, and none stands still; servers' clocks differ. A server that is paused hears and says
// nothing and its clock does not tick, but what its goroutines have begun they end. Members do not change.
package simulation
