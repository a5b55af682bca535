package state

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

var writeGolden = flag.Bool("golden.write", false, "keep the bytes of this revision in testdata, if it has none there yet")

// Logs and snapshots outlive releases. testdata has a file for each revision, revision-N.txt, with the bytes of every command and
// of a snapshot as that revision wrote them: a name and hexadecimal digits in each line. No line is ever changed. A new revision
// adds its file by -golden.write, and the digest of its snapshot to goldenDigests.
const goldenFiles = "testdata/revision-*.txt"

var thisRevision = fmt.Sprintf("testdata/revision-%d.txt", Revision)

var goldenDigests = map[string]uint64{
	"revision-1.txt":            0xfbe572d759796935, // before sessions had names, and graves
	"revision-1-with-names.txt": 0x042fcc206d41991b,
	"revision-2.txt":            0x042fcc206d41991b, // it states its number
	"revision-3.txt":            0xedb81e3ae66ed10f,
}

var goldenHeader = Header{Server: 2, Boot: 5, Number: 11, TimeMS: 1_700_000_000_000}

var goldenSecret = session.Secret{1, 2, 3}

// goldenCommands are the commands that are kept, by name.
var goldenCommands = []struct {
	name string
	fill func(*Batch)
}{
	{"write", func(b *Batch) { b.Write(7, wire.CodeOK, request(wire.Create, 1, create("/a", znode.ModeEphemeral))) }},
	{"refused-write", func(b *Batch) {
		b.Write(7, wire.CodeTooLarge, request(wire.Delete, 2, znode.Op{Kind: znode.OpDelete, Path: "/a"}))
	}},
	{"open", func(b *Batch) { b.Open(3, goldenSecret, 10_000, "") }},
	{"named-open", func(b *Batch) { b.Open(3, goldenSecret, 10_000, "worker-1") }},
	{"attach", func(b *Batch) { b.Attach(7, goldenSecret, 2) }},
	{"expire", func(b *Batch) { b.Expire(7, 2) }},
	{"beat", func(b *Batch) { b.Beat(9, true) }},
	{"advance", func(b *Batch) { b.Advance(500, 1000, Mark{Clock: 500, Digest: 0xfeed}) }},
	{"reap", func(b *Batch) { b.Reap(znode.Expiry{Path: "/c", Czxid: 4, Mzxid: 5, Created: 1}) }},
}

func goldenEntry(fill func(*Batch)) []byte {
	var b Batch
	fill(&b)
	return b.Entry(nil, goldenHeader)
}

// goldenState is the state that is kept as a snapshot.
func goldenState(t *testing.T) *State {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, znode.Op{Kind: znode.OpCreate, Path: "/ttl", Mode: znode.ModePersistentTTL, TTLMS: 1000, Data: []byte("x")})
	r.write(id, wire.Create, 2, create("/ttl/e", znode.ModeEphemeral))
	r.do(func(b *Batch) { b.Advance(0, 500, r.s.Mark()) })
	named := r.openNamed(5000, "worker-1")
	r.write(named, wire.Create, 1, create("/n", 0))
	r.send(id, wire.Request{Kind: wire.KillSession, Seq: 3, Target: named})
	r.openNamed(6000, "worker-2")
	return r.s
}

// readGolden returns the lines of a file by name.
func readGolden(t *testing.T, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; a new revision keeps its bytes by -golden.write", err)
	}
	lines := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if lines[name], err = hex.DecodeString(digits); err != nil || len(lines[name]) == 0 {
			t.Fatalf("%s, %s: %v", file, name, err)
		}
	}
	return lines
}

// What this revision writes is what it wrote when it was new.
func TestGoldenBytes(t *testing.T) {
	file := thisRevision
	var got strings.Builder
	for _, c := range goldenCommands {
		fmt.Fprintf(&got, "%s %x\n", c.name, goldenEntry(c.fill))
	}
	s := goldenState(t)
	fmt.Fprintf(&got, "snapshot %x\n", snapshotOf(t, s))
	if _, err := os.Stat(file); *writeGolden && os.IsNotExist(err) {
		t.Logf("%s has a snapshot with digest %#x", file, s.Digest())
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || got.String() != string(text) {
		t.Errorf("the bytes have changed: old logs and snapshots cannot be read any more: %v\ngot\n%swant\n%s", err, &got, text)
	}
	if kept := goldenDigests[filepath.Base(file)]; s.Digest() != kept {
		t.Errorf("the state has digest %#x, want %#x", s.Digest(), kept)
	}
}

// Snapshots of all revisions are read, to the digest that their writer had.
func TestGoldenSnapshotsAreRestored(t *testing.T) {
	files, err := filepath.Glob(goldenFiles)
	if err != nil || len(files) != len(goldenDigests) {
		t.Fatalf("%d files of %d revisions, %v", len(files), len(goldenDigests), err)
	}
	for _, file := range files {
		s, err := Restore(bytes.NewReader(readGolden(t, file)["snapshot"]))
		if err != nil {
			t.Errorf("the snapshot in %s cannot be read any more: %v", file, err)
		} else if want := goldenDigests[filepath.Base(file)]; s.Digest() != want {
			t.Errorf("the snapshot in %s has digest %#x, want %#x", file, s.Digest(), want)
		}
	}
}

// The commands of all revisions are read, and do what those of this one do.
func TestGoldenEntriesAreApplied(t *testing.T) {
	files, err := filepath.Glob(goldenFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		lines := readGolden(t, file)
		old, today := beforeGolden(t), beforeGolden(t)
		for _, c := range goldenCommands {
			entry := lines[c.name]
			if entry == nil {
				if c.name != "named-open" || filepath.Base(file) != "revision-1.txt" { // it had no names
					t.Errorf("%s has no %s", file, c.name)
				}
				continue
			}
			if c.name == "named-open" { // the same open a second time, with a name
				old, today = beforeGolden(t), beforeGolden(t)
			}
			if h, n := old.s.Begin(entry); h != goldenHeader || n != 1 {
				t.Errorf("%s, %s: header %+v, %d commands", file, c.name, h, n)
			}
			got, want := old.apply(entry), today.apply(goldenEntry(c.fill))
			if err := old.s.decoder.End(); err != nil {
				t.Errorf("%s, %s: %v", file, c.name, err)
			}
			if file != thisRevision { // digests of other revisions are not compared
				want = slices.DeleteFunc(want, func(told string) bool { return told == "diverged" })
			}
			if !slices.Equal(got, want) || old.s.Digest() != today.s.Digest() {
				t.Errorf("%s, %s: does %q, today's does %q", file, c.name, got, want)
			}
			if len(got) == 0 {
				t.Errorf("%s, %s does nothing", file, c.name)
			}
		}
	}
}

// beforeGolden is a state in which every golden command has an effect, in their order: the clock is at 500, session 7 was opened
// in an earlier boot of its server, and /c is an empty container that has had a child.
func beforeGolden(t *testing.T) *replica {
	r := newReplica(t)
	r.header = Header{Server: 2, Boot: 4, TimeMS: 1}
	r.do(func(b *Batch) { b.Beat(1, false) })
	open := func(number uint64) { r.do(func(b *Batch) { b.Open(number, goldenSecret, 10_000, "") }) }
	open(1)
	open(2)
	open(3)
	r.write(1, wire.Create, 1, create("/c", znode.ModeContainer)) // zxid 4
	r.write(1, wire.Set, 2, znode.Op{Kind: znode.OpSet, Path: "/c"})
	open(4)
	open(5)
	r.write(1, wire.Create, 3, create("/c/child", 0))
	r.write(1, wire.Delete, 4, znode.Op{Kind: znode.OpDelete, Path: "/c/child"})
	r.advance(500)
	r.header.Boot = goldenHeader.Boot
	r.do(func(b *Batch) { b.Beat(1, false) })
	return r
}
