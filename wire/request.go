package wire

import (
	"fmt"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// Xid is a client's number for a request; the reply carries it back. A client gives each request of a connection another
// one; the server does not interpret it.
type Xid uint64

// Read is one part of a multi-read.
type Read struct {
	Kind Kind // Get, Exists or Children
	Path string
}

// Request is any request, flat, so that one value can be decoded into again and again. A field means something only for
// the kinds named beside it.
type Request struct {
	Kind Kind
	Xid  Xid
	Seq  session.Seq // the write's number in its session, from 1; 0 for whatever is not a write
	Ack  session.Seq // the client has the replies of all writes up to this one

	Ops    []znode.Op // writes: exactly one for Create, Delete and Set, any number for Multi, none for CloseSession
	HasACL bool       // Create, also inside Multi: an access control list came with it

	Level    Level  // reads but Sync
	Path     string // Get, Exists, Children, Descendants, RemoveWatch; the prefix of Ephemerals
	Watch    bool   // Get, Exists, Children: set a watch with the read
	After    string // Children, Ephemerals: the page begins behind this name or path
	Limit    int    // Children, Ephemerals: at most that many entries; 0 asks for as many as the server gives
	WithStat bool   // Children: with the stat of each child
	Reads    []Read // MultiRead

	Since      znode.Zxid // SetWatches: the highest zxid that the client has seen
	DataPaths  []string   // SetWatches: nodes that were there when they were watched
	ExistPaths []string   // SetWatches: nodes that were absent when they were watched
	ChildPaths []string   // SetWatches: nodes whose children are watched
	WatchKind  WatchKind  // RemoveWatch
}

// requestKeepMax is the largest number of elements that the lists of a reused Request keep room for. A multi of a
// thousand operations must not make its connection hold 80 KB for ever.
const requestKeepMax = 64

// Reset makes r the zero request, keeping the room of its lists if that is small. The lists' old elements are cleared, so
// that r holds on to nobody's data.
func (r *Request) Reset() {
	*r = Request{
		Ops:        emptied(r.Ops),
		Reads:      emptied(r.Reads),
		DataPaths:  emptied(r.DataPaths),
		ExistPaths: emptied(r.ExistPaths),
		ChildPaths: emptied(r.ChildPaths),
	}
}

func emptied[E any](s []E) []E {
	if cap(s) > requestKeepMax {
		return nil
	}
	clear(s)
	return s[:0]
}

// roomFor returns the empty slice s with room for exactly n elements, at least.
func roomFor[E any](s []E, n int) []E {
	if n <= cap(s) {
		return s
	}
	return make([]E, 0, n)
}

// UnknownKind reports a request whose header could be read and whose kind this version does not have. It is answered with
// [CodeUnimplemented] and the connection goes on.
type UnknownKind struct {
	Kind Kind // of the request, or of the operation or read inside it
	Part int  // -1: the request's own kind; else the index of the operation or read that is unknown
}

// Error implements error.
func (e *UnknownKind) Error() string {
	if e.Part < 0 {
		return fmt.Sprintf("unknown kind of request: %d", e.Kind)
	}
	return fmt.Sprintf("unknown kind of operation: %d, at index %d", e.Kind, e.Part)
}

// Refusal reports a message that could be read and breaks a limit or a rule. It is answered with Code and Detail, and the
// connection goes on.
type Refusal struct {
	Code   Code
	Detail string // one clause: what is wrong, and the limit
}

// Error implements error.
func (r *Refusal) Error() string { return r.Code.Error() + ": " + r.Detail }

// Is reports whether target is r's code.
func (r *Refusal) Is(target error) bool { return target == error(r.Code) }
