//go:build planted

package planted

import (
	"context"
	"errors"
	"flag"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/internal/overlay"
)

var only = flag.String("planted.only", "", "regular expression: only the bugs of these names")

// within is how long a suite may take to find a bug, from when its tests are built.
const within = 5 * time.Minute

// TestEveryBugIsCaught plants one bug after the other and runs the suite that must find it.
func TestEveryBugIsCaught(t *testing.T) {
	tree, err := overlay.Find()
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	caught, tried := 0, 0
	for _, bug := range Bugs {
		if !chosen.MatchString(bug.Name) {
			continue
		}
		tried++
		if t.Run(bug.Name, func(t *testing.T) { catch(t, tree, bug) }) {
			caught++
		}
	}
	if tried == 0 {
		t.Fatalf("no bug has a name like -planted.only %s", *only)
	}
	t.Logf("%d of %d planted bugs caught", caught, tried)
}

func catch(t *testing.T, tree overlay.Tree, bug Bug) {
	sets, args := [][]overlay.Replacement{bug.Edits}, []string{"test", "-count=1", "-failfast", "-timeout", "20m"}
	if bug.Suite.Deterministic {
		sets, args = append(sets, overlay.Deterministic()), append(args, "-tags", "deterministic")
	}
	path, err := tree.Write(t.TempDir(), sets...)
	if err != nil {
		t.Fatal(err)
	}
	build := append(args, "-overlay", path, "-run", "^$", bug.Suite.Package)
	if out, err := run(t.Context(), tree.Project, build); err != nil {
		t.Fatalf("it does not even compile: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	out, err := run(ctx, tree.Project, append(append(args, "-overlay", path, "-run", bug.Suite.Run, bug.Suite.Package, "-args"), bug.Suite.Args...))
	took := time.Since(began).Round(time.Second)
	var failed *exec.ExitError
	switch found := regexp.MustCompile(bug.Suite.Words).FindString(out); {
	case ctx.Err() != nil:
		t.Errorf("not caught within %v: %s", within, bug.Breaks)
	case err == nil:
		t.Errorf("not caught, the suite passed in %v: %s", took, bug.Breaks)
	case !errors.As(err, &failed):
		t.Fatal(err)
	case found == "":
		t.Errorf("the suite failed in %v, but not with %q:\n%s", took, bug.Suite.Words, tail(out))
	default:
		t.Logf("caught in %v: %s", took, line(out, found))
	}
}

func run(ctx context.Context, dir string, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// line is the line of a text in which something stands.
func line(text, found string) string {
	at := strings.Index(text, found)
	from := strings.LastIndexByte(text[:at], '\n') + 1
	rest, _, _ := strings.Cut(text[from:], "\n")
	return strings.TrimSpace(rest)
}

// tail is the end of a long text.
func tail(text string) string { return text[max(0, len(text)-4000):] }
