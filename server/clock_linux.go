package server

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sinceBoot is a monotonic clock that goes on while the machine is suspended. The one of package time stands still then: a
// server that wakes up would take its lease, and what it last heard, for younger than they are.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	// Raw, because it never waits: the scheduler need not be told, which costs as much as the call.
	_, _, err := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&ts)), 0)
	if err != 0 {
		panic("server: the kernel has no CLOCK_BOOTTIME: " + err.Error()) // every Linux since 2.6.39 has
	}
	return time.Duration(ts.Nano())
}
