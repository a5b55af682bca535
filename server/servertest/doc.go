// Package servertest starts a cluster in the test's own process, as net/http/httptest does a server, for everybody's
// tests: this project's and those of programs that use coxswain.
//
//	func TestMine(t *testing.T) {
//		cluster := servertest.Start(t, 3)
//		c := cluster.Client(t)
//		_, _, err := c.Create(t.Context(), "/a", []byte("hello"))
//		…
//	}
//
// # Invariants
//
//   - Start returns when every server is ready.
//   - The servers are real: their data is on disk in the test's directory, they talk over loopback, and a stopped one
//     comes back with what it had.
//   - Everything is stopped and removed when the test ends.
//
// # Concurrency
//
// Methods may be called from several goroutines, but Stop and Run not for the same server at once.
//
// # What it does not do
//
// Stop closes a server in an orderly way; for kill -9, pauses and full disks there is package process, whose servers are
// processes of their own.
package servertest
