package consensus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lni/vfs"
	"github.com/rs/zerolog"
)

// frailDisk is a disk in memory that forgets what was not synced when the power fails, which it does in the middle of a
// sync.
type frailDisk struct {
	*vfs.MemFS
	syncsLeft *atomic.Int64 // until the power fails; shared by all disks
	fail      func()
}

func (d frailDisk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return frailFile{f, d}, nil
}

func (d frailDisk) Create(name string) (vfs.File, error)  { return d.wrap(d.MemFS.Create(name)) }
func (d frailDisk) OpenDir(name string) (vfs.File, error) { return d.wrap(d.MemFS.OpenDir(name)) }
func (d frailDisk) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(d.MemFS.Open(name, o...))
}
func (d frailDisk) OpenForAppend(name string) (vfs.File, error) {
	return d.wrap(d.MemFS.OpenForAppend(name))
}
func (d frailDisk) ReuseForWrite(from, to string) (vfs.File, error) {
	return d.wrap(d.MemFS.ReuseForWrite(from, to))
}

type frailFile struct {
	vfs.File
	disk frailDisk
}

func (f frailFile) Sync() error {
	if f.disk.syncsLeft.Add(-1) == 0 {
		f.disk.fail()
	}
	return f.File.Sync()
}

// grid is the power of a cluster whose disks are frail, and what was acknowledged while there was some.
type grid struct {
	syncsLeft atomic.Int64  // until the power fails; 0 and less: it does not fail by itself
	failed    chan struct{} // receives when it has failed
	disks     []frailDisk

	mu    sync.Mutex
	acks  []acknowledgement // guarded by mu
	count int               // of acks when the power failed; guarded by mu
}

type acknowledgement struct {
	cmd  string
	term uint64 // in which it came: no leader may use it again
}

func newGrid(disks int) *grid {
	g := &grid{failed: make(chan struct{}, 1)}
	for range disks {
		g.disks = append(g.disks, frailDisk{vfs.NewStrictMem(), &g.syncsLeft, g.fail})
	}
	return g
}

// fail takes the power away from all disks. What was acknowledged before must be found again.
func (g *grid) fail() {
	g.mu.Lock()
	g.count = len(g.acks)
	g.mu.Unlock()
	for _, d := range g.disks {
		d.SetIgnoreSyncs(true)
	}
	g.failed <- struct{}{}
}

// arm makes the power fail in the n-th sync from now.
func (g *grid) arm(n int64) { g.syncsLeft.Store(n) }

// restore brings the power back after it has failed; acks are then those from before. Nothing may use the disks.
func (g *grid) restore() {
	for _, d := range g.disks {
		d.ResetToSyncedState()
		d.SetIgnoreSyncs(false)
	}
	g.acks = g.acks[:g.count]
}

func (g *grid) acknowledge(cmd string, term uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acks = append(g.acks, acknowledgement{cmd, term})
}

// openOnDisk starts a replica as Open does, from boot 0, with its log on disk and without what guards a data directory.
func openOnDisk(t *testing.T, cfg Config, disk frailDisk, boot uint64) *Log {
	t.Helper()
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{cfg: cfg, machine: newLedger(), boot: boot, leadership: newLeadership(), closing: make(chan struct{}), detach: bridge.attach(cfg.Log)}
	l.roster.init()
	l.submissions.waiting = make(map[uint64]chan struct{})
	l.stats = newStats(l)
	host := cfg.hostConfig(nil, l)
	host.Expert.TransportFactory = nil // Dragonboat's own
	host.Expert.FS = disk
	if l.host, err = startHost(cfg, host); err != nil {
		t.Fatalf("server %d, start %d: %v", cfg.ReplicaID, boot, err)
	}
	l.session = l.host.GetNoOPSession(shardID)
	members := cfg.Members
	if boot > 0 {
		members = nil
	}
	if err := startReplica(cfg, l.host, members, false, false, l); err != nil {
		t.Fatalf("server %d, start %d: %v", cfg.ReplicaID, boot, err)
	}
	return l
}

// The power of all servers fails in the middle of any sync, of entries, snapshots, or files that are made at a start or
// removed after a snapshot; every fourth time after a clean stop. What was acknowledged before is there when they are
// back, on all of them.
func TestNothingAcknowledgedIsLostWhenThePowerFails(t *testing.T) {
	failures := 16
	if testing.Short() {
		failures = 4
	}
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers, " servers"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(servers), 1))
			members := freeAddrs(t, servers)
			power := newGrid(servers)
			for boot := range failures + 1 {
				clean, syncs := boot%4 == 3, 1+random.Int64N(200*int64(servers))
				if boot > 0 && !clean {
					power.arm(syncs)
				}
				logs := make([]*Log, servers)
				for i := range logs {
					logs[i] = openOnDisk(t, Config{
						DataDir: "/data", ReplicaID: uint64(i + 1), RaftAddr: members[uint64(i+1)], Members: members,
						Tick: testTick, SnapshotEntries: 25, Log: zerolog.Nop(),
					}, power.disks[i], uint64(boot))
				}
				checkLedgers(t, logs, power.acks, fmt.Sprint("mark ", boot))
				if boot == 0 { // until now there was nothing that could be lost
					power.arm(syncs)
				}
				stop := power.load(t, logs)
				if clean {
					power.awaitLoad(t, random.IntN(100))
				} else {
					<-power.failed
				}
				stop()
				for _, l := range logs {
					close(l.closing)
					l.closeHost()
					l.detach()
				}
				if clean {
					power.fail()
					<-power.failed
				}
				power.restore()
			}
			t.Logf("%d commands were acknowledged and found after %d failures", len(power.acks), failures)
		})
	}
}

// load writes through all logs until the returned function is called.
func (g *grid) load(t *testing.T, logs []*Log) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for _, l := range logs {
		writing.Go(func() {
			for i := 0; ; i++ {
				cmd := fmt.Sprintf("start %d server %d write %d", l.boot, l.cfg.ReplicaID, i)
				if l.Submit(ctx, []byte(cmd)) != nil {
					return
				}
				g.acknowledge(cmd, l.leadership.view().term)
			}
		})
	}
	return func() {
		cancel()
		writing.Wait()
	}
}

// awaitLoad waits until n more writes are acknowledged.
func (g *grid) awaitLoad(t *testing.T, n int) {
	acks := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.acks)
	}
	before := acks()
	waitFor(t, "load", func() bool { return acks() >= before+n })
}

// checkLedgers waits until all machines have applied a mark, and checks that they are the same and have all of want, and
// that the term is a new one.
func checkLedgers(t *testing.T, logs []*Log, want []acknowledgement, mark string) {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	if err := logs[0].Submit(ctx, []byte(mark)); err != nil {
		t.Fatal(err)
	}
	var first []string
	for i, l := range logs {
		machine := l.machine.(*ledger)
		waitFor(t, mark, func() bool { return slices.Contains(machine.list(), mark) })
		list := machine.list()
		list = list[:slices.Index(list, mark)]
		if i == 0 {
			first = list
		} else if !slices.Equal(list, first) {
			t.Fatalf("%s: servers 1 and %d differ", mark, i+1)
		}
	}
	present := make(map[string]bool, len(first))
	for _, cmd := range first {
		present[cmd] = true
	}
	term := logs[0].leadership.view().term
	for _, ack := range want {
		if !present[ack.cmd] {
			t.Errorf("%s: acknowledged %q is lost", mark, ack.cmd)
		}
		if ack.term >= term {
			t.Fatalf("%s: term %d, %q was acknowledged in term %d", mark, term, ack.cmd, ack.term)
		}
	}
}
