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

// terminalOf returns the terminal that stdin is, if cox is in its foreground; otherwise nil.
func terminalOf(stdin io.Reader) *os.File {
	if !isTerminal(stdin) {
		return nil
	}
	f := stdin.(*os.File)
	foreground, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	if err != nil || foreground != unix.Getpgrp() {
		return nil
	}
	return f
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

func signalGroup(p *os.Process, s syscall.Signal) { _ = syscall.Kill(-p.Pid, s) } // the group may have ended
