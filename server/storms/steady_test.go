//go:build linux

package storms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

const (
	steadyClients = 8
	steadyEvery   = 50 * time.Millisecond // each writes once and reads once in it
	calmLasts     = 10 * time.Second      // in a run of full size: 1,600 writes
)

// steady is a few clients that write and read at a fixed pace, and check each answer.
type steady struct {
	t     *testing.T
	stop  context.CancelFunc
	ended sync.WaitGroup
	phase atomic.Int32

	mu    sync.Mutex
	took  [2][]time.Duration // guarded by mu: operations of the calm, and of the storm
	errs  []error            // guarded by mu
	count atomic.Int64       // operations that were answered
}

const (
	calm int32 = iota
	storm
)

// startSteady starts the clients. What they do counts as calm until storms is called.
func startSteady(t *testing.T, addrs ...string) *steady {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &steady{t: t, stop: cancel}
	for i := range steadyClients {
		c := dial(t, addrs...)
		path := fmt.Sprintf("/steady-%d", i)
		if _, _, err := c.Create(t.Context(), path, []byte("0")); err != nil {
			t.Fatal(err)
		}
		s.ended.Go(func() {
			if err := s.run(ctx, c, path); err != nil {
				s.mu.Lock()
				s.errs = append(s.errs, fmt.Errorf("%s: %w", path, err))
				s.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { cancel(); s.ended.Wait() })
	return s
}

// run sets the node to 1, 2, 3 and so on, and reads it after each write. Latency counts from when the write was due; what would
// have been due while an operation took longer than that is left out, or one slow one would count as a growing backlog.
func (s *steady) run(ctx context.Context, c *client.Client, path string) error {
	due := time.Now()
	for n := int64(1); ; n++ {
		if due = due.Add(steadyEvery); time.Since(due) > steadyEvery {
			due = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(due)):
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		stat, err := c.Set(limited, path, strconv.AppendInt(nil, n, 10))
		if err == nil && stat.Version != n {
			err = fmt.Errorf("set %d gave version %d", n, stat.Version)
		}
		if err == nil {
			s.record(time.Since(due))
			var node client.Node
			if node, err = c.Get(limited, path); err == nil && string(node.Data) != strconv.FormatInt(n, 10) {
				err = fmt.Errorf("read %q after %d was written", node.Data, n)
			}
		}
		cancel()
		if err != nil {
			return err
		}
		s.record(time.Since(due))
	}
}

func (s *steady) record(took time.Duration) {
	s.count.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.phase.Load()
	s.took[p] = append(s.took[p], took)
}

// storms lets the calm last as long as a measurement of it takes, and says that it is over.
func (s *steady) storms() {
	s.t.Helper()
	s.goOn()
	if *full {
		pass(s.t, calmLasts)
	}
	s.phase.Store(storm)
}

// goOn waits until each client was answered a few more times.
func (s *steady) goOn() {
	s.t.Helper()
	until := s.count.Load() + 5*2*steadyClients
	eventually(s.t, "the steady clients go on", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) > 0 || s.count.Load() >= until
	})
}

// judge stops the clients, demands that every answer was right, and tells how long they took. In a storm of full size that
// must not be much longer than in the calm.
func (s *steady) judge() {
	s.t.Helper()
	s.stop()
	s.ended.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.errs...); err != nil {
		s.t.Errorf("the steady clients: %v", err)
	}
	if len(s.took[storm]) == 0 {
		s.t.Error("the steady clients were not answered once in the storm")
		return
	}
	before, during := percentile(s.took[calm]), percentile(s.took[storm])
	factor := float64(during) / float64(max(before, 1))
	s.t.Logf("steady clients: p99 %v in the calm (%d operations), %v in the storm (%d, the slowest %v): factor %.1f",
		before.Round(10*time.Microsecond), len(s.took[calm]), during.Round(10*time.Microsecond), len(s.took[storm]),
		s.took[storm][len(s.took[storm])-1].Round(time.Millisecond), factor)
	if *full && factor >= barFactor {
		s.t.Errorf("the steady clients' p99 is %.1f times that of the calm, the bar is %d", factor, barFactor)
	}
}

// percentile is the 99th of took, which it sorts; 0 if there are none.
func percentile(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
