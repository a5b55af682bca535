package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/lni/vfs"
)

func TestAfterACrashAllThatWasSavedIsReadAndNothingElse(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, seed))
			s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
			defer func() { s.close() }()
			for range 1 + rng.IntN(5) {
				for range 1 + rng.IntN(60) {
					s.save(randomSize(rng), rng)
				}
				next := s.mustReopen(s.crash(), s.saved)
				s.close()
				s = next
				s.check(0)
			}
		})
	}
}

// A record that was not synced when the power failed may have come to the disk in part, in any part.
func TestATornLastRecordIsCutOff(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(4, seed))
			s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
			defer s.close()
			for range 1 + rng.IntN(40) {
				s.save(randomSize(rng), rng)
			}
			synced, before := len(s.saved), s.crash()
			s.save(randomSize(rng), rng)
			dir := s.crash()
			tear(t, rng, newestSegment(t, before), newestSegment(t, dir))
			again, err := s.reopen(dir, s.saved[:synced])
			if err != nil {
				t.Fatal(err)
			}
			defer again.close()
			if state, err := again.db.ReadRaftState(1, 1, 0); err == nil && state.EntryCount == uint64(synced+1) {
				again.saved = s.saved // all of it came to the disk
			}
			again.check(0)
			again.save(100, rng)
			again.check(0)
		})
	}
}

// tear leaves some of the sectors of the file as they were before, or fills the last ones with garbage, or ends it in the midst.
func tear(t *testing.T, rng *rand.Rand, before, path string) {
	t.Helper()
	old, err := os.ReadFile(before)
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const sector = 512
	old = append(old, make([]byte, max(0, len(now)-len(old)))...)
	var changed []int
	for at := 0; at < len(now); at += sector {
		if end := min(at+sector, len(now)); !bytes.Equal(old[at:end], now[at:end]) {
			changed = append(changed, at)
		}
	}
	how := rng.IntN(3)
	for _, at := range changed {
		end := min(at+sector, len(now))
		if rng.IntN(2) == 0 {
			continue
		}
		// What was there before in the same sector is synced: a sector is written whole or not at all.
		if from := firstDifference(old[at:end], now[at:end]); how == 1 {
			for i := at + from; i < end; i++ {
				now[i] = byte(rng.Uint32())
			}
		} else {
			copy(now[at:end], old[at:end])
		}
	}
	if how == 2 {
		at := changed[0] + firstDifference(old[changed[0]:], now[changed[0]:])
		now = now[:max(at, changed[rng.IntN(len(changed))])]
	}
	if err := os.WriteFile(path, now, 0o600); err != nil {
		t.Fatal(err)
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestADamagedRecordWithWholeOnesBehindItIsRefused(t *testing.T) {
	for name, damage := range map[string]func(b []byte){
		"a flipped bit":    func(b []byte) { b[len(b)/2] ^= 1 },
		"a lost page":      func(b []byte) { clear(b[:min(len(b), segmentPage)]) },
		"a damaged header": func(b []byte) { b[4] ^= 0xff },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 5))
			s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
			defer s.close()
			s.save(100, rng)
			path := newestSegment(t, s.dir)
			from := writtenOf(t, path)
			s.save(10_000, rng)
			to := writtenOf(t, path)
			for range 10 {
				s.save(blockBytes/2, rng)
			}
			dir := s.crash()
			path = newestSegment(t, dir)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(b[from:to])
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.reopen(dir, nil); !errors.Is(err, errDamagedSegment) {
				t.Errorf("opened with %v", err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
				t.Errorf("the damaged file was changed: %v", err)
			}
		})
	}
}

// A block holds about a hundred small records. If the place of the next one cannot be told, because a header is damaged or a
// page lost, those behind it are found all the same.
func TestADamagedRecordIsRefusedAlsoIfTheWholeOnesAreInItsBlock(t *testing.T) {
	for name, damage := range map[string]func(b []byte){
		"a flipped bit":             func(b []byte) { b[50] ^= 1 },
		"a length beyond the block": func(b []byte) { b[5] ^= 0x80 },
		"a wrong length":            func(b []byte) { b[5] ^= 0x08 },
		"an unknown type":           func(b []byte) { b[6] ^= 0x40 },
		"a lost header":             func(b []byte) { clear(b[:chunkHeaderBytes]) },
		"a lost page":               func(b []byte) { clear(b[100 : 100+segmentPage]) },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(8, 8))
			s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
			defer s.close()
			s.save(300, rng)
			from := writtenOf(t, newestSegment(t, s.dir))
			for range 30 {
				s.save(300, rng)
			}
			dir := s.crash()
			path := newestSegment(t, dir)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(b[from:])
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.reopen(dir, nil); !errors.Is(err, errDamagedSegment) {
				t.Errorf("opened with %v", err)
			}
		})
	}
}

// A client may write data that looks like records of the log.
func TestWhatLooksLikeARecordInTheDataOfATornOneIsNoDamage(t *testing.T) {
	chunk := func(payload []byte) []byte {
		b := append(make([]byte, chunkHeaderBytes-1), chunkFull)
		b = append(b, payload...)
		binary.LittleEndian.PutUint16(b[4:], uint16(len(payload)))
		binary.LittleEndian.PutUint32(b, uint32(xxhash.Sum64(b[6:])))
		return b
	}
	synced := chunk([]byte("synced"))
	torn := chunk(slices.Concat([]byte("before"), chunk([]byte("data")), chunk([]byte("data")), []byte("behind it")))
	clear(torn[:chunkHeaderBytes+2])
	file := slices.Concat(synced, torn, make([]byte, segmentPage))
	if got, err := intactLength(bytes.NewReader(file)); err != nil || got != int64(len(synced)) {
		t.Errorf("%d bytes are whole, %v; want the %d of the first record", got, err, len(synced))
	}
}

func TestLogFilesAreCutWhereALinkLeads(t *testing.T) {
	s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	defer s.close()
	s.save(100, rand.New(rand.NewPCG(9, 9)))
	dir, link := s.crash(), filepath.Join(t.TempDir(), "raft")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := cutSegments(link); err != nil {
		t.Fatal(err)
	}
	path := newestSegment(t, dir)
	if size, written := sizeOf(t, path), writtenOf(t, path); size != written {
		t.Errorf("%d bytes are left, %d of them records", size, written)
	}
}

func writtenOf(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := intactLength(f)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
