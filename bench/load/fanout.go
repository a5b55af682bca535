package load

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// fanOutWatches is how many want to know of the change.
	fanOutWatches = 1000

	// fanOutClients is how many connections they share.
	fanOutClients = 10

	// fanOutPause is the time between two changes. It is long enough for watches that must be set again after each event.
	fanOutPause = 50 * time.Millisecond

	// fanOutMax is how long a change may take to be told to all.
	fanOutMax = 10 * time.Second
)

// FanOut changes one node that many watch, through a client that does not. The latencies are from the call of the change until the
// last one was told. Figures: first_ms, the median until the first one was told, and events_per_second while a change is told.
var fanOut = Capacity{
	Name:     "fanout",
	About:    "one change to many watchers: until the last is told (--watches, --clients: their connections, --times)",
	OnTarget: measureFanOut,
}

func measureFanOut(ctx context.Context, t Target, o Options) (r Result, err error) {
	watches, times := cmp.Or(o.Watches, fanOutWatches), cmp.Or(o.Times, 100)
	n := min(cmp.Or(o.Clients, fanOutClients), watches)
	f, err := gather(ctx, n+1, t.Dial)
	if err != nil {
		return r, err
	}
	setter := f.crowd[n]
	var listeners sync.WaitGroup
	over := make(chan struct{})
	told := make(chan time.Time, watches)
	defer func() {
		close(over)
		err = errors.Join(err, f.clear(ctx))
		listeners.Wait()
	}()
	data := value(cmp.Or(o.Size, 100))
	if err := setter.Set(ctx, f.path, data); err != nil {
		return r, err
	}
	if err := together(watches, atOnceMax, func(i int) error {
		changes, err := f.crowd[i%n].Watch(ctx, f.path)
		if err != nil {
			return err
		}
		listeners.Go(func() {
			for { // a service's watch need not end with its client
				select {
				case _, ok := <-changes:
					if !ok {
						return
					}
				case <-over:
					return
				}
				select {
				case told <- time.Now():
				case <-over:
					return
				}
			}
		})
		return nil
	}); err != nil {
		return r, err
	}
	cpu := cpuOf(t, o)
	var first, last spread
	begun := time.Now()
	for range times {
		if err := rest(ctx, fanOutPause); err != nil {
			return r, err
		}
		one, all, err := tellAll(ctx, setter, f.path, data, told, watches)
		if err != nil {
			return r, err
		}
		first, last = append(first, milliseconds(one)), append(last, milliseconds(all))
	}
	r = Result{
		Target: t.Name(), Workload: "fanout", Clients: n, Callers: watches / n, Seconds: time.Since(begun).Seconds(),
		Operations: int64(times), Figures: map[string]float64{
			"watches": float64(watches), "first_ms": first.median(), "events_per_second": float64(watches) * 1000 / last.median(),
		},
	}
	r.PerSecond = float64(times) / r.Seconds
	cpu.stop()
	r.cost(cpu, r.Operations)
	last.latencies(&r)
	return r, nil
}

// tellAll changes the node and returns how long it took until the first and the last of the watches had told.
func tellAll(
	ctx context.Context, setter Client, path string, data []byte, told <-chan time.Time, watches int,
) (first, last time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, fanOutMax)
	defer cancel()
	set := make(chan error, 1)
	begun := time.Now()
	go func() { set <- setter.Set(ctx, path, data) }()
	for i := range watches {
		select {
		case at := <-told:
			if i == 0 {
				first = at.Sub(begun)
			}
			last = max(last, at.Sub(begun))
		case <-ctx.Done():
			return 0, 0, errors.Join(ctx.Err(), <-set)
		}
	}
	return first, last, <-set
}
