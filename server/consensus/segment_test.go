package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/lni/vfs"
)

// store is tan on a directory, and what was saved in it.
type store struct {
	tb    testing.TB
	dir   string
	db    raftio.ILogDB
	saved []raftpb.Entry
}

func openStore(tb testing.TB, dir string, fs vfs.FS, saved []raftpb.Entry) (*store, error) {
	c := config.NodeHostConfig{Expert: config.ExpertConfig{FS: fs, LogDB: config.GetTinyMemLogDBConfig()}}
	c.Expert.LogDB.KVWriteBufferSize = logBufferBytes
	db, err := tan.Factory.Create(c, nil, []string{dir}, []string{dir})
	if err != nil {
		return nil, err
	}
	s := &store{tb: tb, dir: dir, db: db, saved: saved}
	// tan reads nothing before it is asked for a replica.
	if _, err := db.ReadRaftState(1, 1, 0); err != nil && !errors.Is(err, raftio.ErrNoSavedLog) {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func newStore(tb testing.TB, fs vfs.FS) *store {
	tb.Helper()
	s, err := openStore(tb, tb.TempDir(), fs, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *store) close() {
	s.tb.Helper()
	if err := s.db.Close(); err != nil {
		s.tb.Fatal(err)
	}
}

// save returns when an entry of so many bytes is on disk.
func (s *store) save(size int, rng *rand.Rand) {
	s.tb.Helper()
	cmd := make([]byte, size) // half of it zeros, like what is behind the records
	for i := range size / 2 {
		cmd[i] = byte(rng.Uint32())
	}
	e := raftpb.Entry{Term: 1, Index: uint64(len(s.saved) + 1), Cmd: cmd}
	s.saved = append(s.saved, e)
	u := raftpb.Update{ShardID: 1, ReplicaID: 1, State: raftpb.State{Term: 1, Vote: 1, Commit: e.Index - 1}, EntriesToSave: []raftpb.Entry{e}}
	if err := s.db.SaveRaftState([]raftpb.Update{u}, 1); err != nil {
		s.tb.Fatal(err)
	}
}

// check reads the entries from one on to the end.
func (s *store) check(from int) {
	s.tb.Helper()
	state, err := s.db.ReadRaftState(1, 1, 0)
	if err != nil || state.EntryCount != uint64(len(s.saved)) || state.State.Commit != uint64(len(s.saved)-1) {
		s.tb.Fatalf("state is %+v, %v; %d entries were saved", state, err, len(s.saved))
	}
	last := uint64(len(s.saved))
	got, _, err := s.db.IterateEntries(nil, 0, 1, 1, uint64(from+1), last+1, 0)
	if err != nil || len(got) != len(s.saved)-from {
		s.tb.Fatalf("%d entries of %d read from %d: %v", len(got), len(s.saved), from, err)
	}
	for i, e := range got {
		if want := s.saved[from+i]; e.Index != want.Index || !bytes.Equal(e.Cmd, want.Cmd) {
			s.tb.Fatalf("entry %d is another one", want.Index)
		}
	}
}

// crash is the directory as it would be found if the process were gone now.
func (s *store) crash() string {
	s.tb.Helper()
	dir := s.tb.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		s.tb.Fatal(err)
	}
	return dir
}

func (s *store) reopen(dir string, saved []raftpb.Entry) (*store, error) {
	if err := cutSegments(dir); err != nil {
		return nil, err
	}
	return openStore(s.tb, dir, newSegmentFS(hardDisk{vfs.Default}), saved)
}

func (s *store) mustReopen(dir string, saved []raftpb.Entry) *store {
	s.tb.Helper()
	again, err := s.reopen(dir, saved)
	if err != nil {
		s.tb.Fatal(err)
	}
	return again
}

func segmentsIn(tb testing.TB, dir string) []string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"+segmentSuffix))
	if err != nil || len(found) == 0 {
		tb.Fatalf("no log files in %s: %v", dir, err)
	}
	slices.Sort(found)
	return found
}

func newestSegment(tb testing.TB, dir string) string {
	tb.Helper()
	found := segmentsIn(tb, dir)
	return found[len(found)-1]
}

func sizeOf(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

// randomSize of an entry: mostly small, some around the size of a block or of the zeros ahead.
func randomSize(rng *rand.Rand) int {
	if rng.IntN(8) > 0 {
		return 1 + rng.IntN(600)
	}
	return 1 + rng.IntN(2*segmentZeros)
}

func TestASegmentHasZerosAheadUntilItIsClosed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	path := newestSegment(t, s.dir)
	s.save(100, rng)
	zeroed := sizeOf(t, path)
	if zeroed < segmentZeros || zeroed%segmentPage != 0 {
		t.Errorf("one record makes the file %d bytes long, not a whole number of pages over %d", zeroed, segmentZeros)
	}
	for range 500 {
		s.save(100, rng)
	}
	if got := sizeOf(t, path); got != zeroed {
		t.Errorf("records change the length from %d to %d", zeroed, got)
	}
	s.check(0)
	s.close()
	if got := sizeOf(t, path); got < 500*100 || got >= segmentZeros {
		t.Errorf("closed it has %d bytes", got)
	}
	again := s.mustReopen(s.dir, s.saved)
	again.check(0)
	again.close()
}

func TestEverySavedRecordIsReadWhileTheSegmentGrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	defer s.close()
	for range 300 {
		s.save(randomSize(rng), rng)
		s.check(rng.IntN(len(s.saved)))
	}
}

func TestAFullSegmentIsFollowedByAnother(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	defer s.close()
	first := newestSegment(t, s.dir)
	for newestSegment(t, s.dir) == first {
		s.save(3<<20+rng.IntN(100), rng)
	}
	s.save(100, rng)
	s.check(0)
	if size, written := sizeOf(t, first), writtenOf(t, first); size != written {
		t.Errorf("the full one has %d bytes, %d of them records", size, written)
	}

	dir := s.crash()
	// As if the process had gone after tan made the index and before the file was cut.
	path := segmentsIn(t, dir)[0]
	size := sizeOf(t, path)
	if err := os.Truncate(path, (size+segmentPage)&^(segmentPage-1)); err != nil {
		t.Fatal(err)
	}
	again := s.mustReopen(dir, s.saved)
	defer again.close()
	again.check(0)
	if got := sizeOf(t, path); got != size {
		t.Errorf("%d bytes, want the %d of the records", got, size)
	}
}

func TestOnlyLogFilesAreSegments(t *testing.T) {
	fs := newSegmentFS(hardDisk{vfs.Default})
	for name, want := range map[string]bool{"000001.log": true, "MANIFEST-000002": false, "000001.index": false, "000001.logtmp": false, "CURRENT": false} {
		f, err := fs.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := f.(*segment); got != want {
			t.Errorf("%s is a segment: %v", name, got)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFailedSyncIsReported(t *testing.T) {
	r, w, err := os.Pipe() // cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := (&segment{mediumFile: hardFile{w}, fs: newSegmentFS(hardDisk{vfs.Default})}).Sync(); err == nil {
		t.Error("no error")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSave(b *testing.B) {
	for _, size := range []int{300, 4 << 10, 64 << 10} {
		for _, c := range []struct {
			name string
			fs   func() vfs.FS
		}{{"plain", func() vfs.FS { return vfs.Default }}, {"zeroed", func() vfs.FS { return newSegmentFS(hardDisk{vfs.Default}) }}} {
			b.Run(fmt.Sprintf("%dB/%s", size, c.name), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(7, 7))
				s := newStore(b, c.fs())
				defer s.close()
				for b.Loop() {
					s.save(size, rng)
				}
			})
		}
	}
}
