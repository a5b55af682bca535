package consensus

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/lni/vfs"
)

var writeGolden = flag.Bool("golden.write", false, "keep what this format version writes in testdata, where it has nothing there yet")

// What members send each other and what lies in data directories outlives releases. testdata/format-N keeps it as the first
// release of identityFormat N has written it: frames.txt, a name and hexadecimal digits in each line, and identity.json and boot;
// and datadir.tar.gz, a whole data directory. Nothing of that is ever changed; each test reads all that is kept. A new format
// adds its directory by -golden.write.
func goldenDirs(t *testing.T) (dirs []string, newest string) {
	t.Helper()
	newest = fmt.Sprintf("testdata/format-%d", identityFormat)
	if *writeGolden {
		if err := os.MkdirAll(newest, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dirs, err := filepath.Glob("testdata/format-*")
	if err != nil || !slices.Contains(dirs, newest) {
		t.Fatalf("nothing of format %d is kept, run the test with -golden.write: %v", identityFormat, err)
	}
	return dirs, newest
}

// keepGolden writes a file that is not there yet, if that is asked for.
func keepGolden(t *testing.T, path string, content []byte) {
	t.Helper()
	if _, err := os.Stat(path); !*writeGolden || !os.IsNotExist(err) {
		return
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldenFrame is what a frame, or an entry of the log, says, with the functions that write and read it.
type goldenFrame struct {
	name   string
	bytes  func(t *testing.T) []byte
	value  any
	decode func(t *testing.T, b []byte) (any, error)
}

func goldenFrames() []goldenFrame {
	question := censusQuestion{replica: 3, cluster: "blue"}
	answer := censusAnswer{replica: 2, cluster: "blue", fresh: true, final: true, knows: true, joins: true, standing: standingRemoved}
	batch := raftpb.MessageBatch{DeploymentId: 5, SourceAddress: "10.0.0.2:7281", Requests: []raftpb.Message{
		{Type: raftpb.Replicate, ShardID: shardID, From: 2, To: 1, Term: 3, LogTerm: 2, LogIndex: 40, Commit: 39, Entries: []raftpb.Entry{
			{Type: raftpb.ApplicationEntry, Index: 41, Term: 3, Key: 7, Cmd: []byte("command")},
		}},
		{Type: raftpb.Heartbeat, ShardID: shardID, From: 2, To: 1, Term: 3, Commit: 39, Hint: 1, HintHigh: 2},
	}}
	chunk := raftpb.Chunk{ShardID: shardID, ReplicaID: 1, From: 2, ChunkId: 1, ChunkSize: 4, ChunkCount: 2, Data: []byte("data"), Index: 40,
		Term: 3, Membership: raftpb.Membership{ConfigChangeId: 9, Addresses: map[uint64]string{1: "10.0.0.1:7281"}}, Filepath: "snapshot-28.gbsnap",
		FileSize: 1028, DeploymentId: 5, FileChunkId: 1, FileChunkCount: 2}
	type entry struct {
		origin origin
		cmd    string
	}
	return []goldenFrame{
		{"question", func(*testing.T) []byte { return question.frame() }, question, func(t *testing.T, b []byte) (any, error) {
			return decodeQuestion(payloadOf(t, b, frameQuestion))
		}},
		{"answer", func(*testing.T) []byte { return answer.frame() }, answer, func(t *testing.T, b []byte) (any, error) {
			return decodeAnswer(payloadOf(t, b, frameAnswer))
		}},
		{"messages", func(t *testing.T) []byte { return frame(frameMessages, mustMarshal(t, &batch)) }, batch, func(t *testing.T, b []byte) (any, error) {
			return decodeBatch(payloadOf(t, b, frameMessages))
		}},
		{"chunk", func(t *testing.T) []byte { return frame(frameChunk, mustMarshal(t, &chunk)) }, chunk, func(t *testing.T, b []byte) (any, error) {
			return decodeChunk(payloadOf(t, b, frameChunk))
		}},
		{"entry", func(*testing.T) []byte { return appendEntry(nil, origin{2, 300, 70_000}, []byte("command")) },
			entry{origin{2, 300, 70_000}, "command"}, func(t *testing.T, b []byte) (any, error) {
				o, cmd, ok := splitEntry(b)
				if !ok {
					return nil, fmt.Errorf("not an entry")
				}
				return entry{o, string(cmd)}, nil
			}},
	}
}

// payloadOf is what is in a frame.
func payloadOf(t *testing.T, b []byte, want frameKind) []byte {
	t.Helper()
	frames := frameReader{r: bufio.NewReader(bytes.NewReader(b))}
	kind, payload, err := frames.next()
	if err != nil || kind != want {
		t.Fatalf("frame of kind %d, want %d: %v", kind, want, err)
	}
	return payload
}

func TestGoldenFrames(t *testing.T) {
	dirs, newest := goldenDirs(t)
	frames := goldenFrames()
	var written strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&written, "%s %x\n", f.name, f.bytes(t))
	}
	keepGolden(t, filepath.Join(newest, "frames.txt"), []byte(written.String()))
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "frames.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if dir == newest && string(text) != written.String() {
			t.Errorf("the bytes have changed: members of other releases do not understand them\ngot\n%swant\n%s", &written, text)
		}
		for line := range strings.Lines(string(text)) {
			name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
			b, err := hex.DecodeString(digits)
			at := slices.IndexFunc(frames, func(f goldenFrame) bool { return f.name == name })
			if err != nil || at < 0 {
				t.Fatalf("%s, %s: %v", dir, name, err)
			}
			if got, err := frames[at].decode(t, b); err != nil || !reflect.DeepEqual(got, frames[at].value) {
				t.Errorf("%s, %s:\ngot  %+v\nwant %+v\n%v", dir, name, got, frames[at].value, err)
			}
		}
	}
}

// The files that say whose data it is.
func TestGoldenIdentity(t *testing.T) {
	dirs, newest := goldenDirs(t)
	want := identity{Format: identityFormat, Cluster: "blue", Replica: 2, Hostname: "host", RaftAddr: "10.0.0.2:7281",
		Members: map[uint64]string{1: "10.0.0.1:7281", 2: "10.0.0.2:7281"}}
	d := openedDir(t)
	if err := d.writeIdentity(want); err != nil {
		t.Fatal(err)
	}
	if err := d.write(bootName, []byte("299\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.nextBoot(false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{identityName, bootName, bootCopyName} {
		written, err := os.ReadFile(d.file(name))
		if err != nil {
			t.Fatal(err)
		}
		keepGolden(t, filepath.Join(newest, name), written)
		if kept, err := os.ReadFile(filepath.Join(newest, name)); err != nil || !bytes.Equal(written, kept) {
			t.Errorf("%s has changed: %v\ngot\n%s\nwant\n%s", name, err, written, kept)
		}
	}
	for _, dir := range dirs {
		d := openedDir(t)
		for _, name := range []string{identityName, bootName, bootCopyName} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil {
				err = os.WriteFile(d.file(name), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if id, err := d.readIdentity(); err != nil || !reflect.DeepEqual(*id, want) {
			t.Errorf("%s: %+v, %v", dir, id, err)
		}
		if boot, err := d.nextBoot(false); boot != 301 || err != nil {
			t.Errorf("%s: boot %d, %v", dir, boot, err)
		}
	}
}

func openedDir(t *testing.T) *dataDir {
	t.Helper()
	d, err := openDataDir(t.TempDir(), hardDisk{vfs.Default})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// goldenAddr is a loopback address that nothing else uses: it is in the log.
const goldenAddr = "127.0.97.1:7281"

// goldenHost stands for the host's name, which is part of the path of the log.
const goldenHost = "HOST"

func goldenNode(t *testing.T) *node {
	n := newNode(t, 1, map[uint64]string{1: goldenAddr})
	n.cfg.SnapshotEntries = 12
	return n
}

func goldenWrites() (all []string) {
	for i := range 40 {
		all = append(all, fmt.Sprint("write ", i))
	}
	return all
}

// A data directory of each format opens and has what was written: identity, snapshots, log, and what Dragonboat keeps beside them.
// The name of the host is put in before, as the operating system gives it; all else is as it was.
func TestGoldenDataDirectoriesOpen(t *testing.T) {
	dirs, newest := goldenDirs(t)
	archive := filepath.Join(newest, "datadir.tar.gz")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(archive); *writeGolden && os.IsNotExist(err) {
		n := goldenNode(t)
		n.start(t)
		for _, cmd := range goldenWrites() {
			submit(t, n, cmd)
		}
		n.stop(t)
		rename(t, n.cfg.DataDir, host, goldenHost)
		pack(t, n.cfg.DataDir, archive)
	}
	for _, dir := range dirs {
		n := goldenNode(t)
		unpack(t, filepath.Join(dir, "datadir.tar.gz"), n.cfg.DataDir)
		if path, err := newestSnapshot(n.cfg.raftDir()); err != nil || path == "" {
			t.Errorf("%s has no snapshot: %v", dir, err)
		}
		rename(t, n.cfg.DataDir, goldenHost, host)
		n.start(t)
		barrierOn(t, n)
		if got := n.machine.list(); !slices.Equal(got, goldenWrites()) {
			t.Errorf("%s has %q", dir, got)
		}
		if n.machine.recoveries() != 1 || n.log.Boot() != 2 {
			t.Errorf("%s: %d recoveries, boot %d", dir, n.machine.recoveries(), n.log.Boot())
		}
		submit(t, n, "another one")
		n.stop(t)
	}
}

// rename makes a data directory one of another host.
func rename(t *testing.T, dataDir, from, to string) {
	t.Helper()
	path := filepath.Join(dataDir, identityName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	fields["hostname"] = to
	if text, err = json.MarshalIndent(fields, "", "  "); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	raft := filepath.Join(dataDir, "raft")
	if err := os.Rename(filepath.Join(raft, from), filepath.Join(raft, to)); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(raft, "dragonboat.ds")
	if text, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	var owner raftpb.RaftDataStatus
	if err := owner.Unmarshal(text[hostFileSumBytes:]); err != nil {
		t.Fatal(err)
	}
	owner.Hostname = to
	if err := os.WriteFile(path, sealHostFile(mustMarshal(t, &owner)), 0o600); err != nil {
		t.Fatal(err)
	}
}
