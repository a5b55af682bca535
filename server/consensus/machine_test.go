package consensus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/internal/ports"
)

// ledger is a machine that remembers the first application of each command, in order, and which replicas have run. It
// is idempotent as commands must be, and counts what it was given more than once.
type ledger struct {
	mu        sync.Mutex
	commands  []string
	seen      map[string]bool
	repeats   int
	booted    map[uint64]bool
	recovered int
}

func newLedger() *ledger { return &ledger{seen: map[string]bool{}, booted: map[uint64]bool{}} }

func (g *ledger) Apply(entries []Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range entries {
		g.add(string(e.Cmd))
	}
}

func (g *ledger) add(cmd string) {
	if g.seen[cmd] {
		g.repeats++
		return
	}
	g.seen[cmd] = true
	g.commands = append(g.commands, cmd)
	var id uint64
	if n, _ := fmt.Sscanf(cmd, "booted %d", &id); n == 1 {
		g.booted[id] = true
	}
}

func (g *ledger) Booted(replica uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.booted[replica]
}

type ledgerSnapshot []string

func (g *ledger) Snapshot() (Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return ledgerSnapshot(slices.Clone(g.commands)), nil
}

func (s ledgerSnapshot) WriteTo(w io.Writer, _ <-chan struct{}) error {
	var b []byte
	for _, cmd := range s {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(cmd)))
		b = append(b, cmd...)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	_, err := w.Write(b)
	return err
}

func (ledgerSnapshot) Close() {}

func (g *ledger) Recover(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) < 4 || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return errors.New("checksum of the ledger does not match")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.commands, g.seen, g.booted = nil, map[string]bool{}, map[uint64]bool{}
	g.recovered++
	for b = b[:len(b)-4]; len(b) > 0; {
		n := binary.LittleEndian.Uint32(b)
		g.add(string(b[4 : 4+n]))
		b = b[4+n:]
	}
	return nil
}

func (g *ledger) list() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.commands)
}

func (g *ledger) recoveries() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.recovered
}

// node is one replica of a test cluster; it can be stopped and started again.
type node struct {
	cfg     Config
	log     *Log
	machine *ledger
	lines   *lines
}

// lines collects log lines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newNode(t testing.TB, id uint64, members map[uint64]string) *node {
	t.Helper()
	n := &node{lines: new(lines)}
	n.cfg = Config{
		DataDir: filepath.Join(t.TempDir(), fmt.Sprint("server", id)), ReplicaID: id, RaftAddr: members[id], Members: members,
		Tick: testTick, Log: zerolog.New(n.lines).Level(zerolog.InfoLevel).With().Uint64("server", id).Logger(),
		Fatal: func(err error) { panic(err) },
	}
	t.Cleanup(func() {
		if n.log != nil {
			n.log.Close()
		}
		if t.Failed() {
			t.Logf("log lines of server %d:\n%s", id, n.lines)
		}
	})
	return n
}

// open starts the replica with an empty machine.
func (n *node) open() error {
	n.machine = newLedger()
	log, err := Open(n.cfg, n.machine)
	n.log = log
	return err
}

func (n *node) start(t testing.TB) {
	t.Helper()
	if err := n.open(); err != nil {
		t.Fatalf("server %d: %v", n.cfg.ReplicaID, err)
	}
}

func (n *node) stop(t testing.TB) {
	t.Helper()
	if err := n.log.Close(); err != nil {
		t.Fatal(err)
	}
	n.log = nil
}

// freeAddrs returns n free loopback addresses, of members from 1.
func freeAddrs(t testing.TB, n int) map[uint64]string {
	t.Helper()
	free, err := ports.Free(n)
	if err != nil {
		t.Fatal(err)
	}
	addrs := map[uint64]string{}
	for i, addr := range free {
		addrs[uint64(i+1)] = addr
	}
	return addrs
}

// newCluster makes n nodes, lets adjust change each configuration, and starts them.
func newCluster(t testing.TB, n int, adjust func(*Config)) []*node {
	t.Helper()
	members := freeAddrs(t, n)
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = newNode(t, uint64(i+1), members)
		if adjust != nil {
			adjust(&nodes[i].cfg)
		}
	}
	startAll(t, nodes)
	return nodes
}

func startAll(t testing.TB, nodes []*node) {
	t.Helper()
	errs := make([]error, len(nodes))
	var starting sync.WaitGroup
	for i, n := range nodes {
		starting.Go(func() { errs[i] = n.open() })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		ctx, cancel := testContext()
		if err := n.log.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
}

// testContext is long enough for everything that must happen, and ends a test that hangs.
func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 60*time.Second)
}

func submit(t testing.TB, n *node, cmd string) {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	if err := n.log.Submit(ctx, []byte(cmd)); err != nil {
		t.Fatalf("server %d: submit %.40q: %v", n.cfg.ReplicaID, cmd, err)
	}
}

func barrierOn(t testing.TB, n *node) {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	if err := n.log.Ready(ctx); err != nil {
		t.Fatalf("server %d: barrier: %v", n.cfg.ReplicaID, err)
	}
}

// leaderOf waits until one of the nodes leads and the others know it, and returns it.
func leaderOf(t testing.TB, nodes []*node) *node {
	t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	for {
		v := nodes[0].log.leadership.view()
		agreed := v.leader != 0
		for _, n := range nodes[1:] {
			agreed = agreed && n.log.leadership.view().same(v)
		}
		for _, n := range nodes {
			if agreed && n.cfg.ReplicaID == v.leader {
				return n
			}
		}
		select {
		case <-time.After(5 * time.Millisecond): // views of several replicas have no common signal
		case <-ctx.Done():
			t.Fatal("no leader")
		}
	}
}

// sameLedgers checks that after a barrier on each, all nodes have the same commands.
func sameLedgers(t testing.TB, nodes []*node) []string {
	t.Helper()
	var first []string
	for i, n := range nodes {
		barrierOn(t, n)
		if list := n.machine.list(); i == 0 {
			first = list
		} else if !slices.Equal(first, list) {
			t.Fatalf("servers 1 and %d differ:\n%.2000s\n%.2000s", i+1, strings.Join(first, ","), strings.Join(list, ","))
		}
	}
	return first
}
