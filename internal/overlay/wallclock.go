package overlay

// WallClock returns the replacements with which the wall clock of a program can be shifted while it runs: by the number of
// seconds, with a sign and a fraction if need be, that stands in the file named by the environment variable WALLCLOCK_FILE,
// which is read about every 50 ms. The monotonic clock stays as it is. No file, no shift.
func WallClock() []Replacement {
	return []Replacement{
		{
			File: "GOROOT/time/time.go",
			Old:  "func Now() Time {\n",
			New:  "func Now() Time { return wallShifted(unshiftedNow()) }\n\nfunc unshiftedNow() Time {\n",
		},
		{
			File: "GOROOT/time/wallshift.go",
			New:  wallShift,
		},
	}
}

// wallShift is a file of package time. It must not import os, which imports time.
const wallShift = `package time

import (
	"sync/atomic"
	"syscall"
)

var shift atomic.Int64 // nanoseconds

// The file is read by a goroutine of its own, which lives as long as the process: Now is also called by the scheduler, for
// timers that are due, and that cannot make system calls.
func init() {
	if _, ok := syscall.Getenv("WALLCLOCK_FILE"); !ok {
		return
	}
	shift.Store(readShift())
	go func() {
		for {
			Sleep(50 * Millisecond)
			shift.Store(readShift())
		}
	}()
}

// wallShifted moves the wall clock of t and leaves its monotonic reading.
func wallShifted(t Time) Time {
	by := shift.Load()
	if by == 0 {
		return t
	}
	moved := Unix(0, t.UnixNano()+by)
	if sec := moved.unixSec() + unixToInternal - minWall; t.wall&hasMonotonic != 0 && sec >= 0 && sec>>33 == 0 {
		return Time{hasMonotonic | uint64(sec)<<nsecShift | uint64(moved.nsec()), t.ext, Local}
	}
	return moved // so far away that a Time with a monotonic reading cannot hold it
}

// readShift returns 0 for a file that is not there or holds no number.
func readShift() int64 {
	name, ok := syscall.Getenv("WALLCLOCK_FILE")
	if !ok {
		return 0
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer syscall.Close(fd)
	var buf [64]byte
	n, err := syscall.Read(fd, buf[:])
	if err != nil {
		return 0
	}
	var by, digits int64
	sign, unit, fraction := int64(1), int64(1e9), false
	for i, c := range buf[:max(n, 0)] {
		switch {
		case c == '-' && i == 0:
			sign = -1
		case c == '+' && i == 0:
		case c == '.' && !fraction:
			fraction = true
		case c >= '0' && c <= '9' && !fraction:
			by, digits = by*10+int64(c-'0')*1e9, digits+1
		case c >= '0' && c <= '9':
			unit /= 10
			by += int64(c-'0') * unit
		case c == '\n' || c == ' ':
			return sign * by
		default:
			return 0
		}
		if digits > 9 {
			return 0
		}
	}
	return sign * by
}
`
