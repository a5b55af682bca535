package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/lni/vfs"
)

// onlyRefusal fails unless err is nil or says why the server does not start.
func onlyRefusal(t *testing.T, err error) {
	t.Helper()
	var refusal *Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Detail == "") {
		t.Errorf("not a refusal: %v", err)
	}
}

func fuzzedDir(f *testing.F) *dataDir {
	f.Helper()
	d, err := openDataDir(filepath.Join(f.TempDir(), "data"), hardDisk{vfs.Default})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.close() })
	return d
}

// Whatever is in the file that says whose data a directory has, a start is refused, or it is written again as the same.
func FuzzIdentity(f *testing.F) {
	for _, s := range []string{
		`{"format":1,"cluster":"c","replica":1,"hostname":"h","raft_addr":"a:1","members":{"1":"a:1","2":"b:1"}}`,
		`{"format":1,"cluster":"c","replica":4,"hostname":"h","raft_addr":"a:1","joined":true}`,
		`{"format":2}`, `{"format":-1}`, `{"format":1}`, `{}`, ``, `null`, `{"format":1,"cluster":"c","replica":-1}`, "\x00\x00\x00",
		`{"format":1,"cluster":"c","replica":1,"hostname":"h","raft_addr":"a:1","members":{"x":"a:1"}}`,
		`{"format":1,"cluster":"c","replica":1,"hostname":"h","raft_addr":"a:1","members":{"1":"a:1"`,
	} {
		f.Add([]byte(s))
	}
	d := fuzzedDir(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(d.file(identityName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := d.readIdentity()
		onlyRefusal(t, err)
		if err != nil {
			return
		}
		onlyRefusal(t, id.check(Config{Cluster: "c", ReplicaID: 1, RaftAddr: "a:1", Join: true}, "h"))
		if err := d.writeIdentity(*id); err != nil {
			t.Fatal(err)
		}
		if again, err := d.readIdentity(); err != nil || !reflect.DeepEqual(again, id) {
			t.Errorf("%q is %+v, which comes back as %+v, %v", text, id, again, err)
		}
	})
}

// Whatever is in the file that counts the starts, the start is refused, or is counted one higher than the file says.
func FuzzBoot(f *testing.F) {
	for _, s := range []string{"1\n", "0", "", "9223372036854775807\n", "9223372036854775808", "-1", "+1", "1 2", " 7 \n", "0x1", "\x00", "1_0"} {
		f.Add([]byte(s))
	}
	d := fuzzedDir(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(d.file(bootName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(d.file(bootCopyName)); err != nil { // of the input before this one
			t.Fatal(err)
		}
		boot, err := d.nextBoot(false)
		onlyRefusal(t, err)
		if err != nil {
			return
		}
		said, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		if next, err := d.nextBoot(false); boot != said+1 || boot < 2 || boot < 1<<63 && (err != nil || next != boot+1) {
			t.Errorf("%q is followed by start %d, and that by %d, %v", text, boot, next, err)
		}
	})
}

// snapshotFile makes a snapshot file of one block.
func snapshotFile(f *testing.F, payload []byte) []byte {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(payload))
	all := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(sum))
	head := snapshotHead(f, raftpb.SnapshotHeader{Version: snapshotVersion, ChecksumType: raftpb.CRC32IEEE, PayloadChecksum: all})
	tail := binary.LittleEndian.AppendUint64(nil, uint64(len(payload)+len(sum)))
	return slices.Concat(head, payload, sum, tail, snapshotTailMagic)
}

// headerOf is what Dragonboat reads of the header of a snapshot file that was found good.
func headerOf(t *testing.T, content []byte) (h raftpb.SnapshotHeader) {
	if err := h.Unmarshal(content[8 : 8+binary.LittleEndian.Uint64(content)]); err != nil {
		t.Fatal(err)
	}
	return h
}

// FuzzSnapshotFile: a snapshot file is good as it was written, and refused if it is cut at any place or with one bit changed
// anywhere, unless the header says the same with it: some bits of its encoding mean nothing.
func FuzzSnapshotFile(f *testing.F) {
	for _, size := range []int{1, 100, 4096} {
		file := snapshotFile(f, bytes.Repeat([]byte{'x'}, size))
		for _, bit := range []int{0, 70, 8 * 60, 8 * 1023, 8 * 1024, 8 * (len(file) - 1), 8 * (len(file) - 20)} {
			f.Add(file, bit)
		}
	}
	path := filepath.Join(f.TempDir(), "snapshot.gbsnap")
	check := func(t *testing.T, content []byte) error {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return checkSnapshotFile(path)
	}
	f.Fuzz(func(t *testing.T, content []byte, bit int) {
		if bit < 0 || bit/8 >= len(content) || check(t, content) != nil {
			return
		}
		if err := check(t, content[:bit/8]); err == nil {
			t.Errorf("cut after %d of %d bytes it is taken for good", bit/8, len(content))
		}
		before := headerOf(t, content)
		content = slices.Clone(content)
		content[bit/8] ^= 1 << (bit % 8)
		if err := check(t, content); err == nil && !reflect.DeepEqual(headerOf(t, content), before) {
			t.Errorf("with bit %d changed it is taken for good", bit)
		}
	})
}
