package storage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/overlay"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/process"
)

var (
	cases = flag.Int("corrupt.cases", 6, "how often a file is damaged, of one of three servers and again of one that is alone")
	seed  = flag.Uint64("corrupt.seed", 1, "seed of files, places and kinds of damage")
)

// startLimit is how long a server may take to refuse or to serve.
const startLimit = 15 * time.Second

// binary is coxswain with a snapshot each few entries, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "coxswain")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		tree, err := overlay.Find()
		if err != nil {
			panic(err)
		}
		changed, err := tree.Write(dir, []overlay.Replacement{{
			File: "server/consensus/limits.go", Old: "snapshotEntriesDefault = 20_000", New: "snapshotEntriesDefault = 40",
		}})
		if err != nil {
			panic(err)
		}
		binary = filepath.Join(dir, "coxswain")
		build := exec.Command("go", "build", "-overlay", changed, "-o", binary, "github.com/coxswain-io/coxswain/cmd/coxswain")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// patient is a cluster of which one server at a time is damaged, and what it has acknowledged.
type patient struct {
	*process.Cluster
	dir  string
	rng  *rand.Rand
	data [][]byte // of /data/000000 and on, acknowledged
}

func newPatient(t *testing.T, servers int, rng *rand.Rand) *patient {
	t.Helper()
	p := &patient{dir: t.TempDir(), rng: rng}
	var err error
	if p.Cluster, err = process.Start(t.Context(), binary, p.dir, servers); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := with(t, p.Addrs(), func(ctx context.Context, c *client.Client) error {
		_, _, err := c.Create(ctx, "/data", nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// with connects to servers for as long as do takes.
func with(t *testing.T, servers []string, do func(ctx context.Context, c *client.Client) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Servers: servers, Name: t.Name()})
	if err != nil {
		return err
	}
	err = do(ctx, c)
	return errors.Join(err, c.Close(ctx))
}

func nodePath(i int) string { return fmt.Sprintf("/data/%06d", i) }

// write makes n more nodes, one after the other.
func (p *patient) write(t *testing.T, servers []string, n int) {
	t.Helper()
	if err := with(t, servers, func(ctx context.Context, c *client.Client) error {
		for range n {
			data := make([]byte, p.rng.IntN(600))
			for i := range data {
				data[i] = byte(p.rng.Uint32())
			}
			if _, _, err := c.Create(ctx, nodePath(len(p.data)), data); err != nil {
				return err
			}
			p.data = append(p.data, data)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// read compares what server i answers with all that was acknowledged.
func (p *patient) read(t *testing.T, i int) (lost int, err error) {
	err = with(t, p.Addrs()[i:i+1], func(ctx context.Context, c *client.Client) error {
		names, _, err := c.Children(ctx, "/data")
		if err != nil {
			return err
		}
		slices.Sort(names)
		lost, err = compare(p.data, names, func(path string) ([]byte, error) {
			node, err := c.Get(ctx, path)
			return node.Data, err
		})
		return err
	})
	return lost, err
}

// statuses are those of all servers that run, once they are equal, or when ctx ends. Digests may differ for a moment: not all
// that is applied raises the zxid or the clock.
func (p *patient) statuses(ctx context.Context) (all []server.Status, err error) {
	for {
		all, err = nil, nil
		same := true
		for i := range p.Len() {
			if !p.Running(i) {
				continue
			}
			s, statusErr := p.Status(ctx, i)
			if statusErr != nil && p.Running(i) {
				err = errors.Join(err, statusErr)
			} else if statusErr == nil {
				all = append(all, s)
				same = same && s.Zxid == all[0].Zxid && s.ClockMS == all[0].ClockMS && s.Digest == all[0].Digest
			}
		}
		if err == nil && same {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return all, err
		case <-time.After(20 * time.Millisecond): // servers have no common signal
		}
	}
}

// logAt is where the server's log ends now.
func (p *patient) logAt(i int) int64 {
	info, err := os.Stat(filepath.Join(p.dir, fmt.Sprintf("server-%d.log", i+1)))
	if err != nil {
		return 0
	}
	return info.Size()
}

func (p *patient) logFrom(t *testing.T, i int, at int64) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("server-%d.log", i+1)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b[at:])
}

// hurt stops server i, cleanly or not, damages a file, starts it again and judges what comes of it. What others write meanwhile
// is written by away. A server that ends is brought back with its directory as it was.
func (p *patient) hurt(t *testing.T, i int, kind string, how int, away func()) {
	t.Helper()
	clean := p.rng.IntN(2) == 0
	var err error
	if clean {
		err = p.Stop(i)
	} else {
		err = p.Kill(i)
	}
	if err != nil {
		t.Fatal(err)
	}
	away()
	if err := os.Remove(filepath.Join(p.DataDir(i), "admin.sock")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(p.DataDir(i))); err != nil {
		t.Fatal(err)
	}
	w, err := damage(p.rng, p.DataDir(i), kind, how)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("server %d, clean stop %v: %v", i+1, clean, w)
	at := p.logAt(i)
	f := finding{mayLose: w.tail && !clean && p.Len() == 1}
	if err := p.Run(i); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if f.served = p.WaitReady(ctx, i) == nil; f.served {
		f.lost, f.read = p.read(t, i)
		if f.statuses, err = p.statuses(ctx); err != nil {
			t.Error(err)
		}
	}
	if f.ended = !p.Running(i); f.ended {
		f.log = p.logFrom(t, i, at)
		f.restored = p.restore(t, i, kept)
		f.statuses = nil // all of them are compared before the next case
	}
	result, err := f.judge()
	if err != nil {
		t.Fatalf("%v, clean stop %v, -corrupt.seed=%d: %v\n%s", w, clean, *seed, err, p.logFrom(t, i, at))
	}
	p.data = p.data[:len(p.data)-f.lost]
	if !w.changed {
		result += " (nothing was changed)"
	}
	tally[fmt.Sprintf("%-17s  %-15s  %s", kind, w.damage, result)]++
}

// tally counts outcomes.
var tally = map[string]int{}

func logTally(t *testing.T) {
	for _, line := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%4d  %s", tally[line], line)
	}
	clear(tally)
}

// restore puts the directory back as it was, starts the server, and checks that it has lost nothing.
func (p *patient) restore(t *testing.T, i int, kept string) error {
	dir := p.DataDir(i)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if err := p.Run(i); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if err := p.WaitReady(ctx, i); err != nil {
		return err
	}
	lost, err := p.read(t, i)
	if err == nil && lost > 0 {
		err = fmt.Errorf("%d of the last writes are missing", lost)
	}
	return err
}

// course is the order in which kinds of files and damages come up: all pairs, in laps, each in an order of its own.
func course(rng *rand.Rand, n int, each func(kind string, how int)) {
	var pairs [][2]int
	for n > 0 {
		if len(pairs) == 0 {
			for k := range kinds {
				for d := range damages {
					pairs = append(pairs, [2]int{k, d})
				}
			}
			rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		}
		each(kinds[pairs[0][0]].name, pairs[0][1])
		pairs = pairs[1:]
		n--
	}
}

// One of three servers is damaged: it refuses or recovers, and nobody loses anything.
func TestADamagedFileOfOneOfThreeServers(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 3))
	p := newPatient(t, 3, rng)
	course(rng, *cases, func(kind string, how int) {
		i := rng.IntN(3)
		p.write(t, p.Addrs(), 10+rng.IntN(40))
		p.hurt(t, i, kind, how, func() {
			p.write(t, slices.Delete(p.Addrs(), i, i+1), rng.IntN(30))
		})
		// All have all before the next one is hurt: the one that was brought back had forgotten what came since.
		ctx, cancel := context.WithTimeout(t.Context(), startLimit)
		defer cancel()
		all, err := p.statuses(ctx)
		if err == nil {
			_, err = finding{served: true, statuses: all}.judge()
		}
		if err != nil || len(all) != p.Len() {
			t.Fatalf("%d servers run: %v", len(all), err)
		}
	})
	logTally(t)
}

// A server that is alone has nobody to recover from: it serves all, or refuses.
func TestADamagedFileOfTheOnlyServer(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 1))
	p := newPatient(t, 1, rng)
	course(rng, *cases, func(kind string, how int) {
		p.write(t, p.Addrs(), 10+rng.IntN(40))
		p.hurt(t, 0, kind, how, func() {})
	})
	logTally(t)
}
