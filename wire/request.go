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

	Ops    []znode.Op // exactly one for the kinds that are [Kind.Single], any number for Multi and Txn, none for the others
	HasACL bool       // Create, also inside Multi and Txn: an access control list came with it

	Level    Level  // reads but Sync and Outcomes
	Path     string // Get, Exists, Children, Descendants, List, RemoveWatch; the prefix of Ephemerals
	Watch    bool   // Get, Exists, Children: set a watch with the read
	After    string // Children, Ephemerals, List: the page begins behind this name or path
	Limit    int    // Children, Ephemerals, List, Sessions: at most that many entries; 0 asks for as many as the server gives
	WithStat bool   // Children, List: with the stat of each node
	Reads    []Read // MultiRead

	Since      znode.Zxid // SetWatches: the highest zxid that the client has seen
	DataPaths  []string   // SetWatches: nodes that were there when they were watched
	ExistPaths []string   // SetWatches: nodes that were absent when they were watched
	ChildPaths []string   // SetWatches: nodes whose children are watched
	WatchKind  WatchKind  // RemoveWatch

	If   []znode.Op // Txn: what must hold, each an OpCheck, for Ops to be carried out; otherwise Else is. OpsMax with both
	Else []znode.Op // Txn

	AtLeast  znode.Zxid // reads at level AtLeast: what they must see
	AsOf     znode.Zxid // List: the point in time to show, told by the first page; 0: now
	WithData bool       // Children, List: with the data of each node

	Target    session.ID  // KillSession, Outcomes: the session it is about
	Password  Password    // Outcomes: of Target
	FromSeq   session.Seq // Outcomes: the first write to tell about
	AfterID   session.ID  // Sessions: the page begins behind this one
	WatchID   WatchID     // RemoveWatch of a persistent watch
	WatchList []WatchSpec // AddWatches
}

// WatchSpec is one persistent watch to set.
type WatchSpec struct {
	ID      WatchID
	Mode    WatchMode
	Options WatchOptions
	Path    string
	FromNow bool       // what happens from now on, whatever Since says
	Since   znode.Zxid // what has happened since then, too
}

// Newest is the highest zxid behind which a watch of an AddWatches is to begin; 0 if all begin now.
func (r *Request) Newest() (z znode.Zxid) {
	for i := range r.WatchList {
		if w := &r.WatchList[i]; !w.FromNow {
			z = max(z, w.Since)
		}
	}
	return z
}

// Same reports whether w and o are the same watch, wherever they begin.
func (w *WatchSpec) Same(o *WatchSpec) bool {
	return w.ID == o.ID && w.Mode == o.Mode && w.Options == o.Options && w.Path == o.Path
}

// requestKeepMax is the largest number of elements that the lists of a reused Request keep room for. A multi of a
// thousand operations must not make its connection hold 140 KB for ever.
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
		If:         emptied(r.If),
		Else:       emptied(r.Else),
		WatchList:  emptied(r.WatchList),
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
	Part int  // -1: the request's own kind; else the index of the operation, in its branch, or read that is unknown
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
