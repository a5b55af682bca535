package client

import (
	"crypto/sha256"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// outcomesPerReply is how many recorded replies the fake tells at once.
const outcomesPerReply = 3

// outcomes answers with what became of a session's writes, as the table has it.
func (s *service) outcomes(r *wire.Request) []byte {
	type told struct {
		seq   session.Seq
		reply []byte
	}
	var list []told
	more := false
	tomb, ok := s.table.Outcomes(r.Target, sha256.Sum256(r.Password[:]), r.FromSeq, func(seq session.Seq, reply []byte) bool {
		if more = len(list) == outcomesPerReply; more {
			return false
		}
		list = append(list, told{seq, reply})
		return true
	})
	if !ok {
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoSession, s.zxid, nil)
	}
	dst, mark := wire.BeginReply(nil, r.Xid, s.zxid)
	dst, entries := wire.BeginOutcomesResult(dst, wire.OutcomesHead{Ended: tomb.Ended, Acked: tomb.Acked, Last: tomb.Last})
	for _, t := range list {
		dst = wire.AppendRecordedOutcome(dst, t.seq, t.reply)
	}
	return wire.EndFrame(wire.EndOutcomesResult(dst, entries, len(list), more), mark)
}
