package wire

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// An outcome is the part of a reply that the session table records for a write, and replays when the write comes again:
// the code, the zxid and the result, without the xid, which belongs to one sending.

// AppendOutcome appends the outcome of a write that was applied: results are those of its operations, one for the
// kinds that are [Kind.Single], any number for Multi; for Delete, CloseSession and KillSession they are ignored. It panics when
// kind is not a write, or is Txn, whose outcome [AppendTxnOutcome] makes.
func AppendOutcome(dst []byte, kind Kind, zxid znode.Zxid, results []znode.Result) []byte {
	dst = AppendInt(dst, int64(CodeOK))
	dst = AppendUint(dst, uint64(zxid))
	switch kind {
	case Create:
		dst = AppendArray(dst, optional(2, 1, results[0].Existed))
		dst = AppendString(dst, results[0].Path)
		dst = AppendStat(dst, &results[0].Stat)
		if results[0].Existed {
			dst = AppendBool(dst, true)
		}
		return dst
	case Set:
		return AppendStat(AppendArray(dst, 1), &results[0].Stat)
	case Delete, CloseSession, KillSession:
		return AppendArray(dst, 0)
	case DeleteTree:
		return AppendInt(AppendArray(dst, 1), results[0].Count)
	case CopyTree, MoveTree:
		dst = AppendArray(dst, 3)
		dst = AppendString(dst, results[0].Path)
		dst = AppendStat(dst, &results[0].Stat)
		return AppendInt(dst, results[0].Count)
	case Multi:
		return appendOpResults(dst, results)
	}
	panic("wire: an outcome is recorded for writes, not for " + kind.String())
}

// AppendTxnOutcome appends the outcome of a Txn: whether all conditions held, which was the first that did not (0 if they
// held), and the results of the branch that was carried out.
func AppendTxnOutcome(dst []byte, zxid znode.Zxid, held bool, failed int, results []znode.Result) []byte {
	dst = AppendInt(dst, int64(CodeOK))
	dst = AppendUint(dst, uint64(zxid))
	dst = AppendArray(dst, 3)
	dst = AppendBool(dst, held)
	dst = AppendInt(dst, int64(failed))
	return appendOpResults(dst, results)
}

func appendOpResults(dst []byte, results []znode.Result) []byte {
	dst = AppendArray(dst, len(results))
	for i := range results {
		dst = appendOpResult(dst, &results[i])
	}
	return dst
}

// appendOpResult appends one operation's part of a transaction's result. A delete and a check have nothing to tell (T-4).
func appendOpResult(dst []byte, r *znode.Result) []byte {
	more := 0
	switch {
	case len(r.Data) != 0:
		more = 3
	case r.Count != 0:
		more = 2
	case r.Existed:
		more = 1
	}
	dst = AppendArray(dst, 3+more)
	dst = AppendUint(dst, uint64(r.Kind))
	dst = AppendString(dst, r.Path)
	switch r.Kind {
	case znode.OpDelete, znode.OpCheck, znode.OpDeleteTree:
		dst = AppendNil(dst)
	default:
		dst = AppendStat(dst, &r.Stat)
	}
	if more >= 1 {
		dst = AppendBool(dst, r.Existed)
	}
	if more >= 2 {
		dst = AppendInt(dst, r.Count)
	}
	if more >= 3 {
		dst = AppendBytes(dst, r.Data)
	}
	return dst
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
