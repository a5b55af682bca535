package state

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew; only for a new format version")

// TestGoldenBytes: the formats of the log and of snapshots are what they were: servers of the next release read the logs and
// snapshots of this one.
func TestGoldenBytes(t *testing.T) {
	secret := session.Secret{1, 2, 3}
	commands := []struct {
		name string
		fill func(*Batch)
	}{
		{"write", func(b *Batch) { b.Write(7, wire.CodeOK, request(wire.Create, 1, create("/a", znode.ModeEphemeral))) }},
		{"refused write", func(b *Batch) {
			b.Write(7, wire.CodeTooLarge, request(wire.Delete, 2, znode.Op{Kind: znode.OpDelete, Path: "/a"}))
		}},
		{"open", func(b *Batch) { b.Open(3, secret, 10_000, "") }},
		{"named open", func(b *Batch) { b.Open(3, secret, 10_000, "worker-1") }},
		{"attach", func(b *Batch) { b.Attach(7, secret, 2) }},
		{"expire", func(b *Batch) { b.Expire(7, 2) }},
		{"beat", func(b *Batch) { b.Beat(9, true) }},
		{"advance", func(b *Batch) { b.Advance(500, 1000, Mark{Clock: 500, Digest: 0xfeed}) }},
		{"reap", func(b *Batch) { b.Reap(znode.Expiry{Path: "/c", Czxid: 4, Mzxid: 5, Created: 1}) }},
	}
	var got strings.Builder
	for _, c := range commands {
		var b Batch
		c.fill(&b)
		fmt.Fprintf(&got, "%s %s\n", strings.ReplaceAll(c.name, " ", "-"), hex.EncodeToString(b.Entry(nil, Header{Server: 2, Boot: 5, Number: 11, TimeMS: 1_700_000_000_000})))
	}
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, znode.Op{Kind: znode.OpCreate, Path: "/ttl", Mode: znode.ModePersistentTTL, TTLMS: 1000, Data: []byte("x")})
	r.write(id, wire.Create, 2, create("/ttl/e", znode.ModeEphemeral))
	r.do(func(b *Batch) { b.Advance(0, 500, r.s.Mark()) })
	restoreGolden(t, "testdata/snapshot1.txt", 0xfbe572d759796935) // of format 1, of the release before names and graves
	restoreGolden(t, "testdata/snapshot2.txt", 0x042fcc206d41991b) // of revision 2
	named := r.openNamed(5000, "worker-1")
	r.write(named, wire.Create, 1, create("/n", 0))
	r.send(id, wire.Request{Kind: wire.KillSession, Seq: 3, Target: named})
	r.openNamed(6000, "worker-2")
	fmt.Fprintf(&got, "snapshot %s\n", hex.EncodeToString(snapshotOf(t, r.s)))

	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the bytes have changed: old logs and snapshots cannot be read any more\ngot\n%swant\n%s", got.String(), want)
	}
	restoreGolden(t, file, r.s.Digest())
}

// restoreGolden restores the snapshot at the end of a file.
func restoreGolden(t *testing.T, file string, digest uint64) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	snapshot, err := hex.DecodeString(fields[len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	s, err := Restore(bytes.NewReader(snapshot))
	if err != nil {
		t.Fatalf("the snapshot in %s cannot be read any more: %v", file, err)
	}
	if s.Digest() != digest {
		t.Errorf("the snapshot in %s has digest %x, want %x", file, s.Digest(), digest)
	}
}
