package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is how much later than it has asked for a sleeping thread of the server may be woken; the kernel's default is
// 50 µs. One thread of Go's runtime sleeps for 20 µs, again and again, as long as system calls take longer than that, and
// every fsync does: with the default those wake-ups are a sixth of the CPU time of a server that writes. The server's own
// times are milliseconds.
const timerSlack = 500 * time.Microsecond

// coarsenSleep gives every thread of the process the timer slack. The runtime's own threads are there when main begins, and
// no thread may change another's without privileges; but all inherit that of the thread which starts the program. So the
// program is started anew, once, as the same process. If that is not possible it goes on as it is.
func coarsenSleep() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if slack() >= timerSlack {
		return // it was started anew, or by somebody who has seen to it
	}
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0); err != nil || slack() != timerSlack {
		return // a real-time thread has none
	}
	if path, err := os.Executable(); err == nil {
		_ = syscall.Exec(path, os.Args, os.Environ()) // returns only if it has failed
	}
}

// slack is the calling thread's.
func slack() time.Duration {
	ns, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(ns)
}
