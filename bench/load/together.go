package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// together calls do for every number below n, at most atOnce at the same time, and returns the first error that came. After
// an error nothing more is begun.
func together(n, atOnce int, do func(i int) error) error {
	var (
		next   atomic.Int64
		wg     sync.WaitGroup
		once   sync.Once
		first  error
		failed atomic.Bool
	)
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.Store(true)
					once.Do(func() { first = err })
				}
			}
		})
	}
	wg.Wait()
	return first
}

// rest waits for d, or until ctx ends, whose error it returns.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// cpuOf measures the servers' CPU time from now on: of the processes that o names, or those of t if it is a Cluster.
func cpuOf(t Target, o Options) *stopwatch {
	s := &stopwatch{pids: o.PIDs}
	if c, ok := t.(Cluster); ok && len(s.pids) == 0 {
		s.pids = PIDs(c)
	}
	s.start()
	return s
}
