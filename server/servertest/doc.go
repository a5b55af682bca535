// Package servertest starts a cluster in the test's own process, as net/http/httptest does a server, for everybody's
// tests: this project's and those of programs that use coxswain. It can also do to the cluster and its clients what
// networks, machines and operators do to them, at the moment that the test chooses.
//
//	func TestMine(t *testing.T) {
//		cluster := servertest.Start(t, 3)
//		c := cluster.Client(t)
//		lost := cluster.DropReply(c.Session().ID)
//		_, _, err := c.Create(t.Context(), "/a", []byte("hello")) // carried out, and answered only when it is sent again
//		<-lost
//		…
//	}
//
// The tests of this package are examples: each fault has one that tells what it means for a client.
//
// # Faults
//
//	what happens                                    method                        what a client sees
//
//	servers do not reach each other                 Partition, Heal               the majority goes on; the others answer no
//	                                                                              write, and nothing once their lease is over
//	… in one direction                              Block, Heal                   at most an election
//	a server hangs                                  Pause, Resume                 silence; it goes to another server
//	a server dies                                   Kill, Run                     a broken connection; as above
//	a server is stopped by its operator             Stop, Drain, Run              a goodbye; as above
//	connections break                               CutClients                    a reconnect, perhaps to the same server
//	clients do not reach a server                   RefuseClients, AdmitClients   a reconnect to another server
//	a client hangs, or loses its network            HoldSession, ReleaseSession   silence; its session may expire meanwhile
//	the network is slow                             Delay                         the same, later
//	the reply to a write is lost after the commit   DropReply, DropReplyOf        nothing: it sends the write again and gets
//	                                                                              the reply of the first time
//	a session expires                               ExpireSession                 state Expired; its ephemeral nodes are gone
//	time passes                                     WithManualClock, Advance      nothing, if it is connected
//
// # How
//
// Clients do not connect to a server itself but to a front of the kit, which passes frames on, looks at them, and holds
// back or swallows what the test wants. Servers connect to each other through a dialer of the kit, which stalls what must
// not pass. Nothing in a server knows of it but its clock and its dialer, which are fields of its configuration.
//
// # Invariants
//
//   - Start returns when every server is ready.
//   - The servers are real: their data is on disk in the test's directory, they talk over loopback, and a stopped one
//     comes back with what it had.
//   - What a fault holds back is neither changed nor reordered, and goes its way when the fault is over, unless somebody
//     has closed the connection by then.
//   - When a method returns the fault is there: nothing passes after it that should not. What was on its way in the
//     kernel may still arrive.
//   - When the test ends all faults are over, so that its clients can close their sessions, and everything is stopped and
//     removed.
//
// # Time
//
// Unless it is started [WithManualClock], a cluster's time is real, and a test of an expiry takes as long as the timeout.
// [Cluster.Advance] tells what the manual clock moves and what it does not.
//
// # Concurrency
//
// Methods may be called from several goroutines, but those that start or end a server not for the same server at once,
// nor while time is being advanced. They fail the test when something does not work, so they belong to its goroutine.
//
// # What it does not do
//
// Servers share the test's process: kill -9, stopped processes and full disks need processes of their own, which package
// process has. The front looks at frames, so it cannot be used by clients that speak TLS to it.
package servertest
