package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// watchKind is how the watches of notify are set.
type watchKind string

const (
	oneShot    watchKind = "one-shot"   // with a get of the node, again before each change; to a server those of one connection are one
	persistent watchKind = "persistent" // on the node
	recursive  watchKind = "recursive"  // on the node's parent
)

// notify measures the time from the call of a set to when the first and the last of the watches is told, which is when the
// goroutine that waits for it has the event. A client more than the plan has makes the changes, one after the other; what is
// done between them, such as setting one-shot watches again, is not measured. It fails if a change is not told to every watch
// exactly once.
func notify(kind watchKind) Capacity {
	name := "notify-" + string(kind)
	return Capacity{
		Name:  name,
		About: "set a node that --watches " + string(kind) + " watches of --clients connections wait for: until the last is told (coxswain only)",
		OnTarget: func(ctx context.Context, t Target, o Options) (r Result, err error) {
			cox, err := coxOf(t, name)
			if err != nil {
				return r, err
			}
			o = o.watching(t)
			workers, err := cox.workers(ctx, o.Clients+1, o.Size, nil)
			if err != nil {
				return r, err
			}
			a := newAudience(kind, o, workers)
			var listening sync.WaitGroup
			defer func() {
				close(a.turns)
				if e := workers.clear(ctx); err == nil { // which ends all watches
					err = e
				}
				listening.Wait()
			}()
			for i := range a.listeners {
				listening.Go(func() { a.fail(a.listen(ctx, &a.listeners[i])) })
			}
			r, err = a.measure(ctx, o)
			r.Target, r.Workload = t.Name(), name
			return r, err
		},
	}
}

// measure makes changes for the time that o says.
func (a *audience) measure(ctx context.Context, o Options) (r Result, err error) {
	first, last, cpu := newHistogram(), newHistogram(), stopwatch{pids: o.PIDs}
	for start := time.Now(); time.Since(start) < o.Warmup; {
		if _, _, err := a.change(ctx, &cpu); err != nil {
			return r, err
		}
	}
	cpu.seconds = 0
	start := time.Now()
	for last.TotalCount() == 0 || time.Since(start) < o.Duration {
		toFirst, toLast, err := a.change(ctx, &cpu)
		if err != nil {
			return r, err
		}
		record(first, toFirst)
		record(last, toLast)
	}
	r = o.found(last, time.Since(start), &cpu)
	r.figure("watches", float64(o.Watches))
	r.figure("first_p50_ms", quantileMS(first, 50))
	r.figure("first_p99_ms", quantileMS(first, 99))
	return r, nil
}

// audience is those who wait for one node to be set. All of them do the same at a time: they get ready, and then they
// listen; who has done so waits for the others.
type audience struct {
	kind      watchKind
	writer    *worker // whose node it is
	listeners []listener

	turns   chan struct{} // one for each listener to get ready and listen once; closed when there is nothing more to come
	missing atomic.Int64  // how many listeners have not come to the end of what all do
	all     chan struct{} // gets something when the last one has
	failed  chan error    // gets the first error
}

// listener is one watch and its user.
type listener struct {
	client *client.Client
	events <-chan client.Event
	why    func() error // why events was closed

	// of the newest event; for the others when the listener is not missing
	at   time.Time
	zxid client.Zxid
}

// newAudience spreads the watches over all workers but the last, which makes the changes.
func newAudience(kind watchKind, o Options, workers *workers) *audience {
	a := &audience{
		kind: kind, writer: workers.all[o.Clients], listeners: make([]listener, o.Watches),
		turns: make(chan struct{}, o.Watches), all: make(chan struct{}, 1), failed: make(chan error, 1),
	}
	for i := range a.listeners {
		a.listeners[i].client = workers.all[i%o.Clients].client
	}
	return a
}

// listen is what a listener does.
func (a *audience) listen(ctx context.Context, l *listener) error {
	for range a.turns {
		if err := a.ready(ctx, l); err != nil {
			return err
		}
		a.done()
		event, ok := <-l.events
		if !ok {
			return l.why()
		}
		l.at, l.zxid = time.Now(), event.Zxid
		a.done()
	}
	return nil
}

// ready sets the watch of a listener, unless it is there.
func (a *audience) ready(ctx context.Context, l *listener) error {
	if a.kind == oneShot {
		var w *client.Watch
		if _, err := l.client.Get(ctx, a.writer.path, client.WithWatch(&w)); err != nil {
			return err
		}
		l.events, l.why = w.C(), w.Err
		return nil
	}
	if l.events != nil {
		return nil
	}
	// A server may be behind what another client has been told, and would tell of the making of the nodes.
	path, options := a.writer.path, []client.WatchOption{client.Since(a.writer.newest.load())}
	if a.kind == recursive {
		path, options = a.writer.parent, append(options, client.Recursive())
	}
	w, err := l.client.AddWatch(ctx, path, options...)
	if err != nil {
		return err
	}
	l.events, l.why = w.C(), w.Err
	return nil
}

// done notes that a listener has done what all do now.
func (a *audience) done() {
	if a.missing.Add(-1) == 0 {
		a.all <- struct{}{}
	}
}

func (a *audience) fail(err error) {
	if err == nil {
		return
	}
	select {
	case a.failed <- err:
	default:
	}
}

// wait waits until all listeners are done.
func (a *audience) wait(ctx context.Context) error {
	select {
	case <-a.all:
		return nil
	case err := <-a.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// change sets the node once, and returns after what time the first and the last listener were told. The time of the servers
// is added to cpu.
func (a *audience) change(ctx context.Context, cpu *stopwatch) (first, last time.Duration, err error) {
	a.missing.Store(int64(len(a.listeners)))
	for range a.listeners {
		a.turns <- struct{}{}
	}
	if err := a.wait(ctx); err != nil {
		return 0, 0, err
	}
	a.missing.Store(int64(len(a.listeners)))
	cpu.start()
	start := time.Now()
	var z client.Zxid
	if _, err := a.writer.client.Set(ctx, a.writer.path, a.writer.data, client.WithZxid(&z)); err != nil {
		return 0, 0, err
	}
	if err := a.wait(ctx); err != nil {
		return 0, 0, err
	}
	cpu.stop()
	return a.check(start, z)
}

// check returns after what time the first and the last listener were told of the change of transaction z, or that one of them
// was told of another.
func (a *audience) check(start time.Time, z client.Zxid) (first, last time.Duration, err error) {
	for i, l := range a.listeners {
		if l.zxid != z {
			return 0, 0, fmt.Errorf("watch %d was told of transaction %d when %d has changed the node", i, l.zxid, z)
		}
		after := l.at.Sub(start)
		if i == 0 || after < first {
			first = after
		}
		last = max(last, after)
	}
	return first, last, nil
}
