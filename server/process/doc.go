// Package process runs a cluster as operating-system processes on this machine, for what only processes can show: kill -9,
// restarts from the disk, real sockets between them. The demonstration, the load generator and the tests use it.
//
//	Start(dir, binary, n) ──▶ n × coxswain serve --data-dir dir/N …    on loopback; StartAt: at given addresses, through a
//	                              │ admin port: /status, /readyz       command, as in a network namespace
//	Kill, Pause, Resume, Run, Add ┘
//
// # Invariants
//
//   - A server keeps its ports and its data directory over kills and restarts.
//   - Close ends every process that was started and waits for it; the directory stays.
//   - On Linux a server dies with the process that started it, however that ends, so nothing is left behind.
//
// # Concurrency
//
// Methods may be called from several goroutines, but not for the same server at the same time; Add not together with any
// other.
//
// # What it does not do
//
// It decides nothing about what the servers should answer, and it does not reach other machines.
package process
