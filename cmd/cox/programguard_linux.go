package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dieWithUs has the kernel kill the program when cox is killed and can no longer do so.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL }

// notifyStops tells when the program may have been stopped.
func notifyStops(c chan<- os.Signal) { signal.Notify(c, syscall.SIGCHLD) }

func ignoreStops(c chan<- os.Signal) { signal.Stop(c) }

// revive lets a program go on that has stopped at the terminal: nobody else would, since cox has not stopped, and holds what it
// holds. Ctrl-Z has no effect by that; a program that has asked for the terminal from the background is given it as soon as cox is
// in the foreground (fg). It returns a channel that tells when to look again, nil if there is no need.
func (r *running) revive(held string) <-chan time.Time {
	if !hasStopped(r.cmd.Process.Pid) {
		return nil
	}
	fd, pid := int(r.terminal.Fd()), r.cmd.Process.Pid
	switch foreground, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); {
	case err != nil:
		return nil // the terminal is gone: SIGHUP comes
	case foreground == unix.Getpgrp():
		r.has = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, pid) == nil
	case foreground != pid:
		if !r.told {
			r.told = true
			r.program.call.out.complain("cox: %s has stopped, and keeps %s: fg lets it go on\n", r.program.call.command[0], held)
		}
		return time.After(reviveEvery)
	}
	r.told = false
	_ = syscall.Kill(-pid, syscall.SIGCONT) // the group may have ended
	return nil
}

func hasStopped(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == int32(syscall.SIGCHLD)
}
