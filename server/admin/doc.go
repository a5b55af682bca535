// Package admin serves one server's condition over HTTP: for probes, for Prometheus, for people.
//
//	GET /livez     200 while the process runs
//	GET /readyz    200 when the server serves clients, 503 with the reason before
//	GET /metrics   Prometheus text: the server's, the log's and the process's metrics
//	GET /status    server.Status as JSON
//
// # Invariants
//
//   - Nothing changes anything: every path answers GET and HEAD only.
//   - No header of the request is trusted for anything.
//
// # Concurrency
//
// A Listener has one goroutine of its own beside net/http's per connection; Close waits for it.
//
// # What it does not do
//
// It does not authenticate, which is why it listens on loopback unless told otherwise, and it serves no profiles.
package admin
