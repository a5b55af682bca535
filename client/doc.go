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
//	    │             │ ▲             │
//	    │             ▼ │             ▼
//	    ├──────────▶ Renewing ◀───────┤     with Config.Renew
//	    └──────┬───────┴──────┬───────┘
//	           ▼              ▼
//	        Closed         Expired          both final
//
// [Client.State] is the latest value and a channel that tells of its change. Connecting: no server has opened the
// session yet, [Dial] waits. Suspended: the connection is lost; the client goes round the servers and calls wait.
// The session may well be alive then: [SessionInfo.ValidFor] tells for how long it certainly is, and
// [Client.SessionContext] is a context that ends with that certainty. Expired: a server has said that the service has
// ended the session, its ephemerals are gone; the client does not open another one behind its user's back.
//
// With [Config].Renew it does, and says so: Renewing, until the next session is open, and for ever in
// [SessionInfo].Renewals, which a reader of the latest value cannot miss. Then
//
//   - calls that were in flight when the old session ended fail with [ErrSessionExpired], but for the writes that had
//     been sent: the client asks in the new session what became of them, and their callers get the original answer, or
//     that there was no effect; [Unknown] is left only if the service does not remember, or for half a minute no session
//     can be opened. No call moves to the new session on its own;
//   - calls that are made while the state is Renewing wait for the new session;
//   - ephemerals that were made by [Client.Register] come back, with one goroutine for all of them; others are gone;
//   - one-shot watches end with [ErrSessionExpired], persistent ones go on.
//
// Closed is the end by the user: [Client.Close], or [Client.Export], which hands the living session over to another
// process, with its ephemerals, as a token for [Config].Handover.
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
// When a context ends, its call stops waiting and returns a [WaitError], which holds the context's error and its cause, the
// state of the session and why no server was reached:
//
//   - a read has no effect; its answer is dropped;
//   - a write that still waits for room has no effect and will have none: [NotApplied] says so;
//   - a write that has its number cannot be taken back: it will be carried out while the session lives, and the
//     call's error is neither NotApplied nor [Unknown];
//   - [Client.Close] gives up, and the session ends by its timeout.
//
// [Unknown] is the error of a write only if the session ended before its answer. [WriteOf] names such a write, and one
// whose caller has stopped waiting; [Client.Outcome] asks, also from another process and for some minutes after the
// session's end, what became of it. Everything else that fails is an [Error]: refused, without effect, with a code, a path
// and a reason.
//
// # Transactions
//
// [Client.Multi] carries out operations all or none. [Client.Txn] has conditions besides, which choose between two
// branches:
//
//	taken, err := c.Txn(ctx, client.If(client.AbsentOp("/leader")).
//		Then(client.CreateOp("/leader", me, client.Ephemeral())).
//		Else(client.GetOp("/leader")))
//
// What a write expects of its node is an option: [IfVersion], [IfCzxid], [IfMzxid], [IfData], alone or together.
//
// # How fresh, and as of when
//
// A read is [Linearizable] unless the client or the call says [Session], or [AtLeast]: one process hands the
// [Client.LastZxid] that it has seen, or the zxid of a write ([WithZxid]), to another, which reads at least that.
// [Client.MultiRead] and [Client.List] show one point in time, List over any number of pages.
//
// # Watches
//
// A [Watch] is set together with a read and fires once. The event is in its channel before any read returns that
// shows the change. Watches survive reconnects: the client sets them again before anything else and the server
// tells what has changed since. A watch ends with an event or with a reason, never in silence.
//
// A [PersistentWatch] tells each change, in the order of the transactions, once:
//
//	server ──▶ reader ──▶ position: had it? ──▶ C, 16 events ──▶ user
//	                                  │           ▲
//	                                  └▶ backlog ─┘ pump: a goroutine while something waits
//
// Over reconnects, and with Config.Renew into the next session, it goes on exactly behind the last event that has
// come. What has come is counted by transaction: an event of one proves only that all before it is complete, so what
// was told of a transaction in part is told again by the server and skipped by number. Where the servers' history does
// not reach back, or a user does not take what waits for him (4096 events, 4 MiB; 64 MiB for all watches), the events
// are replaced by an [EventGap] that says what is missing; whoever takes one reads again. A user who is behind holds up
// nobody else. The event of a change is in C, or in the backlog if C is full, before any read of the client returns
// that shows the change. [PersistentWatch.Zxid] is where another process continues, with [Since].
//
// # Concurrency
//
// All methods may be called from any goroutine. A client has one goroutine while it has no connection and three
// while it has one, one more while there are registrations and one while users of persistent watches are behind (per
// 256 of such watches), none per call, watch or context; [Client.Close] waits for all of them. Data given to a call are
// copied before it returns, and before it waits. No code of the user is run by the client's goroutines, except
// [Config].DialContext and the connections that it returns.
//
// A caller that is alone writes its request to the socket itself, if that is a plain one and has room; the requests of many
// go through the writer, in one write. Everything is guarded by one mutex, which is held for the time of encoding, decoding
// or so writing one small frame and never while waiting. The fields of a connection say which goroutine owns them.
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
// It holds no locks and elects nobody (package recipes), caches nothing, creates no parents unless asked to
// ([Parents]), and does not retry what the service refuses. It trusts the network as much as its DialContext does:
// without TLS there, not at all private.
package client
