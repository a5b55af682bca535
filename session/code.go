package session

import "strconv"

// Code is the outcome of an operation on a session; the numbers are those of the protocol. It implements error.
type Code int32

// The codes.
const (
	CodeOK          Code = 0
	CodeExpired     Code = -112 // the session is unknown, over, or the secret is not its own (Z-5, Z-7)
	CodeMoved       Code = -118 // the session has been attached elsewhere (Z-10); for whoever ends a connection
	CodeTooMany     Code = -201 // SessionsMax sessions are open
	CodeGap         Code = -202 // a write before this one has not arrived: send again from last+1
	CodeWindowFull  Code = -203 // too many replies are unacknowledged: acknowledge, then send again
	CodeNoLease     Code = -204 // the server's lease has ended, or is of another boot
	CodeLateAttempt Code = -205 // a later attach exists, or this Open has been applied before
	CodeForgotten   Code = -206 // the write was applied and its reply acknowledged, so it is no longer kept
)

// Error says what happened and what to do.
func (c Code) Error() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeExpired:
		return "session expired: open a new one"
	case CodeMoved:
		return "session moved: it was attached by another connection"
	case CodeTooMany:
		return "too many sessions: close some first"
	case CodeGap:
		return "gap in the session's writes: send again from the one after the last applied"
	case CodeWindowFull:
		return "too many unacknowledged replies: acknowledge some and send again"
	case CodeNoLease:
		return "the server holds no lease: attach to another server"
	case CodeLateAttempt:
		return "late attempt: the session was attached by a later one"
	case CodeForgotten:
		return "reply forgotten: it was acknowledged before"
	}
	return "session error " + strconv.Itoa(int(c))
}
