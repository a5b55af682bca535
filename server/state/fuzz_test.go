package state

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"slices"
	"testing"
)

// withinBound fails the test if f allocates more than four times the n bytes that it was given and base bytes. Other
// goroutines of the test binary allocate too, so f has several tries.
func withinBound(t *testing.T, n, base int, f func()) {
	t.Helper()
	least := uint64(1<<64 - 1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= uint64(4*n+base) {
			return
		}
	}
	t.Errorf("an input of %d bytes allocates %d bytes", n, least)
}

// FuzzEntryOnState: whatever an entry holds, it does the same to a state that has nodes and sessions as to one that was
// restored from a snapshot of it, and what is left is a state: what it says about itself is true, and it can be restored.
func FuzzEntryOnState(f *testing.F) {
	tr, base := newTraffic(4), New()
	for range 40 {
		entry, _ := tr.next(base)
		applyAll(base, entry)
	}
	for range 12 {
		entry, _ := tr.next(base)
		f.Add(entry)
	}
	g := newGenerator(3)
	for range 12 {
		f.Add(g.next(base))
	}
	before := snapshotOf(f, base)
	f.Fuzz(func(t *testing.T, entry []byte) {
		a, err := Restore(bytes.NewReader(before))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Restore(bytes.NewReader(before))
		if err != nil {
			t.Fatal(err)
		}
		if applyAll(a, entry) != applyAll(b, entry) || a.Digest() != b.Digest() {
			t.Fatal("the same entry gave two results")
		}
		if err := pictureOf(a).check(); err != nil {
			t.Fatal(err)
		}
		after := snapshotOf(t, a)
		again, err := Restore(bytes.NewReader(after))
		if err != nil || !bytes.Equal(snapshotOf(t, again), after) {
			t.Fatalf("the state does not come back from its snapshot: %v", err)
		}
	})
}

// chunked makes a snapshot of the values of one chunk, with the right checksum: a fuzzer does not find one.
func chunked(values []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte(snapshotMagic), uint32(len(values)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(values, castagnoli))
	return append(append(b, values...), make([]byte, chunkHeadBytes)...)
}

// restoreBase is what Restore allocates for a snapshot of nothing: the shards of the tree, and the first buffer of a chunk.
const restoreBase = 64<<10 + snapshotChunkBytes

// FuzzRestoreValues reads snapshots whose checksums are right and whose values are anything. What is bounded is what the
// records become: a node of 112 bytes with its places in the tree comes from 20 bytes, so it is forty times the bytes, not
// four as for what a peer may send.
func FuzzRestoreValues(f *testing.F) {
	tr, s := newTraffic(8), New()
	f.Add(snapshotOf(f, s)[len(snapshotMagic)+chunkHeadBytes:])
	for _, entries := range []int{3, 10, 30} {
		for range entries {
			entry, _ := tr.next(s)
			applyAll(s, entry)
		}
		snapshot := snapshotOf(f, s)
		f.Add(snapshot[len(snapshotMagic)+chunkHeadBytes : len(snapshot)-chunkHeadBytes])
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		if len(values) == 0 || len(values) > snapshotChunkBytesMax {
			return
		}
		snapshot := chunked(values)
		var s *State
		var err error
		withinBound(t, 10*len(snapshot), restoreBase, func() { s, err = Restore(bytes.NewReader(snapshot)) })
		if err != nil {
			return
		}
		if err := pictureOf(s).check(); err != nil {
			t.Fatal(err)
		}
		again, err := Restore(bytes.NewReader(snapshotOf(t, s)))
		if err != nil || again.Digest() != s.Digest() || !slices.Equal(snapshotOf(t, again), snapshotOf(t, s)) {
			t.Fatalf("a state that was restored does not come back from its own snapshot: %v", err)
		}
	})
}
