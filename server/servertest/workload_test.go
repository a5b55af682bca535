package servertest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// workload is clients that call the service in many ways at once, and check each answer:
//
//   - every call is answered, and without an error;
//   - the zxid of an answer is never below that of an answer that this client had when the call was made;
//   - what only one caller writes has exactly the version that follows from the answers, in each answer and at each level of
//     reading; what many write has each version acknowledged once;
//   - linearizable reads see what any client had been answered before they were made; session reads see what their own client
//     had; reads at least of a zxid see what others had seen at it;
//   - sequential names are unique, rise for each caller, and there are as many children as creates were acknowledged;
//   - a transaction is seen as a whole, and a condition has held exactly as often as it was answered to;
//   - a recursive persistent watch tells each change once and in order.
//
// At the end judge compares the tree with all that was acknowledged.
type workload struct {
	root      string
	since     client.Zxid    // when root was created
	owner     *client.Client // made root, is under the same faults, and judges
	registers []*register
	counter   *counter
	members   []*member

	running  sync.WaitGroup
	over     chan struct{} // closed when callers should come to an end
	stopOnce sync.Once
	nodes    atomic.Int64 // below root, by the answers
	calls    atomic.Int64

	mu      sync.Mutex
	failure error // the first violation
}

// registersPer is how many nodes all callers set and read.
const registersPer = 2

// newWorkload makes the nodes that all share.
func newWorkload(ctx context.Context, owner *client.Client, root string) (*workload, error) {
	w := &workload{root: root, owner: owner, over: make(chan struct{})}
	if _, _, err := owner.Create(ctx, root, nil, client.WithZxid(&w.since)); err != nil {
		return nil, err
	}
	for i := range registersPer {
		r := &register{path: fmt.Sprintf("%s/register-%d", root, i), acked: map[int64]string{0: ""}, read: map[int64]string{}}
		if err := w.create(ctx, r.path); err != nil {
			return nil, err
		}
		w.registers = append(w.registers, r)
	}
	w.counter = &counter{path: root + "/counter"}
	return w, w.create(ctx, w.counter.path)
}

func (w *workload) create(ctx context.Context, path string) error {
	_, _, err := w.owner.Create(ctx, path, nil)
	w.nodes.Add(1)
	return err
}

// join adds a client with a number of callers, which may be there to read only.
func (w *workload) join(ctx context.Context, config client.Config, callers int, seed uint64, reader bool) error {
	c, err := client.Dial(ctx, config)
	if err != nil {
		return err
	}
	m := &member{work: w, client: c, queue: fmt.Sprintf("%s/queue-%d", w.root, len(w.members)), seen: map[string]int64{}}
	w.members = append(w.members, m)
	if err := w.create(ctx, m.queue); err != nil {
		return err
	}
	for i := range callers {
		l := newCaller(m, i, rand.New(rand.NewPCG(seed, uint64(i))))
		l.reader = reader
		if err := errors.Join(w.create(ctx, l.chain), w.create(ctx, l.basket)); err != nil {
			return err
		}
		m.callers = append(m.callers, l)
	}
	if len(w.members) == 1 {
		m.watch, err = c.AddWatch(ctx, w.root, client.Recursive(), client.WithNodeStat(), client.Since(w.since))
	}
	return err
}

// start lets the callers call until stop.
func (w *workload) start(ctx context.Context) {
	for _, m := range w.members {
		if m.watch != nil {
			w.running.Go(func() { w.violated(m.follow(ctx)) })
		}
		for _, l := range m.callers {
			m.calling.Go(func() {
				for n := 0; !w.ended(); n++ {
					if err := l.step(ctx, n); err != nil {
						w.violated(fmt.Errorf("client %s, operation %d: %w", l.name, n, err))
						return
					}
				}
			})
		}
	}
}

// wait waits while all is well; false when there was a violation.
func (w *workload) wait(d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return !w.ended()
	case <-w.over:
		return false
	}
}

// violated notes the first violation, and ends the work.
func (w *workload) violated(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil {
		w.failure = err
	}
	w.finish()
}

// failed returns the first violation.
func (w *workload) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

func (w *workload) finish() { w.stopOnce.Do(func() { close(w.over) }) }

func (w *workload) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// stop ends the work when each caller has its answer.
func (w *workload) stop() {
	w.finish()
	for _, m := range w.members {
		m.calling.Wait()
	}
}

// abandon ends everything that may still run after a failure.
func (w *workload) abandon() {
	w.finish()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, m := range w.members {
		_ = m.client.Close(ctx) // a client that was judged is closed already
		m.calling.Wait()
	}
	w.running.Wait()
}

// judge compares what is there with what was acknowledged, and removes it.
func (w *workload) judge(ctx context.Context) error {
	if err := w.failed(); err != nil {
		return err
	}
	if err := w.endWatches(ctx); err != nil {
		return err
	}
	for _, r := range w.registers {
		if err := r.judge(ctx, w.owner); err != nil {
			return err
		}
	}
	node, err := w.owner.Get(ctx, w.counter.path)
	if held := w.counter.held.Load(); err != nil || node.Stat.Version != held {
		return fmt.Errorf("%d transactions of %s have held by the answers, %d by its version (%w)",
			held, w.counter.path, node.Stat.Version, err)
	}
	ephemerals := 0
	for _, m := range w.members {
		n, err := m.judge(ctx)
		if err != nil {
			return err
		}
		ephemerals += n
	}
	// The clients are closed now, and with them the ephemeral nodes are gone.
	want := w.nodes.Load() - int64(ephemerals)
	there, err := w.owner.Descendants(ctx, w.root)
	if err != nil || there != want {
		return fmt.Errorf("there are %d nodes below %s, by the answers %d (%w)", there, w.root, want, err)
	}
	count, err := w.owner.DeleteTree(ctx, w.root)
	if err != nil || count != want+1 {
		return fmt.Errorf("%d nodes deleted at and below %s, there were %d (%w)", count, w.root, want+1, err)
	}
	return nil
}

// endWatches lets the watches come to the end of all that was done, and checks that they have told it.
func (w *workload) endWatches(ctx context.Context) error {
	for _, m := range w.members {
		if m.watch == nil {
			continue
		}
		if err := w.create(ctx, w.lastNode()); err != nil {
			return err
		}
		w.running.Wait()
		if err := w.failed(); err != nil {
			return err
		}
		if err := m.told.complete(w); err != nil {
			return err
		}
	}
	return nil
}
