//go:build linux

package storms

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// residentBytes is how much memory a process has.
func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	var n int64
	if !found {
		return 0, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	_, err = fmt.Sscanf(rest, "%d kB", &n)
	return n * kib, err
}

// descriptors is how many files a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// memory watches what the servers of a cluster take.
type memory struct {
	c      *cluster
	before []int64 // per server, when the watch began
	stop   chan struct{}
	ended  sync.WaitGroup

	mu   sync.Mutex
	peak []int64 // guarded by mu
}

// watchMemory begins to watch. It goes on until told or the test ends.
func (c *cluster) watchMemory() *memory {
	c.t.Helper()
	m := &memory{c: c, before: make([]int64, c.Len()), peak: make([]int64, c.Len()), stop: make(chan struct{})}
	for i := range c.Len() {
		n, err := residentBytes(c.PID(i))
		if err != nil {
			c.t.Fatal(err)
		}
		m.before[i], m.peak[i] = n, n
	}
	m.ended.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-m.stop:
				return
			case <-tick.C:
				m.look()
			}
		}
	})
	c.t.Cleanup(m.end)
	return m
}

func (m *memory) look() {
	for i := range m.before {
		if n, err := residentBytes(m.c.PID(i)); err == nil {
			m.mu.Lock()
			m.peak[i] = max(m.peak[i], n)
			m.mu.Unlock()
		}
	}
}

func (m *memory) end() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
		m.ended.Wait()
	}
}

// within demands that no server has ever taken more than allowed bytes above what it had before, and tells what they took.
func (m *memory) within(allowed int64, why string) {
	m.c.t.Helper()
	m.look()
	m.end()
	for i := range m.before {
		now, err := residentBytes(m.c.PID(i))
		if err != nil {
			m.c.t.Errorf("server %d: %v: %s", i+1, err, m.c.LogTail(i))
			continue
		}
		grown := m.peak[i] - m.before[i]
		m.c.t.Logf("server %d: %d MiB before, %d at the peak, %d now (%d MiB more, %d allowed: %s)",
			i+1, m.before[i]/mib, m.peak[i]/mib, now/mib, grown/mib, allowed/mib, why)
		if grown > allowed {
			m.c.t.Errorf("server %d has taken %d bytes more, %d are allowed: %s", i+1, grown, allowed, why)
		}
	}
}
