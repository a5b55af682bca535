package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a monotonic clock that goes on while the machine is suspended. The one of package time stands still then: a
// server that wakes up would take its lease, and what it last heard, for younger than they are.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("server: the kernel has no CLOCK_BOOTTIME: " + err.Error()) // every Linux since 2.6.39 has
	}
	return time.Duration(ts.Nano())
}
