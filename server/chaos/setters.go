package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// setters are clients that each set a node of their own, again and again, and know which version it must have: a write that was
// acknowledged and is lost, or that was applied twice, shows in the next answer. A refusal for lack of room is an answer too.
type setters struct {
	clients []*client.Client
	errs    []error
	refused atomic.Int64
	ending  atomic.Bool
	wg      sync.WaitGroup

	mu      sync.Mutex
	last    time.Time
	longest time.Duration
	acked   int
}

// startSetters opens n clients and makes them write below root, which it makes.
func startSetters(ctx context.Context, servers []string, root string, n int) (*setters, error) {
	w := &setters{errs: make([]error, n), last: time.Now()}
	for i := range n {
		c, err := client.Dial(ctx, client.Config{Servers: servers, Name: "setter", SessionTimeout: setterTimeout})
		if err != nil {
			return nil, errors.Join(err, w.stop(ctx))
		}
		w.clients = append(w.clients, c)
		path := fmt.Sprintf("%s/%d", root, i)
		if _, _, err := c.Create(ctx, path, nil, client.Parents()); err != nil {
			return nil, errors.Join(err, w.stop(ctx))
		}
		w.wg.Go(func() { w.errs[i] = w.set(ctx, c, path) })
	}
	return w, nil
}

func (w *setters) set(ctx context.Context, c *client.Client, path string) error {
	version := int64(0)
	for !w.ending.Load() {
		stat, err := c.Set(ctx, path, fmt.Append(nil, version+1))
		switch {
		case errors.Is(err, client.ErrNoSpace):
			w.refused.Add(1)
			w.answered(0)
			if err := pass(ctx, refusedPause); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case stat.Version != version+1:
			return fmt.Errorf("P3, P11: set number %d of %s gave it version %d: a write was lost or doubled", version+1, path, stat.Version)
		}
		version++
		w.answered(1)
	}
	node, err := c.Get(ctx, path)
	if err == nil && (node.Stat.Version != version || version > 0 && string(node.Data) != fmt.Sprint(version)) {
		err = fmt.Errorf("P11: %s has version %d and data %q, but %d writes were acknowledged", path, node.Stat.Version, node.Data, version)
	}
	return err
}

func (w *setters) answered(acked int) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, now.Sub(w.last))
	w.last = now
	w.acked += acked
}

// silence returns how many writes were acknowledged since its last call, and the longest time in which none was answered.
func (w *setters) silence() (acked int, longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	acked, longest = w.acked, max(w.longest, time.Since(w.last))
	w.acked, w.longest, w.last = 0, 0, time.Now()
	return acked, longest
}

// refusals is how many writes were refused for lack of room.
func (w *setters) refusals() int { return int(w.refused.Load()) }

// stop ends the writing, reads everything back, and returns what was wrong.
func (w *setters) stop(ctx context.Context) error {
	w.ending.Store(true)
	w.wg.Wait()
	errs := w.errs
	for _, c := range w.clients {
		errs = append(errs, c.Close(ctx))
	}
	return errors.Join(errs...)
}
