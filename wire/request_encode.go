package wire

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// requestFields is the number of fields in a request.
const requestFields = 5

// AppendRequest appends the frame of r. It panics when r has a kind that the protocol does not know, a plain write does not
// have exactly one operation of its kind, or a condition is not a check: such a request is a mistake of the program, not of
// its input.
func AppendRequest(dst []byte, r *Request) []byte {
	dst, mark := beginRequest(dst, r.Kind, r.Xid, r.Seq, r.Ack)
	return EndFrame(AppendRequestBody(dst, r), mark)
}

// AppendEncodedRequest appends the frame of a request whose body was encoded before, by [AppendRequestBody]. A request
// that is sent again has the same body, another xid and a newer ack.
func AppendEncodedRequest(dst []byte, kind Kind, xid Xid, seq, ack session.Seq, body []byte) []byte {
	dst, mark := beginRequest(dst, kind, xid, seq, ack)
	return EndFrame(append(dst, body...), mark)
}

func beginRequest(dst []byte, kind Kind, xid Xid, seq, ack session.Seq) ([]byte, FrameMark) {
	dst, mark := BeginFrame(dst)
	dst = AppendArray(dst, requestFields)
	dst = AppendUint(dst, uint64(kind))
	dst = AppendUint(dst, uint64(xid))
	dst = AppendUint(dst, uint64(seq))
	return AppendUint(dst, uint64(ack)), mark
}

// AppendRequestBody appends the body of r, the part that is the same however often r is sent. It panics like
// [AppendRequest].
func AppendRequestBody(dst []byte, r *Request) []byte {
	switch r.Kind {
	case Create, Delete, Set, DeleteTree, CopyTree, MoveTree:
		if len(r.Ops) != 1 || Kind(r.Ops[0].Kind) != r.Kind {
			panic("wire: a plain " + r.Kind.String() + " has exactly one operation, of the same kind")
		}
		return appendOp(dst, &r.Ops[0])
	case Multi:
		return appendOps(dst, r.Ops)
	case Txn:
		dst = AppendArray(dst, 3)
		dst = AppendArray(dst, len(r.If))
		for i := range r.If {
			if r.If[i].Kind != znode.OpCheck {
				panic("wire: a condition of a transaction is a check, not a " + r.If[i].Kind.String())
			}
			dst = appendOp(dst, &r.If[i])
		}
		return appendOps(appendOps(dst, r.Ops), r.Else)
	case CloseSession, Sync, Ping:
		return AppendArray(dst, 0)
	case KillSession:
		return AppendUint(AppendArray(dst, 1), uint64(r.Target))
	case Get, Exists:
		dst = AppendArray(dst, optional(3, 1, r.AtLeast != 0))
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		return appendAtLeast(AppendBool(dst, r.Watch), r)
	case Children:
		dst = AppendArray(dst, optional(6, 2, r.AtLeast != 0 || r.WithData))
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		dst = AppendBool(dst, r.Watch)
		dst = AppendString(dst, r.After)
		dst = AppendUint(dst, uint64(r.Limit))
		dst = AppendBool(dst, r.WithStat)
		if r.AtLeast != 0 || r.WithData {
			dst = AppendBool(AppendUint(dst, uint64(r.AtLeast)), r.WithData)
		}
		return dst
	case List:
		dst = AppendArray(dst, 8)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		dst = AppendString(dst, r.After)
		dst = AppendUint(dst, uint64(r.Limit))
		dst = AppendBool(dst, r.WithStat)
		dst = AppendBool(dst, r.WithData)
		dst = AppendUint(dst, uint64(r.AtLeast))
		return AppendUint(dst, uint64(r.AsOf))
	case Descendants:
		dst = AppendArray(dst, optional(2, 1, r.AtLeast != 0))
		dst = AppendUint(dst, uint64(r.Level))
		return appendAtLeast(AppendString(dst, r.Path), r)
	case Ephemerals:
		dst = AppendArray(dst, optional(4, 1, r.AtLeast != 0))
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		dst = AppendString(dst, r.After)
		return appendAtLeast(AppendUint(dst, uint64(r.Limit)), r)
	case MultiRead:
		dst = AppendArray(dst, optional(2, 1, r.AtLeast != 0))
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendArray(dst, len(r.Reads))
		for _, read := range r.Reads {
			dst = AppendArray(dst, 2)
			dst = AppendUint(dst, uint64(read.Kind))
			dst = AppendString(dst, read.Path)
		}
		return appendAtLeast(dst, r)
	case Sessions:
		dst = AppendArray(dst, 4)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendUint(dst, uint64(r.AfterID))
		dst = AppendUint(dst, uint64(r.Limit))
		return AppendUint(dst, uint64(r.AtLeast))
	case Outcomes:
		dst = AppendArray(dst, 3)
		dst = AppendUint(dst, uint64(r.Target))
		dst = appendPassword(dst, r.Password)
		return AppendUint(dst, uint64(r.FromSeq))
	case SetWatches:
		dst = AppendArray(dst, 4)
		dst = AppendUint(dst, uint64(r.Since))
		dst = appendPaths(dst, r.DataPaths)
		dst = appendPaths(dst, r.ExistPaths)
		return appendPaths(dst, r.ChildPaths)
	case RemoveWatch:
		dst = AppendArray(dst, optional(2, 1, r.WatchID != 0))
		dst = AppendUint(dst, uint64(r.WatchKind))
		dst = AppendString(dst, r.Path)
		if r.WatchID != 0 {
			dst = AppendUint(dst, uint64(r.WatchID))
		}
		return dst
	case AddWatches:
		dst = AppendArray(dst, len(r.WatchList))
		for i := range r.WatchList {
			w := &r.WatchList[i]
			dst = AppendArray(dst, 5)
			dst = AppendUint(dst, uint64(w.ID))
			dst = AppendUint(dst, uint64(w.Mode))
			dst = AppendUint(dst, uint64(w.Options))
			dst = AppendString(dst, w.Path)
			if w.FromNow {
				dst = AppendNil(dst)
			} else {
				dst = AppendUint(dst, uint64(w.Since))
			}
		}
		return dst
	}
	panic("wire: a request of unknown " + r.Kind.String())
}

// optional is the number of fields of a message of which the last ones are left out when they are all zero.
func optional(fields, more int, present bool) int {
	if present {
		return fields + more
	}
	return fields
}

// appendAtLeast appends the zxid that a read must see as its last field, unless there is none.
func appendAtLeast(dst []byte, r *Request) []byte {
	if r.AtLeast == 0 {
		return dst
	}
	return AppendUint(dst, uint64(r.AtLeast))
}

func appendPaths(dst []byte, paths []string) []byte {
	dst = AppendArray(dst, len(paths))
	for _, p := range paths {
		dst = AppendString(dst, p)
	}
	return dst
}
