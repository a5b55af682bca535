package wire

import "strconv"

// Code is the outcome of a request: 0, or why it was refused. The numbers are ZooKeeper's where ZooKeeper has the case;
// those from -200 down are our own. They are stable: append, never renumber. A Code is an error, so
// errors.Is(err, CodeNoNode) works on every error that carries one.
type Code int32

// The codes of version 1; [Code.Meaning] says when each is used, and doc.go prints the table.
const (
	CodeOK                      Code = 0
	CodeRuntimeInconsistency    Code = -2
	CodeMarshalling             Code = -5
	CodeUnimplemented           Code = -6
	CodeBadArguments            Code = -8
	CodeNoNode                  Code = -101
	CodeBadVersion              Code = -103
	CodeNoChildrenForEphemerals Code = -108
	CodeNodeExists              Code = -110
	CodeNotEmpty                Code = -111
	CodeSessionExpired          Code = -112
	CodeInvalidACL              Code = -114
	CodeSessionMoved            Code = -118
	CodeNoWatcher               Code = -121
	CodeTooLarge                Code = -200
	CodeTooMany                 Code = -201
	CodeGap                     Code = -202
	CodeWindowFull              Code = -203
	CodeNoLease                 Code = -204
	CodeLateAttempt             Code = -205
	CodeForgotten               Code = -206
	CodeNoQuorum                Code = -207
	CodeNoSpace                 Code = -208
	CodeDraining                Code = -209
	CodeZxidAhead               Code = -210
	CodeVersionMismatch         Code = -211
	CodeSlowConsumer            Code = -212
	CodeBusy                    Code = -213
	CodeMismatch                Code = -214
	CodeNotReached              Code = -215
	CodeCompacted               Code = -216
	CodeNoSession               Code = -217
)

// Class says what a client does about a code.
type Class uint8

const (
	// Refused: the request was considered and had no effect. Sent again it meets the state of that time; a numbered write
	// has used up its number, and its reply is recorded.
	Refused Class = iota
	// Resend: the numbered write had no effect and its number is not used up; it is sent again on this connection,
	// together with everything behind it.
	Resend
	// Elsewhere: this server cannot serve the request, or the client, now; nothing was done and no number is used up. The
	// client attaches to another server and sends again.
	Elsewhere
	// Final: the session has ended, or the two sides cannot work together. Sending again does not help.
	Final
)

type codeInfo struct {
	code    Code
	class   Class
	name    string // the word in tables and logs; ZooKeeper's where it has the case
	text    string // the few words in front of a path in an error's text
	meaning string // one sentence
}

// codes is the table from which names, texts and meanings come. Its order is that of the numbers.
var codes = [...]codeInfo{
	{CodeOK, Refused, "OK", "ok", "the request was carried out"},
	{CodeRuntimeInconsistency, Refused, "RuntimeInconsistency", "inconsistency", "an operation behind the one that failed in its multi, or damaged state"},
	{CodeMarshalling, Final, "MarshallingError", "malformed message", "the bytes are not a message of this protocol; the server closes the connection"},
	{CodeUnimplemented, Refused, "Unimplemented", "unimplemented", "this server does not know the kind of request or operation, or does not serve this field"},
	{CodeBadArguments, Refused, "BadArguments", "bad arguments", "a path, mode, level, guard or other argument that is never legal"},
	{CodeNoNode, Refused, "NoNode", "no node", "the node, or the parent of a node to create, is absent"},
	{CodeBadVersion, Refused, "BadVersion", "bad version", "the node's data version is not the expected one"},
	{CodeNoChildrenForEphemerals, Refused, "NoChildrenForEphemerals", "ephemeral nodes cannot have children", "the parent of a node to create is ephemeral"},
	{CodeNodeExists, Refused, "NodeExists", "node exists", "the node to create, or the one that must be absent, is there"},
	{CodeNotEmpty, Refused, "NotEmpty", "not empty", "the node to delete has children"},
	{CodeSessionExpired, Final, "SessionExpired", "session expired", "the session is unknown, closed or expired, or the password is wrong: the answer does not tell which"},
	{CodeInvalidACL, Refused, "InvalidACL", "invalid acl", "an access control list that is never legal"},
	{CodeSessionMoved, Elsewhere, "SessionMoved", "session moved", "the session is attached to another connection, which is newer than this one"},
	{CodeNoWatcher, Refused, "NoWatcher", "no watcher", "the connection has no such watch to remove"},
	{CodeTooLarge, Refused, "TooLarge", "too large", "data, a path, a request or its reply is larger than its limit"},
	{CodeTooMany, Refused, "TooMany", "too many", "more operations, nodes, paths, watches or ephemerals than the limit"},
	{CodeGap, Resend, "Gap", "gap", "a write came before the writes numbered below it; send again from the number after `actual`"},
	{CodeWindowFull, Resend, "WindowFull", "window full", "the session has as many unacknowledged replies as it may; acknowledge, then send again"},
	{CodeNoLease, Elsewhere, "NoLease", "no lease", "the server's own lease has ended, so it may not speak for sessions"},
	{CodeLateAttempt, Elsewhere, "LateAttempt", "late attempt", "a newer attempt to attach this session is known; this one is void"},
	{CodeForgotten, Final, "Forgotten", "forgotten", "a write that was applied and whose reply was acknowledged came again; its reply is no longer kept"},
	{CodeNoQuorum, Elsewhere, "NoQuorum", "no quorum", "the server does not reach a majority of the cluster; try another server"},
	{CodeNoSpace, Refused, "NoSpace", "no space", "a server's free disk is below the watermark; deletes and reads go on, writes resume when there is room"},
	{CodeDraining, Elsewhere, "Draining", "draining", "the server is shutting down; move to another server"},
	{CodeZxidAhead, Elsewhere, "ZxidAhead", "zxid ahead", "the client has seen a later zxid than this cluster has: the server is behind, the cluster is another one, or it has lost data"},
	{CodeVersionMismatch, Final, "VersionMismatch", "version mismatch", "the server does not speak the client's version of the protocol"},
	{CodeSlowConsumer, Elsewhere, "SlowConsumer", "slow consumer", "the client does not read its replies and events, so the server closes the connection"},
	{CodeBusy, Elsewhere, "Busy", "busy", "the server has as many connections or as much work as it may; try another server, or later"},
	{CodeMismatch, Refused, "Mismatch", "mismatch", "the node is there, and its czxid, mzxid or data are not those that are expected"},
	{CodeNotReached, Refused, "NotReached", "not reached", "the cluster has not come to the zxid that the read asks for; later it may have"},
	{CodeCompacted, Refused, "Compacted", "compacted", "the server's history does not reach back to the zxid of the list; begin a new one"},
	{CodeNoSession, Refused, "NoSession", "no session", "the session that the request is about is unknown, not remembered any more, or has another password"},
}

// info returns the table's row; ok is false for a code of a newer version.
func (c Code) info() (codeInfo, bool) {
	for i := range codes {
		if codes[i].code == c {
			return codes[i], true
		}
	}
	return codeInfo{}, false
}

// Error returns the code in a few words: "no node".
func (c Code) Error() string {
	if i, ok := c.info(); ok {
		return i.text
	}
	return "code " + strconv.Itoa(int(c))
}

// Name returns the code's name, without spaces: "NoNode". An unknown code is named by its number.
func (c Code) Name() string {
	if i, ok := c.info(); ok {
		return i.name
	}
	return strconv.Itoa(int(c))
}

// Meaning returns one sentence on when the code is used; empty for an unknown one.
func (c Code) Meaning() string {
	i, _ := c.info()
	return i.meaning
}

// Class returns what a client does about the code. A code of a newer version is [Refused]: it answers the one request
// that it answers, and means nothing for the others. CodeOK is Refused too; nobody asks.
func (c Code) Class() Class {
	i, _ := c.info()
	return i.class
}

// UsesNumber reports whether a numbered write that is answered with c has used up its number, so that the next write has
// the next number and this one must not be sent again.
func (c Code) UsesNumber() bool {
	switch c.Class() {
	case Resend, Elsewhere:
		return false
	default:
		return c != CodeSessionExpired
	}
}

// Retryable reports whether the same request may be accepted later or by another server although nothing about it
// changes.
func (c Code) Retryable() bool {
	switch c.Class() {
	case Resend, Elsewhere:
		return true
	default:
		return c == CodeNoSpace || c == CodeNotReached
	}
}

// EndsSession reports whether the session is gone for good.
func (c Code) EndsSession() bool { return c == CodeSessionExpired }

// Codes returns all codes, 0 first, then downwards.
func Codes() []Code {
	all := make([]Code, len(codes))
	for i := range codes {
		all[i] = codes[i].code
	}
	return all
}
