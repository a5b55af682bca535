package wire

import (
	"strconv"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// requestFields is the number of fields in a request.
const requestFields = 5

// AppendRequest appends the frame of r. It panics when r has a kind that the protocol does not know, or a plain write does
// not have exactly one operation of its kind: such a request is a mistake of the program, not of its input.
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
	case Create, Delete, Set:
		if len(r.Ops) != 1 || Kind(r.Ops[0].Kind) != r.Kind {
			panic("wire: a plain " + r.Kind.String() + " has exactly one operation, of the same kind")
		}
		return appendOp(dst, &r.Ops[0])
	case Multi:
		dst = AppendArray(dst, len(r.Ops))
		for i := range r.Ops {
			dst = AppendArray(dst, 2)
			dst = AppendUint(dst, uint64(r.Ops[i].Kind))
			dst = appendOp(dst, &r.Ops[i])
		}
		return dst
	case CloseSession, Sync, Ping:
		return AppendArray(dst, 0)
	case Get, Exists:
		dst = AppendArray(dst, 3)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		return AppendBool(dst, r.Watch)
	case Children:
		dst = AppendArray(dst, 6)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		dst = AppendBool(dst, r.Watch)
		dst = AppendString(dst, r.After)
		dst = AppendUint(dst, uint64(r.Limit))
		return AppendBool(dst, r.WithStat)
	case Descendants:
		dst = AppendArray(dst, 2)
		dst = AppendUint(dst, uint64(r.Level))
		return AppendString(dst, r.Path)
	case Ephemerals:
		dst = AppendArray(dst, 4)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendString(dst, r.Path)
		dst = AppendString(dst, r.After)
		return AppendUint(dst, uint64(r.Limit))
	case MultiRead:
		dst = AppendArray(dst, 2)
		dst = AppendUint(dst, uint64(r.Level))
		dst = AppendArray(dst, len(r.Reads))
		for _, read := range r.Reads {
			dst = AppendArray(dst, 2)
			dst = AppendUint(dst, uint64(read.Kind))
			dst = AppendString(dst, read.Path)
		}
		return dst
	case SetWatches:
		dst = AppendArray(dst, 4)
		dst = AppendUint(dst, uint64(r.Since))
		dst = appendPaths(dst, r.DataPaths)
		dst = appendPaths(dst, r.ExistPaths)
		return appendPaths(dst, r.ChildPaths)
	case RemoveWatch:
		dst = AppendArray(dst, 2)
		dst = AppendUint(dst, uint64(r.WatchKind))
		return AppendString(dst, r.Path)
	}
	panic("wire: a request of unknown " + r.Kind.String())
}

// appendOp appends the body of one operation.
func appendOp(dst []byte, op *znode.Op) []byte {
	switch op.Kind {
	case znode.OpCreate:
		dst = AppendArray(dst, 5)
		dst = AppendString(dst, op.Path)
		dst = AppendBytes(dst, op.Data)
		dst = AppendUint(dst, uint64(op.Mode))
		dst = AppendInt(dst, op.TTLMS)
		return AppendNil(dst) // the access control list
	case znode.OpSet:
		dst = AppendArray(dst, 3)
		dst = AppendString(dst, op.Path)
		dst = AppendBytes(dst, op.Data)
		return appendGuard(dst, op.Guard)
	case znode.OpDelete, znode.OpCheck:
		dst = AppendArray(dst, 2)
		dst = AppendString(dst, op.Path)
		return appendGuard(dst, op.Guard)
	}
	panic("wire: an operation of unknown kind " + strconv.Itoa(int(op.Kind)))
}

func appendGuard(dst []byte, g znode.Guard) []byte {
	if v, ok := g.Version(); ok {
		return AppendInt(dst, v)
	}
	return AppendNil(dst)
}

func appendPaths(dst []byte, paths []string) []byte {
	dst = AppendArray(dst, len(paths))
	for _, p := range paths {
		dst = AppendString(dst, p)
	}
	return dst
}
