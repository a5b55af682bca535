package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// owner is the session that holds a lock, and its node.
func owner(t *testing.T, c *client.Client, path string) (client.SessionID, string) {
	t.Helper()
	e, err := recipes.Explain(t.Context(), c, path)
	if err != nil || len(e.Holders()) != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	return e.Holders()[0].Session.ID, e.Holders()[0].Path
}

// becomes waits for a condition.
func becomes(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(30 * time.Second); !condition(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// inLine waits until so many stand in a line.
func inLine(t *testing.T, c *client.Client, path string, n int) {
	t.Helper()
	becomes(t, strconv.Itoa(n)+" in line", func() bool {
		names, _, err := c.Children(t.Context(), path)
		return len(names) == n && (err == nil || errors.Is(err, client.ErrNoNode))
	})
}

// next is the next line of output as a number.
func (p *process) next(t *testing.T) int {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("no line: %v, %s", p.lines.Err(), p.stderr.String())
	}
	n, err := strconv.Atoi(p.lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	return !strings.Contains(string(stat), ") Z ")
}

// stubborn ignores SIGTERM, and so does its child; it prints the child's process id.
const stubborn = `trap "" TERM; sleep 1000 & echo $!; wait; wait`

// Whatever the program does about SIGTERM, it and what it has started are gone when somebody takes the lock away.
func TestLockIsLostAndTheProgramEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	for _, tt := range []struct {
		name, want string
		lose       func(client.SessionID, string) error
	}{
		{"session killed", "session expired", func(id client.SessionID, _ string) error { return c.KillSession(t.Context(), id) }},
		{"node deleted", "somebody has deleted it", func(_ client.SessionID, node string) error {
			return c.Delete(t.Context(), node)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, cluster, "lock", "a", "--", "sh", "-c", stubborn)
			child := p.next(t)
			if err := tt.lose(owner(t, c, "/locks/a")); err != nil {
				t.Fatal(err)
			}
			status, _ := p.ended()
			if text := p.stderr.String(); status != exitFailed || !strings.HasPrefix(text, "cox: lost: /locks/a: "+tt.want) {
				t.Errorf("exit status %d, %q", status, text)
			}
			becomes(t, "the child is gone", func() bool { return !alive(child) })
		})
	}
}

// A holder that is cut off ends its program, first politely, while nobody else can have the lock.
func TestLockIsUncertainAndTheProgramEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	p := start(t, cluster, "lock", "--session", "2s", "a", "--", "sh", "-c",
		`trap "echo 2; exit 0" TERM; echo 1; while :; do sleep 0.01; done`)
	p.next(t)
	id, _ := owner(t, c, "/locks/a")
	cluster.HoldSession(id)
	p.next(t) // it was told
	cluster.ReleaseSession(id)
	status, _ := p.ended()
	if text := p.stderr.String(); status != exitFailed || !strings.Contains(text, "cox: lost: /locks/a: the session can no longer be assumed") {
		t.Errorf("exit status %d, %q", status, text)
	}
	inLine(t, c, "/locks/a", 0)
}

// Signals to cox are the program's; it decides, and the lock is held until it has ended.
func TestSignalsArePassedOn(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	p := start(t, cluster, "lock", "a", "--", "sh", "-c",
		`exec 2>&-; trap "echo 2" INT; trap "echo 3; exit 7" TERM; echo 1; while :; do sleep 0.01; done`)
	p.next(t)
	for i, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		owner(t, c, "/locks/a")
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if got := p.next(t); got != i+2 {
			t.Fatalf("after %v: %d", s, got)
		}
	}
	if status, rest := p.ended(); status != 7 || rest != "" || p.stderr.String() != "" {
		t.Errorf("exit status %d, %q, %q", status, rest, p.stderr.String())
	}
	inLine(t, c, "/locks/a", 0)
}

// A signal is the usual end of a lock without a program, and gives it back; while waiting it leaves no node.
func TestLockUntilInterrupted(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(s) { // by whoever runs the tests, and so by what they start
			t.Logf("%v is ignored here and not tried", s)
			continue
		}
		first := start(t, cluster, "lock", "a")
		if !first.lines.Scan() || !strings.HasPrefix(first.lines.Text(), "Locked /locks/a: fence ") {
			t.Fatalf("%q, %s", first.lines.Text(), first.stderr.String())
		}
		second := start(t, cluster, "lock", "a", "--", "echo", "never")
		inLine(t, c, "/locks/a", 2)
		for _, tt := range []struct {
			p      *process
			status int
			stderr string
			left   int
		}{{second, signalStatus + int(s), "cox: interrupted\n", 1}, {first, exitDone, "", 0}} {
			if err := tt.p.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if status, rest := tt.p.ended(); status != tt.status || rest != "" || tt.p.stderr.String() != tt.stderr {
				t.Errorf("%v: exit status %d, %q, %q", s, status, rest, tt.p.stderr.String())
			}
			inLine(t, c, "/locks/a", tt.left)
		}
	}
}

// What was ignored from the start, as nohup has it, stays so.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	first := start(t, cluster, "lock", "a")
	inLine(t, c, "/locks/a", 1)
	second := startShell(t, cluster, `trap "" HUP; exec cox lock a -- echo never`)
	inLine(t, c, "/locks/a", 2)
	for _, s := range []os.Signal{syscall.SIGHUP, os.Interrupt} {
		if err := second.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if status, rest := second.ended(); status != signalStatus+int(syscall.SIGINT) || rest != "cox: interrupted\n" {
		t.Errorf("exit status %d, %q", status, rest)
	}
	if !first.lines.Scan() {
		t.Fatal(first.stderr.String())
	}
	interrupt(t, first)

	p := startShell(t, cluster, `trap "" HUP; exec cox lock a -- sh -c 'echo $PPID; kill -HUP $$; kill -HUP $PPID; exec sh -c "exit 3"'`)
	p.next(t)
	if status, rest := p.ended(); status != 3 || rest != "" {
		t.Errorf("exit status %d, %q", status, rest)
	}
}

// A program that was stopped does not keep the lock from being given back.
func TestStoppedProgramEnds(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p := start(t, cluster, "lock", "a", "--", "sh", "-c", `trap "exit 7" TERM INT HUP; echo $$; while :; do sleep 0.01; done`)
		program := p.next(t)
		if err := syscall.Kill(-program, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if status, rest := p.ended(); status != 7 || rest != "" {
			t.Errorf("%v: exit status %d, %q, %q", s, status, rest, p.stderr.String())
		}
		inLine(t, c, "/locks/a", 0)
	}
}

// The program's status stays what it is when the lock cannot be given back.
func TestStatusWithoutRelease(t *testing.T) {
	cluster := servertest.Start(t, 1)
	done := t.TempDir() + "/done"
	p := start(t, cluster, "lock", "--session", "1m", "a", "--", "sh", "-c", "echo 1; until test -e "+done+"; do sleep 0.01; done")
	p.next(t)
	cluster.Stop(0)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, _ := p.ended()
	if text := p.stderr.String(); status != exitDone || !strings.Contains(text, "cox: /locks/a is not given back yet, ") {
		t.Errorf("exit status %d, %q", status, text)
	}
}

// Without a majority the time to wait, and that of one request, bound a lock too.
func TestLockWithoutQuorum(t *testing.T) {
	cluster := servertest.Start(t, 3)
	var out, errs strings.Builder
	s := &shell{mode: script, verbs: allVerbs(), servers: cluster.Addrs(), timeout: timeoutDefault, out: newOutput(&out, &errs)}
	s.using = s.out
	if err := s.runLine(t.Context(), "sync"); err != nil {
		t.Fatal(err)
	}
	leader := cluster.Leader()
	for i := range cluster.Len() {
		if i != leader {
			cluster.Stop(i)
		}
	}
	const limit = 30 * time.Second // far from the minute that a request may take
	begin := time.Now()
	status, _, stderr := cox(cluster, "", "--timeout", "1m", "lock", "--wait", "100ms", "a", "--", "echo", "never")
	if took := time.Since(begin); status != exitFailed || took > limit || !strings.HasPrefix(stderr, "cox: no quorum: ") {
		t.Errorf("exit status %d after %v, %s", status, took, stderr)
	}
	for _, line := range []string{"lock --timeout 100ms a -- echo never", "lock --timeout 1m --wait 100ms a -- echo never"} {
		if f := s.describe(s.runLine(t.Context(), line)); f.Name != "Timeout" || time.Since(begin) > limit {
			t.Errorf("%s: %+v after %v", line, f, time.Since(begin))
		}
	}
	s.unanswered = true
	_ = s.end() // nobody is there to answer
	if strings.Contains(out.String(), "never") {
		t.Errorf("%q", out.String())
	}
}

// Who waits for another session's node of the same name says so.
func TestDuplicatesAreTold(t *testing.T) {
	cluster := servertest.Start(t, 1)
	for _, tt := range []struct{ command, path, done string }{
		{"group join web a", "/groups/web/a", "Joined /groups/web as a"},
		{"service register web a localhost:80", "/services/web/a", "Registered localhost:80 as a of web"},
		{"service register web b localhost:80 --check true", "/services/web/b", "Registered localhost:80 as b of web"},
	} {
		first := start(t, cluster, strings.Fields(tt.command)...)
		first.expects(t, tt.done)
		second := startShell(t, cluster, "exec cox "+tt.command)
		if want := "cox: waiting for " + tt.path + ", which is there already, of session 0x"; !second.lines.Scan() ||
			!strings.HasPrefix(second.lines.Text(), want) {
			t.Errorf("%q instead of %s", second.lines.Text(), want)
		}
		interrupt(t, first)
		second.expects(t, tt.done)
		interrupt(t, second)
	}
}

// A member comes back in the next session, and its program goes on.
func TestMemberComesBack(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	watch := start(t, cluster, "group", "watch", "web")
	p := start(t, cluster, "group", "join", "web", "a", "x", "--", "sh", "-c", `trap "exit 0" TERM; echo 1; while :; do sleep 0.01; done`)
	p.next(t)
	event := func(want string) {
		t.Helper()
		if !watch.lines.Scan() || !strings.HasPrefix(watch.lines.Text(), want) {
			t.Fatalf("%q instead of %s (%s)", watch.lines.Text(), want, watch.stderr.String())
		}
	}
	event("Joined   a  session ")
	members, err := recipes.NewGroup(c, "/groups/web").Members(t.Context())
	if err != nil || len(members) != 1 || string(members[0].Metadata) != "x" {
		t.Fatalf("%v, %v", members, err)
	}
	cluster.ExpireSession(members[0].Session)
	event("Left     a  session ")
	event("Joined   a  session ")
	if _, err := c.Set(t.Context(), "/groups/web/a", []byte("y")); err != nil {
		t.Fatal(err)
	}
	event("Changed  a  session ")
	if err := c.Delete(t.Context(), "/groups/web/a"); err != nil {
		t.Fatal(err)
	}
	event("Left     a  session ")
	if status, _ := p.ended(); status != exitFailed || !strings.Contains(p.stderr.String(), "cox: lost: /groups/web/a: ") {
		t.Errorf("exit status %d, %q", status, p.stderr.String())
	}
	interrupt(t, watch)
}

// interrupt ends what goes on until Ctrl-C.
func interrupt(t *testing.T, p *process) {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status, rest := p.ended(); status != exitDone || rest != "" || p.stderr.String() != "" {
		t.Errorf("exit status %d, %q, %q", status, rest, p.stderr.String())
	}
}

// A service is registered when its check has passed, then as healthy as that says, and whoever watches is told of each change.
func TestServiceCheck(t *testing.T) {
	cluster := servertest.Start(t, 1)
	sick := t.TempDir() + "/sick"
	if err := os.WriteFile(sick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startShell(t, cluster, `exec cox service register web a1 localhost:80 --ttl 1s --check \
		'test ! -e `+sick+` || { echo first; echo worn out; exit 1; }'`)
	p.expects(t, "cox: not registered yet, the check fails: worn out")
	if _, stdout, stderr := cox(cluster, "", "service", "list", "web"); stdout != "" || stderr != "" {
		t.Errorf("%q, %q", stdout, stderr)
	}
	if err := os.Remove(sick); err != nil {
		t.Fatal(err)
	}
	p.expects(t, "Registered localhost:80 as a1 of web")
	watch := start(t, cluster, "service", "watch", "web")
	expect := func(want string) { // a slow machine's checks may take too long in between
		t.Helper()
		for watch.lines.Scan() {
			if watch.lines.Text() == want {
				return
			}
		}
		t.Fatalf("no %q: %s", want, watch.stderr.String())
	}
	expect("passing   a1  localhost:80")
	if err := os.WriteFile(sick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("critical  a1  localhost:80  worn out")
	if err := os.Remove(sick); err != nil {
		t.Fatal(err)
	}
	expect("passing   a1  localhost:80")
	interrupt(t, p)
	expect("gone      a1  localhost:80")
	interrupt(t, watch)
}

// A service whose check needs its program is registered while that runs.
func TestServiceCheckOfItsProgram(t *testing.T) {
	cluster := servertest.Start(t, 1)
	serves := t.TempDir() + "/serves"
	p := start(t, cluster, "service", "register", "web", "a1", "localhost:80", "--check", "test -e "+serves, "--",
		"sh", "-c", "touch "+serves+"; until cox service list web | grep -q passing; do :; done; exit 5")
	if status, rest := p.ended(); status != 5 || rest != "" {
		t.Errorf("exit status %d, %q, %q", status, rest, p.stderr.String())
	}
}

// Whoever follows a config is told each version, and of what is none.
func TestConfigWatch(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	config := recipes.NewConfig[int](c, "/config/n")
	p := start(t, cluster, "config", "watch", "n")
	for i := range 3 {
		v, err := config.Set(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		p.expects(t, "version "+strconv.Itoa(i+1)+" (zxid "+v.Zxid.String()+") = "+strconv.Itoa(i))
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status, rest := p.ended(); status != exitDone || rest != "" {
		t.Errorf("exit status %d, %q, %q", status, rest, p.stderr.String())
	}
}

// Who wait for each other are told so.
func TestWhyTellsOfADeadlock(t *testing.T) {
	cluster := servertest.Start(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 2)
	clients := []*client.Client{cluster.Client(t), cluster.Client(t)}
	paths := []string{"/locks/a", "/locks/b"}
	for i, c := range clients {
		if _, err := recipes.NewLock(c, paths[i]).Acquire(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range clients {
		go func() {
			_, err := recipes.NewLock(c, paths[1-i]).Acquire(ctx)
			waited <- err
		}()
		inLine(t, c, paths[1-i], 2)
	}
	status, stdout, stderr := cox(cluster, "", "why", "-r", "/")
	for _, want := range []string{
		"DEADLOCK, unless a session does several things at a time: 2 sessions wait for each other:\n",
		clients[0].Session().ID.String(), "/locks/a: a lock, held, 1 waiting\n",
	} {
		if status != exitDone || !strings.Contains(stdout, want) {
			t.Errorf("exit status %d, %s, %s: no %s", status, stdout, stderr, want)
		}
	}
	_, stdout, _ = cox(cluster, "", "--json", "why", "/locks/a", "/locks/b")
	if !strings.Contains(stdout, `{"circle":[{"path":"/locks/b/lock-0000000001"`) {
		t.Errorf("no circle in %s", stdout)
	}
	cancel()
	for range clients {
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
