package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slowSessions is the sequence rule so slow that it is obviously right: it remembers every reply ever made.
type slowSessions map[ID]*slowSession

type slowSession struct {
	replies [][]byte // of write 1, 2, 3…
	acked   int      // how many of them the client has
}

func (s slowSessions) admit(id ID, seq, ack Seq) (Verdict, []byte, Code) {
	m := s[id]
	if m == nil {
		return Refuse, nil, CodeExpired
	}
	last := len(m.replies)
	if uint64(ack) > uint64(last) {
		ack = Seq(last)
	}
	m.acked = max(m.acked, int(ack))
	size := 0
	for _, r := range m.replies[m.acked:] {
		size += len(r)
	}
	switch {
	case seq <= Seq(m.acked):
		return Refuse, nil, CodeForgotten
	case seq <= Seq(last):
		return Replay, m.replies[seq-1], CodeOK
	case seq > Seq(last)+1:
		return Refuse, nil, CodeGap
	case last-m.acked >= Window || size >= WindowBytes:
		return Refuse, nil, CodeWindowFull
	}
	return Apply, nil, CodeOK
}

// pair is the table and the slow version, driven alike.
type pair struct {
	table *Table
	slow  slowSessions
	opens uint64
}

func newPair() *pair {
	p := &pair{table: NewTable(), slow: slowSessions{}}
	p.table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	return p
}

func (p *pair) open(id ID) {
	p.opens++
	if c := p.table.Open(id, Open{TimeoutMS: 5000, Server: 1, Boot: 1, Number: p.opens}); c == CodeOK {
		p.slow[id] = &slowSession{}
	}
}

func (p *pair) close(id ID) {
	p.table.Close(id)
	delete(p.slow, id)
}

// write sends a write to both and says where they differ.
func (p *pair) write(id ID, seq, ack Seq, reply []byte) error {
	verdict, replay, code := p.table.Admit(id, seq, ack)
	wantVerdict, wantReplay, wantCode := p.slow.admit(id, seq, ack)
	if verdict != wantVerdict || code != wantCode || !bytes.Equal(replay, wantReplay) {
		return fmt.Errorf("session %v write %d ack %d: %v %q %v, want %v %q %v", id, seq, ack, verdict, replay, code, wantVerdict, wantReplay, wantCode)
	}
	if verdict == Apply {
		p.table.Record(id, seq, reply)
		p.slow[id].replies = append(p.slow[id].replies, reply)
	}
	return nil
}

// check compares what can be asked, and the digest with one made anew.
func (p *pair) check() error {
	for id, m := range p.slow {
		i, ok := p.table.Get(id)
		if !ok || i.Last != Seq(len(m.replies)) || i.Acked != Seq(m.acked) || i.Replies != len(m.replies)-m.acked {
			return fmt.Errorf("session %v is %+v, want %d writes, %d acknowledged", id, i, len(m.replies), m.acked)
		}
	}
	if len(p.slow) != p.table.Len() {
		return fmt.Errorf("%d sessions, want %d", p.table.Len(), len(p.slow))
	}
	return digestIsTrue(p.table)
}

// digestIsTrue compares the digest that was kept up to date with one of the same content made anew.
func digestIsTrue(t *Table) error {
	restored, err := Restore(t.Snapshot())
	if err != nil {
		return fmt.Errorf("the snapshot is refused: %w", err)
	}
	if restored.Digest() != t.Digest() {
		return fmt.Errorf("digest %x, after a snapshot %x", t.Digest(), restored.Digest())
	}
	return nil
}

// Duplicates, losses, reorderings and acknowledgements at random: the table does what remembering everything would.
func TestSequenceRuleIsThatOfRememberingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		slots := [4]ID{1, 2, 3, 4} // an id never comes back
		newest := ID(4)
		ids := rapid.Custom(func(t *rapid.T) ID { return slots[rapid.IntRange(0, 3).Draw(t, "slot")] })
		reply := func(t *rapid.T) []byte {
			size := rapid.SampledFrom([]int{0, 1, 30, 30, 30, 1000, WindowBytes / 3, WindowBytes}).Draw(t, "size")
			r := make([]byte, size)
			if size >= 8 {
				binary.LittleEndian.PutUint64(r, rapid.Uint64().Draw(t, "content"))
			}
			return r
		}
		near := func(t *rapid.T, id ID) Seq {
			last := 0
			if m := p.slow[id]; m != nil {
				last = len(m.replies)
			}
			return Seq(max(0, last+rapid.IntRange(-4, 3).Draw(t, "distance")))
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) { p.open(ids.Draw(t, "id")) },
			"close": func(t *rapid.T) {
				slot := rapid.IntRange(0, 3).Draw(t, "slot")
				p.close(slots[slot])
				newest++
				slots[slot] = newest
			},
			"write": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				if err := p.write(id, near(t, id), near(t, id), reply(t)); err != nil {
					t.Fatal(err)
				}
			},
			"fill": func(t *rapid.T) { // up to the window and past it, so that the ring grows and wraps
				id := ids.Draw(t, "id")
				for range rapid.IntRange(0, Window+2).Draw(t, "writes") {
					if m := p.slow[id]; m != nil {
						if err := p.write(id, Seq(len(m.replies)+1), 0, []byte("r")); err != nil {
							t.Fatal(err)
						}
					}
				}
			},
			"any": func(t *rapid.T) {
				seq, ack := Seq(rapid.Uint64().Draw(t, "seq")), Seq(rapid.Uint64().Draw(t, "ack"))
				if err := p.write(ids.Draw(t, "id"), seq, ack, nil); err != nil {
					t.Fatal(err)
				}
			},
			"restore": func(t *rapid.T) {
				restored, err := Restore(p.table.Snapshot())
				if err != nil {
					t.Fatal(err)
				}
				p.table = restored
			},
			"": func(t *rapid.T) {
				if err := p.check(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// Replicas that apply the same calls are the same, whether they began at the beginning or at a snapshot on the way; and
// their bookkeeping holds at every step, whatever the calls.
func TestReplicasAgree(t *testing.T) {
	const calls = 600
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		one, two := NewTable(), NewTable()
		for i := range calls {
			call := drawCall(r, one, i)
			call(one)
			call(two)
			if one.Digest() != two.Digest() {
				t.Fatalf("seed %d, call %d: the replicas' digests differ", seed, i)
			}
			if r.IntN(20) == 0 {
				restored, err := Restore(two.Snapshot())
				if err != nil {
					t.Fatalf("seed %d, call %d: %v", seed, i, err)
				}
				two = restored
			}
			if err := consistent(one); err != nil {
				t.Fatalf("seed %d, call %d: %v", seed, i, err)
			}
		}
	}
}

// FuzzTable lets the fuzzer choose the calls.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Fuzz(func(t *testing.T, input []byte) {
		table := NewTable()
		for i, b := range input {
			drawCall(rand.New(rand.NewPCG(uint64(b), uint64(i))), table, i)(table)
			if err := consistent(table); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
		}
		if err := digestIsTrue(table); err != nil {
			t.Fatal(err)
		}
	})
}

// drawCall draws a call that is likely to do something to t.
func drawCall(r *rand.Rand, t *Table, i int) func(*Table) {
	id, server, boot := ID(1+r.IntN(i/8+2)), Server(1+r.IntN(3)), Boot(1+r.IntN(2+i/200))
	info, _ := t.Get(id)
	a := info.Attempt + Attempt(r.IntN(3))
	switch r.IntN(13) {
	case 0, 1:
		step := r.Int64N(1500)
		from := t.Clock()
		return func(t *Table) { t.Advance(from, from+Clock(step)) }
	case 2, 3:
		b := Beat{server, boot, uint64(r.IntN(i + 2)), r.IntN(4) == 0}
		return func(t *Table) { t.Beat(b) }
	case 4, 5:
		o := Open{Secret{byte(id)}, int64(r.IntN(4000)), server, boot, uint64(r.IntN(i + 2)), strings.Repeat("n", r.IntN(3)*r.IntN(100))}
		return func(t *Table) { t.Open(id, o) }
	case 6, 7:
		return func(t *Table) { t.Attach(id, Secret{byte(id)}, a, server, boot) }
	case 8:
		return func(t *Table) { t.Expire(id, a) }
	case 9:
		return func(t *Table) { t.Close(id) }
	case 10:
		return func(t *Table) { t.Kill(id) }
	}
	seq, ack := info.Last+Seq(r.IntN(4)), info.Last-min(info.Last, Seq(r.IntN(6)))
	reply := make([]byte, r.IntN(50))
	return func(t *Table) {
		if verdict, _, _ := t.Admit(id, seq, ack); verdict == Apply {
			t.Record(id, seq, reply)
		}
	}
}

// consistent checks what must hold between the parts of a table.
func consistent(t *Table) error {
	detached, live, low, attached, replyBytes, graveBytes := 0, 0, 0, 0, 0, 0
	var sum uint64
	for id, e := range t.sessions {
		h := t.servers[e.server]
		switch {
		case e.id != id, h == nil, e.acked > e.last, e.replies.count != int(e.last-e.acked):
			return fmt.Errorf("session %v: %+v", id, e)
		case e.attached && (!h.live || h.boot != e.boot || e.deadline != 0):
			return fmt.Errorf("session %v is attached without a lease: %+v", id, e)
		case !e.attached && e.deadline <= 0:
			return fmt.Errorf("session %v is detached without a deadline: %+v", id, e)
		}
		if e.attached {
			if _, ok := h.attached.Get(e); !ok {
				return fmt.Errorf("session %v is not among those of its server", id)
			}
		} else {
			detached++
		}
		if at, ok := t.order.Get(e); !ok || at != e {
			return fmt.Errorf("session %v is not in the order of ids", id)
		}
		if t.graves[id] != nil {
			return fmt.Errorf("session %v has a grave and is not over", id)
		}
		sum += hashEntry(e)
		replyBytes += e.replies.bytes
	}
	for id, g := range t.graves {
		if at, ok := t.burials.Get(g); !ok || at != g || g.ID != id || len(g.Replies) != int(g.Last-g.Acked) || g.Buried > t.clock {
			return fmt.Errorf("grave of session %v: %+v", id, g)
		}
		sum += hashGrave(&g.Grave)
		for _, reply := range g.Replies {
			graveBytes += len(reply) + graveReplyBytes
		}
	}
	for _, h := range t.servers {
		if h.live {
			live++
			if h.leaseEnd <= t.clock {
				return fmt.Errorf("server %d: its lease has outlived its end", h.server)
			}
		}
		if h.lowDisk {
			low++
		}
		attached += h.attached.Len()
		sum += hashReplica(h)
	}
	switch {
	case t.deadlines.Len() != detached, t.leases.Len() != live, t.lowDisk != low, attached+detached != len(t.sessions):
		return fmt.Errorf("%d deadlines, %d leases, %d low, %d attached; the records say %d, %d, %d, %d",
			t.deadlines.Len(), t.leases.Len(), t.lowDisk, attached, detached, live, low, len(t.sessions)-detached)
	case t.order.Len() != len(t.sessions), t.burials.Len() != len(t.graves):
		return fmt.Errorf("%d sessions in order, %d burials; the records say %d, %d", t.order.Len(), t.burials.Len(), len(t.sessions), len(t.graves))
	case t.replyBytes != replyBytes, t.graveBytes != graveBytes, len(t.graves) > t.gravesMax, graveBytes > t.graveBytesMax:
		return fmt.Errorf("%d bytes of replies, %d in %d graves; the records say %d, %d",
			t.replyBytes, t.graveBytes, len(t.graves), replyBytes, graveBytes)
	case sum != t.sum:
		return fmt.Errorf("the sum of hashes is %x, of the records it is %x", t.sum, sum)
	}
	return nil
}
