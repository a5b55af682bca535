// Package ports finds loopback ports for servers that are told their addresses before they start, and that must find them
// free again when they are started again.
//
//	10000 ┌───────┬───────┬─ … ─┬───────┐ 32000      32768…, 49152…: what systems give to connections by themselves
//	      │ block │ block │     │ block │
//	      └───────┴───┬───┴─ … ─┴───────┘
//	                  └─ first port: listened on by the process that has the block, until it ends
//	                     the others: handed out in turn
//
// # What holds
//
//   - No two processes have the same block at the same time, whoever runs them, and so none is given another's port. The
//     kernel frees the block when the process ends, however that ends.
//   - A port is not handed out again before all others of the block had their turn. So one whose server is stopped stays
//     free for a while.
//   - A port that is in use when its turn comes is passed over.
//
// # What it does not do
//
// Nothing keeps programs that do not ask here from listening on a port that was handed out; the kernel does not give such a
// port to a connection, nor to who listens on port 0, unless the machine is configured otherwise.
package ports
