// Package admin serves one server's condition over HTTP, for probes, for Prometheus, for people; and changes to its cluster
// to whoever may read its data directory.
//
//	                              TCP, loopback    admin.sock in the data directory, mode 0600
//	GET  /livez                        x                x      200 while the process runs
//	GET  /readyz                       x                x      200 when the server serves clients, 503 with the reason before
//	GET  /metrics                      x                x      Prometheus text: the server's, the log's and the process's metrics
//	GET  /status                       x                x      server.Status as JSON
//	POST /members/add?id=&addr=                         x      server.AddMember
//	POST /members/remove?id=                            x      server.RemoveMember
//	POST /transfer-leader?to=                           x      server.TransferLeader
//
// A POST is answered by server.Status after it (200), or by {"error": "…"}: 400 if it makes no sense, 409 if it is refused,
// 503 if it could not be seen through in half a minute, and may still happen.
//
// # Invariants
//
//   - Nothing that comes by TCP changes anything: every path there answers GET and HEAD only.
//   - No header of a request is trusted for anything. Who may change something is decided by the file system.
//
// # Concurrency
//
// A Listener has one goroutine of its own beside net/http's per connection; Close waits for it.
//
// # What it does not do
//
// It does not authenticate, which is why it listens on loopback unless told otherwise, and it serves no profiles. A server
// whose data directory has a path too long for a unix socket has no such socket.
package admin
