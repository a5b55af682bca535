package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Writers are clients that write as fast as they are answered, each below a parent of its own, and check each answer: the
// nth create of a sequential child must be named n-1 and the nth set of the parent must give it version n. A write that was
// lost, applied twice, or out of order shows in the next answer at the latest.
type Writers struct {
	clients []*client.Client
	parents []string
	stop    atomic.Bool
	wg      sync.WaitGroup
	errs    []error
	acked   []int64 // pairs of a create and a set that were acknowledged, by writer

	mu      sync.Mutex
	last    time.Time // of any writer's last answer
	longest time.Duration
	count   int64
}

// StartWriters opens n clients of servers and makes them write below root, which must exist.
func StartWriters(ctx context.Context, servers []string, root string, n int) (*Writers, error) {
	w := &Writers{errs: make([]error, n), acked: make([]int64, n)}
	for i := range n {
		c, err := client.Dial(ctx, client.Config{Servers: servers, Name: fmt.Sprintf("writer %d", i)})
		if err != nil {
			return nil, errors.Join(err, w.close(ctx))
		}
		w.clients = append(w.clients, c)
		parent, _, err := c.Create(ctx, root+"/writer-", nil, client.Sequential())
		if err != nil {
			return nil, errors.Join(err, w.close(ctx))
		}
		w.parents = append(w.parents, parent)
	}
	w.last = time.Now()
	for i := range n {
		w.wg.Go(func() { w.errs[i] = w.write(ctx, i) })
	}
	return w, nil
}

func (w *Writers) write(ctx context.Context, i int) error {
	c, parent := w.clients[i], w.parents[i]
	for n := int64(0); !w.stop.Load(); n++ {
		path, _, err := c.Create(ctx, parent+"/", nil, client.Sequential())
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("%s/%010d", parent, n); path != want {
			return fmt.Errorf("create number %d was named %s, not %s: a write was lost, doubled or out of order", n, path, want)
		}
		w.answered()
		stat, err := c.Set(ctx, parent, []byte(path))
		if err != nil {
			return err
		}
		if stat.Version != n+1 || stat.NumChildren != n+1 {
			return fmt.Errorf("after set number %d %s has version %d and %d children: a write was lost, doubled or out of order", n+1, parent, stat.Version, stat.NumChildren)
		}
		w.answered()
		w.acked[i] = n + 1
	}
	return nil
}

// answered notes an acknowledged write, for the longest silence of all writers together.
func (w *Writers) answered() {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, now.Sub(w.last))
	w.last = now
	w.count++
}

// Gap returns the longest time in which no writer was answered since the last call of Gap or the start, and how many
// writes were acknowledged in all.
func (w *Writers) Gap() (longest time.Duration, acknowledged int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest, w.longest = max(w.longest, time.Since(w.last)), 0
	return longest, w.count
}

// Acknowledged is how many writes were acknowledged in all.
func (w *Writers) Acknowledged() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Stop ends the writing and returns the first thing that was wrong, after reading everything back: each parent must have
// exactly the children and the version that were acknowledged.
func (w *Writers) Stop(ctx context.Context) error {
	w.stop.Store(true)
	w.wg.Wait()
	errs := append([]error(nil), w.errs...)
	for i, parent := range w.parents {
		if w.errs[i] != nil {
			continue
		}
		node, err := w.clients[i].Get(ctx, parent)
		if err == nil && (node.Stat.Version != w.acked[i] || node.Stat.NumChildren != w.acked[i]) {
			err = fmt.Errorf("%s has version %d and %d children, but %d pairs of writes were acknowledged", parent, node.Stat.Version, node.Stat.NumChildren, w.acked[i])
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.close(ctx))...)
}

func (w *Writers) close(ctx context.Context) error {
	var errs []error
	for _, c := range w.clients {
		errs = append(errs, c.Close(ctx))
	}
	return errors.Join(errs...)
}
