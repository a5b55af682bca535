package wire

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// OutcomesHead is what an Outcomes tells about the session as a whole.
type OutcomesHead struct {
	Ended bool        // the session is over: what is not carried out never will be
	Acked session.Seq // the client had the replies of the writes up to this one; they are not kept
	Last  session.Seq // all writes up to this one were carried out, or refused for good
	More  bool        // there are recorded replies behind the last one told
}

// BeginOutcomesResult appends the beginning of an Outcomes result; replies follow by [AppendRecordedOutcome], then
// [EndOutcomesResult].
func BeginOutcomesResult(dst []byte, h OutcomesHead) ([]byte, ListMark) {
	dst = AppendArray(dst, 5)
	dst = AppendBool(dst, h.Ended)
	dst = AppendUint(dst, uint64(h.Acked))
	dst = AppendUint(dst, uint64(h.Last))
	return BeginList(dst)
}

// AppendRecordedOutcome appends the recorded reply of write seq: an outcome as AppendOutcome or AppendFailure made it.
func AppendRecordedOutcome(dst []byte, seq session.Seq, outcome []byte) []byte {
	dst = AppendUint(AppendArray(dst, 4), uint64(seq))
	return append(dst, outcome...)
}

// EndOutcomesResult ends an Outcomes result of n replies.
func EndOutcomesResult(dst []byte, mark ListMark, n int, more bool) []byte {
	return AppendBool(EndList(dst, mark, n), more)
}

// DecodeOutcomes decodes the result of an Outcomes, one call of visit for each recorded reply, in order. result is that of
// the write, for DecodeCreated and the others, or [DecodeFailure]; it aliases the argument.
func DecodeOutcomes(result []byte, visit func(seq session.Seq, code Code, zxid znode.Zxid, result []byte)) (h OutcomesHead, err error) {
	d := NewDecoder(result)
	f := d.Fields(3)
	if f.Next() {
		h.Ended = d.Bool()
	}
	if f.Next() {
		h.Acked = session.Seq(d.Uint())
	}
	if f.Next() {
		h.Last = session.Seq(d.Uint())
	}
	if f.Next() {
		for range d.Array(0, listLengthMax) {
			one := d.Fields(1)
			var seq session.Seq
			var s ServerFrame
			if one.Next() {
				seq = session.Seq(d.Uint())
			}
			decodeOutcome(&d, &one, &s)
			one.End()
			if d.Err() != nil {
				break
			}
			visit(seq, s.Code, s.Zxid, s.Result)
		}
	}
	if f.Next() {
		h.More = d.Bool()
	}
	f.End()
	return h, d.End()
}
