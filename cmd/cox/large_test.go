package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// fill creates nodes, many in a transaction.
func fill(t *testing.T, c *client.Client, paths []string) {
	t.Helper()
	for some := range slices.Chunk(paths, deletesMax) {
		ops := make([]client.Op, len(some))
		for i, path := range some {
			ops[i] = client.CreateOp(path, nil)
		}
		if _, err := c.Multi(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
	}
}

// observer counts what would be too much to keep, and looks how large the process is that writes it.
type observer struct {
	cmd          *exec.Cmd
	bytes, lines int
	peakKiB      int
}

func (o *observer) Write(b []byte) (int, error) {
	o.bytes += len(b)
	o.lines += bytes.Count(b, []byte("\n"))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if _, peak, ok := bytes.Cut(status, []byte("VmHWM:")); ok && err == nil {
		_, err = fmt.Sscan(string(peak), &o.peakKiB)
	}
	return len(b), err
}

// Any number of children takes the memory of one page.
func TestListsTakeNoMemory(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	const few, many = 10_000, 50_000 // both are more than a page, so that what grows is what is kept
	var paths []string
	for parent, children := range map[string]int{"/few": few, "/many": many} {
		paths = append(paths, parent)
		for i := range children {
			paths = append(paths, fmt.Sprintf("%s/%0200d", parent, i))
		}
	}
	fill(t, c, paths)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("how large a process is cannot be seen here: %v", err)
	}
	list := func(args ...string) *observer {
		t.Helper()
		o := &observer{cmd: exec.Command("cox", args...)}
		o.cmd.Env = append(os.Environ(), "COXSWAIN_SERVERS="+cluster.Addrs()[0], "GORACE=atexit_sleep_ms=0",
			"GOGC=20") // little garbage, whatever the machine
		o.cmd.Stdout, o.cmd.Stderr = o, os.Stderr
		if err := o.cmd.Run(); err != nil {
			t.Fatalf("cox %v: %v", args, err)
		}
		return o
	}
	for _, args := range [][]string{
		{"ls"}, {"--json", "ls"}, {"ls", "-l"}, {"ls", "-R"}, {"--json", "ls", "-R"}, {"--json", "find"}, {"du"},
	} {
		less, more := list(append(args, "/few")...), list(append(args, "/many")...)
		t.Logf("%v: %d KiB for %d children, %d KiB for %d (%d bytes, %d lines)",
			args, less.peakKiB, few, more.peakKiB, many, more.bytes, more.lines)
		if more.bytes < many*200 {
			t.Errorf("%v prints %d bytes", args, more.bytes)
		}
		if grown := more.peakKiB - less.peakKiB; grown > many*200/1024 {
			t.Errorf("%v takes %d KiB more for %d children more", args, grown, many-few)
		}
	}
}

// What is too large for one transaction is deleted in parts, also while somebody adds to it.
func TestDeleteallInParts(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	paths := []string{"/big", "/big/wide", "/big/deep"}
	for i := range 51_000 {
		paths = append(paths, fmt.Sprintf("/big/wide/%05d", i))
	}
	for i := range 20 {
		paths = append(paths, fmt.Sprintf("/big/deep/%d", i), fmt.Sprintf("/big/deep/%d/below", i))
	}
	fill(t, c, paths)
	status, _, stderr := cox(cluster, "", "deleteall", "--atomic", "/big")
	if status != exitFailed || !strings.HasPrefix(stderr, "cox: too many: /big (") || !strings.Contains(stderr, "--atomic") {
		t.Errorf("--atomic: exit status %d, %q", status, stderr)
	}
	if n, err := c.Descendants(t.Context(), "/big"); err != nil || int(n) != len(paths)-1 {
		t.Fatalf("there are %d nodes, %v", n, err)
	}
	status, stdout, stderr := cox(cluster, "", "--json", "deleteall", "/big")
	if want := fmt.Sprintf(`{"path":"/big","deleted":%d,"atomic":false}`+"\n", len(paths)); status != exitDone || stdout != want {
		t.Errorf("exit status %d, %q, %s", status, stdout, stderr)
	}
	if _, there, err := c.Exists(t.Context(), "/big"); there || err != nil {
		t.Errorf("/big is there: %v, %v", there, err)
	}
}

// Leaves that get children, or go, while they are deleted do not stop the deletion in parts.
func TestDeleteallInPartsMeetsOthers(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	paths := []string{"/w"}
	for i := range 3_000 {
		paths = append(paths, fmt.Sprintf("/w/%04d", i))
	}
	fill(t, c, paths)
	s := &shell{mode: oneShot, verbs: allVerbs(), servers: cluster.Addrs(), timeout: timeoutDefault, out: newOutput(io.Discard, io.Discard)}
	d := deletion{call: &call{ctx: t.Context(), shell: s, out: s.out, timeout: s.timeout}, client: c, batch: 100}
	other := cluster.Client(t)
	var meddling sync.WaitGroup
	meddling.Go(func() {
		for i := 0; i < 3_000; i += 50 {
			// Whether they come before the deletion or after it does not matter.
			_, _, _ = other.Create(t.Context(), fmt.Sprintf("/w/%04d/below", i), nil)
			_ = other.Delete(t.Context(), fmt.Sprintf("/w/%04d", i+1))
		}
	})
	err := d.parts("/w")
	meddling.Wait()
	if _, there, err := c.Exists(t.Context(), "/w"); there || err != nil {
		t.Errorf("/w is there: %v, %v", there, err)
	}
	if err != nil || d.deleted < 2_900 {
		t.Errorf("%d deleted, %v", d.deleted, err)
	}
}

// A session that is killed takes its ephemeral nodes along.
func TestKillSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, victim := cluster.Client(t), cluster.Client(t)
	if _, _, err := victim.Create(t.Context(), "/e", nil, client.Ephemeral()); err != nil {
		t.Fatal(err)
	}
	id := victim.Session().ID.String()
	status, stdout, _ := cox(cluster, "", "sessions")
	if row := id + " "; status != exitDone || !strings.Contains(stdout, "\n"+row) || strings.Count(stdout, "\n") != 4 {
		t.Errorf("sessions: exit status %d, %q", status, stdout)
	}
	status, stdout, stderr := cox(cluster, "", "find", "-owner", id)
	if status != exitDone || stdout != "/e\n" {
		t.Errorf("find -owner: exit status %d, %q, %s", status, stdout, stderr)
	}
	status, stdout, stderr = cox(cluster, "", "kill-session", id)
	if status != exitDone || !strings.HasPrefix(stdout, "Killed "+id+"; ") {
		t.Errorf("kill-session: exit status %d, %q, %s", status, stdout, stderr)
	}
	if _, there, err := c.Exists(t.Context(), "/e"); there || err != nil {
		t.Errorf("/e is there: %v, %v", there, err)
	}
	own := c.Session().ID
	if f := (&shell{}).describe(c.KillSession(t.Context(), own)); !strings.HasPrefix(f.Message, "bad arguments: session "+own.String()+" (") {
		t.Errorf("its own: %+v", f)
	}
	status, _, stderr = cox(cluster, "session\nkill-session "+id+"\n")
	if status != exitFailed || !strings.HasPrefix(stderr, "cox: line 2: no session: session "+id) {
		t.Errorf("a second time: exit status %d, %q", status, stderr)
	}
}
