package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PIDs are the processes of all servers of a cluster, which must be running.
func PIDs(c Cluster) []int {
	pids := make([]int, c.Len())
	for i := range pids {
		pids[i] = c.PID(i)
	}
	return pids
}

// CPUSeconds is the CPU time, user and system, that the processes have used together since each has started. It fails if one
// of them is not there, or the system has no /proc.
func CPUSeconds(pids []int) (float64, error) {
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux
	var total float64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The second field is the name in brackets and may have spaces; utime and stime are the 14th and 15th.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, f := range fields[11:13] {
			ticks, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return 0, err
			}
			total += ticks / ticksPerSecond
		}
	}
	return total, nil
}

// ResidentBytes is the memory that a process holds. It fails as [CPUSeconds] does.
func ResidentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// stopwatch adds up the CPU time that servers use between start and stop. It may be started again.
type stopwatch struct {
	pids    []int
	seconds float64
	began   float64
	runs    bool
	unknown bool // one of them was not there: it was ended, or the system does not tell
}

func (s *stopwatch) start() {
	var err error
	if s.began, err = CPUSeconds(s.pids); err != nil {
		s.unknown = true
	}
	s.runs = true
}

func (s *stopwatch) stop() {
	if !s.runs {
		return
	}
	s.runs = false
	now, err := CPUSeconds(s.pids)
	if err != nil {
		s.unknown = true
	}
	s.seconds += now - s.began
}

func (s *stopwatch) known() bool { return len(s.pids) > 0 && !s.unknown }
