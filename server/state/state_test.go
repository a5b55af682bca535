package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// replica is a state with a server that proposes to it.
type replica struct {
	t      testing.TB
	s      *State
	header Header
	beats  uint64
	opens  uint64
}

func newReplica(t testing.TB) *replica {
	return &replica{t: t, s: New(), header: Header{Server: 1, Boot: 1, TimeMS: 1000}}
}

// entry makes the next log entry of the commands that fill adds.
func (r *replica) entry(fill func(*Batch)) []byte {
	var b Batch
	fill(&b)
	r.header.Number++
	r.header.TimeMS++
	return b.Entry(nil, r.header)
}

// apply applies an entry and returns what it did, a line an effect.
func (r *replica) apply(entry []byte) []string { return applyTo(r.s, entry) }

func applyTo(s *State, entry []byte) (told []string) {
	_, n := s.Begin(entry)
	for range n {
		for _, e := range s.Step() {
			told = append(told, describe(e))
		}
	}
	return told
}

func describe(e Effect) string {
	switch e.Kind {
	case Changed:
		var b strings.Builder
		fmt.Fprintf(&b, "%d:", e.Zxid)
		for _, c := range e.Changes {
			fmt.Fprintf(&b, " %v %s", wire.EventType(c.Type), c.Path)
		}
		return b.String()
	case Replied:
		f, err := wire.DecodeServerFrame(wire.AppendReply(nil, 1, e.Reply)[4:])
		if err != nil {
			return err.Error()
		}
		if f.Code != wire.CodeOK {
			failure, err := wire.DecodeFailure(f.Result)
			if err != nil {
				return err.Error()
			}
			return strings.TrimSpace(fmt.Sprintf("reply %s %s", f.Code.Name(), failure.Path))
		}
		return fmt.Sprintf("reply ok %d", f.Zxid)
	case Opened:
		return fmt.Sprintf("opened %d on %d %s", e.Session, e.Server, e.Code.Name())
	case Attached:
		return fmt.Sprintf("attached %d to %d last %d %s", e.Session, e.Server, e.Last, e.Code.Name())
	case Ended:
		return fmt.Sprintf("ended %d %s at %d", e.Session, e.Code.Name(), e.Zxid)
	case Renewed:
		return fmt.Sprintf("renewed %d", e.Server)
	case LeaseEnded:
		return fmt.Sprintf("lease of %d ended", e.Server)
	case Ticked:
		return "ticked"
	case Diverged:
		return "diverged"
	}
	return "?"
}

// do applies one entry with the commands of fill.
func (r *replica) do(fill func(*Batch)) []string { return r.apply(r.entry(fill)) }

// open opens a session on the replica's server and returns its id.
func (r *replica) open(timeoutMS int64) session.ID {
	r.t.Helper()
	told := r.do(func(b *Batch) {
		r.beats++
		b.Beat(r.beats, false)
		r.opens++
		b.Open(r.opens, session.Secret{1}, timeoutMS)
	})
	id := session.ID(r.s.Zxid())
	if want := fmt.Sprintf("opened %d on 1 OK", id); told[len(told)-1] != want {
		r.t.Fatalf("told %q, want %q", told, want)
	}
	return id
}

func request(kind wire.Kind, seq session.Seq, ops ...znode.Op) []byte {
	return wire.AppendRequest(nil, &wire.Request{Kind: kind, Xid: 1, Seq: seq, Ops: ops})[4:]
}

func create(path string, mode znode.Mode) znode.Op {
	return znode.Op{Kind: znode.OpCreate, Path: path, Mode: mode}
}

func (r *replica) write(id session.ID, kind wire.Kind, seq session.Seq, ops ...znode.Op) []string {
	return r.do(func(b *Batch) { b.Write(id, wire.CodeOK, request(kind, seq, ops...)) })
}

func (r *replica) want(told []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(told, want) {
		r.t.Errorf("told\n  %s\nwant\n  %s", strings.Join(told, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestWriteIsAppliedOnceAndAnsweredAgain(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000) // zxid 1
	r.want(r.write(id, wire.Create, 1, create("/a", 0)), "2: Created /a", "reply ok 2")
	r.want(r.write(id, wire.Create, 1, create("/a", 0)), "reply ok 2") // again: the recorded reply, not NodeExists
	r.want(r.write(id, wire.Create, 3, create("/b", 0)), "reply Gap")
	r.want(r.write(id, wire.Create, 2, create("/a", 0)), "reply NodeExists /a")
	r.want(r.write(id, wire.Create, 2, create("/c", 0)), "reply NodeExists /a") // a failure is recorded as well
	r.want(r.write(id, wire.Set, 3, znode.Op{Kind: znode.OpSet, Path: "/a"}), "3: DataChanged /a", "reply ok 3")
	r.want(r.write(99, wire.Create, 1, create("/x", 0)), "reply SessionExpired")
}

func TestFailedWritesConsumeNoZxid(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.want(r.write(id, wire.Create, 1, create("/a/b", 0)), "reply NoNode /a")
	r.want(r.write(id, wire.Multi, 2, znode.Op{Kind: znode.OpCheck, Path: "/"}), "reply ok 1") // checks change nothing
	r.want(r.write(id, wire.Create, 3, create("/a", 0)), "2: Created /a", "reply ok 2")
}

func TestSessionsDeathIsOneTransaction(t *testing.T) {
	for _, how := range []string{"close", "expire"} {
		t.Run(how, func(t *testing.T) {
			r := newReplica(t)
			id := r.open(5000)
			r.write(id, wire.Create, 1, create("/p", 0))
			r.write(id, wire.Create, 2, create("/p/b", znode.ModeEphemeral))
			r.write(id, wire.Create, 3, create("/p/a", znode.ModeEphemeral))
			if how == "close" {
				r.want(r.write(id, wire.CloseSession, 4), "5: Deleted /p/a Deleted /p/b", "reply ok 5", "ended 1 OK at 5")
			} else {
				r.want(r.do(func(b *Batch) { b.Expire(id, 1) }), "5: Deleted /p/a Deleted /p/b", "ended 1 SessionExpired at 5")
				r.want(r.do(func(b *Batch) { b.Expire(id, 1) }))
			}
			r.want(r.write(id, wire.Create, 5, create("/x", 0)), "reply SessionExpired")
		})
	}
}

func TestCommandsProposedTwiceTakeEffectOnce(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	open := r.entry(func(b *Batch) { b.Open(7, session.Secret{2}, 5000) })
	r.want(r.apply(open), "opened 2 on 1 OK")
	r.want(r.apply(open), "opened 0 on 1 LateAttempt")
	attach := r.entry(func(b *Batch) { b.Attach(id, session.Secret{1}, 2) })
	r.want(r.apply(attach), "attached 1 to 1 last 0 OK")
	r.want(r.apply(attach), "attached 1 to 1 last 0 OK")
	r.want(r.do(func(b *Batch) { b.Attach(id, session.Secret{9}, 3) }), "attached 1 to 1 last 0 SessionExpired") // a wrong password
	r.want(r.do(func(b *Batch) { b.Expire(id, 1) }))                                                             // it has been attached anew since
	mark := r.s.Mark()
	step := r.entry(func(b *Batch) { b.Advance(0, 500, mark) })
	r.want(r.apply(step), "ticked")
	r.want(r.apply(step))
}

func TestRefusalUsesUpTheNumber(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.want(r.do(func(b *Batch) { b.Write(id, wire.CodeTooLarge, request(wire.Create, 1, create("/a", 0))) }), "reply TooLarge")
	r.want(r.write(id, wire.Create, 2, create("/b", 0)), "2: Created /b", "reply ok 2")
}

func TestUnknownRequestUsesUpTheNumber(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	unknown := wire.AppendArray(nil, 4)
	for _, v := range []uint64{31, 1, 1, 0} { // kind, xid, seq, ack
		unknown = wire.AppendUint(unknown, v)
	}
	r.want(r.do(func(b *Batch) { b.Write(id, wire.CodeOK, unknown) }), "reply Unimplemented")
	r.want(r.write(id, wire.Create, 2, create("/b", 0)), "2: Created /b", "reply ok 2")
}

func TestLowDiskRefusesWhatNeedsRoom(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, create("/a", 0))
	low := func(low bool) {
		r.beats++
		r.do(func(b *Batch) { b.Beat(r.beats, low) })
	}
	low(true)
	r.want(r.write(id, wire.Create, 2, create("/b", 0)), "reply NoSpace /b")
	r.want(r.write(id, wire.Set, 3, znode.Op{Kind: znode.OpSet, Path: "/a"}), "reply NoSpace /a")
	r.want(r.write(id, wire.Multi, 4, znode.Op{Kind: znode.OpDelete, Path: "/a"}, create("/b", 0)), "reply NoSpace /a")
	r.want(r.write(id, wire.Delete, 5, znode.Op{Kind: znode.OpDelete, Path: "/a"}), "3: Deleted /a", "reply ok 3")
	low(false)
	r.want(r.write(id, wire.Create, 6, create("/b", 0)), "4: Created /b", "reply ok 4")
}

// TestDivergenceIsNoticed: a replica that holds something else than the proposer of an Advance says so.
func TestDivergenceIsNoticed(t *testing.T) {
	a, b := newReplica(t), newReplica(t)
	a.open(5000)
	b.open(5000)
	step := func(from, to session.Clock) []byte {
		return a.entry(func(batch *Batch) { batch.Advance(from, to, a.s.Mark()) })
	}
	for from := session.Clock(0); from < 1000; from += 500 {
		e := step(from, from+500)
		a.want(a.apply(e), "ticked")
		b.want(b.apply(e), "ticked")
	}
	b.s.zxid++ // a fault, as of memory
	e := step(1000, 1500)
	a.apply(e)
	b.want(b.apply(e), "ticked") // the marks were taken before the fault
	e = step(1500, 2000)
	a.want(a.apply(e), "ticked")
	b.want(b.apply(e), "diverged", "ticked")
}

func TestDamagedEntriesDoNothing(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	good := r.entry(func(b *Batch) {
		b.Write(id, wire.CodeOK, request(wire.Create, 1, create("/a", 0)))
		b.Advance(0, 500, r.s.Mark())
	})
	for n := range good {
		s, other := replay(r), replay(r)
		applyTo(s, good[:n])
		applyTo(other, good[:n])
		if s.Digest() != other.Digest() {
			t.Fatalf("an entry cut at byte %d has no deterministic result", n)
		}
	}
	newer := append([]byte(nil), good...)
	newer[1] = EntryVersion + 1
	if told := r.apply(newer); told != nil {
		t.Errorf("an entry of another version did %q", told)
	}
}

// replay makes a state like r's after one open.
func replay(r *replica) *State {
	c := newReplica(r.t)
	c.open(5000)
	return c.s
}

// generator makes random entries of several sessions; most are sensible, some are repeated or out of order.
type generator struct {
	rng   *rand.Rand
	beat  uint64
	open  uint64
	seqs  map[session.ID]session.Seq
	ids   []session.ID
	older [][]byte
	n     uint64
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 7)), seqs: map[session.ID]session.Seq{}}
}

func (g *generator) next(s *State) []byte {
	if len(g.older) > 0 && g.rng.IntN(8) == 0 {
		return g.older[g.rng.IntN(len(g.older))]
	}
	var b Batch
	for range 1 + g.rng.IntN(6) {
		g.command(&b, s)
	}
	g.n++
	entry := b.Entry(nil, Header{Server: 1, Boot: 1, Number: g.n, TimeMS: int64(g.n)})
	if len(g.older) < 50 {
		g.older = append(g.older, entry)
	} else {
		g.older[g.rng.IntN(50)] = entry
	}
	return entry
}

func (g *generator) command(b *Batch, s *State) {
	paths := []string{"/a", "/b", "/a/x", "/a/y", "/b/z", "/a/x/deep"}
	path := paths[g.rng.IntN(len(paths))]
	if len(g.ids) == 0 || g.rng.IntN(20) == 0 {
		g.beat++
		g.open++
		b.Beat(g.beat, g.rng.IntN(10) == 0)
		b.Open(g.open, session.Secret{1}, 1000)
		g.ids = append(g.ids, session.ID(s.Zxid()+1))
		return
	}
	id := g.ids[g.rng.IntN(len(g.ids))]
	switch g.rng.IntN(16) {
	case 0:
		b.Advance(s.Sessions().Clock(), s.Sessions().Clock()+session.Clock(g.rng.IntN(900)), s.Mark())
	case 1:
		b.Expire(id, session.Attempt(1+g.rng.IntN(2)))
	case 2:
		b.Attach(id, session.Secret{byte(g.rng.IntN(2))}, session.Attempt(g.rng.IntN(4)))
	case 3:
		for _, e := range s.Tree().Expired(int64(s.Sessions().Clock()), 3) {
			b.Reap(e)
		}
	default:
		g.seqs[id]++
		seq := g.seqs[id]
		if info, ok := s.Sessions().Get(id); ok && g.rng.IntN(3) > 0 {
			seq = info.Last + 1
			g.seqs[id] = seq
		}
		op := znode.Op{Kind: znode.OpKind(1 + g.rng.IntN(3)), Path: path, Data: []byte{byte(g.n)}}
		if op.Kind == znode.OpCreate {
			op.Mode = znode.Mode(g.rng.IntN(7))
			if op.Mode >= znode.ModePersistentTTL {
				op.TTLMS = 100
			}
		}
		switch g.rng.IntN(10) {
		case 0:
			b.Write(id, wire.CodeOK, request(wire.CloseSession, seq))
		case 1:
			b.Write(id, wire.CodeOK, request(wire.Multi, seq, op, create(path+"-", znode.ModePersistentSequential)))
		default:
			kind := map[znode.OpKind]wire.Kind{znode.OpCreate: wire.Create, znode.OpDelete: wire.Delete, znode.OpSet: wire.Set}[op.Kind]
			b.Write(id, wire.CodeOK, request(kind, seq, op))
		}
	}
}

// TestReplicasAgree: the same entries give the same effects and digests on every replica, also on one that was restored
// from a snapshot in between, and a snapshot of equal states is equal to the byte.
func TestReplicasAgree(t *testing.T) {
	for seed := range uint64(60) {
		g := newGenerator(seed)
		a, b := New(), New()
		for i := range 150 {
			e := g.next(a)
			toldA, toldB := applyTo(a, e), applyTo(b, e)
			if !slices.Equal(toldA, toldB) || a.Digest() != b.Digest() {
				t.Fatalf("seed %d, entry %d: replicas differ:\n%q\n%q", seed, i, toldA, toldB)
			}
			if g.rng.IntN(40) == 0 {
				first := snapshotOf(t, a)
				restored, err := Restore(bytes.NewReader(first))
				if err != nil {
					t.Fatalf("seed %d, entry %d: %v", seed, i, err)
				}
				if second := snapshotOf(t, restored); !bytes.Equal(first, second) {
					t.Fatalf("seed %d, entry %d: a snapshot changes when it is restored and taken again", seed, i)
				}
				b = restored
			}
		}
	}
}

func snapshotOf(t testing.TB, s *State) []byte {
	t.Helper()
	n := s.Snapshot()
	defer n.Close()
	var out bytes.Buffer
	if err := n.WriteTo(&out, &sync.Mutex{}, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// slowWriter applies an entry between any two chunks: a snapshot must not see any of it.
type slowWriter struct {
	bytes.Buffer
	between func()
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.between()
	return w.Buffer.Write(p)
}

// lockHook applies entries before each shard of the tree is looked at.
type lockHook struct{ before func() }

func (l lockHook) Lock()   { l.before() }
func (l lockHook) Unlock() {}

func TestSnapshotIsOnePointInTime(t *testing.T) {
	for seed := range uint64(30) {
		g := newGenerator(seed)
		s := New()
		for range 200 {
			applyTo(s, g.next(s))
		}
		want := snapshotOf(t, s)
		n := s.Snapshot()
		more := func() { applyTo(s, g.next(s)) }
		w := &slowWriter{between: more}
		if err := n.WriteTo(w, lockHook{more}, nil); err != nil {
			t.Fatal(err)
		}
		n.Close()
		if !bytes.Equal(w.Bytes(), want) {
			t.Fatalf("seed %d: writes that came while a snapshot was written are in it", seed)
		}
	}
}

func TestStoppedSnapshot(t *testing.T) {
	s := New()
	n := s.Snapshot()
	defer n.Close()
	stop := make(chan struct{})
	close(stop)
	if err := n.WriteTo(&bytes.Buffer{}, &sync.Mutex{}, stop); err != ErrStopped {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

// TestDamagedSnapshot: a snapshot with any byte changed, or cut anywhere, is refused.
func TestDamagedSnapshot(t *testing.T) {
	g := newGenerator(3)
	s := New()
	for range 60 {
		applyTo(s, g.next(s))
	}
	good := snapshotOf(t, s)
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a snapshot with byte %d of %d changed was accepted", i, len(good))
		}
		if _, err := Restore(bytes.NewReader(good[:i])); err == nil {
			t.Fatalf("a snapshot cut at byte %d of %d was accepted", i, len(good))
		}
	}
}

func FuzzStep(f *testing.F) {
	g := newGenerator(1)
	s := New()
	for range 30 {
		e := g.next(s)
		applyTo(s, e)
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		a, b := New(), New()
		if !slices.Equal(applyTo(a, entry), applyTo(b, entry)) || a.Digest() != b.Digest() {
			t.Fatal("the same entry gave two results")
		}
	})
}

func FuzzRestore(f *testing.F) {
	g := newGenerator(2)
	s := New()
	for range 20 {
		applyTo(s, g.next(s))
	}
	f.Add(snapshotOf(f, s))
	f.Add(snapshotOf(f, New()))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Restore(bytes.NewReader(data))
		if err == nil && !bytes.Equal(snapshotOf(t, s), snapshotOf(t, s)) {
			t.Fatal("two snapshots of one state differ")
		}
	})
}
