//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// stops are the signals by which the user of a terminal would stop cox, which then could not end its program.
var stops = []os.Signal{syscall.SIGTSTP}

// terminalOf returns the terminal of this process, nil if it has none, and whether it is stdin and cox is in its foreground: then a
// program is given it from the beginning. Otherwise it stays with whoever shares a pipeline with cox until the program asks for it.
func terminalOf(stdin io.Reader) (terminal *os.File, give bool) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, false
	}
	foreground, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return f, err == nil && foreground == unix.Getpgrp() && isTerminal(stdin)
}

// group makes the program the head of a process group, so that it can be ended with all that it starts, and puts the group into
// the foreground of the terminal, without which it could not read from there.
func group(cmd *exec.Cmd, terminal *os.File) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if terminal != nil {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, int(terminal.Fd())
	}
}

// takeBack puts cox into the foreground of the terminal again.
func takeBack(terminal *os.File) {
	signal.Ignore(syscall.SIGTTOU)                                                  // which stops who does this from the background
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPGRP, unix.Getpgrp()) // the terminal may be gone
	signal.Reset(syscall.SIGTTOU)
}

func signalGroup(p *os.Process, s syscall.Signal) {
	_ = syscall.Kill(-p.Pid, s) // the group may have ended
	if s != syscall.SIGKILL {
		_ = syscall.Kill(-p.Pid, syscall.SIGCONT)
	}
}
