// Package chaos hurts a cluster of real processes at random while clients use it, and judges what the clients have seen. It is
// the last of the tests, and the least precise: nothing is simulated, and only what clients and /status tell is known.
//
//	         Run: rounds of some 30 s, all from one seed
//	             │
//	Config.Load ─┤  clients ──▶ history.History ──▶ history.CheckHistory
//	             │     │
//	             │     ▼  Network: a TUN device per server, each in a namespace of its own; this process carries every packet
//	             │  coxswain serve × 3 or 5   (process.Cluster)
//	             │     ▲
//	  one or two ┘     │  kill -9, SIGSTOP, SIGTERM, transfers, partitions, loss, delay, strace on fsync, a full tmpfs, clock jumps
//	     faults ───────┘
//	             then: all is healed; within Config.Calm a write succeeds and all servers have one digest
//
// # Invariants
//
//   - Which faults happen when, and to whom (the leader, or the server of some number), depends on the seed alone; what the
//     machine makes of it does not.
//   - A kind of fault that this machine cannot make is named, with the reason, before the first round and in the summary.
//   - What a violation needs to be understood is kept in a directory that is named: the history, what was found, the servers'
//     logs. So is a history of which the check could not decide whether it is right. Nothing else stays: namespaces and mounts are
//     removed, also those of a run that was killed, by the next one.
//   - A fault counts in the summary only if it has hurt somebody: not a SIGSTOP of a server that was down, nor failing fsyncs of
//     one that made none.
//   - No packet passes between two servers, or between them and the clients, but through the Network. Dropping is silent, as in
//     a real partition: nobody gets an error at once.
//
// # Concurrency
//
// Run and the faults use one goroutine and that of the load. A Network has one goroutine per device and one per direction of a
// pair of hosts; Close waits for them.
//
// # What it does not do
//
// It makes no load and judges no history: that is internal/workload's and internal/history's. It does not lose power (the tests of
// server/consensus do), and it cannot repeat a run exactly (server/simulation can).
package chaos
