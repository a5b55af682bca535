package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// write applies a session's numbered write under the sequence rule.
func (s *State) write(id session.ID, refusal wire.Code, body []byte) {
	req := &s.request
	var detail string
	if err := wire.DecodeRequest(body, req); err != nil && refusal == wire.CodeOK {
		refusal, detail = RefusalOf(err)
	}
	verdict, reply, code := s.sessions.Admit(id, req.Seq, req.Ack)
	switch verdict {
	case session.Replay:
		s.replied(id, reply)
		return
	case session.Refuse:
		e := &znode.Error{}
		if info, ok := s.sessions.Get(id); ok {
			e.Actual = int64(info.Last)
		}
		s.replied(id, s.failure(wire.Code(code), e))
		return
	}
	if refusal == wire.CodeOK && req.Kind == wire.CloseSession {
		s.close(id, req.Seq)
		return
	}
	var outcome []byte
	if refusal != wire.CodeOK {
		outcome = s.failure(refusal, &znode.Error{Detail: detail})
	} else {
		outcome = s.carryOut(id, req)
	}
	s.sessions.Record(id, req.Seq, outcome)
	s.replied(id, outcome)
}

// close ends a session by its write seq. The reply comes before the end that makes its server drop the connection.
func (s *State) close(id session.ID, seq session.Seq) {
	s.outcome = wire.AppendOutcome(s.outcome[:0], wire.CloseSession, s.zxid+1, nil)
	outcome := slices.Clone(s.outcome)
	s.sessions.Record(id, seq, outcome)
	s.sessions.Close(id)
	s.bury(id, wire.CodeOK, "")
	ended := s.effects[len(s.effects)-1]
	s.effects[len(s.effects)-1] = Effect{Kind: Replied, Session: id, Reply: outcome}
	s.effects = append(s.effects, ended)
}

// carryOut applies an admitted write, all or nothing, and returns the reply to record.
func (s *State) carryOut(id session.ID, req *wire.Request) []byte {
	switch {
	case !req.Kind.Write():
		return s.failure(wire.CodeUnimplemented, &znode.Error{})
	case req.HasACL:
		return s.failure(wire.CodeUnimplemented, &znode.Error{Path: onlyPath(req), Detail: "ACLs are not enforced yet, so none is accepted"})
	case s.sessions.LowDisk() && (grows(req.Ops) || grows(req.Else)):
		return s.failure(wire.CodeNoSpace, &znode.Error{Path: onlyPath(req)})
	case req.Kind == wire.KillSession:
		return s.kill(id, req.Target)
	case req.Kind == wire.Txn:
		return s.choose(id, req)
	}
	if failed := s.operate(id, req.Ops); failed != nil {
		return s.failure(wire.Code(failed.Code), failed)
	}
	s.outcome = wire.AppendOutcome(s.outcome[:0], req.Kind, s.zxid, s.results)
	return slices.Clone(s.outcome)
}

// operate applies operations as one transaction. Their results are in s.results.
func (s *State) operate(id session.ID, ops []znode.Op) *znode.Error {
	txn := s.txn(id)
	var failed *znode.Error
	s.results, s.changes, failed = s.tree.Apply(txn, ops, s.results[:0], s.changes)
	if failed == nil && len(s.changes) > 0 { // what only checks, reads or finds what it would create is no transaction
		s.commit(txn, s.changes)
	}
	return failed
}

// choose applies a Txn: the branch that its conditions select.
func (s *State) choose(id session.ID, req *wire.Request) []byte {
	// A condition that can never be met is a mistake: it is told whatever the tree holds, and never taken for "not now".
	for i := range req.If {
		if err := req.If[i].Validate(); err != nil {
			err.Index = i
			return s.failure(wire.Code(err.Code), err)
		}
	}
	branch, before, held, first := req.Ops, len(req.If), true, 0
	for i := range req.If {
		if s.tree.Holds(&req.If[i]) != nil { // not met: no other errors are left
			branch, before, held, first = req.Else, before+len(req.Ops), false, i
			break
		}
	}
	if failed := s.operate(id, branch); failed != nil {
		failed.Index += before // counted through all three parts, which tells the branch
		return s.failure(wire.Code(failed.Code), failed)
	}
	s.outcome = wire.AppendTxnOutcome(s.outcome[:0], s.zxid, held, first, s.results)
	return slices.Clone(s.outcome)
}

// kill ends another session on behalf of an operator's.
func (s *State) kill(by, target session.ID) []byte {
	if target == by {
		return s.failure(wire.CodeBadArguments, &znode.Error{Detail: "a session does not kill itself: close it instead"})
	}
	if !s.sessions.Kill(target) {
		return s.failure(wire.CodeNoSession, &znode.Error{})
	}
	s.bury(target, wire.CodeSessionExpired, fmt.Sprintf("session %v was ended by session %v", target, by))
	s.outcome = wire.AppendOutcome(s.outcome[:0], wire.KillSession, s.zxid, nil)
	return slices.Clone(s.outcome)
}

// RefusalOf is the code and the detail with which a request that DecodeRequest refused is answered.
func RefusalOf(err error) (wire.Code, string) {
	var refused *wire.Refusal
	var unknown *wire.UnknownKind
	switch {
	case errors.As(err, &refused):
		return refused.Code, refused.Detail
	case errors.As(err, &unknown):
		return wire.CodeUnimplemented, unknown.Error()
	}
	return wire.CodeMarshalling, err.Error()
}

// onlyPath is the path that a refusal of the whole request names: none for one of several operations.
func onlyPath(req *wire.Request) string {
	if req.Kind.Single() {
		return req.Ops[0].Path
	}
	return ""
}

// grows reports whether a write needs room: while a server is short of disk only writes that free, move or check go on.
func grows(ops []znode.Op) bool {
	return slices.ContainsFunc(ops, func(op znode.Op) bool {
		return op.Kind == znode.OpCreate || op.Kind == znode.OpSet || op.Kind == znode.OpCopyTree
	})
}

func (s *State) failure(code wire.Code, e *znode.Error) []byte {
	s.outcome = wire.AppendFailure(s.outcome[:0], code, s.zxid, e)
	return slices.Clone(s.outcome)
}

func (s *State) replied(id session.ID, reply []byte) {
	s.effects = append(s.effects, Effect{Kind: Replied, Session: id, Reply: reply})
}
