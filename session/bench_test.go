package session

import "testing"

func benchTable(sessions int) *Table {
	t := NewTable()
	t.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	for i := range sessions {
		t.Open(ID(i+1), Open{TimeoutMS: 10_000, Server: 1, Boot: 1, Number: uint64(i + 1)})
	}
	return t
}

// The hot path of a write takes no memory beyond the reply, which is its caller's.
func TestAdmitAndRecordDoNotAllocate(t *testing.T) {
	table, reply, seq := benchTable(1), make([]byte, 40), Seq(0)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		table.Admit(1, seq, seq-min(seq, 8))
		table.Record(1, seq, reply)
	}); n != 0 {
		t.Errorf("%v allocations per write", n)
	}
}

func TestHearAndAnsweredDoNotAllocate(t *testing.T) {
	h, b, now := NewHost(1, 1), &Belief{}, Mono(0)
	h.Attached(1, 1, 10_000, 0)
	b.Begin(0)
	b.Welcomed(1, 10_000)
	if n := testing.AllocsPerRun(1000, func() {
		now += 7
		b.Sent(uint64(now), now)
		h.Hear(1, 1, now)
		b.Answered(1, uint64(now))
	}); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}

func BenchmarkAdmitRecord(b *testing.B) {
	const sessions = 100_000
	table, reply := benchTable(sessions), make([]byte, 40)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		id, seq := ID(i%sessions+1), Seq(i/sessions+1)
		table.Admit(id, seq, seq-1)
		table.Record(id, seq, reply)
		i++
	}
}

func BenchmarkAdvance(b *testing.B) {
	table := benchTable(100_000)
	n := uint64(1)
	for b.Loop() {
		n++
		table.Beat(Beat{Server: 1, Boot: 1, Number: n})
		table.Advance(table.Clock(), table.Clock()+500)
	}
}

// BenchmarkServerDeath is the end of the lease of a server with 10,000 sessions: all are detached in one call.
func BenchmarkServerDeath(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		table := benchTable(10_000)
		b.StartTimer()
		for table.Clock() < LeaseMS+MaxStepMS {
			table.Advance(table.Clock(), table.Clock()+MaxStepMS)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	table := benchTable(100_000)
	for b.Loop() {
		table.Snapshot()
	}
}

func BenchmarkHear(b *testing.B) {
	h := NewHost(1, 1)
	for i := range 100_000 {
		h.Attached(ID(i+1), 1, 10_000, 0)
	}
	h.BeatApplied(h.Beat(0))
	i := 0
	for b.Loop() {
		h.Hear(ID(i%100_000+1), 1, Mono(i/1000))
		i++
	}
}

func BenchmarkBelief(b *testing.B) {
	belief := &Belief{}
	belief.Begin(0)
	belief.Welcomed(1, 10_000)
	i := uint64(0)
	for b.Loop() {
		i++
		belief.Sent(i, Mono(i/100))
		belief.Answered(1, i)
	}
}
