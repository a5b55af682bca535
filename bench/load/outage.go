package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// outageMax is how long after a fault every writer must have been answered again. It is beyond what any of the services
	// takes by design; who is not back then does not come back.
	outageMax = 30 * time.Second

	// outageCalm is how long writers go on undisturbed before a fault, so that what it interrupts is the steady state.
	outageCalm = time.Second

	// outageRetry is how long a writer waits after a call that has failed.
	outageRetry = time.Millisecond
)

// writers write without a pause, each by its own client on its own node, and note when they were answered.
type writers struct {
	count int
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu       sync.Mutex
	answers  int64
	failures int64
	problems problems
	last     time.Time     // the newest answer to any of them
	fault    time.Time     // when the present fault began; zero: there is none
	cut      time.Time     // from when on nothing that is begun can be answered without a recovery; zero: not yet
	silence  time.Duration // the longest time since fault in which nobody was answered
	back     []time.Duration
	excused  int           // who is not waited for; -1: nobody
	waiting  int           // how many are not back
	all      chan struct{} // closed when waiting is 0
}

// startWriters sets them off. Each one's node is made before it returns.
func startWriters(ctx context.Context, clients []Client, path string, data []byte) (*writers, error) {
	running, stop := context.WithCancel(ctx)
	w := &writers{count: len(clients), stop: stop, last: time.Now()}
	for i, c := range clients {
		node := fmt.Sprintf("%s/writer-%d", path, i)
		if err := c.Create(ctx, node, data); err != nil {
			w.end()
			return nil, err
		}
		w.wg.Go(func() { w.write(running, i, c, node, data) })
	}
	return w, nil
}

func (w *writers) write(ctx context.Context, i int, c Client, node string, data []byte) {
	for ctx.Err() == nil {
		begun := time.Now()
		err := c.Set(ctx, node, data)
		if err == nil {
			w.answered(i, begun, time.Now())
			continue
		}
		if ctx.Err() != nil {
			return
		}
		w.problems.note(err)
		w.mu.Lock()
		w.failures++
		w.mu.Unlock()
		_ = rest(ctx, outageRetry) // the loop looks at ctx
	}
}

// answered notes an answer to writer i.
func (w *writers) answered(i int, begun, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers++
	if !w.fault.IsZero() {
		since := w.last
		if since.Before(w.fault) {
			since = w.fault
		}
		w.silence = max(w.silence, now.Sub(since))
		if w.back[i] == 0 && i != w.excused && !w.cut.IsZero() && begun.After(w.cut) {
			w.back[i] = now.Sub(w.fault)
			if w.waiting--; w.waiting == 0 {
				close(w.all)
			}
		}
	}
	w.last = now
}

// outage is what a fault was to the writers.
type outage struct {
	silence time.Duration   // the longest time, from the fault on, in which nobody was answered
	back    []time.Duration // by writer: from the fault to its first answer to a request that was begun after it; 0: not waited for
}

// during makes fault happen and returns, when every writer but the excused one (-1: none is) is back, what it was to them.
// fault returns when its effect is complete.
func (w *writers) during(ctx context.Context, excused int, fault func() error) (outage, error) {
	if err := rest(ctx, outageCalm); err != nil {
		return outage{}, err
	}
	all := make(chan struct{})
	w.mu.Lock()
	w.fault, w.cut, w.silence = time.Now(), time.Time{}, 0
	w.back, w.waiting, w.excused, w.all = make([]time.Duration, w.count), w.count, excused, all
	if excused >= 0 {
		w.waiting--
	}
	w.mu.Unlock()
	err := fault()
	w.mu.Lock()
	w.cut = time.Now()
	w.mu.Unlock()
	if err != nil {
		return outage{}, err
	}
	timer := time.NewTimer(outageMax)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errors.New("they did not come back")
	case <-all:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = time.Time{}
	if err != nil {
		return outage{}, fmt.Errorf("%d of %d writers were not answered in %v after the fault: %w (failed calls: %q)", w.waiting, w.count, outageMax, err, w.problems.texts())
	}
	return outage{w.silence, w.back}, nil
}

// end stops the writers and waits for them.
func (w *writers) end() {
	w.stop()
	w.wg.Wait()
}
