package chaos

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/server/process"
)

// Processes is how the servers' processes have grown, where /proc tells: a leak shows as a slope over hours. A restart begins
// anew, so it is the slope of processes between their restarts.
type Processes struct {
	last          map[int]sample // by process id, of those that run
	grown         int64          // KiB, between samples of the same process
	watched       time.Duration  // over this time
	RSSMax        int64          // KiB
	DescriptorMax int
}

type sample struct {
	at   time.Time
	rss  int64
	open int
}

// measure takes a sample of each server.
func (p *Processes) measure(c *process.Cluster) {
	now := map[int]sample{}
	for i := range c.Len() {
		if !c.Running(i) {
			continue
		}
		pid := c.PID(i)
		s, ok := measure(pid)
		if !ok {
			continue
		}
		now[pid] = s
		p.RSSMax, p.DescriptorMax = max(p.RSSMax, s.rss), max(p.DescriptorMax, s.open)
		if before, known := p.last[pid]; known {
			p.grown += s.rss - before.rss
			p.watched += s.at.Sub(before.at)
		}
	}
	p.last = now
}

// measure reads the resident memory and the open descriptors of a process.
func measure(pid int) (sample, bool) {
	s := sample{at: time.Now()}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, false
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			s.rss, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s.open = len(open)
	return s, err == nil && s.rss > 0
}

// Slope is the mean growth in KiB per hour of a process that is not restarted.
func (p Processes) Slope() float64 {
	if p.watched == 0 {
		return 0
	}
	return float64(p.grown) / p.watched.Hours()
}

func (p Processes) String() string {
	return fmt.Sprintf("servers: at most %d MiB and %d descriptors, growth %.0f KiB/h over %v between restarts",
		p.RSSMax>>10, p.DescriptorMax, p.Slope(), p.watched.Round(time.Second))
}
