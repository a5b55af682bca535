// Package client is the Go client of coxswain: one [Client] is one session, kept up over one connection at a time,
// for any number of callers.
//
//	callers            Client (one mutex)                       goroutines
//
//	Create ─┐      ┌──────────────────────────────┐
//	Set    ─┤ call │ in flight: FIFO, the order of │  out   ┌────────┐ one write for all
//	Get    ─┼─────▶│ sending and of the replies    ├───────▶│ writer ├──────────────▶ server
//	…       │      │ waiting: for window and room  │        └────────┘
//	        │◀─────┤ watches: by kind and path     │◀───────┬────────┐
//	        done   │ session, belief, state        │ reply, │ reader │◀────────────── server
//	               └──────────────▲───────────────┘  event └────────┘
//	                              └── session: dials, attaches, times the silence
//
// # States
//
//	Connecting ──▶ Connected ◀──▶ Suspended
//	    │              │              │
//	    └──────┬───────┴──────┬───────┘
//	           ▼              ▼
//	        Closed         Expired          both final
//
// [Client.State] is the latest value and a channel that tells of its change. Connecting: no server has opened the
// session yet, [Dial] waits. Suspended: the connection is lost; the client goes round the servers and calls wait.
// The session may well be alive then: [SessionInfo.Valid] tells until when it certainly is. Expired: a server has
// said that the service has ended the session, its ephemerals are gone; the client does not open another one
// behind its user's back.
//
// # What a call promises
//
// A write is carried out exactly once and in the order in which the session's writes got their numbers, which is
// the order of the calls of one goroutine. When a connection breaks, unanswered writes are sent again, on whatever
// server, with the same numbers; the service carries out what it has not carried out, and repeats its answer for
// the rest. So a call never fails because of a connection: it waits until its context ends. Reads are sent again
// likewise; at the default level they see everything that had returned before they were made, and at every level
// they see their session's own writes and never go back in time.
//
// When a context ends, its call stops waiting and returns a [WaitError], which holds the context's error, the
// state of the session and why no server was reached:
//
//   - a read has no effect; its answer is dropped;
//   - a write that still waits for room has no effect and will have none: [NotApplied] says so;
//   - a write that has its number cannot be taken back: it will be carried out while the session lives, and the
//     call's error is neither NotApplied nor [Unknown];
//   - [Client.Close] gives up, and the session ends by its timeout.
//
// [Unknown] is the error of a write only if the session ended before its answer. Everything else that fails is an
// [Error]: refused, without effect, with a code, a path and a reason.
//
// # Watches
//
// A [Watch] is set together with a read and fires once. The event is in its channel before any read returns that
// shows the change. Watches survive reconnects: the client sets them again before anything else and the server
// tells what has changed since. A watch ends with an event or with a reason, never in silence.
//
// # Concurrency
//
// All methods may be called from any goroutine. A client has one goroutine while it has no connection and three
// while it has one, none per call or watch; [Client.Close] waits for all of them. Data given to a call are copied
// before it returns, and before it waits. No code of the user is run by the client's goroutines, except
// [Config].DialContext.
//
// Everything is guarded by one mutex, which is held for the time of encoding or decoding one small frame and never
// while waiting. The fields of a connection say which goroutine owns them.
//
// # Liveness
//
// An idle client pings three times per session timeout. A server that leaves something unanswered for half a
// second (a sixth of short timeouts) is pinged, and one that then sends nothing for two seconds (a third of short
// timeouts) is left for the next, while the session has most of its timeout left. Between rounds of servers that
// all fail the client pauses, from 20 ms doubling up to a second, in part at random.
//
// # What it does not do
//
// It holds no locks and elects nobody (package recipes), caches nothing, and neither creates parents nor retries
// what the service refuses. It trusts the network as much as its DialContext does: without TLS there, not at all
// private.
package client
