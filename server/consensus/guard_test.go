package consensus

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/lni/vfs"
)

// refusedFor checks that err is a refusal for reason whose message contains all of words.
func refusedFor(t *testing.T, err error, reason Reason, words ...string) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, reason) {
		t.Fatalf("got %v, want a refusal: %v", err, reason)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("message does not say %q: %v", w, err)
		}
	}
}

// single returns a stopped cluster of one that has run.
func single(t *testing.T) *node {
	t.Helper()
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	submit(t, n, "remember me")
	n.stop(t)
	return n
}

func TestAConfigurationThatContradictsItselfIsRefused(t *testing.T) {
	members := map[uint64]string{1: "127.0.0.1:7182", 2: "127.0.0.2:7182"}
	good := Config{DataDir: t.TempDir(), ReplicaID: 1, RaftAddr: members[1], Members: members}
	if _, err := good.complete(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		reason Reason
		says   string
	}{
		"no directory":          {func(c *Config) { c.DataDir = "" }, ReasonConfig, "data directory"},
		"replica 0":             {func(c *Config) { c.ReplicaID = 0 }, ReasonConfig, "from 1"},
		"not a member":          {func(c *Config) { c.ReplicaID = 3 }, ReasonConfig, "same list"},
		"no port":               {func(c *Config) { c.RaftAddr = "127.0.0.1" }, ReasonConfig, "host:port"},
		"port 0":                {func(c *Config) { c.RaftAddr = "127.0.0.1:0" }, ReasonConfig, "fixed port"},
		"no host":               {func(c *Config) { c.RaftAddr = ":7182" }, ReasonConfig, "host:port"},
		"every interface":       {func(c *Config) { c.RaftAddr = "0.0.0.0:7182" }, ReasonConfig, "host:port"},
		"two addresses":         {func(c *Config) { c.RaftAddr = "127.0.0.1:9999" }, ReasonConfig, "make them equal"},
		"one address twice":     {func(c *Config) { c.Members = map[uint64]string{1: members[1], 2: members[1]} }, ReasonConfig, "same raft address"},
		"member 0":              {func(c *Config) { c.Members = map[uint64]string{0: "127.0.0.1:1", 1: members[1]} }, ReasonConfig, "from 1"},
		"half a tick":           {func(c *Config) { c.Tick = 1500 * time.Microsecond }, ReasonConfig, "whole milliseconds"},
		"name too long":         {func(c *Config) { c.Cluster = strings.Repeat("x", 256) }, ReasonConfig, "255"},
		"half of TLS":           {func(c *Config) { c.TLS.CA = "ca.pem" }, ReasonTLS, "all three"},
		"open to the world":     {func(c *Config) { c.Join, c.RaftAddr = true, "192.0.2.1:7182" }, ReasonInsecure, "TLS"},
		"named, not loopback":   {func(c *Config) { c.Join, c.RaftAddr = true, "server1.example:7182" }, ReasonInsecure, "--insecure-raft"},
		"member somewhere else": {func(c *Config) { c.Members = map[uint64]string{1: members[1], 2: "192.0.2.1:7182"} }, ReasonInsecure, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			_, err := Open(cfg, newLedger())
			refusedFor(t, err, c.reason, c.says)
		})
	}
	insecure := good
	insecure.Join, insecure.RaftAddr, insecure.InsecureRaft = true, "192.0.2.1:7182", true
	if _, err := insecure.complete(); err != nil {
		t.Errorf("plaintext that was asked for: %v", err)
	}
}

func TestADataDirectoryThatCannotBeMadeIsRefused(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/coxswain"} {
		n.cfg.DataDir = dir
		refusedFor(t, n.open(), ReasonNotWritable, dir, "may write")
	}
}

func TestTheDataDirectoryIsPrivate(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	if err := os.MkdirAll(n.cfg.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	info, err := os.Stat(n.cfg.DataDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAnotherProgramsDirectoryIsNotClosedToOthers(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.cfg.DataDir = t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(n.cfg.DataDir, "thesis.tex"), nil, 0o644), os.Chmod(n.cfg.DataDir, 0o755)); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, n.open(), ReasonNotWritable, n.cfg.DataDir, "not coxswain's")
	if info, err := os.Stat(n.cfg.DataDir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTwoProcessesOnOneDataDirectoryAreRefused(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	other := newNode(t, 1, freeAddrs(t, 1))
	other.cfg.DataDir = n.cfg.DataDir
	refusedFor(t, other.open(), ReasonLocked, "another coxswain is running", n.cfg.DataDir)
	submit(t, n, "undisturbed")
}

func TestAnotherFormatVersionIsRefused(t *testing.T) {
	n := single(t)
	editIdentity(t, n, func(id map[string]any) { id["format"] = 2 })
	refusedFor(t, n.open(), ReasonVersion, "format version 2", "version of coxswain")
}

func editIdentity(t *testing.T, n *node, edit func(map[string]any)) {
	t.Helper()
	path := filepath.Join(n.cfg.DataDir, identityName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := map[string]any{}
	if err := json.Unmarshal(text, &id); err != nil {
		t.Fatal(err)
	}
	edit(id)
	if text, err = json.Marshal(id); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSomebodyElsesDataIsRefused(t *testing.T) {
	n := single(t)
	good := n.cfg
	for name, c := range map[string]struct {
		change func(*Config)
		reason Reason
		words  []string
	}{
		"cluster": {func(c *Config) { c.Cluster = "other" }, ReasonCluster, []string{`"coxswain"`, `"other"`}},
		"replica": {func(c *Config) { c.ReplicaID, c.Members = 2, map[uint64]string{2: c.RaftAddr} }, ReasonReplica, []string{"server 1", "server 2"}},
		"address": {func(c *Config) { c.RaftAddr, c.Members = "127.0.0.9:1", nil }, ReasonRaftAddr, []string{"127.0.0.9:1", good.RaftAddr}},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(&n.cfg)
			refusedFor(t, n.open(), c.reason, c.words...)
			n.cfg = good
		})
	}
	n.start(t)
	if got := n.machine.list(); len(got) > 1 {
		t.Errorf("the refused starts changed the data: %q", got)
	}
	if n.log.Boot() != 2 {
		t.Errorf("refused starts were counted: boot %d", n.log.Boot())
	}
}

func TestAChangedHostnameIsRefused(t *testing.T) {
	n := single(t)
	editIdentity(t, n, func(id map[string]any) { id["hostname"] = "old-name" })
	refusedFor(t, n.open(), ReasonHostname, `"old-name"`, "old name back")
}

func TestAnotherListOfMembersIsIgnoredWithAWarning(t *testing.T) {
	n := single(t)
	n.cfg.Members = map[uint64]string{1: n.cfg.RaftAddr, 2: "127.0.0.1:1"}
	n.start(t)
	barrierOn(t, n)
	if got := n.log.Status().Members; len(got) != 1 {
		t.Errorf("members %v", got)
	}
	if !strings.Contains(n.lines.String(), "list of members differs") {
		t.Error("no warning")
	}
}

func TestATakenRaftPortIsRefused(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	l, err := net.Listen("tcp", n.cfg.RaftAddr)
	if err != nil {
		t.Fatal(err)
	}
	refusedFor(t, n.open(), ReasonPort, n.cfg.RaftAddr, "stop the program")
	l.Close()
	n.start(t)
}

func TestLostIdentityFilesAreRefused(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"identity missing": func(dir string) error { return os.Remove(filepath.Join(dir, identityName)) },
		"identity empty":   func(dir string) error { return os.Truncate(filepath.Join(dir, identityName), 0) },
		"identity garbled": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, identityName), []byte("\x00\x17{"), 0o600)
		},
		"identity lacks all": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, identityName), []byte(`{"format":1}`), 0o600)
		},
		"boot missing": func(dir string) error { return os.Remove(filepath.Join(dir, bootName)) },
		"boot garbled": func(dir string) error { return os.WriteFile(filepath.Join(dir, bootName), []byte("-3"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			n := single(t)
			if err := damage(n.cfg.DataDir); err != nil {
				t.Fatal(err)
			}
			refusedFor(t, n.open(), ReasonIdentity, "missing or damaged", n.cfg.DataDir, "never used")
		})
	}
}

func TestALostLogIsRefused(t *testing.T) {
	n := single(t)
	if err := os.RemoveAll(n.cfg.raftDir()); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, n.open(), ReasonLog, n.cfg.raftDir(), "is gone", "never used")
	refusedFor(t, n.open(), ReasonLog, "is gone") // the refusal itself must not look like a first start
}

func TestAFirstStartThatWasInterruptedBeginsAgain(t *testing.T) {
	n := single(t)
	// As after a crash between the making of the log's directory and the writing of the identity.
	if err := os.Remove(filepath.Join(n.cfg.DataDir, identityName)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.cfg.DataDir, startingName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	barrierOn(t, n)
	if got := n.machine.list(); len(got) != 0 || n.log.Boot() != 2 {
		t.Errorf("machine has %q, boot %d", got, n.log.Boot())
	}
	n.stop(t)
	// As after a crash between the start of the replica and the removal of the mark.
	if err := os.WriteFile(filepath.Join(n.cfg.DataDir, startingName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	submit(t, n, "still there")
	n.stop(t)
	if _, err := os.Stat(filepath.Join(n.cfg.DataDir, startingName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark of the first start was left: %v", err)
	}
}

func TestSettingsFilesInTheWorkingDirectoryAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("dragonboat-soft-settings.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, newNode(t, 1, freeAddrs(t, 1)).open(), ReasonConfig, "dragonboat-soft-settings.json", "move it away")
}

// snapshotted returns a stopped node with a snapshot, and the snapshot's file.
func snapshotted(t *testing.T) (*node, string) {
	t.Helper()
	n := newNode(t, 1, freeAddrs(t, 1))
	n.cfg.SnapshotEntries = 10
	n.start(t)
	for i := range 40 {
		submit(t, n, strings.Repeat("write ", i+1))
	}
	waitFor(t, "a snapshot", func() bool { return n.log.stats.snapshotsCreated.Get() > 0 })
	n.stop(t)
	path, err := newestSnapshot(n.cfg.raftDir())
	if err != nil || path == "" {
		t.Fatalf("no snapshot: %v", err)
	}
	return n, path
}

func TestTheNewestSnapshotIsFoundWhereALinkLeads(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "raft")
	const name = "snapshot-000000000000000A"
	if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	if got, err := newestSnapshot(link); err != nil || got != filepath.Join(link, name, name+".gbsnap") {
		t.Errorf("found %q, %v", got, err)
	}
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	n, path := snapshotted(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) func() []byte {
		return func() []byte {
			b := append([]byte(nil), good...)
			b[at] ^= 0x10
			return b
		}
	}
	for name, damaged := range map[string]func() []byte{
		"length of the header": flip(0),
		"header":               flip(9),
		"padding":              flip(snapshotHeaderBytes - 1),
		"first block":          flip(snapshotHeaderBytes),
		"middle":               flip((len(good) + snapshotHeaderBytes) / 2),
		"block's checksum":     flip(len(good) - snapshotTailBytes - 1),
		"length at the end":    flip(len(good) - snapshotTailBytes),
		"last byte":            flip(len(good) - 1),
		"cut short":            func() []byte { return good[:len(good)-40] },
		"empty":                func() []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, damaged(), 0o600); err != nil {
				t.Fatal(err)
			}
			refusedFor(t, n.open(), ReasonSnapshot, path, "damaged", "bring the data directory back")
		})
	}
	// As after a crash right after the snapshot was recorded: the log knows of it, and it has its flag still.
	flag := filepath.Join(filepath.Dir(path), snapshotFlag)
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, flip(snapshotHeaderBytes)(), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, n.open(), ReasonLog, path, "damaged", "remove this server from the cluster")
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	barrierOn(t, n)
	if got := len(n.machine.list()); got != 40 {
		t.Errorf("the undamaged snapshot and the log give %d commands, want 40", got)
	}
}

// brokenMachine cannot recover.
type brokenMachine struct{ *ledger }

func (brokenMachine) Recover(io.Reader) error {
	return errors.New("the state makes no sense")
}

// A snapshot that only the machine finds wrong is noticed when the replica is already being started, in a goroutine of
// Dragonboat. The process must end with a message, so it is one of its own.
func TestASnapshotThatTheMachineRejectsEndsTheProcess(t *testing.T) {
	if dir := os.Getenv("CONSENSUS_TEST_DIR"); dir != "" {
		addr := os.Getenv("CONSENSUS_TEST_ADDR")
		_, err := Open(Config{DataDir: dir, ReplicaID: 1, RaftAddr: addr, Tick: testTick, Log: consoleLog()}, brokenMachine{newLedger()})
		t.Fatalf("Open returned: %v", err)
	}
	n, path := snapshotted(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestASnapshotThatTheMachineRejectsEndsTheProcess$")
	cmd.Env = append(os.Environ(), "CONSENSUS_TEST_DIR="+n.cfg.DataDir, "CONSENSUS_TEST_ADDR="+n.cfg.RaftAddr)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("process ended with %v:\n%s", err, out)
	}
	for _, w := range []string{path, "the state makes no sense", "bring the data directory back", "cannot go on"} {
		if !strings.Contains(string(out), w) {
			t.Errorf("output does not say %q:\n%s", w, out)
		}
	}
}

// A server whose number of starts goes back would never be ready: what it writes would be taken for that of an earlier start.
func TestANumberOfStartsThatIsTooSmallIsMended(t *testing.T) {
	n := single(t)
	n.start(t)
	n.stop(t)
	n.start(t)
	n.stop(t)
	if err := os.WriteFile(filepath.Join(n.cfg.DataDir, bootName), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.start(t)
	if boot := n.log.Boot(); boot < 3 {
		t.Errorf("boot %d after two starts", boot)
	}
}

func TestDamagedFilesOfTheHostAreNamed(t *testing.T) {
	n := single(t)
	for _, name := range hostFiles {
		path := filepath.Join(n.cfg.raftDir(), name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(whole)
		flipped[len(flipped)-1] ^= 1
		for _, damaged := range [][]byte{nil, whole[:len(whole)-1], flipped} {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			refusedFor(t, n.open(), ReasonLog, path+" is damaged", "bring the data directory back")
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.start(t)
}

// Without the record of its snapshot in the log, Dragonboat would remove the snapshot and begin with nothing.
func TestALogThatHasForgottenItsSnapshotIsRefused(t *testing.T) {
	n, _ := snapshotted(t)
	dir := t.TempDir()
	disk := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
	defer disk.close()
	if err := os.CopyFS(dir, os.DirFS(n.cfg.raftDir())); err != nil {
		t.Fatal(err)
	}
	if err := disk.db.SaveBootstrapInfo(shardID, 1, raftpb.Bootstrap{Addresses: n.cfg.Members}); err != nil {
		t.Fatal(err)
	}
	if err := checkKnowsSnapshot(disk.db, dir, dir); err == nil {
		t.Error("a log that knows of no snapshot was accepted beside one")
	}
	if err := checkKnowsSnapshot(disk.db, t.TempDir(), dir); err != nil {
		t.Errorf("without a snapshot: %v", err)
	}
}
