package consensus

import (
	"sync"
	"time"
)

// flood thins out one kind of log line: floodMax per window pass, the rest is counted.
type flood struct {
	mu     sync.Mutex
	since  time.Time
	count  int
	missed int
}

// pass reports whether a line at now may be written, and how many were suppressed since the last one that was.
func (f *flood) pass(now time.Time) (ok bool, missed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since) >= floodWindow {
		f.since, f.count = now, 0
	}
	if f.count >= floodMax {
		f.missed++
		return false, 0
	}
	f.count++
	missed, f.missed = f.missed, 0
	return true, missed
}
