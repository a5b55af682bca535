package wire

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// An outcome is the part of a reply that the session table records for a write, and replays when the write comes again:
// the code, the zxid and the result, without the xid, which belongs to one sending.

// AppendOutcome appends the outcome of a write that was applied: results are those of its operations, one for Create and
// Set, any number for Multi; for Delete and CloseSession they are ignored. It panics when kind is not a write.
func AppendOutcome(dst []byte, kind Kind, zxid znode.Zxid, results []znode.Result) []byte {
	dst = AppendInt(dst, int64(CodeOK))
	dst = AppendUint(dst, uint64(zxid))
	switch kind {
	case Create:
		dst = AppendArray(dst, 2)
		dst = AppendString(dst, results[0].Path)
		return AppendStat(dst, &results[0].Stat)
	case Set:
		return AppendStat(AppendArray(dst, 1), &results[0].Stat)
	case Delete, CloseSession:
		return AppendArray(dst, 0)
	case Multi:
		dst = AppendArray(dst, len(results))
		for i := range results {
			dst = appendOpResult(dst, &results[i])
		}
		return dst
	}
	panic("wire: an outcome is recorded for writes, not for " + kind.String())
}

// appendOpResult appends one operation's part of a multi's result. A delete and a check have nothing to tell (T-4).
func appendOpResult(dst []byte, r *znode.Result) []byte {
	dst = AppendArray(dst, 3)
	dst = AppendUint(dst, uint64(r.Kind))
	dst = AppendString(dst, r.Path)
	if r.Kind == znode.OpDelete || r.Kind == znode.OpCheck {
		return AppendNil(dst)
	}
	return AppendStat(dst, &r.Stat)
}

// AppendFailure appends the outcome of a request that was refused with code. Of e, which may be nil, the path, the index,
// the actual version and the detail are told; e.Code is ignored.
func AppendFailure(dst []byte, code Code, zxid znode.Zxid, e *znode.Error) []byte {
	dst = AppendInt(dst, int64(code))
	dst = AppendUint(dst, uint64(zxid))
	return appendFailureResult(dst, e)
}

// AppendGap appends the outcome of a write that came before those numbered below it: last is the highest number that the
// session has used up, and the client sends again from last+1.
func AppendGap(dst []byte, zxid znode.Zxid, last session.Seq) []byte {
	return AppendFailure(dst, CodeGap, zxid, &znode.Error{Actual: int64(last)})
}

func appendFailureResult(dst []byte, e *znode.Error) []byte {
	if e == nil {
		e = &znode.Error{}
	}
	dst = AppendArray(dst, 4)
	dst = AppendString(dst, e.Path)
	dst = AppendInt(dst, int64(e.Index))
	dst = AppendInt(dst, e.Actual)
	return AppendString(dst, cut(e.Detail, DetailBytesMax))
}
