package modellog

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// healed is how long, in the time of the bubble, a healed cluster may take to do what it is asked.
const healed = time.Minute

// trial is one cluster with submitters, readers and faults, and what was seen.
type trial struct {
	cluster *Cluster
	rng     *rand.Rand // of the faults
	nodes   []*node

	mu           sync.Mutex
	submitted    map[string]bool
	acknowledged []string
	leaders      map[uint64]uint64 // by term
	violations   []string
}

// node is a replica with its machine; it can be down.
type node struct {
	id    uint64
	opens uint64
	log   *Log // nil: down
	state *ledger
	seen  int // acknowledged[:seen] are known to be in state
}

// violated notes what must not be. The caller holds t.mu.
func (t *trial) violated(format string, args ...any) {
	if len(t.violations) < 5 {
		t.violations = append(t.violations, fmt.Sprintf(format, args...))
	}
}

func (t *trial) rates() Rates {
	delay := time.Duration(1+t.rng.IntN(10)) * time.Millisecond
	return Rates{
		Delay: delay, Disk: time.Duration(t.rng.Int64N(int64(4 * delay))), Drop: t.rng.Float64() * 0.2, Duplicate: t.rng.Float64() * 0.2,
		Election: time.Duration(5+t.rng.IntN(30)) * delay, SnapshotEntries: uint64(t.rng.IntN(3) * 15),
	}
}

func (t *trial) run() outcome {
	for _, n := range t.nodes {
		t.open(n)
	}
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for i, n := range t.nodes {
		for k := range 2 {
			rng := rand.New(rand.NewPCG(t.rng.Uint64(), uint64(i*2+k)))
			clients.Go(func() { t.submit(ctx, n, k, rng) })
		}
		rng := rand.New(rand.NewPCG(t.rng.Uint64(), uint64(i)))
		clients.Go(func() { t.read(ctx, n, rng) })
	}
	for range *flagSteps {
		wait(ctx, t.rng, 100*time.Millisecond)
		t.fault()
	}
	t.heal()
	t.live(ctx)
	stop()
	clients.Wait()
	return t.judge()
}

// wait lasts as long as rng says, about mean.
func wait(ctx context.Context, rng *rand.Rand, mean time.Duration) {
	timer := time.NewTimer(about(rng, mean))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (t *trial) open(n *node) {
	state := newLedger()
	var lastTerm uint64
	log, err := t.cluster.Open(consensus.Config{
		ReplicaID: n.id,
		LeaderChanged: func(leader, term uint64) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if term < lastTerm {
				t.violated("replica %d was told of term %d after %d", n.id, term, lastTerm)
			}
			lastTerm = term
			if other := t.leaders[term]; leader != 0 && other != 0 && other != leader {
				t.violated("%d and %d both led in term %d", other, leader, term)
			} else if leader != 0 {
				t.leaders[term] = leader
			}
		},
	}, state)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.violated("replica %d cannot be opened: %v", n.id, err)
		return
	}
	n.opens++
	n.log, n.state, n.seen = log, state, 0
	if log.Boot() != n.opens {
		t.violated("replica %d has boot %d at start %d", n.id, log.Boot(), n.opens)
	}
}

// crash takes a node down, with all that waits.
func (t *trial) crash(n *node) {
	t.mu.Lock()
	log := n.log
	n.log = nil
	t.mu.Unlock()
	if log == nil {
		return
	}
	t.cluster.Crash(n.id)
	if err := log.Submit(context.Background(), []byte("to a dead one")); !errors.Is(err, consensus.ErrClosed) {
		t.mu.Lock()
		t.violated("submit after a crash: %v", err)
		t.mu.Unlock()
	}
	log.Close()
	t.examine(n)
}

// examine notes what a node's machine found wrong in how it was used.
func (t *trial) examine(n *node) {
	n.state.mu.Lock()
	defer n.state.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, wrong := range n.state.wrong {
		t.violated("replica %d: %s", n.id, wrong)
	}
}

// current is a node's log and machine, nil when it is down.
func (t *trial) current(n *node) (*Log, *ledger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n.log, n.state
}

func (t *trial) submit(ctx context.Context, n *node, client int, rng *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		wait(ctx, rng, 10*time.Millisecond)
		log, state := t.current(n)
		if log == nil {
			continue
		}
		cmd := fmt.Sprintf("%d/%d/%d", n.id, client, i)
		t.mu.Lock()
		t.submitted[cmd] = true
		t.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, about(rng, 2*time.Second))
		err := log.Submit(limited, []byte(cmd))
		cancel()
		t.mu.Lock()
		if err == nil {
			if !state.contains(cmd) {
				t.violated("submit of %s returned and it is not applied on replica %d", cmd, n.id)
			}
			t.acknowledged = append(t.acknowledged, cmd)
		} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, consensus.ErrClosed) {
			t.violated("submit: %v", err)
		}
		t.mu.Unlock()
	}
}

func (t *trial) read(ctx context.Context, n *node, rng *rand.Rand) {
	for ctx.Err() == nil {
		wait(ctx, rng, 20*time.Millisecond)
		if log, state := t.current(n); log != nil {
			t.barrier(ctx, n, log, state)
		}
	}
}

// barrier passes a barrier, and checks that everything is there that had been acknowledged before.
func (t *trial) barrier(ctx context.Context, n *node, log *Log, state *ledger) error {
	t.mu.Lock()
	before := len(t.acknowledged)
	t.mu.Unlock()
	err := log.Ready(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || n.state != state {
		return err
	}
	for ; n.seen < before; n.seen++ {
		if cmd := t.acknowledged[n.seen]; !state.contains(cmd) {
			t.violated("replica %d passed a barrier without %s, which was acknowledged before", n.id, cmd)
		}
	}
	return nil
}

// fault does one thing to the cluster, or undoes one.
func (t *trial) fault() {
	n, id := t.nodes[t.rng.IntN(len(t.nodes))], uint64(1+t.rng.IntN(len(t.nodes)))
	switch t.rng.IntN(13) {
	case 0, 1:
		t.crash(n)
	case 12: // the power fails
		for _, n := range t.nodes {
			t.crash(n)
		}
	case 2, 3, 4:
		for _, n := range t.nodes {
			if log, _ := t.current(n); log == nil {
				t.open(n)
			}
		}
	case 5:
		t.cluster.Block(n.id, id)
	case 6: // cut off in both directions
		for _, other := range t.nodes {
			t.cluster.Block(n.id, other.id)
			t.cluster.Block(other.id, n.id)
		}
	case 7:
		t.cluster.Heal()
	case 8:
		if t.rng.IntN(2) == 0 {
			t.cluster.Pause(n.id)
		}
		for _, n := range t.nodes[:t.rng.IntN(len(t.nodes)+1)] {
			t.cluster.Resume(n.id)
		}
	case 9:
		t.cluster.Depose()
	case 10:
		t.cluster.Transfer(id)
	case 11:
		t.cluster.Snapshot(n.id)
		t.cluster.SetRates(t.rates())
	}
}

func (t *trial) heal() {
	t.cluster.Heal()
	t.cluster.SetRates(Rates{})
	for _, n := range t.nodes {
		t.cluster.Resume(n.id)
		if log, _ := t.current(n); log == nil {
			t.open(n)
		}
	}
}

// live checks that a healed cluster does what it is asked.
func (t *trial) live(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healed)
	defer cancel()
	for i := range 2 {
		for _, n := range t.nodes {
			cmd := fmt.Sprintf("%d/last/%d", n.id, i)
			t.mu.Lock()
			t.submitted[cmd] = true
			t.mu.Unlock()
			if err := n.log.Submit(ctx, []byte(cmd)); err != nil {
				t.mu.Lock()
				t.violated("submit on replica %d of a healed cluster: %v", n.id, err)
				t.mu.Unlock()
			}
			if err := t.barrier(ctx, n, n.log, n.state); err != nil {
				t.mu.Lock()
				t.violated("barrier on replica %d of a healed cluster: %v", n.id, err)
				t.mu.Unlock()
			}
		}
	}
}

// judge compares what the machines have with each other and with what was acknowledged, when everybody has ended.
func (t *trial) judge() (got outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), healed)
	defer cancel()
	for _, n := range t.nodes {
		t.barrier(ctx, n, n.log, n.state)
	}
	truth := t.cluster.Committed()
	sum := fnv.New64a()
	committed := map[string]bool{}
	for _, e := range truth {
		committed[string(e.Cmd)] = true
		fmt.Fprintln(sum, e.Index, string(e.Cmd))
	}
	t.mu.Lock()
	for _, cmd := range t.acknowledged {
		if !committed[cmd] {
			t.violated("%s was acknowledged and is not in the log", cmd)
		}
	}
	for cmd := range committed {
		if !t.submitted[cmd] {
			t.violated("%q is in the log and nobody submitted it", cmd)
		}
	}
	t.mu.Unlock()
	for _, n := range t.nodes {
		n.log.Close()
		t.examine(n)
		list := n.state.places()
		same := len(list) <= len(truth) && slices.EqualFunc(list, truth[:len(list)], func(p place, e consensus.Entry) bool {
			return p.Index == e.Index && p.Cmd == string(e.Cmd)
		})
		if !same {
			t.violated("replica %d has applied something else than what was committed", n.id)
		}
		for _, cmd := range t.acknowledged {
			if !n.state.has[cmd] {
				t.violated("replica %d lacks %s, which was acknowledged", n.id, cmd)
				break
			}
		}
		got.recoveries += n.state.recovered
	}
	t.cluster.Close()
	got.violations, got.committed, got.commits, got.terms, got.sum = t.violations, len(truth), len(committed), len(t.leaders), sum.Sum64()
	return got
}
