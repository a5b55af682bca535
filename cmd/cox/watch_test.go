package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// process is cox as a process of its own, with its output line by line.
type process struct {
	*exec.Cmd
	lines  *bufio.Scanner
	stderr bytes.Buffer
}

func start(t *testing.T, cluster *servertest.Cluster, args ...string) *process {
	t.Helper()
	return startProgram(t, cluster, "cox", args...)
}

// startShell starts a command of sh, with what it prints to stderr among the other lines.
func startShell(t *testing.T, cluster *servertest.Cluster, command string) *process {
	t.Helper()
	return startProgram(t, cluster, "sh", "-c", "exec 2>&1; "+command)
}

func startProgram(t *testing.T, cluster *servertest.Cluster, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...)}
	p.Env = append(os.Environ(), "COXSWAIN_SERVERS="+strings.Join(cluster.Addrs(), ","), "GORACE=atexit_sleep_ms=0")
	p.Cmd.Stderr = &p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) expects(t *testing.T, want string) {
	t.Helper()
	if !p.lines.Scan() || p.lines.Text() != want {
		t.Fatalf("the next line is %q, want %q (%v, %s)", p.lines.Text(), want, p.lines.Err(), p.stderr.String())
	}
}

// ended is the exit status and what was still printed.
func (p *process) ended() (status int, rest string) {
	for p.lines.Scan() {
		rest += p.lines.Text() + "\n"
	}
	exit, failed := errors.AsType[*exec.ExitError](p.Wait())
	if failed {
		status = exit.ExitCode()
	}
	return status, rest
}

// watch goes on until Ctrl-C, which is its usual end, over lost connections and over the end of its session.
func TestWatchGoesOn(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	begin := c.LastZxid()
	p := start(t, cluster, "watch", "-r", "--since", begin.String(), "--values", "/")
	change := func(path, data string) {
		t.Helper()
		_, stat, err := c.Create(t.Context(), path, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		p.expects(t, fmt.Sprintf("Created          %v  %s = %s", stat.Czxid, path, data))
	}
	change("/a", "two words")
	cluster.CutClients(0)
	change("/b", "\\x1b")
	for e, err := range c.Sessions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != c.Session().ID {
			cluster.ExpireSession(e.ID)
		}
	}
	change("/c", "")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status, rest := p.ended(); status != exitDone || rest != "" {
		t.Errorf("exit status %d, %q", status, rest)
	}
	if text := p.stderr.String(); !strings.Contains(text, "cox: the session has ended; the watch goes on in another\n") {
		t.Errorf("stderr: %q", text)
	}
}

// Ctrl-C also ends the program that is running for an event; what it was for counts as not done.
func TestWatchProgramInterrupted(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	begin := c.LastZxid()
	if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
		t.Fatal(err)
	}
	began := filepath.Join(t.TempDir(), "began")
	p := start(t, cluster, "watch", "--since", begin.String(), "/a", "--", "sh", "-c", "echo began; exec cat "+fifo(t, began))
	p.expects(t, "began")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status, rest := p.ended(); status != exitDone || rest != "" || p.stderr.String() != "" {
		t.Errorf("exit status %d, %q, %q", status, rest, p.stderr.String())
	}
}

// fifo makes a pipe from which nothing ever comes.
func fifo(t *testing.T, path string) string {
	t.Helper()
	if out, err := exec.Command("mkfifo", path).CombinedOutput(); err != nil {
		t.Skipf("no named pipes here: %v, %s", err, out)
	}
	return path
}

// However many events have come before an answer, they are printed before it, in their order.
func TestManyEventsBeforeTheAnswer(t *testing.T) {
	cluster := servertest.Start(t, 1)
	const nodes = 700
	script := "create /w\naddWatch /w\naddWatch -m PERSISTENT /w/x\nmulti\n"
	for i := range nodes {
		script += fmt.Sprintf("create /w/%03d\n", i)
	}
	script += "end\nls /w\n"
	status, stdout, stderr := cox(cluster, script)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if status != exitDone || len(lines) < 1+nodes {
		t.Fatalf("exit status %d, %d lines, %s", status, len(lines), stderr)
	}
	for i, line := range lines[1 : 1+nodes] {
		if !strings.HasPrefix(line, fmt.Sprintf("WATCHER:: Created /w/%03d (zxid 0x", i)) {
			t.Fatalf("line %d is %q", i+2, line)
		}
	}
	if rest := lines[1+nodes:]; rest[0] != "Created /w/000" || !strings.HasPrefix(rest[len(rest)-1], "[000, 001, ") {
		t.Errorf("behind the events comes %q, and at the end %.40q", rest[0], rest[len(rest)-1])
	}
}

// A watch that takes the place of another goes on where that one was.
func TestAddWatchReplaces(t *testing.T) {
	cluster := servertest.Start(t, 1)
	status, stdout, stderr := cox(cluster, "create /w\naddWatch -m PERSISTENT /w\ncreate /w/a\naddWatch /w\nset /w/a x\nls /w\n")
	var events []string
	for line := range strings.Lines(stdout) {
		if event, ok := strings.CutPrefix(line, "WATCHER:: "); ok {
			events = append(events, strings.SplitN(event, " (", 2)[0])
		}
	}
	if got := strings.Join(events, ", "); status != exitDone || got != "ChildrenChanged /w, DataChanged /w/a" {
		t.Errorf("exit status %d, %s, %s", status, got, stderr)
	}
}

// What is missing is told like an event.
func TestGap(t *testing.T) {
	gap := client.Event{Type: client.EventGap, Path: "/a", From: 0x10, Zxid: 0x1f}
	for _, tt := range []struct {
		bare, json bool
		want       string
	}{
		{false, false, "WATCHER:: Gap /a (zxid 0x1f): what has happened since 0x10 is not known, read again\n"},
		{true, false, "Gap              0x1f  /a: what has happened since 0x10 is not known, read again\n"},
		{true, true, `{"event":{"type":"Gap","path":"/a","zxid":"0x1f","from":"0x10"}}` + "\n"},
	} {
		var b strings.Builder
		o := newOutput(&b, io.Discard)
		o.json = tt.json
		r := newEventRecord(gap, true)
		r.bare = tt.bare
		if err := o.give(r); err != nil || b.String() != tt.want {
			t.Errorf("%q, %v; want %q", b.String(), err, tt.want)
		}
	}
}
