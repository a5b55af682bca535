package state

import (
	"fmt"

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
	if clear(s.changes); cap(s.changes) > changesKeepMax { // let go of the nodes, also of those of a transaction that failed
		s.changes = nil
	}
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
		number, o := d.Uint(), session.Open{Secret: decodeSecret(d), TimeoutMS: d.Int()}
		if fields > want { // a session without a name, or one opened before there were any, has no such field
			want++
			o.Name = decodeName(d)
		}
		if d.Err() == nil {
			s.open(number, o)
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
			s.bury(id, wire.CodeSessionExpired, "its server did not hear it for its timeout")
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
		revision := uint64(1)
		if fields > want {
			want, revision = 6, d.Uint()
		}
		if revision != Revision {
			mark = Mark{Clock: -1} // of a release whose state may differ: not compared
		}
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

// decodeName reads what is kept of a session's name.
func decodeName(d *wire.Decoder) string {
	b := d.StringBytes()
	return string(b[:min(len(b), session.NameBytesMax)])
}

// txn is the frame of the next transaction: it becomes one only if something changes. Its clock is what the next Advance may make
// of the present time: that one counts from before the transaction, and a TTL is never cut short (M-9, and package session on
// deadlines).
func (s *State) txn(owner session.ID) znode.Txn {
	return znode.Txn{
		Zxid: s.zxid + 1, TimeMS: s.header.TimeMS, ClockMS: int64(s.sessions.Clock() + session.MaxStepMS), Owner: uint64(owner),
	}
}

// commit makes the transaction of txn the newest one and reports its changes.
func (s *State) commit(txn znode.Txn, changes []znode.Change) {
	s.zxid = txn.Zxid
	if len(changes) > 0 {
		s.effects = append(s.effects, Effect{Kind: Changed, Zxid: txn.Zxid, Changes: changes})
	}
}

// bury removes what a session leaves behind when it is gone from the table: its ephemerals, all in one transaction (M-7).
func (s *State) bury(id session.ID, why wire.Code, detail string) {
	txn := s.txn(id)
	from := len(s.changes)
	s.changes = s.tree.CloseOwner(txn, uint64(id), s.changes)
	s.commit(txn, s.changes[from:len(s.changes):len(s.changes)])
	s.effects = append(s.effects, Effect{Kind: Ended, Session: id, Zxid: txn.Zxid, Code: why, Detail: detail})
}

func (s *State) open(number uint64, o session.Open) {
	txn := s.txn(0)
	id := session.ID(txn.Zxid)
	o.Server, o.Boot, o.Number = s.header.Server, s.header.Boot, number
	code := wire.Code(s.sessions.Open(id, o))
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
		s.bury(id, wire.CodeSessionExpired, "it was attached to no server for its timeout")
	}
	s.mark = Mark{Clock: s.sessions.Clock(), Digest: s.Digest()}
	s.effects = append(s.effects, Effect{Kind: Ticked})
}

func (s *State) reap(e znode.Expiry) {
	txn := s.txn(0)
	txn.ClockMS = int64(s.sessions.Clock())
	var ok bool
	if s.changes, ok = s.tree.Reap(txn, e, s.changes); ok {
		s.commit(txn, s.changes)
	}
}
