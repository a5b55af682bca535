package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

var (
	operationsFlag = flag.Int("determinism.operations", 50_000, "commands that the replicas are compared over")
	seedFlag       = flag.Uint64("determinism.seed", 1, "seed of the commands")
	replayerFlag   = flag.String("determinism.replayer", "",
		"test binary of this package, of another architecture or release, that replays the log; none: this one")
)

// replayerVariable tells this test binary that it is to replay a log instead of running tests.
const replayerVariable = "COXSWAIN_STATE_REPLAYER"

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(replayerVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serveReplay(os.Stdin, os.NewFile(3, "answers")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestReplicasStayEqual: replicas that come to the same point in different ways have the same effects, digest, and bytes of
// their snapshots: one that applies the entries as they come, one whose entries are cut differently, one that is restored
// from its own snapshot again and again, and another process that replays the log from the beginning. And what the state
// says about itself is true: see [picture.check].
func TestReplicasStayEqual(t *testing.T) {
	other := startReplayer(t)
	c := newComparison(*seedFlag)
	tr := newTraffic(*seedFlag)
	points, inspected := 0, 0
	for done, entries := 0, 0; done < *operationsFlag; entries++ {
		entry, n := tr.next(c.live)
		done += n
		err := errors.Join(c.apply(entry, n > 0), other.send(entry))
		if err == nil && c.rng.IntN(600) == 0 {
			points++
			err = c.compareSnapshots(other)
		}
		if err == nil && c.rng.IntN(600) == 0 {
			inspected++
			err = pictureOf(c.live).check()
		}
		if err != nil {
			t.Fatalf("seed %d, entry %d, after %d commands: %v", *seedFlag, entries, done, err)
		}
	}
	if err := errors.Join(c.compareSnapshots(other), pictureOf(c.live).check()); err != nil {
		t.Fatalf("seed %d, at the end: %v", *seedFlag, err)
	}
	t.Logf("%d commands, %d snapshots compared, %d restored, %d states inspected; %d transactions, %d nodes, %d sessions, %d graves",
		*operationsFlag, points+1, c.restores, inspected+1, c.live.Zxid(), c.live.Tree().Len(), c.live.Sessions().Len(), c.live.Sessions().Graves())
	// The tree drifts a little: ten million commands have left it at six times the nodes that the traffic aims at.
	if nodes := c.live.Tree().Len(); nodes > 10*trafficNodes || int(c.live.Zxid()) < *operationsFlag/8 || c.restores < *operationsFlag/50_000 {
		t.Errorf("%d nodes, %d transactions, %d restored: the commands are not what they should be", nodes, c.live.Zxid(), c.restores)
	}
}

// TestComparisonNotices: every way in which one replica may apply a log unlike the others is noticed.
func TestComparisonNotices(t *testing.T) {
	const from = 300 // the entry at which the fault begins
	faults := map[string]func(c *comparison, n int){
		"nothing": nil,
		"a command is left out": func(c *comparison, n int) {
			c.cut = func(entry []byte) [][]byte {
				parts := cutEntry(entry, c.rng)
				return parts[:max(1, len(parts)-1)]
			}
		},
		"the wall clock of the replica is looked at": func(c *comparison, _ int) {
			c.cut = func(entry []byte) [][]byte {
				d := wire.NewDecoder(entry)
				h, count, _ := decodeHeader(&d)
				h.TimeMS++
				return [][]byte{(&Batch{commands: d.Rest(), count: count}).Entry(nil, h)}
			}
		},
		"the parts of an entry are applied in another order": func(c *comparison, _ int) {
			c.cut = func(entry []byte) [][]byte {
				parts := cutEntry(entry, c.rng)
				return append(parts[1:], parts[0])
			}
		},
		"the tail behind a snapshot is not applied": func(c *comparison, _ int) { c.tail = nil },
		"a step of the clock is applied by one replica only": func(c *comparison, n int) {
			if n == from {
				clock := c.live.Sessions().Clock()
				c.restored.sessions.Advance(clock, clock+1)
			}
		},
		"a session is forgotten": func(c *comparison, n int) {
			if n == from {
				c.live.Sessions().Each(0, func(i session.Info) bool {
					c.recut.sessions.Close(i.ID)
					return false
				})
			}
		},
	}
	for name, plant := range faults {
		c, tr := newComparison(5), newTraffic(5)
		var err error
		for n := 0; n < 2000 && err == nil; n++ {
			if plant != nil && n >= from {
				plant(c, n)
			}
			entry, commands := tr.next(c.live)
			if err = c.apply(entry, commands > 0); err != nil && n < from {
				t.Fatalf("%s: entry %d, before the fault: %v", name, n, err)
			}
		}
		if (err == nil) != (plant == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// comparison is replicas in one process that are given the same entries.
type comparison struct {
	rng *rand.Rand

	live     *State
	recut    *State                // gets every entry in parts
	restored *State                // is replaced by what its snapshot gives
	cut      func([]byte) [][]byte // how recut gets an entry

	// A snapshot of restored that is being written while entries are applied, and those entries.
	writing  *Snapshot
	tail     []applied
	restores int
}

// applied is an entry, and the sum of its effects.
type applied struct {
	entry []byte
	sum   uint64
}

func newComparison(seed uint64) *comparison {
	c := &comparison{rng: rand.New(rand.NewPCG(seed, 12)), live: New(), recut: New(), restored: New()}
	c.cut = func(entry []byte) [][]byte { return cutEntry(entry, c.rng) }
	return c
}

// apply gives all replicas an entry and compares what it did. An entry that is not sound is not cut: what a broken command
// does to those behind it ends with the entry.
func (c *comparison) apply(entry []byte, sound bool) error {
	sum := applyAll(c.live, entry)
	digest := c.live.Digest()
	parts := [][]byte{entry}
	if sound {
		parts = c.cut(entry)
	}
	if got := applyAll(c.recut, parts...); got != sum || c.recut.Digest() != digest {
		return fmt.Errorf("entry %x has other effects in parts: %x, %x, digests %x, %x", entry, sum, got, digest, c.recut.Digest())
	}
	if got := applyAll(c.restored, entry); got != sum || c.restored.Digest() != digest {
		return fmt.Errorf("entry %x has other effects after %d snapshots: %x, %x, digests %x, %x", entry, c.restores, sum, got, digest, c.restored.Digest())
	}
	if c.writing == nil {
		if c.rng.IntN(300) == 0 {
			c.writing = c.restored.Snapshot()
		}
		return nil
	}
	c.tail = append(c.tail, applied{entry, sum})
	if c.rng.IntN(40) == 0 {
		return c.restore()
	}
	return nil
}

// restore replaces restored by its snapshot and what was applied since.
func (c *comparison) restore() error {
	var b bytes.Buffer
	var shared sync.Mutex
	if err := c.writing.WriteTo(&b, &shared, nil); err != nil {
		return err
	}
	c.writing.Close()
	again, err := Restore(&b)
	if err != nil {
		return err
	}
	for _, a := range c.tail {
		if sum := applyAll(again, a.entry); sum != a.sum {
			return fmt.Errorf("entry %x has other effects after a snapshot: %x, %x", a.entry, a.sum, sum)
		}
	}
	c.restored, c.writing, c.tail = again, nil, nil
	c.restores++
	return nil
}

// compareSnapshots compares the bytes of the snapshots of all replicas.
func (c *comparison) compareSnapshots(other *replayer) error {
	want := snapshotSum(c.live)
	if got := snapshotSum(c.recut); got != want {
		return fmt.Errorf("cut differently, the snapshot has SHA-256 %x instead of %x", got, want)
	}
	if got := snapshotSum(c.restored); got != want {
		return fmt.Errorf("after %d snapshots, the snapshot has SHA-256 %x instead of %x", c.restores, got, want)
	}
	got, err := other.snapshotSum()
	if err == nil && got != want {
		err = fmt.Errorf("in another process, the snapshot has SHA-256 %x instead of %x", got, want)
	}
	return err
}

// cutEntry makes of a sound entry several with the same commands.
func cutEntry(entry []byte, rng *rand.Rand) [][]byte {
	d := wire.NewDecoder(entry)
	h, count, _ := decodeHeader(&d)
	var parts [][]byte
	part := Batch{commands: d.Rest()}
	begin := len(entry) - len(d.Rest())
	for range count {
		d.Skip()
		part.count++
		if rng.IntN(6) == 0 {
			end := len(entry) - len(d.Rest())
			part.commands = entry[begin:end]
			parts = append(parts, part.Entry(nil, h))
			begin, part.count = end, 0
		}
	}
	part.commands = entry[begin:]
	return append(parts, part.Entry(nil, h))
}

// applyAll applies entries and returns a hash of all their effects in order.
func applyAll(s *State, entries ...[]byte) uint64 {
	sum := xxhash.New()
	var b []byte
	for _, entry := range entries {
		_, n := s.Begin(entry)
		for range n {
			for _, e := range s.Step() {
				b = appendEffect(b[:0], &e)
				_, _ = sum.Write(b)
			}
		}
	}
	return sum.Sum64()
}

func appendEffect(b []byte, e *Effect) []byte {
	for _, v := range [...]uint64{
		uint64(e.Kind), uint64(e.Code), uint64(e.Zxid), uint64(e.Session), uint64(e.Server), uint64(e.Boot), uint64(e.Attempt),
		uint64(e.TimeoutMS), uint64(e.Last), e.Number, uint64(len(e.Changes)), uint64(len(e.Reply)),
	} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, c := range e.Changes {
		b = append(append(b, byte(c.Type)), c.Path...)
	}
	return append(append(b, e.Reply...), e.Detail...)
}

func snapshotSum(s *State) (sum [sha256.Size]byte) {
	h := sha256.New()
	var shared sync.Mutex
	n := s.Snapshot()
	defer n.Close()
	if err := n.WriteTo(h, &shared, nil); err != nil {
		panic(err) // a hash refuses nothing
	}
	h.Sum(sum[:0])
	return sum
}

// replayer is another process that applies a log from the beginning. It is sent entries, each behind its length, and asked
// for the hash of its snapshot by a length that no entry has.
type replayer struct {
	process *exec.Cmd
	in      *bufio.Writer
	out     io.Reader
}

const askForSnapshot = 1<<32 - 1

func startReplayer(t *testing.T) *replayer {
	t.Helper()
	binary := *replayerFlag
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	answers, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &replayer{process: exec.Command(binary), out: answers}
	r.process.Env = append(os.Environ(), replayerVariable+"=1")
	r.process.Stderr, r.process.ExtraFiles = os.Stderr, []*os.File{theirs}
	stdin, err := r.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.in = bufio.NewWriterSize(stdin, 1<<16)
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		stdin.Close() // the end of the log ends the process
		if err := r.process.Wait(); err != nil {
			t.Errorf("the process that replays the log: %v", err)
		}
		answers.Close()
	})
	return r
}

func (r *replayer) send(entry []byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(entry)))
	_, err := r.in.Write(append(head, entry...))
	return err
}

func (r *replayer) snapshotSum() (sum [sha256.Size]byte, err error) {
	_, err = r.in.Write(binary.BigEndian.AppendUint32(nil, askForSnapshot))
	if err = errors.Join(err, r.in.Flush()); err != nil {
		return sum, err
	}
	_, err = io.ReadFull(r.out, sum[:])
	return sum, err
}

// serveReplay is the work of the other process, until in ends.
func serveReplay(in io.Reader, out io.Writer) error {
	s := New()
	r := bufio.NewReaderSize(in, 1<<16)
	var head [4]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == askForSnapshot {
			sum := snapshotSum(s)
			if _, err := out.Write(sum[:]); err != nil {
				return err
			}
			continue
		}
		entry := make([]byte, n)
		if _, err := io.ReadFull(r, entry); err != nil {
			return err
		}
		applyAll(s, entry)
	}
}
