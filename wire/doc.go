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
//	       ◀─── event [1, zxid, type, path]          between replies ──
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
// later. Binary data may be nil, which means empty.
//
// A message is an array whose fields have a fixed order. Versions add fields at the end only. A decoder skips
// fields behind those that it knows (arrays nested up to 16 deep), and fields that are missing at the end have the
// zero value of their type: 0, false, the empty string, the empty list, nil. A message has at most 32 fields. No
// field is ever given another meaning.
//
// In what follows, u is an unsigned integer of up to 64 bits, i one with sign, s a string, b binary data, t a
// boolean, x? either x or nil.
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
// one multi, writes without an acknowledged reply, watches of one connection, entries of one page.
//
// # Requests
//
//	request  [u kind, u xid, u seq, u ack, body]
//
// xid is the client's number for the request, another one for each request of a connection; the reply repeats it.
// seq numbers writes and is 0 for whatever is not a write. ack says that the client has the replies of all writes
// numbered up to it; a request of any kind may carry it forward. A body in which all fields are zero may be left
// out.
//
//	 1 Create       [s path, b data, u mode, i ttl ms, acl]
//	 2 Delete       [s path, i? version]
//	 3 Set          [s path, b data, i? version]
//	 5 Multi        [[u op, op body]…]        op: 1, 2, 3 as above, 4 Check [s path, i? version]
//	 6 CloseSession []
//
//	32 Get          [u level, s path, t watch]
//	33 Exists       [u level, s path, t watch]
//	34 Children     [u level, s path, t watch, s after, u limit, t with stat]
//	35 Descendants  [u level, s path]
//	36 Ephemerals   [u level, s prefix, s after, u limit]
//	37 MultiRead    [u level, [[u kind 32|33|34, s path]…]]
//	38 Sync         []
//
//	64 Ping         []
//	65 SetWatches   [u since zxid, [s data path…], [s exist path…], [s child path…]]
//	66 RemoveWatch  [u watch kind 1 data|2 child, s path]
//
// mode is 0 persistent, 1 ephemeral, 2 persistent sequential, 3 ephemeral sequential, 4 container, 5 persistent
// with TTL, 6 persistent sequential with TTL; ttl is in milliseconds, and 0 unless the mode has a TTL. acl is kept
// for access control: nil or an empty list, anything else is answered Unimplemented. A version that is nil is not
// checked; another one must be the node's data version. A multi has at most 1000 operations and is carried out as
// a whole or not at all, an operation seeing those before it.
//
// level is 0 linearizable, 1 session: whether the read must see everything that was acknowledged to anybody before
// it was sent, or may be answered from a server that is behind. Neither goes back in time, and both see the
// session's own writes: a read waits for the writes that were sent before it. Lists come in pages, in the byte
// order of names or paths: entries strictly behind after, at most limit of them (0: as many as the server gives;
// at most 10,000). A page may have fewer entries than the limit although there are more; the result says whether
// there are. Ephemerals lists those of the session itself at or below prefix, by path component: /a has /a and
// /a/b, not /ab; "/" has all. A MultiRead has at most 1000 parts and is answered at one point in time. Sync is
// answered when the server has everything that was acknowledged to anybody before it was sent; with linearizable
// reads nobody needs it.
//
// # Replies
//
//	reply    [u 0, u xid, i code, u zxid, result]
//
// Replies come in the order of the requests, except those to Ping, which come at once. zxid is that of the state
// that the reply shows; for a write, of its own transaction. The result, when code is 0:
//
//	Create       [s path, stat]                   the final path: a sequential node has a suffix
//	Set, Exists  [stat]
//	Get          [b data, stat]
//	Multi        [[u op, s path, stat?]…]         one per operation, stat as of that operation; nil for 2 and 4
//	Children     [[entry…], t more, stat]         entry: s name, or [s name, stat]; the stat is the parent's
//	Descendants  [i count]
//	Ephemerals   [[s path…], t more]
//	MultiRead    [[i code, result]…]              part by part, as if asked alone; Children: one page of names
//	others       []
//
//	stat         [u czxid, u mzxid, u pzxid, i ctime ms, i mtime ms, i version, i cversion, i aversion, u owner,
//	              i data length, i children, u kind, i ttl ms]
//
// kind is 0 persistent, 1 ephemeral, 2 container, 3 TTL. owner is the session id of an ephemeral. With any other
// code:
//
//	failure      [s path, i index, i actual, s detail]
//
// path is what is at fault (for NoNode on a create the missing parent), index the operation of a multi, actual the
// node's version with BadVersion and the last used number with Gap, detail one clause with the broken rule or
// limit and what to do. Exists of an absent node is a NoNode, and still sets its watch.
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
// # Watches and events
//
//	event        [u 1, u zxid, u type, s path]    type: 1 created, 2 deleted, 3 data changed, 4 children changed
//
// Get and Exists with watch set a data watch on their path, Children a child watch; Get and Children only when
// they succeed. A watch fires once and is then gone. A data watch fires when its node is created, deleted or set;
// a child watch when its node is deleted or gets or loses a child. Two watches of one kind on one path of one
// connection are one. When one change fires both kinds for one path (a deletion), one event is sent and both are
// gone.
//
// Events and replies share one order: the event about a change comes before any reply that shows that change or a
// later one, and events come in the order of zxids. Watches live on the connection. After a reconnect the client
// sends, before anything else, SetWatches with the paths of its watches and with the highest zxid that it had seen
// when it last had all of them in place: neither the Welcome's nor one that came before the last SetWatches was
// answered counts. Data paths were there when they were watched, exist paths were absent. For what has changed
// since then the event comes at once, before the reply; the others are set. A request has at most 4096 paths; more
// watches take several, all with the same zxid. RemoveWatch of a watch that is not there is answered NoWatcher.
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
//	  -8  BadArguments             refused    a path, mode, TTL or level that is never legal
//	-101  NoNode                   refused    the node, or the parent of a node to create, is absent
//	-103  BadVersion               refused    the node's data version is not the expected one
//	-108  NoChildrenForEphemerals  refused    the parent of a node to create is ephemeral
//	-110  NodeExists               refused    the node to create is there already
//	-111  NotEmpty                 refused    the node to delete has children
//	-112  SessionExpired           final      the session is unknown, closed or expired, or the password is wrong: the answer does not tell which
//	-114  InvalidACL               refused    an access control list that is never legal
//	-118  SessionMoved             elsewhere  the session is attached to another connection, which is newer than this one
//	-121  NoWatcher                refused    the connection has no such watch to remove
//	-200  TooLarge                 refused    data, a path, a request or its reply is larger than its limit
//	-201  TooMany                  refused    more operations, paths, watches or ephemerals than the limit
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
