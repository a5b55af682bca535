package workload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// Config is what a run does, with whom.
type Config struct {
	Seed uint64

	// Clients is how many sessions there are at a time. Default: 8.
	Clients int

	// Operations is how many there are in all, about. 0: until the context ends.
	Operations int

	// Dial opens a session for client i; it adds to cfg where the servers are. ctx limits it.
	Dial func(ctx context.Context, i int, cfg client.Config) (*client.Client, error)

	// Now reads the clock of the history, monotonic, in nanoseconds.
	Now func() int64

	// Root is the parent, which exists, of the one node below which everything happens. Default: "/".
	Root string

	// Timeout is that of the sessions. Default: 10 s.
	Timeout time.Duration

	// Think is the mean pause of a client between two operations. 0: none.
	Think time.Duration

	// Rest is the mean of the times, now and then, in which a client hardly asks for anything. 0: there are none.
	Rest time.Duration

	// Watchful makes most operations reads that set a one-shot watch.
	Watchful bool

	// Calm is called once, when all operations have been made and before the watches are awaited: the caller ends his faults
	// in it. Default: nothing.
	Calm func()
}

func (cfg Config) withDefaults() Config {
	cfg.Clients = cmp.Or(cfg.Clients, clientsDefault)
	cfg.Operations = cmp.Or(cfg.Operations, math.MaxInt)
	cfg.Timeout = cmp.Or(cfg.Timeout, timeoutDefault)
	cfg.Root = cmp.Or(cfg.Root, "/")
	if cfg.Calm == nil {
		cfg.Calm = func() {}
	}
	return cfg
}

// Run lets clients work until Operations were made or ctx has ended, and returns what they have seen. It returns when all its
// clients are closed. The error is that of an operation which nothing explains, or that no session could be opened; what was
// recorded until then is returned with it.
func Run(ctx context.Context, cfg Config) (*history.History, error) {
	r := newRun(cfg.withDefaults())
	err := r.all(ctx)
	return r.history(), err
}

// run is one run. All but the fields guarded by mu is immutable or atomic.
type run struct {
	cfg  Config
	top  string // the node below which everything happens
	left atomic.Int64

	workers []*worker
	host    *worker // makes top, and the last write

	mu        sync.Mutex
	sessions  []client.SessionID // of the workers; 0: none
	condemned map[client.SessionID]bool
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, condemned: map[client.SessionID]bool{}, top: below(cfg.Root, "h"+strconv.FormatUint(cfg.Seed, 16))}
	r.left.Store(int64(cfg.Operations))
	r.sessions = make([]client.SessionID, cfg.Clients+1)
	for i := range cfg.Clients {
		r.workers = append(r.workers, newWorker(r, i))
	}
	r.host = newWorker(r, cfg.Clients)
	return r
}

func below(parent, name string) string {
	if parent == "/" {
		return parent + name
	}
	return parent + "/" + name
}

func (r *run) all(ctx context.Context) error {
	defer r.drop()
	if err := r.host.lays(ctx); err != nil {
		return fmt.Errorf("making %s: %w", r.top, err)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	failed := r.each(func(w *worker) error {
		err := w.work(working)
		if err != nil {
			stop()
		}
		return err
	})
	r.cfg.Calm()
	// What is left is to be done also after the end of ctx.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitsMax*r.cfg.Timeout)
	defer cancel()
	mark, err := r.host.marks(ending)
	if err != nil {
		return errors.Join(failed, fmt.Errorf("the last write: %w", err))
	}
	return errors.Join(failed, r.each(func(w *worker) error { return w.finish(ending, mark) }))
}

// drop closes the clients that an error has left open, without waiting for the service.
func (r *run) drop() {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, w := range append(slices.Clone(r.workers), r.host) {
		if w.session != nil {
			_ = w.closes(gone) // the error of the run is another one
		}
	}
}

// each lets all workers do something at once, waits, and returns their errors.
func (r *run) each(do func(w *worker) error) error {
	errs := make([]error, len(r.workers))
	var all sync.WaitGroup
	for i, w := range r.workers {
		all.Go(func() {
			if err := do(w); err != nil {
				errs[i] = fmt.Errorf("client %d: %w", i, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// take takes n operations from what is left to do.
func (r *run) take(n int) bool { return r.left.Add(-int64(n)) > -int64(n) }

// lives notes the session of a worker; 0: it has none.
func (r *run) lives(i int, id client.SessionID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[i] = id
}

// condemn notes that the session of a worker may be killed from now on, and returns it; 0: it has none.
func (r *run) condemn(i int) client.SessionID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := r.sessions[i]; id != 0 {
		r.condemned[id] = true
	}
	return r.sessions[i]
}

// killed reports whether a session may have been killed by now.
func (r *run) killed(id client.SessionID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.condemned[id]
}

// history puts together what the workers have recorded, operations in the order in which they were called.
func (r *run) history() *history.History {
	h := &history.History{}
	for _, w := range append(slices.Clone(r.workers), r.host) {
		h.Operations = append(h.Operations, w.operations...)
		h.Streams = append(h.Streams, w.streams...)
	}
	slices.SortStableFunc(h.Operations, func(a, b history.Operation) int { return cmp.Compare(a.Call, b.Call) })
	return h
}

// pause waits for a time of the given mean, or until ctx ends.
func pause(ctx context.Context, random *rand.Rand, mean time.Duration) {
	if mean <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(random.ExpFloat64() * float64(mean)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
