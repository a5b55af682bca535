package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Begin starts to apply an entry: Step then applies its commands one by one. entry must stay unchanged until the last
// Step; nothing of it is kept after that. An entry that cannot be decoded has no commands.
func (s *State) Begin(entry []byte) (Header, int) {
	s.decoder = wire.NewDecoder(entry)
	var err error
	s.header, s.left, err = decodeHeader(&s.decoder)
	if err != nil {
		return Header{}, 0
	}
	return s.header, s.left
}

// Step applies the next command of the entry and returns what it did, in the order in which it is to be seen. The slice
// and what it refers to are valid until the next Step, except where [Effect] says otherwise. A command of an unknown kind,
// or cut short, has no effect: the proposer's release knows more than this one, or the entry is damaged beyond it, and
// either way every replica does the same.
func (s *State) Step() []Effect {
	s.effects = s.effects[:0]
	s.changes = s.changes[:0]
	if s.left == 0 || s.decoder.Err() != nil {
		return nil
	}
	s.left--
	d := &s.decoder
	fields := d.Array(1, wire.FieldsMax)
	kind, want := commandKind(d.Uint8()), 0
	switch kind {
	case commandWrite:
		want = 4
		id, refusal, request := session.ID(d.Uint()), wire.Code(d.Int()), d.Bytes()
		if d.Err() == nil {
			s.write(id, refusal, request)
		}
	case commandOpen:
		want = 4
		number, secret, timeoutMS := d.Uint(), decodeSecret(d), d.Int()
		if d.Err() == nil {
			s.open(number, secret, timeoutMS)
		}
	case commandAttach:
		want = 4
		id, secret, attempt := session.ID(d.Uint()), decodeSecret(d), session.Attempt(d.Uint())
		if d.Err() == nil {
			s.attach(id, secret, attempt)
		}
	case commandExpire:
		want = 3
		id, attempt := session.ID(d.Uint()), session.Attempt(d.Uint())
		if d.Err() == nil && s.sessions.Expire(id, attempt) {
			s.bury(id, wire.CodeSessionExpired)
		}
	case commandBeat:
		want = 3
		number, lowDisk := d.Uint(), d.Bool()
		if d.Err() == nil {
			s.beat(number, lowDisk)
		}
	case commandAdvance:
		want = 5
		from, to, mark := session.Clock(d.Int()), session.Clock(d.Int()), Mark{Clock: session.Clock(d.Int()), Digest: d.Uint()}
		if d.Err() == nil {
			s.advance(from, to, mark)
		}
	case commandReap:
		want = 5
		e := znode.Expiry{Path: d.String(), Czxid: znode.Zxid(d.Uint()), Mzxid: znode.Zxid(d.Uint()), Created: d.Int()}
		if d.Err() == nil {
			s.reap(e)
		}
	default:
		want = 1
	}
	for range max(fields, want) - want {
		d.Skip()
	}
	return s.effects
}

// decodeSecret reads a secret; one of another length than a secret's is malformed.
func decodeSecret(d *wire.Decoder) (secret session.Secret) {
	if n := copy(secret[:], d.Bytes()); n != len(secret) && d.Err() == nil {
		d.Fail("a secret of the wrong length")
	}
	return secret
}

// txn is the frame of the next transaction: it becomes one only if something changes.
func (s *State) txn(owner session.ID) znode.Txn {
	return znode.Txn{
		Zxid: s.zxid + 1, TimeMS: s.header.TimeMS, ClockMS: int64(s.sessions.Clock()), Owner: uint64(owner),
	}
}

// commit makes the transaction of txn the newest one and reports its changes.
func (s *State) commit(txn znode.Txn, changes []znode.Change) {
	s.zxid = txn.Zxid
	if len(changes) > 0 {
		s.effects = append(s.effects, Effect{Kind: Changed, Zxid: txn.Zxid, Changes: changes})
	}
}

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
		s.sessions.Close(id)
		outcome := slices.Clone(wire.AppendOutcome(s.outcome[:0], req.Kind, s.zxid+1, nil))
		s.bury(id, wire.CodeOK)
		ended := s.effects[len(s.effects)-1]
		s.effects[len(s.effects)-1] = Effect{Kind: Replied, Session: id, Reply: outcome}
		s.effects = append(s.effects, ended)
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

// carryOut applies the operations of an admitted write, all or nothing, and returns the reply to record.
func (s *State) carryOut(id session.ID, req *wire.Request) []byte {
	switch {
	case !req.Kind.Write():
		return s.failure(wire.CodeUnimplemented, &znode.Error{})
	case req.HasACL:
		return s.failure(wire.CodeUnimplemented, &znode.Error{Path: req.Ops[0].Path, Detail: "ACLs are not enforced yet, so none is accepted"})
	case s.sessions.LowDisk() && grows(req.Ops):
		return s.failure(wire.CodeNoSpace, &znode.Error{Path: req.Ops[0].Path})
	}
	txn := s.txn(id)
	var failed *znode.Error
	s.results, s.changes, failed = s.tree.Apply(txn, req.Ops, s.results[:0], s.changes)
	if failed != nil {
		return s.failure(wire.Code(failed.Code), failed)
	}
	if len(s.changes) > 0 { // a multi of nothing but checks changes nothing and is no transaction
		s.commit(txn, s.changes)
	}
	s.outcome = wire.AppendOutcome(s.outcome[:0], req.Kind, s.zxid, s.results)
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

// grows reports whether a write needs room: while a server is short of disk only writes that free or check go on.
func grows(ops []znode.Op) bool {
	return slices.ContainsFunc(ops, func(op znode.Op) bool { return op.Kind == znode.OpCreate || op.Kind == znode.OpSet })
}

func (s *State) failure(code wire.Code, e *znode.Error) []byte {
	s.outcome = wire.AppendFailure(s.outcome[:0], code, s.zxid, e)
	return slices.Clone(s.outcome)
}

func (s *State) replied(id session.ID, reply []byte) {
	s.effects = append(s.effects, Effect{Kind: Replied, Session: id, Reply: reply})
}

// bury removes what a session leaves behind when it is gone from the table: its ephemerals, all in one transaction (M-7).
func (s *State) bury(id session.ID, why wire.Code) {
	txn := s.txn(id)
	from := len(s.changes)
	s.changes = s.tree.CloseOwner(txn, uint64(id), s.changes)
	s.commit(txn, s.changes[from:len(s.changes):len(s.changes)])
	s.effects = append(s.effects, Effect{Kind: Ended, Session: id, Zxid: txn.Zxid, Code: why})
}

func (s *State) open(number uint64, secret session.Secret, timeoutMS int64) {
	txn := s.txn(0)
	id := session.ID(txn.Zxid)
	code := wire.Code(s.sessions.Open(id, session.Open{
		Secret: secret, TimeoutMS: timeoutMS, Server: s.header.Server, Boot: s.header.Boot, Number: number,
	}))
	e := Effect{Kind: Opened, Code: code, Server: s.header.Server, Boot: s.header.Boot}
	if code == wire.CodeOK {
		s.commit(txn, nil)
		info, _ := s.sessions.Get(id)
		e.Session, e.Attempt, e.TimeoutMS = id, info.Attempt, info.TimeoutMS
	}
	e.Zxid = s.zxid
	s.effects = append(s.effects, e)
}

func (s *State) attach(id session.ID, secret session.Secret, a session.Attempt) {
	code := wire.Code(s.sessions.Attach(id, secret, a, s.header.Server, s.header.Boot))
	e := Effect{Kind: Attached, Code: code, Session: id, Server: s.header.Server, Boot: s.header.Boot, Attempt: a, Zxid: s.zxid}
	if code == wire.CodeOK {
		info, _ := s.sessions.Get(id)
		e.TimeoutMS, e.Last = info.TimeoutMS, info.Last
	}
	s.effects = append(s.effects, e)
}

func (s *State) beat(number uint64, lowDisk bool) {
	b := session.Beat{Server: s.header.Server, Boot: s.header.Boot, Number: number, LowDisk: lowDisk}
	if s.sessions.Beat(b) {
		s.effects = append(s.effects, Effect{Kind: Renewed, Server: b.Server, Boot: b.Boot, Number: number})
	}
}

// advance moves the cluster clock and buries the sessions whose deadline it passes.
func (s *State) advance(from, to session.Clock, mark Mark) {
	mine := s.mark
	advanced := s.sessions.Advance(from, to)
	if !advanced.Applied {
		return
	}
	// The proposer read its mark together with from, which nobody else can have moved since: the two are of one point.
	if mark.Clock == from && mine.Clock == from && mark.Digest != mine.Digest {
		s.effects = append(s.effects, Effect{Kind: Diverged, Detail: fmt.Sprintf(
			"at cluster clock %d ms the digest here is %016x and on server %d it is %016x", from, mine.Digest, s.header.Server, mark.Digest)})
	}
	for _, server := range advanced.LeasesEnded {
		s.effects = append(s.effects, Effect{Kind: LeaseEnded, Server: server})
	}
	for _, id := range advanced.Expired {
		s.bury(id, wire.CodeSessionExpired)
	}
	s.mark = Mark{Clock: s.sessions.Clock(), Digest: s.Digest()}
	s.effects = append(s.effects, Effect{Kind: Ticked})
}

func (s *State) reap(e znode.Expiry) {
	txn := s.txn(0)
	var ok bool
	if s.changes, ok = s.tree.Reap(txn, e, s.changes); ok {
		s.commit(txn, s.changes)
	}
}
