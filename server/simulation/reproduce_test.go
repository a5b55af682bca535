package simulation

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/coxswain-io/coxswain/internal/overlay"
)

var reproduce = flag.Bool("simulation.reproduce", false, "let TestSeedReproduces build the deterministic form of this test, which takes minutes the first time")

// TestSeedReproduces runs a seed twice, in two processes, and another one once.
func TestSeedReproduces(t *testing.T) {
	program := os.Args[0]
	if !Deterministic {
		program = build(t)
	}
	for seed := uint64(1); seed <= 5; seed++ {
		first, again, other := traceOf(t, program, seed), traceOf(t, program, seed), traceOf(t, program, seed+100)
		if first != again {
			t.Errorf("seed %d gives %s and then %s", seed, first, again)
		}
		if first == other {
			t.Errorf("seeds %d and %d both give %s", seed, seed+100, first)
		}
	}
}

// build makes the test program that is deterministic, or says why not.
func build(t *testing.T) string {
	if !*reproduce {
		t.Skip("this build is not deterministic, and another takes minutes: -simulation.reproduce makes it, as does the tag deterministic with the overlay")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build with:", err)
	}
	tree, err := overlay.Find()
	if err != nil {
		t.Fatal(err)
	}
	list, err := tree.Write(t.TempDir(), overlay.Deterministic())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "simulation.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "deterministic", "-overlay", list, "-o", program, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

var traceLine = regexp.MustCompile(`"Events":\d+,"Trace":"[0-9a-f]{64}"`)

// traceOf runs one seed in a process of its own.
func traceOf(t *testing.T, program string, seed uint64) string {
	out, err := single(t.Context(), program, seed)
	found := traceLine.FindString(out)
	if err != nil || found == "" {
		t.Fatalf("seed %d: %v\n%s", seed, err, out)
	}
	return found
}

// single runs one seed in a process of its own, whose addresses owe nothing to other runs, nor to what the environment holds.
func single(ctx context.Context, program string, seed uint64) (string, error) {
	args := []string{"-test.run", "^TestHistories$", "-test.v",
		"-simulation.runs", "1", "-simulation.seed", fmt.Sprint(seed), "-simulation.operations", fmt.Sprint(*operations),
		fmt.Sprintf("-simulation.watchful=%t", *watchful)}
	if *traceFile != "" {
		args = append(args, "-simulation.trace", *traceFile)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{alone + "=1", "GOMAXPROCS=1", "TMPDIR=" + os.TempDir()}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
