package state

import (
	"bytes"
	"fmt"
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
		return strings.TrimSpace(fmt.Sprintf("ended %d %s at %d %s", e.Session, e.Code.Name(), e.Zxid, e.Detail))
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
func (r *replica) open(timeoutMS int64) session.ID { return r.openNamed(timeoutMS, "") }

func (r *replica) openNamed(timeoutMS int64, name string) session.ID {
	r.t.Helper()
	told := r.do(func(b *Batch) {
		r.beats++
		b.Beat(r.beats, false)
		r.opens++
		b.Open(r.opens, session.Secret{1}, timeoutMS, name)
	})
	id := session.ID(r.s.Zxid())
	if want := fmt.Sprintf("opened %d on 1 OK", id); told[len(told)-1] != want {
		r.t.Fatalf("told %q, want %q", told, want)
	}
	return id
}

// advance moves the cluster clock.
func (r *replica) advance(by session.Clock) []string {
	from := r.s.Sessions().Clock()
	return r.do(func(b *Batch) { b.Advance(from, from+by, r.s.Mark()) })
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

// send applies a write that is more than a list of operations.
func (r *replica) send(id session.ID, req wire.Request) []string {
	req.Xid = 1
	return r.do(func(b *Batch) { b.Write(id, wire.CodeOK, wire.AppendRequest(nil, &req)[4:]) })
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
	for _, how := range []string{"close", "expire", "deadline", "kill"} {
		t.Run(how, func(t *testing.T) {
			r := newReplica(t)
			id := r.open(5000)
			r.write(id, wire.Create, 1, create("/p", 0))
			r.write(id, wire.Create, 2, create("/p/b", znode.ModeEphemeral))
			r.write(id, wire.Create, 3, create("/p/a", znode.ModeEphemeral))
			gone := "5: Deleted /p/a Deleted /p/b"
			switch how {
			case "close":
				r.want(r.write(id, wire.CloseSession, 4), gone, "reply ok 5", "ended 1 OK at 5")
			case "expire":
				r.want(r.do(func(b *Batch) { b.Expire(id, 1) }), gone, "ended 1 SessionExpired at 5 its server did not hear it for its timeout")
				r.want(r.do(func(b *Batch) { b.Expire(id, 1) }))
			case "deadline":
				var told []string
				for len(told) < 2 || told[len(told)-2] == "lease of 1 ended" {
					told = r.advance(session.MaxStepMS)
				}
				r.want(told, gone, "ended 1 SessionExpired at 5 it was attached to no server for its timeout", "ticked")
			case "kill":
				operator := r.open(5000)
				gone = "6: Deleted /p/a Deleted /p/b"
				told := r.send(operator, wire.Request{Kind: wire.KillSession, Seq: 1, Target: id})
				r.want(told, gone, "ended 1 SessionExpired at 6 session 0x1 was ended by session 0x5", "reply ok 6")
			}
			r.want(r.write(id, wire.Create, 5, create("/x", 0)), "reply SessionExpired")
		})
	}
}

func TestCommandsProposedTwiceTakeEffectOnce(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	open := r.entry(func(b *Batch) { b.Open(7, session.Secret{2}, 5000, "") })
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

// TestNamesAreKeptAsBytes: a session's name is for operators' eyes, so nothing in it is an error.
func TestNamesAreKeptAsBytes(t *testing.T) {
	const odd = "worker\x00\xff\xfe"
	long := odd + strings.Repeat("n", 2*session.NameBytesMax)
	r := newReplica(t)
	ids := []session.ID{r.openNamed(5000, ""), r.openNamed(5000, odd), r.openNamed(5000, long)}
	// A proposer that does not cut it.
	r.opens++
	r.want(r.do(func(b *Batch) {
		b.begin(commandOpen, 4)
		b.commands = wire.AppendUint(b.commands, r.opens)
		b.commands = wire.AppendBytes(b.commands, make([]byte, len(session.Secret{})))
		b.commands = wire.AppendString(wire.AppendInt(b.commands, 5000), long)
	}), "opened 4 on 1 OK")
	restored, err := Restore(bytes.NewReader(snapshotOf(t, r.s)))
	if err != nil {
		t.Fatal(err)
	}
	cut := long[:session.NameBytesMax]
	for _, s := range []*State{r.s, restored} {
		for i, want := range []string{"", odd, cut, cut} {
			if info, _ := s.Sessions().Get(append(ids, 4)[i]); info.Name != want {
				t.Errorf("name %q, want %q", info.Name, want)
			}
		}
	}
}

// TestGravesDoNotKeepTheClockRunning: an idle cluster writes nothing, whatever it remembers.
func TestGravesDoNotKeepTheClockRunning(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	if !r.s.NeedsClock() {
		t.Error("a session needs the clock")
	}
	r.do(func(b *Batch) { b.Expire(id, 1) })
	if r.s.Sessions().Graves() != 1 || r.s.NeedsClock() {
		t.Errorf("%d graves, needs the clock: %v", r.s.Sessions().Graves(), r.s.NeedsClock())
	}
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
	r.want(r.write(id, wire.Multi, 4, znode.Op{Kind: znode.OpDelete, Path: "/a"}, create("/b", 0)), "reply NoSpace")
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

// TestLargeTransactionIsLetGo: what a transaction has deleted is not kept by the room for the next one's changes.
func TestLargeTransactionIsLetGo(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	seq := session.Seq(0)
	write := func(kind wire.Kind, op znode.Op) {
		seq++
		r.send(id, wire.Request{Kind: kind, Seq: seq, Ack: seq - 1, Ops: []znode.Op{op}})
	}
	write(wire.Create, create("/a", 0))
	for i := range 2 * changesKeepMax {
		write(wire.Create, create(fmt.Sprintf("/a/%d", i), 0))
	}
	write(wire.DeleteTree, znode.Op{Kind: znode.OpDeleteTree, Path: "/a"})
	if count, err := wire.DecodeDeleted(r.reply(id, seq).Result); count != 2*changesKeepMax+1 {
		t.Fatalf("%d nodes were deleted (%v)", count, err)
	}
	write(wire.Create, create("/b", 0))
	for _, c := range r.s.changes[1:cap(r.s.changes)] {
		if c.Old != nil || c.New != nil {
			t.Fatalf("%v is kept", c)
		}
	}
	if cap(r.s.changes) > changesKeepMax {
		t.Errorf("there is room for %d changes", cap(r.s.changes))
	}
}

// TestOtherReleasesAreNotTakenForDiverged: the state of a release whose Apply differs may differ; it is not compared. So a
// log that was begun by an older release, which did not state its revision, can be read to its end by this one.
func TestOtherReleasesAreNotTakenForDiverged(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"newer": func(entry []byte) []byte {
			entry[len(entry)-1]++
			return entry
		},
		"without a revision": func(entry []byte) []byte {
			at := bytes.Index(entry, []byte{0x96, byte(commandAdvance)})
			entry[at] = 0x95
			return entry[:len(entry)-1]
		},
	} {
		a, b := newReplica(t), newReplica(t)
		a.open(5000)
		b.open(5000)
		b.s.zxid++
		for from := session.Clock(0); from < 1500; from += 500 {
			e := change(a.entry(func(batch *Batch) { batch.Advance(from, from+500, a.s.Mark()) }))
			a.want(a.apply(e), "ticked")
			if told := b.apply(e); len(told) != 1 || told[0] != "ticked" {
				t.Errorf("%s: told %q", name, told)
			}
		}
	}
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
