package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSubmitAppliesOnTheServerThatSubmitted(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	var want []string
	for round := range 5 {
		for _, n := range nodes {
			cmd := fmt.Sprintf("round %d at server %d", round, n.cfg.ReplicaID)
			submit(t, n, cmd)
			want = append(want, cmd)
			if list := n.machine.list(); !slices.Equal(list, want) {
				t.Fatalf("after Submit at server %d its machine has %q, want %q", n.cfg.ReplicaID, list, want)
			}
		}
	}
	if got := sameLedgers(t, nodes); !slices.Equal(got, want) {
		t.Errorf("machines have %q, want %q", got, want)
	}
	status := nodes[0].log.Status()
	if !status.Ready || status.Boot != 1 || status.Applied == 0 || !maps.Equal(status.Members, nodes[0].cfg.Members) {
		t.Errorf("status %+v", status)
	}
}

func TestBarrierSeesWhatAnotherServerAcknowledged(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	for i := range 60 {
		writer, reader := nodes[i%3], nodes[(i+1+i/3%2)%3]
		cmd := fmt.Sprint("write ", i)
		submit(t, writer, cmd)
		barrierOn(t, reader)
		if list := reader.machine.list(); !slices.Contains(list, cmd) {
			t.Fatalf("server %d passed a barrier and has not seen %q of server %d", reader.cfg.ReplicaID, cmd, writer.cfg.ReplicaID)
		}
	}
}

func TestAClusterOfOne(t *testing.T) {
	n := newNode(t, 7, map[uint64]string{7: freeAddrs(t, 1)[1]})
	n.start(t)
	submit(t, n, "a")
	barrierOn(t, n)
	ctx, cancel := testContext()
	defer cancel()
	if err := n.log.TransferLeadership(ctx); err != nil {
		t.Errorf("handing over alone: %v", err)
	}
	n.stop(t)
	n.start(t)
	submit(t, n, "b")
	if got := n.machine.list(); !slices.Equal(got, []string{"a", "b"}) || n.log.Boot() != 2 {
		t.Errorf("second start has %q, boot %d", got, n.log.Boot())
	}
}

func TestCommandsThatAreEmptyOrTooLargeAreRefused(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	for _, size := range []int{0, CommandBytesMax + 1} {
		if err := n.log.Submit(t.Context(), make([]byte, size)); !errors.Is(err, ErrCommandTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if err := n.log.Submit(t.Context(), bytes.Repeat([]byte{'x'}, CommandBytesMax)); err != nil {
		t.Errorf("the largest command: %v", err)
	}
}

// The leader goes away under load, several times over. What was acknowledged is there, and all machines are the same.
func TestLeaderDiesUnderLoad(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	var acknowledged []string
	for round := range rounds {
		leader := leaderOf(t, nodes)
		survivors := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n == leader })
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		var mu sync.Mutex
		var times []time.Time
		var count atomic.Int64
		for _, n := range survivors {
			load.Go(func() {
				for i := 0; ; i++ {
					cmd := fmt.Sprintf("round %d server %d write %d", round, n.cfg.ReplicaID, i)
					err := n.log.Submit(ctx, []byte(cmd))
					if err != nil {
						return
					}
					mu.Lock()
					acknowledged = append(acknowledged, cmd)
					times = append(times, time.Now())
					mu.Unlock()
					count.Add(1)
				}
			})
		}
		waitFor(t, "load", func() bool { return count.Load() > 20 })
		killed := time.Now()
		leader.stop(t)
		at := count.Load()
		waitFor(t, "writes after the leader died", func() bool { return count.Load() > at+50 })
		stop()
		load.Wait()
		var gap time.Duration
		mu.Lock()
		for i := 1; i < len(times); i++ {
			if times[i].After(killed) {
				gap = max(gap, times[i].Sub(times[i-1]))
			}
		}
		mu.Unlock()
		t.Logf("round %d: longest gap between acknowledged writes %v", round, gap.Round(time.Millisecond))
		if limit := 20 * electionTicks * testTick; gap > limit {
			t.Errorf("the gap is %v, more than %v", gap, limit)
		}
		leader.start(t)
	}
	list := sameLedgers(t, nodes)
	present := make(map[string]bool, len(list))
	for _, cmd := range list {
		present[cmd] = true
	}
	for _, cmd := range acknowledged {
		if !present[cmd] {
			t.Errorf("acknowledged %q is lost", cmd)
		}
	}
}

// waitFor polls for something that has no signal.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	for !holds() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestHandingOverLeadershipLosesNothing(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var count atomic.Int64
	order := make([][]string, len(nodes))
	for i, n := range nodes {
		load.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				cmd := fmt.Sprintf("server %d write %d", n.cfg.ReplicaID, k)
				if n.log.Submit(ctx, []byte(cmd)) == nil {
					order[i] = append(order[i], cmd)
					count.Add(1)
				}
			}
		})
	}
	for range 5 {
		at := count.Load()
		waitFor(t, "load", func() bool { return count.Load() > at+20 })
		leader := leaderOf(t, nodes)
		limited, cancel := testContext()
		if err := leader.log.TransferLeadership(limited); err != nil {
			t.Fatal(err)
		}
		cancel()
		if leader.log.IsLeader() {
			t.Error("still leads after handing over")
		}
	}
	stop()
	load.Wait()
	list := sameLedgers(t, nodes)
	for i, n := range nodes {
		mine := slices.DeleteFunc(slices.Clone(list), func(cmd string) bool {
			return !strings.HasPrefix(cmd, fmt.Sprintf("server %d ", n.cfg.ReplicaID))
		})
		// The last one may have been applied although its Submit was cancelled.
		if !slices.Equal(mine[:len(order[i])], order[i]) {
			t.Errorf("commands of server %d are not in the order in which it submitted them", n.cfg.ReplicaID)
		}
	}
}

func TestWithoutAQuorumSubmitWaitsAndGoesOnWhenItReturns(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	submit(t, nodes[0], "before")
	nodes[1].stop(t)
	nodes[2].stop(t)
	short, cancel := context.WithTimeout(t.Context(), 25*testTick)
	defer cancel()
	if err := nodes[0].log.Submit(short, []byte("in vain")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("submit without a quorum: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- nodes[0].log.Submit(t.Context(), []byte("patient")) }()
	read := make(onceWaiter, 1)
	nodes[0].log.Barrier(read)
	nodes[1].start(t)
	if err := <-done; err != nil {
		t.Errorf("submit after the quorum returned: %v", err)
	}
	if err := <-read; err != nil {
		t.Errorf("barrier after the quorum returned: %v", err)
	}
}

func TestCloseEndsWhoeverWaits(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	nodes[1].stop(t)
	nodes[2].stop(t)
	log := nodes[0].log
	waitFor(t, "the leader to step down", func() bool { _, _, known := log.Leader(); return !known })
	done := make(chan error, 1)
	go func() { done <- log.Submit(t.Context(), []byte("x")) }()
	read := make(onceWaiter, 1)
	log.Barrier(read)
	waitFor(t, "the submission", func() bool {
		log.submissions.mu.Lock()
		defer log.submissions.mu.Unlock()
		return len(log.submissions.waiting) == 1
	})
	nodes[0].stop(t)
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("submit: %v", err)
	}
	if err := <-read; !errors.Is(err, ErrClosed) {
		t.Errorf("barrier: %v", err)
	}
	log.Barrier(read)
	if err := <-read; !errors.Is(err, ErrClosed) {
		t.Errorf("barrier after Close: %v", err)
	}
	if err := log.Submit(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("submit after Close: %v", err)
	}
	if err := log.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestRestartFromSnapshotAndLog(t *testing.T) {
	nodes := newCluster(t, 3, func(c *Config) { c.SnapshotEntries = 20 })
	var want []string
	for i := range 130 {
		cmd := fmt.Sprint("write ", i)
		submit(t, nodes[i%3], cmd)
		want = append(want, cmd)
	}
	for _, n := range nodes {
		n.stop(t)
	}
	startAll(t, nodes)
	if got := sameLedgers(t, nodes); !slices.Equal(got, want) {
		t.Errorf("after the restart %d commands, want %d", len(got), len(want))
	}
	for _, n := range nodes {
		if n.machine.recoveries() == 0 {
			t.Errorf("server %d did not use a snapshot", n.cfg.ReplicaID)
		}
		if n.log.Status().Applied < 130 {
			t.Errorf("server %d applied up to %d", n.cfg.ReplicaID, n.log.Status().Applied)
		}
	}
}

func TestAFollowerThatIsFarBehindGetsASnapshot(t *testing.T) {
	nodes := newCluster(t, 3, func(c *Config) { c.SnapshotEntries = 20 })
	submit(t, nodes[0], "first")
	late := nodes[2]
	late.stop(t)
	random := rand.NewChaCha8([32]byte{}) // does not compress: the snapshot is several pieces of 2 MiB
	large := make([]byte, 100_000)
	for i := range 100 {
		random.Read(large)
		submit(t, nodes[i%2], fmt.Sprint("write ", i, " ", string(large)))
	}
	late.start(t)
	barrierOn(t, late)
	if got := len(sameLedgers(t, nodes)); got != 101 {
		t.Errorf("%d commands, want 101", got)
	}
	if late.machine.recoveries() == 0 {
		t.Error("the follower was not sent a snapshot")
	}
}

// The log has the paths of snapshots as they were when they were written. A leader whose data directory was moved since sends
// them from where they are.
func TestAMovedLeaderSendsItsSnapshot(t *testing.T) {
	nodes := newCluster(t, 3, func(c *Config) { c.SnapshotEntries = 20 })
	late := nodes[2]
	late.stop(t)
	for i := range 100 {
		submit(t, nodes[i%2], fmt.Sprint("write ", i))
	}
	for _, n := range nodes[:2] {
		n.stop(t)
		to := filepath.Join(t.TempDir(), "moved")
		if err := os.Rename(n.cfg.DataDir, to); err != nil {
			t.Fatal(err)
		}
		n.cfg.DataDir = to
	}
	startAll(t, nodes)
	barrierOn(t, late)
	if got := len(sameLedgers(t, nodes)); got != 100 {
		t.Errorf("%d commands, want 100", got)
	}
	if late.machine.recoveries() == 0 {
		t.Error("the follower was not sent a snapshot")
	}
}

// tally is a Waiter that thousands can share.
type tally struct {
	left *atomic.Int64
	done chan error
}

func (w tally) BarrierDone(err error) {
	if w.left.Add(-1) == 0 || err != nil {
		w.done <- err
	}
}

func TestTenThousandWaitersShareAFewReadIndexCalls(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	for _, n := range nodes {
		before := n.log.stats.barrierRounds.Get()
		left := new(atomic.Int64)
		left.Store(10_000)
		w := tally{left: left, done: make(chan error, 1)}
		for range 10_000 {
			n.log.Barrier(w)
		}
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		if rounds := n.log.stats.barrierRounds.Get() - before; rounds > 200 {
			t.Errorf("server %d asked the leader %d times for 10,000 waiters", n.cfg.ReplicaID, rounds)
		}
	}
}

func TestBarriersGoOnWhenTheLeaderDies(t *testing.T) {
	nodes := newCluster(t, 3, nil)
	leader := leaderOf(t, nodes)
	survivors := slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n == leader })
	leader.stop(t)
	start := time.Now()
	for _, n := range survivors {
		barrierOn(t, n)
	}
	t.Logf("both survivors read again after %v", time.Since(start).Round(time.Millisecond))
}

func TestLeaderChangesAreReported(t *testing.T) {
	var mu sync.Mutex
	var terms []uint64
	n := newNode(t, 1, freeAddrs(t, 1))
	n.cfg.LeaderChanged = func(leader, term uint64) {
		mu.Lock()
		defer mu.Unlock()
		if leader == 1 {
			terms = append(terms, term)
		}
	}
	n.start(t)
	barrierOn(t, n)
	leader, term, known := n.log.Leader()
	mu.Lock()
	defer mu.Unlock()
	if leader != 1 || !known || !n.log.IsLeader() || !slices.Equal(terms, []uint64{term}) {
		t.Errorf("leader %d of term %d (%v), reported terms %v", leader, term, known, terms)
	}
}

func TestMetricsNameWhatHappened(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	submit(t, n, "x")
	var b bytes.Buffer
	n.log.WriteMetrics(&b)
	for _, want := range []string{"coxswain_log_submits_total 1\n", "coxswain_log_is_leader 1\n", "coxswain_log_boot 1\n", "dragonboat_raftnode_has_leader"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
}
