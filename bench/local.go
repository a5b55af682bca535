package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/server/process"
)

// local is a cluster of our own, in a directory that is removed afterwards.
type local struct {
	servers *process.Cluster
	dir     string
}

func startLocal(ctx context.Context, binary string, n int) (*local, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w: build it with make build, or name it with --binary", err)
	}
	// Beside the working directory and not in the system's temporary one, which may be memory: fsync must be real.
	dir, err := os.MkdirTemp(".", ".coxbench-")
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	servers, err := process.Start(wait, binary, dir, n)
	if err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		return nil, err
	}
	return &local{servers, dir}, nil
}

func (l *local) close() {
	if err := l.servers.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "coxbench: stopping the servers:", err)
	}
	if err := os.RemoveAll(l.dir); err != nil {
		fmt.Fprintln(os.Stderr, "coxbench:", err)
	}
}

func (l *local) pids() []int {
	var pids []int
	for i := range l.servers.Len() {
		pids = append(pids, l.servers.PID(i))
	}
	return pids
}

// cpuSeconds is the CPU time, user and system, that the processes have used.
func cpuSeconds(pids []int) (float64, error) {
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

// residentBytes is the memory that a process holds.
func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
