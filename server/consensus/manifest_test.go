package consensus

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lni/vfs"
)

// What tan would ignore is damage: the replica would have forgotten what it has promised.
func TestALogThatTanWouldIgnoreIsRefused(t *testing.T) {
	one := func(t *testing.T, dir, pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "*", "node-1-1", pattern))
		if err != nil || len(found) == 0 {
			found, err = filepath.Glob(filepath.Join(dir, "*", "*", "node-1-1", pattern))
		}
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		return slices.Max(found) // an older manifest may not have been removed yet
	}
	remove := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(one(t, dir, pattern)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rewrite := func(pattern string, change func(b []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := one(t, dir, pattern)
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string // in the error; empty: accepted
	}{
		{"as it was", func(*testing.T, string) {}, ""},
		{"CURRENT is gone", remove("CURRENT"), "CURRENT"},
		{"CURRENT is empty", rewrite("CURRENT", func([]byte) []byte { return nil }), "CURRENT"},
		{"the manifest is gone", remove("MANIFEST-*"), "MANIFEST"},
		{"the manifest is empty", rewrite("MANIFEST-*", func([]byte) []byte { return nil }), "MANIFEST"},
		{"the manifest is cut off", rewrite("MANIFEST-*", func(b []byte) []byte { return b[:len(b)-1] }), "MANIFEST"},
		{"the manifest is zeros", rewrite("MANIFEST-*", func(b []byte) []byte { return make([]byte, len(b)) }), "MANIFEST"},
		{"a bit of the manifest is flipped", rewrite("MANIFEST-*", func(b []byte) []byte { b[len(b)-2] ^= 4; return b }), "MANIFEST"},
		{"the newest log file is emptied", rewrite("*.log", func([]byte) []byte { return nil }), "records are gone"},
		{"an index is gone", remove("*.index"), "index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(10, 10))
			s := newStore(t, newSegmentFS(hardDisk{vfs.Default}))
			s.save(300, rng)
			s.close()
			again := s.mustReopen(s.dir, s.saved) // two log files, one with an index
			again.save(300, rng)
			dir := again.crash()
			again.close()
			c.damage(t, dir)
			err := checkManifests(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("checked with %v, want %q", err, c.want)
			}
		})
	}
}

// A server that is killed at any moment, also while it starts or removes log files that it does not need any more, has a log that
// is accepted, and all that it has acknowledged.
func TestAKilledServerIsNotRefused(t *testing.T) {
	t.Parallel()
	const rounds = 4
	o := newOutage(t, 1)
	random := rand.New(rand.NewPCG(*powerSeed, 11))
	killed := 0
	for round := range rounds {
		o.run(t, fmt.Sprint("round ", round), func(_ []*Log, write func(int, string) bool) {
			for i := 0; i < 30 && write(0, fmt.Sprintf("writer 0 write %d", i)); i++ {
			}
		})
		var left, kept []string
		last := random.IntN(len(o.trace.steps))
		err := o.eachKill(max(1, *powerPoints/12), random, func(step int, roots []string, r *replayer) error {
			killed++
			if left == nil || step <= last { // the next round goes on with what one of them leaves
				root := t.TempDir()
				if err := os.CopyFS(root, os.DirFS(roots[0])); err != nil {
					return err
				}
				left, kept = []string{root}, slices.Clone(r.acks)
			}
			return o.checkElection(roots, r.acks)
		})
		if err != nil {
			t.Fatal(err)
		}
		o.before, o.kept = left, kept
	}
	if found, err := filepath.Glob(filepath.Join(o.before[0], "data/raft/*/*/tandb/node-1-1/000002.log")); err != nil || len(found) > 0 {
		t.Errorf("no log file was removed, %v %v", found, err)
	}
	t.Logf("%d kills", killed)
}
