package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coxswain-io/coxswain/server/servertest"
)

var update = flag.Bool("update", false, "write what the commands print into the golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cox": main})
}

// TestScripts runs the command lines of testdata/script, each file with a server of its own. They are the specification of
// what a user sees.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			servers := strings.Join(servertest.Start(t, 1).Addrs(), ",")
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true, UpdateScripts: *update,
				Setup: func(e *testscript.Env) error {
					e.Setenv("COXSWAIN_SERVERS", servers)
					e.Setenv("TZ", "UTC")
					e.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector each command would linger for a second
					return os.WriteFile(filepath.Join(e.WorkDir, "big"), make([]byte, dataMax+1), 0o600)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "cmpzxid": cmpzxid},
			})
		})
	}
}

// dataMax is the most that a node holds.
const dataMax = 1 << 20

// exits runs a command and checks its exit status: exits 2 cox crate.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	status := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
}

// cmpzxid compares the output with a file that has ZXID where the output has numbers of transactions.
func cmpzxid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cmpzxid FILE")
	}
	got := regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(ts.ReadFile("stdout"), "ZXID")
	if want := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("output:\n%s\nwant:\n%s", got, want)
	}
}

// TestHelp compares what help says with testdata/help.txt, all commands in one file. Run with -update after a change, and
// read the difference: it is what users learn from.
func TestHelp(t *testing.T) {
	verbs := allVerbs()
	got := overview(verbs)
	for _, v := range verbs {
		got += "\n== cox help " + v.name + "\n\n" + v.explain()
	}
	for i, line := range strings.Split(got, "\n") {
		if len([]rune(line)) > 110 || strings.TrimRight(line, " ") != line {
			t.Errorf("line %d is too long or ends with a space: %q", i+1, line)
		}
	}
	const golden = "testdata/help.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("help differs from %s:\n%s", golden, got)
	}
}
