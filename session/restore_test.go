package session

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// A snapshot that no table can have written is refused, with the reason.
func TestRestoreRefusesWhatNoTableHolds(t *testing.T) {
	const clock = 10_000
	for _, test := range []struct {
		want   string
		damage func(clock *Clock, server *ServerRecord, attached, detached *Record)
	}{
		{"cluster clock -1 is outside", func(c *Clock, _ *ServerRecord, _, _ *Record) { *c = -1 }},
		{"cluster clock 9223372036854775807 is outside", func(c *Clock, _ *ServerRecord, _, _ *Record) { *c = math.MaxInt64 }},
		{"server 1: it has never sent a Beat", func(_ *Clock, s *ServerRecord, _, _ *Record) { s.Beats = 0 }},
		{"server 1: its live lease ends at 10000", func(c *Clock, s *ServerRecord, _, _ *Record) { s.LeaseEnd = *c }},
		{"server 1: its live lease ends at 14001", func(c *Clock, s *ServerRecord, _, _ *Record) { s.LeaseEnd = *c + 4001 }},
		{"server 1: it has no lease, yet an end", func(_ *Clock, s *ServerRecord, _, _ *Record) { s.Live = false }},
		{"server 1: it has no lease, yet", func(_ *Clock, s *ServerRecord, _, _ *Record) { s.Live, s.LeaseEnd, s.LowDisk = false, 0, true }},
		{"session 0x1: attached to boot 2 of server 1, which holds no such lease", func(_ *Clock, s *ServerRecord, _, _ *Record) { s.Live, s.LeaseEnd, s.LowDisk = false, 0, false }},
		{"server 2: there is a second record", func(_ *Clock, s *ServerRecord, _, _ *Record) { s.Server = 2 }},
		{"session 0x0: 0 is no session", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.ID = 0 }},
		{"session 0x2: there is a second record", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.ID = 2 }},
		{"session 0x1: timeout 999 ms", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.TimeoutMS = 999 }},
		{"session 0x1: timeout 600001 ms", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.TimeoutMS = 600_001 }},
		{"session 0x1: it was never attached", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Attempt = 0 }},
		{"session 0x1: its server 9 is unknown", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Server = 9 }},
		{"session 0x1: attached to boot 1 of server 1", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Boot = 1 }},
		{"session 0x1: attached to boot 2 of server 1, which holds no such lease, or with a deadline", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Deadline = 1 }},
		{"session 0x2: detached from boot 3", func(_ *Clock, _ *ServerRecord, _, d *Record) { d.Boot = 3 }},
		{"session 0x2: detached from boot 1 of server 2 with deadline 0", func(_ *Clock, _ *ServerRecord, _, d *Record) { d.Deadline = 0 }},
		{"session 0x2: detached from boot 1 of server 2 with deadline 13001", func(_ *Clock, _ *ServerRecord, _, d *Record) { d.Deadline = clock + 3001 }},
		{"session 0x1: write 4 is acknowledged, the last one is 3", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Acked = 4 }},
		{"session 0x1: write 1 is acknowledged, the last one is 18446744073709551615", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Last = math.MaxUint64 }},
		{"session 0x1: 1 replies for the writes after 1 up to 3", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Replies = a.Replies[:1] }},
		{"session 0x1: 1025 replies", func(_ *Clock, _ *ServerRecord, a, _ *Record) {
			a.Acked, a.Last, a.Replies = 0, Window+1, make([][]byte, Window+1)
		}},
		{"session 0x1: its replies exceed 1048576 bytes", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Replies[0] = make([]byte, WindowBytes) }},
		{"session 0x1: its name has 129 bytes", func(_ *Clock, _ *ServerRecord, a, _ *Record) { a.Name = strings.Repeat("n", 129) }},
		{"", func(*Clock, *ServerRecord, *Record, *Record) {}},
	} {
		name := test.want
		if name == "" {
			name = "sound"
		}
		t.Run(name, func(t *testing.T) {
			c := Clock(clock)
			servers := []ServerRecord{
				{Server: 1, Boot: 2, Beats: 5, Opens: 1, Live: true, LeaseEnd: c + 4000, LowDisk: true},
				{Server: 2, Boot: 1, Beats: 1},
			}
			sessions := []Record{
				{ID: 1, TimeoutMS: 2000, Server: 1, Boot: 2, Attempt: 1, Attached: true, Last: 3, Acked: 1, Replies: [][]byte{[]byte("b"), []byte("c")}},
				{ID: 2, TimeoutMS: 2000, Server: 2, Boot: 1, Attempt: 4, Deadline: c + 3000},
			}
			test.damage(&c, &servers[0], &sessions[0], &sessions[1])
			table, err := Restore(c, servers, sessions, nil)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := consistent(table); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s…", err, test.want)
			}
		})
	}
}

// Every field of the state is in the digest.
func TestDigestSeesEverything(t *testing.T) {
	build := func(change func(clock *Clock, s *ServerRecord, r *Record)) uint64 {
		clock := Clock(10_000)
		s := ServerRecord{Server: 1, Boot: 2, Beats: 5, Opens: 1, Live: true, LeaseEnd: 13_000}
		r := Record{ID: 1, TimeoutMS: 2000, Server: 1, Boot: 2, Attempt: 1, Attached: true, Last: 3, Acked: 1, Replies: [][]byte{[]byte("b"), []byte("c")}}
		change(&clock, &s, &r)
		table, err := Restore(clock, []ServerRecord{s, {Server: 2, Boot: 2, Beats: 1, Live: true, LeaseEnd: 12_000}}, []Record{r}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return table.Digest()
	}
	seen := map[uint64]int{}
	for i, change := range []func(*Clock, *ServerRecord, *Record){
		func(*Clock, *ServerRecord, *Record) {},
		func(c *Clock, _ *ServerRecord, _ *Record) { *c++ },
		func(_ *Clock, s *ServerRecord, _ *Record) { s.Beats++ },
		func(_ *Clock, s *ServerRecord, _ *Record) { s.Opens++ },
		func(_ *Clock, s *ServerRecord, _ *Record) { s.LeaseEnd++ },
		func(_ *Clock, s *ServerRecord, _ *Record) { s.LowDisk = true },
		func(_ *Clock, s *ServerRecord, r *Record) { s.Boot, r.Boot = 3, 3 },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.ID++ },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Secret[31]++ },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.TimeoutMS++ },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Name = "n" },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Name = "n\x00" },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Server = 2 },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Attempt++ },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Attached, r.Deadline = false, 11_000 },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Attached, r.Deadline = false, 11_001 },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Last, r.Acked = 4, 2 },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Acked, r.Replies = 2, r.Replies[1:] },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Replies[0] = []byte("x") },
		func(_ *Clock, _ *ServerRecord, r *Record) { r.Replies[0], r.Replies[1] = r.Replies[1], r.Replies[0] },
	} {
		d := build(change)
		if other, ok := seen[d]; ok {
			t.Errorf("changes %d and %d have the same digest", other, i)
		}
		seen[d] = i
	}
}

// One Advance ends a bounded number of sessions; the rest keeps its order and goes with the next.
func TestAdvanceEndsABoundedNumber(t *testing.T) {
	const count = 2*ExpirePerAdvance + 10
	table := NewTable()
	table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	for i := range count {
		// Deadlines fall with rising id, in fours, and all come with the same step of the clock.
		o := Open{TimeoutMS: MinTimeoutMS + 1 + int64(count-i)/4, Server: 1, Boot: 1, Number: uint64(i + 1)}
		if code := table.Open(ID(i+1), o); code != CodeOK {
			t.Fatal(code)
		}
	}
	table.Beat(Beat{Server: 1, Boot: 2, Number: 1})
	var expired []ID
	var portions []int
	deadlines := map[ID]Clock{}
	for i := range count {
		info, _ := table.Get(ID(i + 1))
		deadlines[info.ID] = info.Deadline
	}
	for table.Len() > 0 {
		a := table.Advance(table.Clock(), table.Clock()+MaxStepMS)
		expired = append(expired, a.Expired...)
		if len(a.Expired) > 0 {
			portions = append(portions, len(a.Expired))
		}
	}
	if got := fmt.Sprint(portions); got != fmt.Sprint([]int{ExpirePerAdvance, ExpirePerAdvance, 10}) {
		t.Errorf("expired in portions of %s", got)
	}
	for i := 1; i < len(expired); i++ {
		a, b := expired[i-1], expired[i]
		if deadlines[a] > deadlines[b] || deadlines[a] == deadlines[b] && a >= b {
			t.Fatalf("%v with deadline %d went before %v with %d", a, deadlines[a], b, deadlines[b])
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := Secret{0xab, 0xcd}
	type holder struct{ Secret Secret }
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{s, holder{s}, &holder{s}, Record{Secret: s}, Open{Secret: s}} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "171") || strings.Contains(strings.ToLower(got), "ab") && strings.Contains(strings.ToLower(got), "cd") {
				t.Errorf("%s of %T prints %s", format, v, got)
			}
		}
	}
	if !s.Equal(Secret{0xab, 0xcd}) || s.Equal(Secret{0xab}) {
		t.Error("Equal is wrong")
	}
}

// A reply recorded out of turn means that what was carried out was not what was admitted.
func TestRecordOutOfTurnPanics(t *testing.T) {
	p := newPair()
	p.open(1)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	p.table.Record(1, 2, nil)
}
