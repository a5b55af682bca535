// Package wire is the protocol between clients and servers: frames, messages and their encoding, as pure functions
// over bytes. This page is its specification; a client can be written from it alone.
//
//	TCP        │ length │ body                        │ length │ body        │ …
//	           └ uint32 ┴ one msgpack array per frame ┘
//
//	client ──── Hello ───────────────────────────────────────────────▶ server
//	       ◀─── Welcome ──────────────────────────────────────────────
//	       ──── [kind, xid, seq, ack, body]   any number, pipelined ──▶
//	       ◀─── reply [0, xid, code, zxid, result]   in request order ─
//	       ◀─── event [1, zxid, type, path, …]       between replies ──
//	       ◀─── goodbye [2, code, detail]            then it closes ───
//
// # Frames
//
// A frame is a length of four bytes, big-endian, and a body of that many bytes, at least 1. A body is one message,
// which takes all of it: bytes behind the message are an error. The largest body is HelloFrameMax (4 KiB) until
// the Welcome was sent, then FrameMax (2 MiB) towards the server and ReplyFrameMax (4 MiB) towards the client.
//
// A request above FrameMax and up to DiscardMax (64 MiB) is swallowed by the server and answered with TooLarge,
// and the connection goes on. A longer one, an empty one, and a body that is not a message end the connection,
// with a goodbye of MarshallingError where the server can still send one.
//
// # Encoding
//
// Values are a subset of msgpack: nil, booleans, integers, strings (str), binary data (bin) and arrays. Maps,
// floats, extensions and timestamps are not used, and are refused. An encoder should write integers and lengths in
// their shortest form; a decoder takes any. An integer is decoded as signed or unsigned as its field says,
// whichever of msgpack's integer formats it has. A string may hold any bytes; whether it is a legal path is judged
// later. Binary data may be nil, which means empty, unless this page writes them b?.
//
// A message is an array whose fields have a fixed order. Versions add fields at the end only. A decoder skips
// fields behind those that it knows (arrays nested up to 16 deep), and fields that are missing at the end have the
// zero value of their type: 0, false, the empty string, the empty list, nil. A message has at most 32 fields. No
// field is ever given another meaning. All of this holds for the arrays inside messages too, except for lists.
//
// In what follows, u is an unsigned integer of up to 64 bits, i one with sign, s a string, b binary data, t a
// boolean, x? either x or nil, [x…] a list of any length.
//
// # Handshake
//
// The client speaks first. It should send a Hello within 5 seconds of connecting.
//
//	Hello    [s "coxswain", u version, u capabilities, u session id, b16? password, i timeout ms, u attempt,
//	          u last zxid, s name]
//	Welcome  [i code, u version, u capabilities, u server id, u session id, b16? password, i timeout ms, u zxid,
//	          u last seq, limits, s detail]
//	limits   [u frame bytes, u data bytes, u ops, u window, u watches, u page]
//
// Session id 0 opens a session; the Welcome then tells its id and its password, which the server does not keep in
// clear. Any other id attaches that session to this connection, with its password; nil comes back in the
// password's place. The timeout is what the client would like, and the Welcome's what it gets. attempt counts, per
// session, the client's attempts to attach it: 1 in the Hello that opens it, one more in each Hello after that,
// whether the one before was answered or not. An attempt below one that the service knows is void (LateAttempt):
// it was delayed on its way and must not take the session back. last zxid is the highest zxid in anything that the
// client has received, and a server that is behind it waits or refuses (ZxidAhead), so that a client never goes
// back in time. name is for the operators' eyes, at most 128 bytes.
//
// version is 1. capabilities is a set of bits for optional abilities; each side uses what both have offered, and
// ignores bits that it does not know. Version 1 defines none. A server that does not speak the client's version
// decodes no field behind it, and answers VersionMismatch with its own.
//
// A code other than 0 refuses the client; the server then closes the connection. The classes of the error table
// say what to do. detail says it in words. zxid is the one at which the session was attached: all that the client
// has seen is at or below it. last seq is the number of the last write of the session that was carried out or
// refused for good.
//
// The limits must be respected: the largest request in bytes, the largest value of a node in bytes, operations in
// one multi or transaction, writes without an acknowledged reply, watches of one connection, entries of one page.
//
// # Requests
//
//	request  [u kind, u xid, u seq, u ack, body]
//
// xid is the client's number for the request, another one for each request of a connection; the reply repeats it.
// seq numbers writes, which are the kinds below 32, and is 0 for all others. ack says that the client has the replies
// of all writes numbered up to it; a request of any kind may carry it forward. A body in which all fields are zero
// may be left out.
//
//	 1 Create       [s path, b data, u mode, i ttl ms, acl, u flags]
//	 2 Delete       [s path, guard]
//	 3 Set          [s path, b data, guard]
//	 5 Multi        [[u op, op body]…]
//	 6 CloseSession []
//	 7 DeleteTree   [s path, guard]
//	 8 CopyTree     [s from, s to, guard]
//	 9 MoveTree     [s from, s to, guard]
//	10 Txn          [[[s path, guard]… conditions], [[u op, op body]… then], [[u op, op body]… else]]
//	11 KillSession  [u session id]
//
//	32 Get          [u level, s path, t watch, u at least]
//	33 Exists       [u level, s path, t watch, u at least]
//	34 Children     [u level, s path, t watch, s after, u limit, t with stat, u at least, t with data]
//	35 Descendants  [u level, s path, u at least]
//	36 Ephemerals   [u level, s prefix, s after, u limit, u at least]
//	37 MultiRead    [u level, [[u kind 32|33|34, s path]…], u at least]
//	38 Sync         []
//	39 List         [u level, s path, s after, u limit, t with stat, t with data, u at least, u as of]
//	40 Sessions     [u level, u after, u limit, u at least]
//	41 Outcomes     [u session id, b16? password, u from seq]
//
//	64 Ping         []
//	65 SetWatches   [u since zxid, [s data path…], [s exist path…], [s child path…]]
//	66 RemoveWatch  [u watch kind 1 data|2 child|3 persistent, s path, u watch id]
//	67 AddWatches   [[u watch id, u mode, u options, s path, u? since zxid]…]
//
// # Writes
//
// mode is 0 persistent, 1 ephemeral, 2 persistent sequential, 3 ephemeral sequential, 4 container, 5 persistent
// with TTL, 6 persistent sequential with TTL; ttl is in milliseconds, and 0 unless the mode has a TTL. acl is kept
// for access control: nil or an empty list, anything else is answered Unimplemented. flags is a set of bits, of
// which any other is answered Unimplemented:
//
//	1  parents            ancestors that are absent are created too, as persistent nodes without data
//	2  container parents  the same, as containers; not together with 1
//	4  if absent          if the node is there already, whatever it is, nothing is done and the result says so; not
//	                      with a sequential mode
//
// A guard is what the write expects of its node, which must be there in any case:
//
//	guard        nil | i version | [i? version, u? czxid, u? mzxid, b? data, t absent]
//
// What is nil is not checked, everything else must be met. nil data are not checked, while empty data are those of a
// node without any. Errors, in this order: NoNode, BadVersion for the data version, Mismatch for czxid, mzxid and
// data. czxid says that it must be the very node that this transaction has created, not a later one of the same
// path: it is how a write is fenced with the token of a lock. absent says that there must be no node (NodeExists);
// only a check or a condition may say it, and nothing else along with it.
//
// An op is 1, 2, 3, 7, 8 or 9 with the body as above, or one that exists only inside a Multi or a Txn:
//
//	 4 check     [s path, guard]
//	12 read      [s path]
//
// A Multi has at most 1000 operations and is carried out as a whole or not at all, an operation seeing those before
// it. A read tells the data and the stat of a node as of that moment, and is no error where there is none; the data
// that one transaction reads have at most 1 MiB together (TooLarge).
//
// A Txn carries out one of two such multis: then, if all its conditions hold before it, otherwise else. Each
// condition is the body of a check. Which branch it was is no error but a result; an error is an operation of the
// branch that fails, and a condition that can never hold, such as one with an illegal path. Conditions and both
// branches have at most 1000 entries together.
//
// DeleteTree deletes a node and all below it. CopyTree creates the same nodes at to, where there must be nothing
// (NodeExists) and whose parent must be there; MoveTree does so and deletes the original. The guard is about the
// original's top. The new nodes are new: their czxid is that of this write. Ephemerals can be moved, and still belong
// to their session, but not copied (BadArguments). The tree operations of one transaction, together with the parents
// that its creates make, create and delete at most 50,000 nodes (TooMany; a move does both with each), and create at
// most 64 MiB of paths and data (TooLarge).
//
// KillSession ends another session as if it had expired: its ephemerals are gone when the reply comes, and its
// client is told SessionExpired. Where that does not reach it, the client goes on believing in its session until its
// own time is over, so a killed owner is kept out by guards and not by hope. A session does not kill itself
// (BadArguments); one that is not there is NoSession.
//
// # Reads
//
// level is how fresh a read must be:
//
//	0  linearizable  it sees everything that was acknowledged to anybody before it was sent
//	1  session       it may be answered from a server that is behind
//	2  at least      it sees the transaction whose zxid the request states as at least, and all before it
//
// None goes back in time, and all see the session's own writes: a read waits for the writes that were sent before
// it. At least is answered like a session read if the server has come that far, otherwise like a linearizable one;
// if even that does not see the transaction, the answer is NotReached. At the other levels the field at least is
// ignored. Outcomes is linearizable. Sync is answered when the server has everything that was acknowledged
// to anybody before it was sent; with linearizable reads nobody needs it.
//
// Lists come in pages, in the byte order of names or paths: entries strictly behind after, at most limit of them (0:
// as many as the server gives; at most 10,000). A page may have fewer entries than the limit although there are more;
// the result says whether there are. after need not exist any more. Ephemerals lists those of the session itself at
// or below prefix, by path component: /a has /a and /a/b, not /ab; "/" has all. Sessions lists those of the cluster
// by ascending id. A MultiRead has at most 1000 parts and is answered at one point in time.
//
// List lists a node and all below it, by path: a node before its children, siblings in the byte order of their names
// (which is the byte order of paths in which '/' is below every other byte). All its pages show one point in time.
// The first is asked for with 0 as of, and shows the tree as it is; its result tells as of, and each later page is
// asked for with that. A server that has moved on meanwhile takes back what has changed since, from its history of
// recent changes; where that does not reach back, the answer is Compacted and the client begins a new list. NoNode is
// about the node as of then. For the later pages level 1 is enough.
//
// # Replies
//
//	reply    [u 0, u xid, i code, u zxid, result]
//
// Replies come in the order of the requests, except those to Ping, which come at once. zxid is that of the state
// that the reply shows; for a write, of its own transaction. The result, when code is 0:
//
//	Create       [s path, stat, t existed]        the final path: a sequential node has a suffix
//	Set, Exists  [stat]
//	DeleteTree   [i nodes deleted]
//	CopyTree     [s path, stat, i nodes made]     those of the new top; MoveTree likewise
//	Get          [b data, stat]
//	Multi        [op result…]
//	Txn          [t held, u failed, [op result…]] failed: the index of the first condition that did not hold, else 0
//	Children     [[entry…], t more, stat]         entry: s name, or [s name, stat?, b data]; the stat is the parent's
//	Descendants  [i count]
//	Ephemerals   [[s path…], t more]
//	MultiRead    [[i code, result]…]              part by part, as if asked alone; Children: one page of names
//	List         [[entry…], t more, u as of]      entry: s path, or [s path, stat?, b data]
//	Sessions     [[session…], t more]
//	Outcomes     [t ended, u acked, u last, [[u seq, i code, u zxid, result]…], t more]
//	others       []
//
//	op result    [u op, s path, stat?, t existed, i count, b data]   one for each operation, as of that operation
//	stat         [u czxid, u mzxid, u pzxid, i ctime ms, i mtime ms, i version, i cversion, i aversion, u owner,
//	              i data length, i children, u kind, i ttl ms]
//	session      [u id, s name, u server id, t attached, i timeout ms, i left ms, i ephemerals, u last seq]
//
// kind is 0 persistent, 1 ephemeral, 2 container, 3 TTL. owner is the session id of an ephemeral. An entry has a stat
// and data if the request asks for them. In an op result path is that of the node, after a create the final one,
// after a copy or move the new one; stat is nil for 2, 4 and 7; existed is for a create that it was there already,
// for a read that it is there (otherwise the stat is that of no node: all zero); count is the nodes of 7, 8 and 9;
// data those of a read. A session's server is the one to which it is attached or was last, and left is the time, on
// the cluster's clock, after which it expires unless it is attached again, 0 while it is attached.
//
// With any other code:
//
//	failure      [s path, i index, i actual, s detail]
//
// path is what is at fault (for NoNode on a create the missing parent; empty if it is a multi or transaction as a
// whole), index the operation of a multi, or of a Txn counted through its conditions, then, else; actual the node's
// version with BadVersion and the last used number with Gap, detail one clause with the broken rule or limit and what
// to do. Exists of an absent node is a NoNode, and still sets its watch.
//
// # Numbered writes
//
// A session numbers its writes 1, 2, 3… across all its connections. A write is carried out only if its number is
// one more than the last used. That makes writes of a session happen in order and exactly once, whatever is sent
// twice:
//
//   - After reconnecting, a client sends every write without a reply again, in order, each with its old number and
//     the same contents. One that was carried out already is answered with its recorded reply.
//   - A reply is recorded until ack covers it. A client keeps at most window numbers above its last ack in flight,
//     and never sends a write that it has acknowledged (Forgotten).
//   - Every reply uses up its write's number, refusals such as NoNode too, except those of the classes Resend and
//     Elsewhere and SessionExpired. The number of a write that was answered with one of these must not be given to
//     another write: a copy may still be on its way.
//   - Gap means that an earlier write was lost on its way: the client sends everything from the number after
//     actual again, reads behind it included, with new xids, and ignores replies to the old ones. WindowFull means
//     the same, with a higher ack.
//
// The reply to CloseSession is the last thing on a connection. When it comes, the session's ephemerals are gone.
//
// # Outcomes
//
// A session may end while the replies of its last writes are still on their way. Outcomes tells them, on another
// session's connection, to whoever has the password of the session that it asks about: the recorded replies of the
// writes from from seq on, in pages, in order. acked is the number up to which the client has acknowledged replies,
// which are not kept; last the number up to which writes were carried out or refused for good. So write n
//
//   - was carried out, or refused, with the reply that is told, if acked < n ≤ last;
//   - was carried out, or refused, and its reply was acknowledged, if n ≤ acked;
//   - never will be, if n > last and the session has ended; may still be, if it has not.
//
// A further page is asked for from the number behind the last one told. Sessions that ended against their will, or
// closed without having acknowledged their replies, are remembered for 10 minutes of the cluster's clock, or a
// shorter time if there are very many of them; otherwise the answer is NoSession, the same as with a wrong password.
//
// # Watches and events
//
//	event        [u 1, u zxid, u type, s path, u watch id, stat?, b data, u from]
//
// type is 1 created, 2 deleted, 3 data changed, 4 children changed, 16 gap. Watches are of two sorts. One-shot
// watches come with a read, fire once and are then gone; their events end with the path, or have watch id 0. Persistent
// watches are added by themselves and stay; an event is for the one watch whose id it has. All live on the connection,
// and a client sets them again on the next one. The Welcome's limit is for both sorts together (TooMany).
//
// Events and replies share one order: the event about a change comes before any reply that shows that change or a
// later one, and events of watches that are in place come in the order of zxids.
//
// Get and Exists with watch set a data watch on their path, Children a child watch; Get and Children only when
// they succeed. A data watch fires when its node is created, deleted or set; a child watch when its node is deleted
// or gets or loses a child. Two watches of one kind on one path of one connection are one. When one change fires both
// kinds for one path (a deletion), one event is sent and both are gone. RemoveWatch of kind 1 or 2 takes the watch
// on path back.
//
// AddWatches sets persistent watches. An id is the client's choice, not 0, and another one for each watch that it has
// on a connection (BadArguments). The node need not be there. mode is
//
//	1  persistent  the node is created, deleted, set (1, 2, 3), or gets or loses a child (4)
//	2  recursive   any node at the path or below it is created, deleted or set (1, 2, 3), with that node's path
//
// and options a set of bits: with 1 the event has the node's stat, with 2 its data, as they were right after the
// change, in events of types 1 and 3. Empty data may be left out. Another mode is BadArguments, another bit
// Unimplemented. Every change is told, by one event for each watch that it concerns, those of one transaction in the
// order in which it made them. A request has at most 4096 watches (TooMany); if it is refused, none of them is set.
// RemoveWatch of kind 3 takes the watch of that id back, whatever the path, and no event of it comes behind the reply.
// RemoveWatch of a watch that is not there is answered NoWatcher.
//
// With nil for since a watch begins now. With a zxid, which the service must have come to (NotReached), it is also told
// what has happened behind that, as events like any others, in order, all before the reply. They may stand between
// newer ones of watches that are in place; while they come no other request but Ping is answered, and not that either
// behind a write, which waits.
// From the reply on the watches are in place. An AddWatches that is sent again behind a write that had to be (Gap,
// WindowFull) finds its watches in place, and is answered as the first was.
//
// A server keeps a bounded history of recent changes. Where that does not reach back to since, the watch is told a gap:
// what has happened behind from and up to zxid is not told, or no more than the beginning of the first transaction
// behind from. path is the watch's. The watch goes on behind zxid, and the client reads again what it wants to know.
// The watches that are in place get a gap too when the server itself was brought up to date without the single changes;
// one-shot watches then fire like those of a SetWatches.
//
// # Resuming watches
//
// A zxid is complete for a watch when every event of it up to that zxid, the zxid itself included, has come. One
// transaction can give several events, and the connection can break between two of them, so an event does not make
// its own zxid complete. What comes on a connection tells this about the watches that are in place on it, where a
// one-shot watch is in place once the read that sets it is answered, and a persistent one once its AddWatches is:
//
//   - A reply of zxid z, to whatever request, makes z complete for all of them: also for those that it puts in place.
//   - An event of zxid z, of a watch that is in place, makes z−1 complete for all of them, and not z.
//   - A gap makes its zxid complete for its own watch, in place or not, and tells nothing about the others. Of what
//     comes because a server was brought up to date the gaps come first, so that no event speaks for a watch whose gap
//     is still to come.
//   - An event of a persistent watch that is not in place yet makes z−1 complete for that watch alone.
//   - The Welcome, and the events before the reply to a SetWatches, make nothing complete.
//
// What is complete stays so. After a reconnect no watch is in place. The client sends, before anything else:
//
// SetWatches for its one-shot watches. Data paths were there when they were watched, exist paths were absent. since is
// the highest zxid that was complete for all of them; if the last connection broke before all its SetWatches were
// answered, that is the since which these had. For what has changed behind since the event comes at once, before
// the reply, and the watch is gone; the others are set. Of a node that is gone it is not known when, and the event's
// zxid is only one behind since. A request has at most 4096 paths; more watches take several, all with the same zxid.
//
// AddWatches for its persistent watches, each with the zxid that is complete for it. Nothing is missed then, and
// nothing is told twice but the beginning of one transaction: that of the watch's newest event, if its zxid is not
// complete. The client has counted how many events of that zxid have come, and skips as many of the same zxid now:
// every server tells the events of a transaction to a watch in the same order. It skips no gap. The zxid that is
// complete for a watch is also what another process may begin a watch with, to go on where this one has come to.
//
// # Staying alive
//
// A session expires when nothing was heard from its client for its timeout, so an idle client sends a Ping at
// least every third of it. A server that may not speak for sessions any more (it has lost contact with the
// majority) does not answer; a client that hears nothing goes to another server. A client may rely on its session
// until its timeout has passed since it first sent the newest request that was answered on its current connection,
// on its own monotonic clock; not longer, and counted from the sending, not from the reply.
//
// # Goodbye
//
//	goodbye      [u 2, i code, s detail]
//
// A goodbye is the last frame on a connection. SessionExpired ends the session, SessionMoved tells that another
// connection has taken it; after the others the client attaches elsewhere.
//
// # Codes
//
// refused: considered, without effect. resend: send again on this connection. elsewhere: nothing was done; attach
// to another server and send again. final: sending again does not help. A code that a client does not know counts
// as refused.
//
//	   0  OK                       refused    the request was carried out
//	  -2  RuntimeInconsistency     refused    an operation behind the one that failed in its multi, or damaged state
//	  -5  MarshallingError         final      the bytes are not a message of this protocol; the server closes the connection
//	  -6  Unimplemented            refused    this server does not know the kind of request or operation, or does not serve this field
//	  -8  BadArguments             refused    a path, mode, level, guard or other argument that is never legal
//	-101  NoNode                   refused    the node, or the parent of a node to create, is absent
//	-103  BadVersion               refused    the node's data version is not the expected one
//	-108  NoChildrenForEphemerals  refused    the parent of a node to create is ephemeral
//	-110  NodeExists               refused    the node to create, or the one that must be absent, is there
//	-111  NotEmpty                 refused    the node to delete has children
//	-112  SessionExpired           final      the session is unknown, closed or expired, or the password is wrong: the answer does not tell which
//	-114  InvalidACL               refused    an access control list that is never legal
//	-118  SessionMoved             elsewhere  the session is attached to another connection, which is newer than this one
//	-121  NoWatcher                refused    the connection has no such watch to remove
//	-200  TooLarge                 refused    data, a path, a request or its reply is larger than its limit
//	-201  TooMany                  refused    more operations, nodes, paths, watches or ephemerals than the limit
//	-202  Gap                      resend     a write came before the writes numbered below it; send again from the number after `actual`
//	-203  WindowFull               resend     the session has as many unacknowledged replies as it may; acknowledge, then send again
//	-204  NoLease                  elsewhere  the server's own lease has ended, so it may not speak for sessions
//	-205  LateAttempt              elsewhere  a newer attempt to attach this session is known; this one is void
//	-206  Forgotten                final      a write that was applied and whose reply was acknowledged came again; its reply is no longer kept
//	-207  NoQuorum                 elsewhere  the server does not reach a majority of the cluster; try another server
//	-208  NoSpace                  refused    a server's free disk is below the watermark; deletes and reads go on, writes resume when there is room
//	-209  Draining                 elsewhere  the server is shutting down; move to another server
//	-210  ZxidAhead                elsewhere  the client has seen a later zxid than this cluster has: the server is behind, the cluster is another one, or it has lost data
//	-211  VersionMismatch          final      the server does not speak the client's version of the protocol
//	-212  SlowConsumer             elsewhere  the client does not read its replies and events, so the server closes the connection
//	-213  Busy                     elsewhere  the server has as many connections or as much work as it may; try another server, or later
//	-214  Mismatch                 refused    the node is there, and its czxid, mzxid or data are not those that are expected
//	-215  NotReached               refused    the cluster has not come to the zxid that the read asks for; later it may have
//	-216  Compacted                refused    the server's history does not reach back to the zxid of the list; begin a new one
//	-217  NoSession                refused    the session that the request is about is unknown, not remembered any more, or has another password
//
// # Concurrency and ownership
//
// All functions are pure; they may be called from any goroutine. Append functions append to dst and return it,
// like append, and do not keep their arguments. Decoded requests own their memory; where a decoder's result
// aliases its input, it says so. Decoder and FrameReader values belong to one goroutine at a time.
//
// # What this package does not do
//
// It opens no connection and measures no time; it does not judge paths, versions or sizes of data (package znode),
// nor the sequence of numbers (package session); it knows no access control yet, only its place.
package wire
