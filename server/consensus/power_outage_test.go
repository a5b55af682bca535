package consensus

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/rs/zerolog"
)

// witness is a ledger that knows at which index of the log each command was applied first.
type witness struct {
	*ledger
	mu    sync.Mutex
	index map[string]uint64 // guarded by mu
}

func newWitness() *witness { return &witness{ledger: newLedger(), index: map[string]uint64{}} }

func (w *witness) Apply(entries []Entry) {
	w.mu.Lock()
	for _, e := range entries {
		if w.index[string(e.Cmd)] == 0 {
			w.index[string(e.Cmd)] = e.Index
		}
	}
	w.mu.Unlock()
	w.ledger.Apply(entries)
}

// outage is a cluster whose disks are traced while it works, so that its power can be taken at any moment afterwards.
type outage struct {
	configs []Config
	trace   *trace
	before  []string          // directories with what is on the disks when it starts
	kept    []string          // acknowledged before the trace
	index   map[string]uint64 // where commands are in the log
	sent    map[string]bool   // whatever was submitted, acknowledged or not
	mu      sync.Mutex        // guards sent and index during a run

	// of the servers that run
	roots    []string
	logs     []*Log
	machines []*witness
}

func newOutage(t *testing.T, servers int) *outage {
	o := &outage{index: map[string]uint64{}, sent: map[string]bool{}}
	members := freeAddrs(t, servers)
	for i := range servers {
		o.before = append(o.before, t.TempDir())
		o.configs = append(o.configs, Config{
			ReplicaID: uint64(i + 1), RaftAddr: members[uint64(i+1)], Members: members, Cluster: "outage",
			Tick: testTick, SnapshotEntries: 12, Log: zerolog.Nop(), Fatal: func(err error) { panic(err) },
		})
	}
	return o
}

// open starts the server on what is below root.
func (o *outage) open(server int, root string, disk medium, tick time.Duration) (*Log, *witness, error) {
	cfg := o.configs[server]
	cfg.DataDir, cfg.medium, cfg.Tick = filepath.Join(root, "data"), disk, tick
	w := newWitness()
	log, err := Open(cfg, w)
	return log, w, err
}

// start starts a server on its traced disk.
func (o *outage) start(server int) (err error) {
	root := o.roots[server]
	o.logs[server], o.machines[server], err = o.open(server, root, newTracedDisk(o.trace, server, root), testTick)
	return err
}

// run starts all servers on their disks, lets work use them, and closes them, all of it traced.
func (o *outage) run(t *testing.T, name string, work func(logs []*Log, write func(server int, cmd string) bool)) {
	t.Helper()
	o.trace = new(trace)
	roots := make([]string, len(o.configs))
	o.roots = roots
	for i := range roots {
		roots[i] = t.TempDir()
		before, err := readImage(o.before[i])
		if err == nil {
			err = before.lose(roots[i], luck{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	logs, machines, errs := make([]*Log, len(roots)), make([]*witness, len(roots)), make([]error, len(roots))
	o.logs, o.machines = logs, machines
	var starting sync.WaitGroup
	for i := range roots {
		starting.Go(func() { errs[i] = o.start(i) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the directories go, if the work fails
		for _, log := range logs {
			log.Close()
		}
	})
	ctx, cancel := testContext()
	defer cancel()
	work(logs, func(server int, cmd string) bool {
		cmd = name + " " + cmd
		o.mu.Lock()
		o.sent[cmd] = true
		o.mu.Unlock()
		if logs[server].Submit(ctx, []byte(cmd)) != nil {
			return false
		}
		o.trace.acknowledge(cmd)
		return true
	})
	for i, log := range logs {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		for cmd, index := range machines[i].index {
			if known := o.index[cmd]; known == 0 || index < known {
				o.index[cmd] = index
			}
		}
	}
	if o.trace.broken != nil {
		t.Fatal(o.trace.broken)
	}
}

// checkElection checks what is in the logs of all servers: whichever majority comes back, the one of them that is elected has
// all that was acknowledged.
func (o *outage) checkElection(roots []string, acks []string) error {
	found := make([]remains, len(roots))
	for i, root := range roots {
		var err error
		if found[i], err = readRemains(filepath.Join(root, "data"), o.configs[i].ReplicaID); err != nil {
			return fmt.Errorf("server %d: %w", i+1, err)
		}
	}
	for absent := range found {
		best := -1
		for i := range found {
			if (i != absent || len(found) == 1) && (best < 0 || found[i].newer(found[best])) {
				best = i
			}
		}
		if err := o.checkHolds(found[best], acks); err != nil {
			return fmt.Errorf("without server %d, server %d leads: %w", absent+1, best+1, err)
		}
	}
	return nil
}

func (o *outage) checkHolds(r remains, acks []string) error {
	at := make(map[uint64]string, len(r.entries))
	for _, e := range r.entries {
		if e.Type != raftpb.EncodedEntry { // Raft's own
			continue
		}
		if _, cmd, ok := splitEntry(e.Cmd[1:]); ok { // behind a byte that says that it is not compressed
			at[e.Index] = string(cmd)
		}
	}
	for _, cmd := range acks {
		index := o.index[cmd]
		if index > r.snapshot.Index && at[index] != cmd {
			return fmt.Errorf("acknowledged %q is not at index %d, there is %q (snapshot %d, %d entries)", cmd, index, at[index], r.snapshot.Index, len(r.entries))
		}
	}
	return nil
}

// checkRestart starts all servers on what is left and checks that they have all that was acknowledged and nothing that was
// not sent, in the same order, and go on.
func (o *outage) checkRestart(roots []string, acks []string) (err error) {
	tick := testTick
	if len(roots) == 1 {
		tick = time.Millisecond // nobody has to answer in time
	}
	logs, machines, errs := make([]*Log, len(roots)), make([]*witness, len(roots)), make([]error, len(roots))
	var starting sync.WaitGroup
	for i, root := range roots {
		starting.Go(func() {
			logs[i], machines[i], errs[i] = o.open(i, root, newTracedDisk(new(trace), i, root), tick)
		})
	}
	starting.Wait()
	defer func() {
		for _, log := range logs {
			if log != nil {
				err = errors.Join(err, log.Close())
			}
		}
	}()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	ctx, cancel := testContext()
	defer cancel()
	if err := logs[len(logs)-1].Submit(ctx, []byte("after")); err != nil {
		return err
	}
	var first []string
	for i, log := range logs {
		if err := log.Ready(ctx); err != nil {
			return err
		}
		read := make(onceWaiter, 1)
		log.Barrier(read)
		if err := <-read; err != nil {
			return err
		}
		list := machines[i].list()
		if i == 0 {
			first = list
		} else if !slices.Equal(list, first) {
			return fmt.Errorf("servers 1 and %d differ: %q, %q", i+1, first, list)
		}
	}
	have := make(map[string]bool, len(first))
	for _, cmd := range first {
		have[cmd] = true
		if cmd != "after" && !o.sent[cmd] {
			return fmt.Errorf("%q was applied, which nobody sent", cmd)
		}
	}
	for _, cmd := range acks {
		if !have[cmd] {
			return fmt.Errorf("acknowledged %q is lost", cmd)
		}
	}
	return checkOrder(first)
}

// checkOrder checks that the commands of each writer, which ends in a number, are in order and without a gap.
func checkOrder(list []string) error {
	next := map[string]int{}
	for _, cmd := range list {
		writer, number, ok := strings.Cut(cmd, " write ")
		if !ok {
			continue
		}
		if want := fmt.Sprint(next[writer]); number != want {
			return fmt.Errorf("%q was applied where write %s was expected", cmd, want)
		}
		next[writer]++
	}
	return nil
}
