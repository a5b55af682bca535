// Package load puts a coordination service under load and measures it: how many operations per second it carries, how long each
// takes, what they cost its servers. It knows services by the interfaces [Target] and [Cluster] only, so that the same loops
// measure coxswain and what it is compared with.
//
//	Plan ─▶ Run ─▶ fleet: clients with a node each, below /coxbench-ID ─▶ Client of a Target
//	                 │  callers: in a closed loop, or at a fixed rate
//	                 ▼
//	              recorder: HDR histograms, errors, the longest silence ─▶ Result, Progress
//
// [Run] does what callers do again and again: a workload of the table [Workloads]. What is more than that, such as killing
// servers, is a function of its own in the table [Capacities].
//
// # Two loops
//
// In a closed loop each caller makes its next call when the one before has been answered: that finds what the service can do,
// and hides what a stall would have done to those who did not wait for it. At a fixed rate calls are due at even distances,
// whoever is free makes them, and the latency counts from when a call was due: a stall of a second is in the latency of all
// calls that were due in it. Who wants to know how long callers wait at a certain load takes the second.
//
// # What holds
//
//   - A call counts by when it was due, or made in a closed loop: within the time that is measured it is in the latency, also if
//     it was answered later. The throughput is what was answered within that time. Warm-up is in neither.
//   - An error is counted and does not end the run; only if nothing at all works for some time does it.
//   - What a run makes is below a node of its own, with a random name, and is removed at the end, however that comes.
//   - The time of the servers, and their memory, is that of their processes as the system has it.
//
// # What it does not do
//
// It proves nothing about what is answered; the tests of the service do that. It measures from its own machine, which may be the
// one that is slow.
package load
