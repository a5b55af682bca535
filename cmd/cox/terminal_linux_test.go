package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coxswain-io/coxswain/server/servertest"
)

// typist is a user at a pseudo-terminal.
type typist struct {
	t      *testing.T
	pty    *os.File
	output chan []byte
	seen   []byte // what came since the last expect
}

func openTerminal(t *testing.T, cmd *exec.Cmd) *typist {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { pty.Close() })
	fd := int(pty.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u := &typist{t: t, pty: pty, output: make(chan []byte)}
	go func() {
		defer close(u.output)
		for {
			b := make([]byte, 4096)
			n, err := pty.Read(b)
			if err != nil {
				return // the other side has gone
			}
			u.output <- b[:n]
		}
	}()
	return u
}

func (u *typist) types(text string) {
	u.t.Helper()
	if _, err := u.pty.WriteString(text); err != nil {
		u.t.Fatal(err)
	}
}

// expects waits until the terminal shows text.
func (u *typist) expects(text string) {
	u.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if i := bytes.Index(u.seen, []byte(text)); i >= 0 {
			u.seen = u.seen[i+len(text):]
			return
		}
		select {
		case b, ok := <-u.output:
			if !ok {
				u.t.Fatalf("the terminal has closed before %q; it showed %q", text, u.seen)
			}
			u.seen = append(u.seen, b...)
		case <-deadline:
			u.t.Fatalf("%q does not come; the terminal shows %q", text, u.seen)
		}
	}
}

// The interactive shell, typed into as a user would.
func TestInteractive(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	state := t.TempDir()
	cmd := exec.Command("cox")
	cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_STATE_HOME="+state, "COXSWAIN_SERVERS="+cluster.Addrs()[0])
	u := openTerminal(t, cmd)
	prompt := "cox " + cluster.Addrs()[0] + "> "

	u.expects("connected to " + cluster.Addrs()[0] + ", session 0x")
	u.expects(prompt)
	u.types("create -e /worker \"\\x1b[31m\"\r")
	u.expects("Created /worker\r\n")
	u.types("get /wo\t\r") // completed
	u.expects("get /worker")
	u.expects(`\x1b[31m` + "\r\n")
	u.types("get /nope\r")
	u.expects("cox: no node: /nope\r\n")

	// An event comes above the line that is being typed, which is drawn again.
	u.types("get -w /worker\r")
	u.expects(prompt)
	u.types("create /typing")
	u.expects("create /typing")
	if _, err := c.Set(t.Context(), "/worker", []byte("x")); err != nil {
		t.Fatal(err)
	}
	u.expects("WATCHER:: DataChanged /worker")
	u.expects(prompt + "create /typing")
	u.types("\x03") // Ctrl-C gives the line up
	u.expects(prompt)

	// So do those of a watch that stays; and one that is looked at ends with Ctrl-C, but not the shell.
	u.types("addWatch --values /stay\r")
	u.expects(prompt)
	if _, _, err := c.Create(t.Context(), "/stay", []byte("here")); err != nil {
		t.Fatal(err)
	}
	u.expects("WATCHER:: Created /stay (zxid 0x")
	if _, err := c.Set(t.Context(), "/stay", []byte("still\x1b")); err != nil {
		t.Fatal(err)
	}
	u.expects(`= still\x1b`)
	u.types("watch -r --since 0 --values /stay\r")
	u.expects(`DataChanged      0x`)
	u.expects(`/stay = still\x1b`)
	u.types("\x03")
	u.expects(prompt)
	u.types("removewatches /stay\r")
	u.expects(prompt)
	u.types("deleteall /stay\r")
	u.expects("Deleted /stay (1 node)\r\n")

	u.types("multi\r")
	u.expects("multi> ")
	u.types("create /m\rend\r")
	u.expects("Created /m\r\n")
	u.types("history\r")
	u.expects("9 - multi\r\n")
	u.types("redo 3\r")
	u.expects("cox: no node: /nope\r\n")
	u.types("close\r")
	u.expects("cox (not connected)> ")
	u.types("ls /\r")
	u.expects("cox: not connected: connect opens a session")
	u.types("connect\r")
	u.expects("state    connected\r\n")
	u.types("create -e /again\r")
	u.expects("Created /again\r\n")
	u.types("\x04") // Ctrl-D leaves
	if err := cmd.Wait(); err != nil {
		t.Errorf("the shell ended with %v; it showed %q", err, u.seen)
	}

	names, _, err := c.Children(t.Context(), "/")
	if got := strings.Join(names, " "); got != "m" || err != nil {
		t.Errorf("the shell has left %q, %v", got, err)
	}
	path := filepath.Join(state, "cox", "history")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the history: %v, %v", info, err)
	}
	if got := openHistory(path).earlier; len(got) < 5 || got[2] != "get /nope" {
		t.Errorf("the history is %q", got)
	}
}
