package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithUs has the kernel kill the program when cox is killed and can no longer do so.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL }

// notifyStops tells when the program may have been stopped.
func notifyStops(c chan<- os.Signal) { signal.Notify(c, syscall.SIGCHLD) }

func ignoreStops(c chan<- os.Signal) { signal.Stop(c) }

// goOn lets a program go on that was stopped at the terminal (Ctrl-Z): nobody else could, since cox has not stopped, and holds
// what it holds.
func goOn(pid int) {
	if hasStopped(pid) {
		_ = syscall.Kill(-pid, syscall.SIGCONT) // the group may have ended
	}
}

func hasStopped(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == int32(syscall.SIGCHLD)
}
