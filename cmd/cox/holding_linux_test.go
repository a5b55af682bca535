package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/coxswain-io/coxswain/server/servertest"
)

// A program does not outlive the cox that holds its lock, not even one that is killed.
func TestProgramDiesWithCox(t *testing.T) {
	cluster := servertest.Start(t, 1)
	p := start(t, cluster, "lock", "a", "--", "sh", "-c", `echo $$; while :; do sleep 0.01; done`)
	program := p.next(t)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the program is gone", func() bool { return !alive(program) })
	_ = p.Wait() // killed
}

// At a terminal the program has the keyboard: it reads, gets Ctrl-C, and cannot be stopped while it holds the lock. When it has
// ended the terminal is whose it was before.
func TestProgramAtATerminal(t *testing.T) {
	cluster := servertest.Start(t, 1)
	cmd := exec.Command("sh", "-ic", `set +m
		cox lock a -- sh -c 'trap "hit=1; echo interrupted" INT; read x; echo got $x
			while test -z "$hit"; do sleep 0.01; done; read z; echo then $z; exit 4'
		echo status $?
		read x; echo shell got $x`)
	cmd.Env = append(os.Environ(), "TERM=xterm", "COXSWAIN_SERVERS="+strings.Join(cluster.Addrs(), ","))
	u := openTerminal(t, cmd)
	inLine(t, cluster.Client(t), "/locks/a", 1)
	u.types("one\r")
	u.expects("got one\r\n")
	u.types("\x03")
	u.expects("interrupted\r\n")
	u.types("\x1a")
	u.types("two\r")
	u.expects("then two\r\n")
	u.expects("status 4\r\n")
	u.types("more\r")
	u.expects("shell got more\r\n")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; the terminal showed %q", err, u.seen)
	}
}

// A program in the background that reads from the terminal stops, and goes on when cox is in the foreground.
func TestProgramFromTheBackground(t *testing.T) {
	cluster := servertest.Start(t, 1)
	cmd := exec.Command("sh", "-ic", `set -m
		cox lock a -- sh -c 'read x; echo got $x; exit 4' &
		read x; fg >/dev/null; echo status $?
		read x; echo shell got $x`)
	cmd.Env = append(os.Environ(), "TERM=xterm", "COXSWAIN_SERVERS="+strings.Join(cluster.Addrs(), ","))
	u := openTerminal(t, cmd)
	u.expects("cox: sh has stopped, and keeps /locks/a: fg lets it go on\r\n")
	u.types("on\r")
	u.expects("on\r\n")
	u.types("one\r")
	u.expects("got one\r\n")
	u.expects("status 4\r\n")
	u.types("more\r")
	u.expects("shell got more\r\n")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; the terminal showed %q", err, u.seen)
	}
}

// A program whose standard input is another, as that of one that asks for a password, is given the terminal when it asks for it.
func TestProgramAsksForTheTerminal(t *testing.T) {
	cluster := servertest.Start(t, 1)
	cmd := exec.Command("sh", "-c", `cox lock a -- sh -c 'read x </dev/tty; echo got $x; exit 4' </dev/null
		echo status $?; read x; echo shell got $x`)
	cmd.Env = append(os.Environ(), "TERM=xterm", "COXSWAIN_SERVERS="+strings.Join(cluster.Addrs(), ","))
	u := openTerminal(t, cmd)
	inLine(t, cluster.Client(t), "/locks/a", 1)
	u.types("one\r")
	u.expects("got one\r\n")
	u.expects("status 4\r\n")
	u.types("more\r")
	u.expects("shell got more\r\n")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; the terminal showed %q", err, u.seen)
	}
}

// A user at a terminal is told for whom a command waits; Ctrl-Z does not stop a cox that could not end its program then.
func TestWaitingAtATerminal(t *testing.T) {
	cluster := servertest.Start(t, 1)
	first := start(t, cluster, "lock", "-l", "nightly", "a")
	first.lines.Scan()
	cmd := exec.Command("sh", "-c", `exec cox lock a -- sh -c 'echo mine; while :; do sleep 0.01; done' </dev/null`)
	cmd.Env = append(os.Environ(), "TERM=xterm", "COXSWAIN_SERVERS="+strings.Join(cluster.Addrs(), ","))
	u := openTerminal(t, cmd)
	u.expects("cox: waiting for /locks/a: held by ")
	u.expects(", nightly) since ")
	interrupt(t, first)
	u.expects("mine\r\n")
	u.types("\x1a")
	u.expects("cox: cannot be stopped while it holds /locks/a\r\n")
	u.types("\x03")
	if err := cmd.Wait(); err == nil {
		t.Error("Ctrl-C has not ended the program")
	}
}

// What has been stopped goes on, and what has not is not disturbed.
func TestHasStopped(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if hasStopped(cmd.Process.Pid) {
		t.Error("it has not")
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	becomes(t, "it has stopped", func() bool { return hasStopped(cmd.Process.Pid) })
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	becomes(t, "it goes on", func() bool { return !hasStopped(cmd.Process.Pid) })
}
