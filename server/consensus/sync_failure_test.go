package consensus

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lni/vfs"
	"github.com/rs/zerolog"
)

var syncFailures = flag.Int("sync.failures", 6, "how many of the syncs of a small workload are made to fail, one in each run of a process")

// brokenDisk fails one sync, of a file or a directory, and no other: as file systems do that have dropped what they could not
// write and report that once. It says so before anybody else can.
type brokenDisk struct {
	hardDisk
	mu    sync.Mutex
	count int // of syncs so far; guarded by mu
	fails int // the number of the one that fails
}

func (d *brokenDisk) sync(name string, sync func() error, drop, done func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer done()
	if d.count++; d.count == d.fails {
		drop()
		fmt.Println("failed", name)
		return &os.PathError{Op: "sync", Path: name, Err: syscall.EIO}
	}
	return sync()
}

func (d *brokenDisk) OpenFile(name string, flag int, mode fs.FileMode) (mediumFile, error) {
	f, err := d.hardDisk.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return &brokenFile{mediumFile: f, disk: d}, nil
}

func (d *brokenDisk) Create(name string) (vfs.File, error) {
	return d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (d *brokenDisk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.OpenFile(name, os.O_RDONLY, 0)
}

func (d *brokenDisk) OpenDir(name string) (vfs.File, error) { return d.Open(name) }

type brokenFile struct {
	mediumFile
	disk    *brokenDisk
	written [][2]int64 // since the last sync, from and to; guarded by disk.mu
}

func (f *brokenFile) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.written = append(f.written, [2]int64{at, at + int64(len(p))})
	return f.mediumFile.WriteAt(p, at)
}

func (f *brokenFile) Sync() error     { return f.sync(f.mediumFile.Sync) }
func (f *brokenFile) syncData() error { return f.sync(f.mediumFile.syncData) }

// sync drops what was written at places when it fails, as log files are; other files, which are written from the beginning to the
// end, may stay as they are.
func (f *brokenFile) sync(sync func() error) error {
	return f.disk.sync(f.Name(), sync, func() {
		for _, w := range f.written {
			if _, err := f.mediumFile.WriteAt(make([]byte, w[1]-w[0]), w[0]); err != nil {
				panic(err)
			}
		}
	}, func() { f.written = nil })
}

// Names by which a test starts itself as a server.
const (
	brokenDir   = "COXSWAIN_TEST_BROKEN_DIR"
	brokenAddr  = "COXSWAIN_TEST_BROKEN_ADDR"
	brokenFails = "COXSWAIN_TEST_BROKEN_FAILS"
)

const brokenWrites = 20

// brokenConfig is the same for the server and for who looks at its data afterwards.
func brokenConfig(dir, addr string) Config {
	return Config{DataDir: filepath.Join(dir, "data"), ReplicaID: 1, RaftAddr: addr, Tick: 2 * time.Millisecond, SnapshotEntries: 6,
		Log: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)}
}

// TestServerOnABrokenDisk is the server of TestAFailedSyncEndsTheProcess. It tells on its output what it is doing.
func TestServerOnABrokenDisk(t *testing.T) {
	dir := os.Getenv(brokenDir)
	if dir == "" {
		t.Skip("started by another test")
	}
	fails, err := strconv.Atoi(os.Getenv(brokenFails))
	if err != nil {
		t.Fatal(err)
	}
	cfg := brokenConfig(dir, os.Getenv(brokenAddr))
	disk := &brokenDisk{hardDisk: hardDisk{vfs.Default}, fails: fails}
	cfg.medium = disk
	log, err := Open(cfg, newLedger())
	if err != nil {
		fmt.Println("refused", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
	for i := range brokenWrites {
		fmt.Println("write", i)
		if err := log.Submit(context.Background(), []byte(fmt.Sprint("write ", i))); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", i)
	}
	disk.mu.Lock()
	fmt.Println("closing", disk.count)
	disk.mu.Unlock()
	log.Close() // a sync that fails now concerns nobody
}

// brokenRun is what a server on a broken disk told.
type brokenRun struct {
	acks    []string
	failed  string // the file whose sync failed
	after   int    // acknowledgements after that
	refused string
	syncs   int // until it was closed
	err     error
	output  string
}

func runBroken(ctx context.Context, dir, addr string, fails int) (r brokenRun) {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServerOnABrokenDisk$")
	cmd.Env = append(os.Environ(), brokenDir+"="+dir, brokenAddr+"="+addr, brokenFails+"="+strconv.Itoa(fails))
	output, err := cmd.CombinedOutput()
	r.err, r.output = errors.Join(err, ctx.Err()), string(output)
	lines := bufio.NewScanner(strings.NewReader(r.output))
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "acknowledged":
			r.acks = append(r.acks, "write "+rest)
			if r.failed != "" {
				r.after++
			}
		case "failed":
			r.failed = rest
		case "refused":
			r.refused = rest
		case "closing":
			r.syncs, _ = strconv.Atoi(rest)
		}
	}
	return r
}

// verdict is what is wrong with a run in which a sync failed, "" if nothing is.
func (r brokenRun) verdict() string {
	// A single writer writes on only when it was answered. What the log had synced before may still be acknowledged, but only
	// that; whether it is that shows when the log is read again. Snapshots are written beside the log, which goes on until the
	// process has ended.
	mayFollow := 1
	if strings.Contains(r.failed, "/snapshot-") {
		mayFollow = len(r.acks)
	}
	switch {
	case r.failed == "":
		return "no sync failed"
	case r.refused == "" && !strings.Contains(r.output, "check the disk"):
		return "it does not say what to do"
	case r.after > mayFollow:
		return fmt.Sprintf("%d writes were acknowledged after the sync of %s had failed", r.after, r.failed)
	case r.err == nil:
		return "the process went on"
	case errors.Is(r.err, context.DeadlineExceeded):
		return "the process did not end"
	}
	return ""
}

// What a failed sync has not written is lost, and another sync would say that all is well. So the process ends, whichever sync
// it is, and acknowledges nothing more; started again on a sound disk it has all that was acknowledged.
func TestAFailedSyncEndsTheProcess(t *testing.T) {
	t.Parallel()
	addrs := freeAddrs(t, 2)
	ctx, cancel := testContext()
	defer cancel()
	sound := runBroken(ctx, t.TempDir(), addrs[1], 0)
	if sound.err != nil || sound.syncs == 0 || len(sound.acks) != brokenWrites {
		t.Fatalf("without a failure: %v, %s", sound.err, sound.output)
	}
	outcomes := map[string]int{}
	n := min(*syncFailures, sound.syncs)
	for i := range n {
		fails := 1 + i*sound.syncs/n
		dir := t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		r := runBroken(ctx, dir, addrs[1], fails)
		cancel()
		if r.syncs > 0 {
			continue // there were fewer syncs this time
		}
		if wrong := r.verdict(); wrong != "" {
			t.Fatalf("sync %d of %d: %s: %s", fails, sound.syncs, wrong, r.output)
		}
		if r.refused != "" {
			outcomes["refused to start"]++
		} else {
			outcomes["ended"]++
		}
		machine := newLedger()
		log, err := Open(brokenConfig(dir, addrs[1]), machine)
		if err != nil {
			t.Fatalf("sync %d of %s failed: it does not start again: %v", fails, r.failed, err)
		}
		if err := log.Submit(t.Context(), []byte("after")); err != nil {
			t.Fatal(err)
		}
		list := machine.list()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		for i, cmd := range r.acks {
			if i >= len(list) || list[i] != cmd {
				t.Fatalf("sync %d of %s failed: acknowledged %q, found %q", fails, r.failed, r.acks, list)
			}
		}
	}
	t.Logf("%d syncs, %d made to fail: %v", sound.syncs, n, outcomes)
}

func TestWhatFollowsAFailedSyncIsJudged(t *testing.T) {
	ended := errors.New("exit status 2")
	const advice = "input/output error: check the disk"
	for _, c := range []struct {
		name string
		run  brokenRun
		bad  bool
	}{
		{"the log's sync fails and the process ends", brokenRun{output: advice, failed: "000002.log", err: ended}, false},
		{"a write that was in the log is acknowledged", brokenRun{output: advice, failed: "CURRENT", after: 1, err: ended}, false},
		{"two writes are acknowledged after the log's sync failed", brokenRun{output: advice, failed: "000002.log", after: 2, err: ended}, true},
		{"the next write is acknowledged too", brokenRun{output: advice, failed: "CURRENT", after: 2, err: ended}, true},
		{"a snapshot fails and the log goes on for a moment", brokenRun{output: advice, failed: "raft/snapshot-1-1/dragonboat.snapshot.message", acks: make([]string, 5),
			after: 3, err: ended}, false},
		{"a snapshot fails and the process goes on", brokenRun{output: advice, failed: "raft/snapshot-1-1/dragonboat.snapshot.message"}, true},
		{"the process goes on", brokenRun{output: advice, failed: "CURRENT"}, true},
		{"the process hangs", brokenRun{output: advice, failed: "CURRENT", err: context.DeadlineExceeded}, true},
		{"it does not say what to do", brokenRun{failed: "000002.log", err: ended}, true},
		{"nothing has failed", brokenRun{output: advice, err: ended}, true},
	} {
		if got := c.run.verdict(); (got != "") != c.bad {
			t.Errorf("%s: judged %q", c.name, got)
		}
	}
}
