package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowGraves is what is remembered of the dead, so slow that it is obviously right: all that every session ever did, and a
// list of those that may still be asked about.
type slowGraves struct {
	all        map[ID]*slowLife
	remembered []*slowLife
	maxCount   int
	maxBytes   int
}

type slowLife struct {
	id      ID
	secret  Secret
	replies [][]byte // of write 1, 2, 3…
	acked   int
	ended   bool
	buried  Clock
}

func (l *slowLife) kept() [][]byte { return l.replies[l.acked:] }

// bury remembers l unless it closed itself with nothing left to tell, and forgets the oldest of too many.
func (s *slowGraves) bury(l *slowLife, now Clock, closed bool) {
	l.ended, l.buried = true, now
	if closed && len(l.kept()) <= 1 {
		return
	}
	s.remembered = append(s.remembered, l)
	slices.SortFunc(s.remembered, func(a, b *slowLife) int {
		if a.buried != b.buried {
			return int(a.buried - b.buried)
		}
		return int(a.id) - int(b.id)
	})
	for len(s.remembered) > s.maxCount || s.bytes() > s.maxBytes {
		s.remembered = s.remembered[1:]
	}
}

func (s *slowGraves) bytes() (n int) {
	for _, l := range s.remembered {
		for _, reply := range l.kept() {
			n += len(reply) + graveReplyBytes
		}
	}
	return n
}

func (s *slowGraves) advanced(now Clock) {
	s.remembered = slices.DeleteFunc(s.remembered, func(l *slowLife) bool { return now-l.buried >= GraveKeepMS })
}

// check asks the table about every session that there ever was.
func (s *slowGraves) check(t *Table) error {
	if t.Graves() != len(s.remembered) {
		return fmt.Errorf("%d graves, want %d", t.Graves(), len(s.remembered))
	}
	for id, l := range s.all {
		for _, from := range []int{0, l.acked + 1, l.acked + 2, len(l.replies), len(l.replies) + 1} {
			first := max(from, l.acked+1)
			next, told := first, 0
			tomb, ok := t.Outcomes(id, l.secret, Seq(from), func(seq Seq, reply []byte) bool {
				if int(seq) != next || next > len(l.replies) || !bytes.Equal(reply, l.replies[next-1]) {
					told = -1 << 30
				}
				next++
				told++
				return true
			})
			if want := !l.ended || slices.Contains(s.remembered, l); ok != want {
				return fmt.Errorf("session %v: remembered %v, want %v", id, ok, want)
			}
			if !ok {
				continue
			}
			if want := (Tomb{Ended: l.ended, Acked: Seq(l.acked), Last: Seq(len(l.replies))}); tomb != want {
				return fmt.Errorf("session %v: %+v, want %+v", id, tomb, want)
			}
			if want := max(0, len(l.replies)-first+1); told != want {
				return fmt.Errorf("session %v from %d: %d replies, want %d", id, from, told, want)
			}
		}
		if _, ok := t.Outcomes(id, Secret{1, 2, 3}, 0, nil); ok {
			return fmt.Errorf("session %v: told to one with another secret", id)
		}
	}
	return nil
}

// What is remembered of the dead is the truth, for as long as it is promised, within the bounds, also from a snapshot.
func TestGravesAreThoseOfRememberingEverything(t *testing.T) {
	for seed := range uint64(200) {
		if err := buryAtRandom(rand.New(rand.NewPCG(seed, 5))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func buryAtRandom(r *rand.Rand) error {
	slow := &slowGraves{all: map[ID]*slowLife{}, maxCount: 2 + r.IntN(20), maxBytes: 500 + r.IntN(20_000)}
	table := NewTable()
	table.gravesMax, table.graveBytesMax = slow.maxCount, slow.maxBytes
	table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	boot, newest, beats, opens := Boot(1), ID(0), uint64(1), uint64(0)
	for step := range 250 {
		id := newest - min(newest, ID(r.IntN(12)))
		life := slow.all[id]
		switch r.IntN(12) {
		case 0, 1:
			newest += ID(1 + r.IntN(3))
			opens++
			o := Open{Secret: Secret{byte(newest)}, TimeoutMS: 1000, Server: 1, Boot: boot, Number: opens}
			if table.Open(newest, o) == CodeOK {
				slow.all[newest] = &slowLife{id: newest, secret: o.Secret}
			}
		case 2:
			beats++
			if r.IntN(3) == 0 {
				boot, beats, opens = boot+1, 1, 0
			}
			table.Beat(Beat{Server: 1, Boot: boot, Number: beats})
		case 3:
			for range []int{1, 1, 1, 3, 700}[r.IntN(5)] {
				a := table.Advance(table.Clock(), table.Clock()+Clock(1+r.IntN(1500)))
				for _, id := range a.Expired {
					slow.bury(slow.all[id], table.Clock(), false)
				}
				slow.advanced(table.Clock())
			}
		case 4:
			if table.Kill(id) {
				slow.bury(life, table.Clock(), false)
			}
		case 5:
			if info, _ := table.Get(id); table.Expire(id, info.Attempt) {
				slow.bury(life, table.Clock(), false)
			}
		default:
			if life == nil {
				continue
			}
			seq, ack := Seq(len(life.replies)+1), Seq(max(0, len(life.replies)-r.IntN(5)))
			verdict, _, _ := table.Admit(id, seq, ack)
			if life.ended != (verdict == Refuse) {
				return fmt.Errorf("step %d: %v of write %d of session %v, ended: %v", step, verdict, seq, id, life.ended)
			}
			if verdict != Apply {
				continue
			}
			reply := fmt.Appendf(nil, "%d/%d%*s", id, seq, r.IntN(400), "")
			table.Record(id, seq, reply)
			life.replies, life.acked = append(life.replies, reply), max(life.acked, int(ack))
			if r.IntN(5) == 0 {
				table.Close(id)
				slow.bury(life, table.Clock(), true)
			}
		}
		if r.IntN(20) == 0 {
			restored, err := Restore(table.Snapshot())
			if err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
			restored.gravesMax, restored.graveBytesMax = slow.maxCount, slow.maxBytes
			if restored.Digest() != table.Digest() {
				return fmt.Errorf("step %d: another digest after a snapshot", step)
			}
			table = restored
		}
		if err := consistent(table); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if err := slow.check(table); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	return nil
}

// Sessions are listed in the order of their ids, whatever they are up to, from any place on.
func TestEachIsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	table := NewTable()
	for i := range 2000 {
		drawCall(r, table, i)(table)
		if i%50 != 0 {
			continue
		}
		var ids []ID
		for id := range table.sessions {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, after := range []ID{0, 1, ID(r.IntN(i + 1)), 1<<64 - 1} {
			var want, got []ID
			for _, id := range ids {
				if id > after {
					want = append(want, id)
				}
			}
			most := 1 + r.IntN(len(want)+1)
			table.Each(after, func(info Info) bool {
				got = append(got, info.ID)
				return len(got) < most
			})
			if want = want[:min(most, len(want))]; !slices.Equal(got, want) {
				t.Fatalf("behind %v: %v, want %v", after, got, want)
			}
		}
	}
}

// A grave that no table can have written is refused, with the reason, and every field of a grave is in the digest.
func TestRestoreChecksGraves(t *testing.T) {
	sound := func() Grave {
		return Grave{ID: 7, Secret: Secret{1}, Acked: 2, Last: 4, Buried: 900, Replies: [][]byte{[]byte("c"), []byte("d")}}
	}
	restore := func(graves ...Grave) (*Table, error) {
		return Restore(1000, []ServerRecord{{Server: 1, Boot: 1, Beats: 1}},
			[]Record{{ID: 1, TimeoutMS: 2000, Server: 1, Boot: 1, Attempt: 1, Deadline: 1001}}, graves)
	}
	for want, damage := range map[string]func(*Grave){
		"grave of session 0x0: 0 is no session":                               func(g *Grave) { g.ID = 0 },
		"grave of session 0x1: the session is not over":                       func(g *Grave) { g.ID = 1 },
		"grave of session 0x6: there is a second record of it":                func(g *Grave) { g.ID = 6 },
		"grave of session 0x7: it ended at 1001, the clock is 1000":           func(g *Grave) { g.Buried = 1001 },
		"grave of session 0x7: it ended at -1, the clock is 1000":             func(g *Grave) { g.Buried = -1 },
		"grave of session 0x7: write 5 is acknowledged, the last one is 4":    func(g *Grave) { g.Acked = 5 },
		"grave of session 0x7: 2 replies for the writes after 1 up to 4":      func(g *Grave) { g.Acked = 1 },
		"grave of session 0x7: its replies exceed 1048576 bytes":              func(g *Grave) { g.Replies[0] = make([]byte, WindowBytes) },
		"grave of session 0x7: 2 replies for the writes after 2 up to 100000": func(g *Grave) { g.Last = 100_000 },
	} {
		g := sound()
		damage(&g)
		if _, err := restore(Grave{ID: 6}, g); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := restore(slices.Repeat([]Grave{sound()}, GravesMax+1)...); err == nil {
		t.Error("too many graves are accepted")
	}
	big := make([]Grave, 70) // a mebibyte each
	for i := range big {
		big[i] = Grave{ID: ID(100 + i), Last: 1, Replies: [][]byte{make([]byte, 1<<20)}}
	}
	if _, err := restore(big...); err == nil {
		t.Error("graves of too many bytes are accepted")
	}
	seen := map[uint64]int{}
	for i, change := range []func(*Grave){
		func(*Grave) {}, func(g *Grave) { g.ID++ }, func(g *Grave) { g.Secret[31]++ }, func(g *Grave) { g.Buried++ },
		func(g *Grave) { g.Acked, g.Last = 3, 5 }, func(g *Grave) { g.Acked, g.Replies = 3, g.Replies[1:] },
		func(g *Grave) { g.Replies[0] = []byte("x") }, func(g *Grave) { slices.Reverse(g.Replies) },
	} {
		g := sound()
		change(&g)
		table, err := restore(g)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[table.Digest()]; ok {
			t.Errorf("changes %d and %d have the same digest", other, i)
		}
		seen[table.Digest()] = i
	}
}

// One Advance forgets a bounded number of graves.
func TestAdvanceForgetsABoundedNumber(t *testing.T) {
	const count = GravesPerAdvance + 10
	table := NewTable()
	table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	for i := range count {
		table.Open(ID(i+1), Open{Server: 1, Boot: 1, Number: uint64(i + 1)})
		table.Kill(ID(i + 1))
	}
	for table.Clock() < GraveKeepMS-MaxStepMS {
		table.Advance(table.Clock(), table.Clock()+MaxStepMS)
	}
	for i, want := range []int{10, 0} {
		if i == 0 && table.Graves() != count {
			t.Errorf("%d graves before their time, want %d", table.Graves(), count)
		}
		if table.Advance(table.Clock(), table.Clock()+MaxStepMS); table.Graves() != want {
			t.Errorf("%d graves, want %d", table.Graves(), want)
		}
	}
}
