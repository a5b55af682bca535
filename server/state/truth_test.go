package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// author is a client as the random test sees it: what it has sent, what it was told, and what it knows of its end.
type author struct {
	id      session.ID
	sent    session.Seq            // the highest number that it has given to a write
	closing session.Seq            // the number of its close; 0: it has not sent one
	told    map[session.Seq][]byte // the first reply to each write that took effect or was refused for good
	acked   session.Seq            // it has the replies up to this one
	closed  bool
	ended   bool
}

// path is the node that write seq creates, and nobody else.
func (a *author) path(seq session.Seq) string { return fmt.Sprintf("/%d-%d", a.id, seq) }

// write is the body of write seq: the creation of its own node, or a close, or something that is refused.
func (a *author) write(seq, ack session.Seq) []byte {
	req := wire.Request{Kind: wire.Create, Xid: 1, Seq: seq, Ack: ack, Ops: []znode.Op{create(a.path(seq), 0)}}
	switch {
	case seq == a.closing:
		req.Kind, req.Ops = wire.CloseSession, nil
	case seq%5 == 0:
		req.Ops[0].Path = "/none" + req.Ops[0].Path
	case seq%7 == 0:
		req.Kind, req.Ops = wire.Txn, nil
		req.If = []znode.Op{check("/none", znode.Guard{})}
		req.Else = []znode.Op{create(a.path(seq), 0), {Kind: znode.OpRead, Path: a.path(seq)}}
	}
	return wire.AppendRequest(nil, &req)[4:]
}

// authors is a random world of clients that lose, double and reorder what they send, and that end in every way.
type authors struct {
	*replica
	rng  *rand.Rand
	all  []*author
	byID map[session.ID]*author
}

// step proposes something and notes what it did.
func (w *authors) step() error {
	if len(w.all) == 0 || w.rng.IntN(12) == 0 {
		a := &author{id: w.open(1000), told: map[session.Seq][]byte{}}
		w.all = append(w.all, a)
		w.byID[a.id] = a
		return nil
	}
	a := w.all[max(0, len(w.all)-1-w.rng.IntN(8))]
	switch w.rng.IntN(20) {
	case 0:
		return w.note(w.entry(func(b *Batch) { b.Expire(a.id, 1) }))
	case 1:
		killer := w.all[w.rng.IntN(len(w.all))]
		if killer.closing != 0 || killer.sent != session.Seq(len(killer.told)) {
			return nil // its next write has been sent and is another one
		}
		killer.sent++
		req := wire.Request{Kind: wire.KillSession, Xid: 1, Seq: killer.sent, Target: a.id}
		return w.note(w.entry(func(b *Batch) { b.Write(killer.id, wire.CodeOK, wire.AppendRequest(nil, &req)[4:]) }))
	case 2:
		from, boot := w.s.Sessions().Clock(), w.header.Boot
		if w.rng.IntN(4) == 0 { // another boot: its sessions are detached
			w.header.Boot, w.beats, w.opens = boot+1, 0, 0
		}
		w.beats++
		return w.note(w.entry(func(b *Batch) {
			b.Beat(w.beats, false)
			b.Advance(from, from+session.Clock(w.rng.IntN(1200)), w.s.Mark())
		}))
	}
	if a.closing == 0 && w.rng.IntN(15) == 0 {
		a.sent++
		a.closing = a.sent
	}
	return w.note(w.entry(func(b *Batch) {
		for range 1 + w.rng.IntN(6) { // in order, early, once more, or never
			seq := session.Seq(len(a.told)+1) + session.Seq(w.rng.IntN(3)) - min(session.Seq(len(a.told)), session.Seq(w.rng.IntN(3)))
			if a.closing != 0 {
				seq = min(seq, a.closing)
			}
			a.sent = max(a.sent, seq)
			if w.rng.IntN(4) > 0 {
				b.Write(a.id, wire.CodeOK, a.write(seq, a.acked))
			}
		}
		if w.rng.IntN(2) == 0 { // it may have received some of the replies
			a.acked += session.Seq(w.rng.IntN(len(a.told) - int(a.acked) + 1))
		}
	}))
}

// note applies an entry, and keeps the first reply to each write.
func (w *authors) note(entry []byte) error {
	_, n := w.s.Begin(entry)
	for range n {
		before := map[session.ID]session.Seq{}
		w.s.Sessions().Each(0, func(i session.Info) bool {
			before[i.ID] = i.Last
			return true
		})
		for _, e := range w.s.Step() {
			a := w.byID[e.Session]
			switch e.Kind {
			case Replied:
				info, alive := w.s.Sessions().Get(e.Session)
				if last, was := before[e.Session]; was && (!alive || info.Last == last+1) {
					a.told[last+1] = e.Reply
				}
			case Ended:
				if a.ended {
					return fmt.Errorf("session %v ended twice", a.id)
				}
				a.ended, a.closed = true, e.Code == wire.CodeOK
			}
		}
	}
	return nil
}

// check asks for the outcome of everything that a client ever sent, and compares it with the tree and with what it was told.
func (w *authors) check(a *author) error {
	next := session.Seq(0)
	var fault error
	tomb, ok := w.s.Sessions().Outcomes(a.id, session.Secret{1}, 0, func(seq session.Seq, reply []byte) bool {
		if next != 0 && seq != next || !bytes.Equal(reply, a.told[seq]) {
			fault = fmt.Errorf("session %v, write %d: the recorded reply is not the original", a.id, seq)
		}
		next = seq + 1
		return true
	})
	switch {
	case fault != nil:
		return fault
	case !ok && (!a.ended || !a.closed):
		return fmt.Errorf("session %v is not remembered", a.id)
	case !ok:
		return nil // it left with nothing to ask for
	case tomb.Ended != a.ended, tomb.Last != session.Seq(len(a.told)), tomb.Acked > a.acked:
		return fmt.Errorf("session %v: %+v; it ended: %v, took %d writes, acknowledged %d", a.id, tomb, a.ended, len(a.told), a.acked)
	case tomb.Last > tomb.Acked && next != tomb.Last+1:
		return fmt.Errorf("session %v: the last reply is missing, %+v", a.id, tomb)
	}
	for seq := session.Seq(1); seq <= a.sent; seq++ {
		made := w.s.Tree().Get(a.path(seq)) != nil
		succeeds := seq != a.closing && seq%5 != 0
		if f, err := wire.DecodeServerFrame(wire.AppendReply(nil, 1, a.told[seq])[4:]); err == nil && seq <= tomb.Last {
			succeeds = succeeds && f.Code == wire.CodeOK && len(f.Result) > 1 // not a kill, which has no result
		}
		if want := succeeds && seq <= tomb.Last; made != want {
			return fmt.Errorf("session %v, write %d: carried out: %v, the last one is %d", a.id, seq, made, tomb.Last)
		}
	}
	return nil
}

// TestOutcomesTellTheTruth: for every write that a client sent, and whatever then became of its session, Outcomes tells
// whether it took effect, and the reply that it was answered with; on every replica, and for good once the session is over.
func TestOutcomesTellTheTruth(t *testing.T) {
	var ends, remembered int
	for seed := range uint64(60) {
		w := &authors{replica: newReplica(t), rng: rand.New(rand.NewPCG(seed, 8)), byID: map[session.ID]*author{}}
		for i := range 200 {
			if err := w.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
			if w.rng.IntN(30) == 0 {
				restored, err := Restore(bytes.NewReader(snapshotOf(t, w.s)))
				if err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
				w.s = restored
			}
			if i%5 != 0 {
				continue
			}
			for _, a := range w.all {
				if err := w.check(a); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			}
		}
		for _, a := range w.all {
			if a.ended {
				ends++
			}
		}
		remembered += w.s.Sessions().Graves()
	}
	if ends < 300 || remembered < 200 {
		t.Errorf("%d sessions ended and %d are remembered: too few to prove anything", ends, remembered)
	}
}
