package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// disk is a log store of one replica that shows what was saved in it.
type disk struct {
	raftio.ILogDB
	state    raftpb.State
	entries  []raftpb.Entry // without holes, up to the last one
	snapshot raftpb.Snapshot
	saved    []string // what each save held, in words
	fails    error
	inside   atomic.Int32
	crowded  atomic.Bool // two calls at the same time
}

func (d *disk) enter() func() {
	if d.inside.Add(1) > 1 {
		d.crowded.Store(true)
	}
	runtime.Gosched() // others could come in now
	return func() { d.inside.Add(-1) }
}

func (d *disk) SaveRaftState(updates []raftpb.Update, _ uint64) error {
	defer d.enter()()
	if d.fails != nil {
		return d.fails
	}
	for _, u := range updates {
		d.saved = append(d.saved, inWords(u))
		if !raftpb.IsEmptyState(u.State) {
			d.state = u.State
		}
		if len(u.EntriesToSave) > 0 {
			first := u.EntriesToSave[0].Index
			d.entries = slices.DeleteFunc(d.entries, func(e raftpb.Entry) bool { return e.Index >= first })
			d.entries = append(d.entries, u.EntriesToSave...)
		}
		if u.Snapshot.Index > d.snapshot.Index {
			d.snapshot = u.Snapshot
		}
	}
	return nil
}

func (d *disk) SaveSnapshots(updates []raftpb.Update) error { return d.SaveRaftState(updates, 0) }

func (d *disk) ReadRaftState(_, _, _ uint64) (raftio.RaftState, error) {
	defer d.enter()()
	if raftpb.IsEmptyState(d.state) {
		return raftio.RaftState{}, raftio.ErrNoSavedLog
	}
	return raftio.RaftState{State: d.state}, nil
}

func (d *disk) IterateEntries(entries []raftpb.Entry, size, _, _, _, _, _ uint64) ([]raftpb.Entry, uint64, error) {
	defer d.enter()()
	return entries, size, nil
}

func (d *disk) RemoveEntriesTo(_, _, index uint64) error {
	defer d.enter()()
	d.entries = slices.DeleteFunc(d.entries, func(e raftpb.Entry) bool { return e.Index <= index })
	return nil
}

func (d *disk) RemoveNodeData(_, _ uint64) error {
	defer d.enter()()
	d.state, d.entries, d.snapshot = raftpb.State{}, nil, raftpb.Snapshot{}
	return nil
}

func (d *disk) ImportSnapshot(s raftpb.Snapshot, _ uint64) error {
	defer d.enter()()
	d.state, d.entries, d.snapshot = raftpb.State{Term: s.Term, Commit: s.Index}, nil, s
	return nil
}

func (d *disk) Close() error { return nil }

// last is the index of the last entry that a reader finds.
func (d *disk) last() uint64 {
	if n := len(d.entries); n > 0 {
		return max(d.snapshot.Index, d.entries[n-1].Index)
	}
	return d.snapshot.Index
}

// inWords writes an update as the tables below do: replica, "term/vote/commit" or "-", entries, snapshot.
func inWords(u raftpb.Update) string {
	s := fmt.Sprintf("%d:", u.ReplicaID)
	if raftpb.IsEmptyState(u.State) {
		s += " -"
	} else {
		s += fmt.Sprintf(" %d/%d/%d", u.Term, u.Vote, u.Commit)
	}
	if n := len(u.EntriesToSave); n > 0 {
		s += fmt.Sprintf(" entries %d-%d", u.EntriesToSave[0].Index, u.EntriesToSave[n-1].Index)
	}
	if u.Snapshot.Index > 0 {
		s += fmt.Sprintf(" snapshot %d", u.Snapshot.Index)
	}
	return s
}

// update makes an update of replica 1 without a state.
func update(entries ...uint64) raftpb.Update {
	u := raftpb.Update{ShardID: shardID, ReplicaID: 1}
	for _, index := range entries {
		u.EntriesToSave = append(u.EntriesToSave, raftpb.Entry{Index: index, Term: 1})
	}
	return u
}

func state(u raftpb.Update, term, vote, commit uint64) raftpb.Update {
	u.State = raftpb.State{Term: term, Vote: vote, Commit: commit}
	return u
}

func withSnapshot(u raftpb.Update, index uint64) raftpb.Update {
	u.Snapshot = raftpb.Snapshot{Index: index, Term: 1, ShardID: shardID}
	return u
}

func byReplica(u raftpb.Update, replica uint64) raftpb.Update {
	u.ReplicaID = replica
	return u
}

func TestOnlyWhatRaftNeedsOnDiskIsSaved(t *testing.T) {
	save := func(updates ...raftpb.Update) func(*thriftyLog) error {
		return func(l *thriftyLog) error { return l.SaveRaftState(updates, 1) }
	}
	saveSnapshots := func(updates ...raftpb.Update) func(*thriftyLog) error {
		return func(l *thriftyLog) error { return l.SaveSnapshots(updates) }
	}
	for name, c := range map[string]struct {
		do   []func(*thriftyLog) error
		want []string
	}{
		"a new term is saved": {[]func(*thriftyLog) error{save(state(update(), 1, 0, 0)), save(state(update(), 2, 0, 0))},
			[]string{"1: 1/0/0", "1: 2/0/0"}},
		"a new vote is saved": {[]func(*thriftyLog) error{save(state(update(), 1, 0, 0)), save(state(update(), 1, 3, 0))},
			[]string{"1: 1/0/0", "1: 1/3/0"}},
		"a new term with a commit index is saved": {[]func(*thriftyLog) error{save(state(update(1), 1, 0, 0)), save(state(update(), 2, 0, 1))},
			[]string{"1: 1/0/0 entries 1-1", "1: 2/0/1"}},
		"entries are saved": {[]func(*thriftyLog) error{save(state(update(1, 2), 1, 2, 0)), save(state(update(3), 1, 2, 2))},
			[]string{"1: 1/2/0 entries 1-2", "1: 1/2/2 entries 3-3"}},
		"a received snapshot is saved": {[]func(*thriftyLog) error{save(state(withSnapshot(update(), 9), 1, 2, 9))},
			[]string{"1: 1/2/9 snapshot 9"}},
		"a commit index alone is not saved": {[]func(*thriftyLog) error{save(state(update(1), 1, 2, 0)), save(state(update(), 1, 2, 1))},
			[]string{"1: 1/2/0 entries 1-1"}},
		"nothing is not saved": {[]func(*thriftyLog) error{save(update()), save(state(update(1), 1, 2, 1)), save(update()), save()},
			[]string{"1: 1/2/1 entries 1-1"}},
		"the newest commit index goes with the next entries": {
			[]func(*thriftyLog) error{save(state(update(1, 2, 3), 1, 2, 0)), save(state(update(), 1, 2, 1)), save(state(update(), 1, 2, 2)), save(update(4))},
			[]string{"1: 1/2/0 entries 1-3", "1: 1/2/2 entries 4-4"}},
		"the newest commit index goes with a received snapshot": {
			[]func(*thriftyLog) error{save(state(update(1), 1, 2, 0)), save(state(update(), 1, 2, 1)), save(withSnapshot(update(), 1))},
			[]string{"1: 1/2/0 entries 1-1", "1: 1/2/1 snapshot 1"}},
		"entries are saved with the state also if it has not changed": {[]func(*thriftyLog) error{save(state(update(1), 1, 2, 1)), save(update(2))},
			[]string{"1: 1/2/1 entries 1-1", "1: 1/2/1 entries 2-2"}},
		"entries before any state are saved as they are": {[]func(*thriftyLog) error{save(update(1))}, []string{"1: - entries 1-1"}},
		"of several replicas each has its own state": {
			[]func(*thriftyLog) error{
				save(state(update(1), 1, 2, 0), byReplica(state(update(), 5, 6, 0), 2)),
				save(state(update(), 1, 2, 1), byReplica(update(1), 2)),
				save(update(2), byReplica(update(), 2)),
			},
			[]string{"1: 1/2/0 entries 1-1", "2: 5/6/0", "2: 5/6/0 entries 1-1", "1: 1/2/1 entries 2-2"}},
		"a snapshot takes the newest commit index along": {
			[]func(*thriftyLog) error{save(state(update(1, 2, 3), 1, 2, 0)), save(state(update(), 1, 2, 3)), saveSnapshots(withSnapshot(update(), 2))},
			[]string{"1: 1/2/0 entries 1-3", "1: 1/2/3 snapshot 2"}},
		"what is in a snapshot is committed": {
			[]func(*thriftyLog) error{save(state(update(1, 2, 3), 1, 2, 0)), saveSnapshots(withSnapshot(update(), 2)), save(state(update(), 1, 2, 2)), save(update(4))},
			[]string{"1: 1/2/0 entries 1-3", "1: 1/2/2 snapshot 2", "1: 1/2/2 entries 4-4"}},
		"updates without a snapshot are no snapshots": {[]func(*thriftyLog) error{saveSnapshots(state(update(1), 1, 2, 1))}, nil},
		"a snapshot before any state is saved alone":  {[]func(*thriftyLog) error{saveSnapshots(withSnapshot(update(), 2))}, []string{"1: - snapshot 2"}},
		"close saves nothing": {
			[]func(*thriftyLog) error{save(state(update(1), 1, 2, 0)), save(state(update(), 1, 2, 1)), (*thriftyLog).Close},
			[]string{"1: 1/2/0 entries 1-1"}},
		"after removal nothing is known": {
			[]func(*thriftyLog) error{
				save(state(update(1), 1, 2, 0)), save(state(update(), 1, 2, 1)),
				func(l *thriftyLog) error { return l.RemoveNodeData(shardID, 1) },
				save(update(1)), save(state(update(), 1, 2, 1)),
			},
			[]string{"1: 1/2/0 entries 1-1", "1: - entries 1-1", "1: 1/2/1"}},
		"after an import nothing is known": {
			[]func(*thriftyLog) error{
				save(state(update(1), 1, 2, 1)),
				func(l *thriftyLog) error { return l.ImportSnapshot(withSnapshot(update(), 7).Snapshot, 1) },
				save(state(update(), 1, 2, 7)),
			},
			[]string{"1: 1/2/1 entries 1-1", "1: 1/2/7"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := new(disk)
			l := newThriftyLog(d)
			for i, do := range c.do {
				if err := do(l); err != nil {
					t.Fatalf("step %d: %v", i+1, err)
				}
			}
			if !slices.Equal(d.saved, c.want) {
				t.Errorf("saved %q, want %q", d.saved, c.want)
			}
		})
	}
}

func TestUpdatesAreNotChangedBySavingThem(t *testing.T) {
	l := newThriftyLog(new(disk))
	updates := []raftpb.Update{state(update(1), 1, 2, 0), update(2), state(update(), 1, 2, 2), withSnapshot(update(), 1)}
	before := slices.Clone(updates)
	for i := range updates {
		if err := l.SaveRaftState(updates[i:i+1], 1); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(updates, before) {
		t.Errorf("updates are %+v, were %+v", updates, before)
	}
	for _, u := range l.saves[:cap(l.saves)] {
		if u.EntriesToSave != nil {
			t.Error("entries are retained")
		}
	}
}

func TestAfterAFailedSaveNothingCountsAsSaved(t *testing.T) {
	d := new(disk)
	l := newThriftyLog(d)
	if err := l.SaveRaftState([]raftpb.Update{state(update(1), 1, 2, 0)}, 1); err != nil {
		t.Fatal(err)
	}
	d.fails = errors.New("disk on fire")
	if err := l.SaveRaftState([]raftpb.Update{state(update(), 2, 3, 0)}, 1); !errors.Is(err, d.fails) {
		t.Fatalf("error %v", err)
	}
	d.fails = nil
	if err := l.SaveRaftState([]raftpb.Update{state(update(), 2, 3, 1)}, 1); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1: 1/2/0 entries 1-1", "1: 2/3/1"}; !slices.Equal(d.saved, want) {
		t.Errorf("saved %q, want %q", d.saved, want)
	}
}

func TestTheNewestStateIsRead(t *testing.T) {
	d := new(disk)
	l := newThriftyLog(d)
	if _, err := l.ReadRaftState(shardID, 1, 0); !errors.Is(err, raftio.ErrNoSavedLog) {
		t.Errorf("an empty store: %v", err)
	}
	for _, u := range []raftpb.Update{state(update(1, 2), 1, 2, 1), state(update(), 1, 2, 2)} {
		if err := l.SaveRaftState([]raftpb.Update{u}, 1); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(when string, commit uint64) {
		t.Helper()
		read, err := l.ReadRaftState(shardID, 1, 0)
		if err != nil || read.State != (raftpb.State{Term: 1, Vote: 2, Commit: commit}) {
			t.Errorf("%s: %+v, %v", when, read.State, err)
		}
	}
	reads("before the restart", 2)
	l = newThriftyLog(d)
	reads("after the restart", 1)
	// The second start knows the state without having saved it.
	if err := l.SaveRaftState([]raftpb.Update{state(update(), 1, 2, 2)}, 1); err != nil || len(d.saved) != 1 {
		t.Errorf("saved %q, %v", d.saved, err)
	}
}

func TestSavesDoNotOverlap(t *testing.T) {
	d := new(disk)
	l := newThriftyLog(d)
	var saving sync.WaitGroup
	for worker := range uint64(4) {
		saving.Go(func() {
			for i := range uint64(500) {
				u := state(update(i+1), 1, 2, i)
				var err error
				switch i % 5 {
				case 1:
					err = l.SaveSnapshots([]raftpb.Update{withSnapshot(u, i)})
				case 2:
					err = l.RemoveEntriesTo(shardID, 1, i/2)
				case 3:
					_, err = l.ReadRaftState(shardID, 1, 0)
				case 4:
					_, _, err = l.IterateEntries(nil, 0, shardID, 1, 1, i, 0)
				default:
					err = l.SaveRaftState([]raftpb.Update{u}, worker+1)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	saving.Wait()
	if d.crowded.Load() {
		t.Error("two calls were in the store at the same time")
	}
}

func TestTheStoreKeepsItsName(t *testing.T) {
	if got, want := (thriftyLogs{tan.Factory}).Name(), tan.Factory.Name(); got != want {
		t.Errorf("the factory's name is %q, data directories have %q", got, want)
	}
}

// raftModel makes the updates of a replica that appends, commits, votes, loses conflicting entries, takes and receives
// snapshots, and compacts its log, without meaning: as Raft orders them, but at random.
type raftModel struct {
	random   *rand.Rand
	state    raftpb.State // newest
	reported raftpb.State // in the last update
	last     uint64
	snapshot uint64
}

// next returns an update; early tells that a snapshot at its commit index is saved before it is.
func (m *raftModel) next() (u raftpb.Update, early bool) {
	u = update()
	if m.random.IntN(10) == 0 {
		m.state.Term++
		m.state.Vote = m.random.Uint64N(4)
	} else if m.state.Vote == 0 && m.random.IntN(10) == 0 {
		m.state.Vote = 1 + m.random.Uint64N(3)
	}
	if m.random.IntN(20) == 0 { // the leader sends its snapshot
		m.last += 1 + m.random.Uint64N(5)
		m.snapshot, m.state.Commit = m.last, m.last
		u = withSnapshot(u, m.last)
	} else if m.random.IntN(2) == 0 {
		first := m.last + 1
		if m.random.IntN(5) == 0 { // entries that are not committed give way to others
			first -= m.random.Uint64N(m.last - m.state.Commit + 1)
		}
		m.last = first + m.random.Uint64N(4)
		for index := first; index <= m.last; index++ {
			u.EntriesToSave = append(u.EntriesToSave, raftpb.Entry{Index: index, Term: m.state.Term, Key: m.random.Uint64()})
		}
	}
	saved := m.last - uint64(len(u.EntriesToSave))
	if m.random.IntN(2) == 0 {
		m.state.Commit += m.random.Uint64N(m.last - m.state.Commit + 1)
	}
	if m.state != m.reported {
		u.State, m.reported = m.state, m.state
	}
	early = u.Snapshot.Index == 0 && m.state.Commit > m.snapshot && m.state.Commit <= saved && m.random.IntN(10) == 0
	return u, early
}

// Whatever happens, a crash finds on the disk what every store had there at the newest save of entries, a snapshot, a
// term or a vote; so nothing that was promised is missing, and the commit index fits to the log.
func TestACrashAtAnyPointFindsALogThatRaftCanUse(t *testing.T) {
	for seed := range uint64(300) {
		m := &raftModel{random: rand.New(rand.NewPCG(seed, 5)), state: raftpb.State{Term: 1}}
		full, thrifty := new(disk), new(disk) // without and with what is tested
		l := newThriftyLog(thrifty)
		for step := range 200 {
			fail := func(format string, args ...any) {
				t.Fatalf("seed %d, step %d: %s\nsaved in full %q\nsaved %q", seed, step, fmt.Sprintf(format, args...),
					full.saved[max(0, len(full.saved)-5):], thrifty.saved[max(0, len(thrifty.saved)-5):])
			}
			u, early := m.next()
			if early {
				m.snapshot = m.state.Commit
				s := []raftpb.Update{withSnapshot(update(), m.snapshot)}
				if err := errors.Join(full.SaveSnapshots(s), l.SaveSnapshots(s)); err != nil {
					fail("%v", err)
				}
				checkUsable(thrifty, fail)
			}
			if err := errors.Join(full.SaveRaftState([]raftpb.Update{u}, 1), l.SaveRaftState([]raftpb.Update{u}, 1)); err != nil {
				fail("%v", err)
			}
			if m.random.IntN(15) == 0 && m.snapshot > 0 {
				below := m.random.Uint64N(m.snapshot) + 1
				full.RemoveEntriesTo(shardID, 1, below)
				l.RemoveEntriesTo(shardID, 1, below)
			}
			checkUsable(thrifty, fail)
			if thrifty.state.Term != full.state.Term || thrifty.state.Vote != full.state.Vote {
				fail("term and vote %+v, want %+v", thrifty.state, full.state)
			}
			if thrifty.state.Commit > full.state.Commit || thrifty.snapshot.Index != full.snapshot.Index {
				fail("commit %d, snapshot %d, want up to %d, %d", thrifty.state.Commit, thrifty.snapshot.Index, full.state.Commit, full.snapshot.Index)
			}
			if !reflect.DeepEqual(thrifty.entries, full.entries) {
				fail("entries differ")
			}
			// Entries are never on disk without what was known to be committed when they came.
			if (len(u.EntriesToSave) > 0 || u.Snapshot.Index > 0) && thrifty.state != m.state {
				fail("state %+v was saved with entries, want %+v", thrifty.state, m.state)
			}
			if read, err := l.ReadRaftState(shardID, 1, 0); !raftpb.IsEmptyState(full.state) && (err != nil || read.State != full.state) {
				fail("read %+v, %v, want %+v", read.State, err, full.state)
			}
			if m.random.IntN(20) == 0 { // crash: the replica knows only what is on the disk
				l = newThriftyLog(thrifty)
				if read, err := l.ReadRaftState(shardID, 1, 0); err == nil {
					m.state, m.reported = read.State, read.State
				} else {
					m.state, m.reported = raftpb.State{Term: 1}, raftpb.State{}
				}
				full.state = m.state
			}
		}
	}
}

// checkUsable checks what Raft requires of a log when it starts.
func checkUsable(d *disk, fail func(string, ...any)) {
	if raftpb.IsEmptyState(d.state) {
		return
	}
	if d.state.Commit < d.snapshot.Index || d.state.Commit > d.last() {
		fail("commit index %d, snapshot %d, last entry %d", d.state.Commit, d.snapshot.Index, d.last())
	}
}
