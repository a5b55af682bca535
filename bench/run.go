package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// plan is one measurement to make.
type plan struct {
	servers          []string
	workload         string
	clients, callers int
	watches          int       // of notify and resume
	kind             watchKind // of notify
	size             int
	duration, warmup time.Duration
	pids             []int // of the servers, if they are ours: for their CPU time
}

// run makes the measurement.
func (p plan) run(ctx context.Context) (result, error) {
	if measure := workloads[p.workload].measure; measure != nil {
		return measure(p, ctx)
	}
	return p.loop(ctx)
}

// loop measures what callers do in a closed loop.
func (p plan) loop(ctx context.Context) (r result, err error) {
	workers, err := p.connect(ctx, p.clients, nil)
	if err != nil {
		return r, err
	}
	defer func() {
		if e := workers.close(ctx); err == nil {
			err = e
		}
	}()
	var measuring, done atomic.Bool
	var wg sync.WaitGroup
	histograms := make([]*hdrhistogram.Histogram, 0, p.clients*p.callers)
	errs := make([]error, p.clients*p.callers)
	step := workloads[p.workload].step
	for i := range p.clients * p.callers {
		w, h := workers[i/p.callers], newHistogram()
		histograms = append(histograms, h)
		wg.Go(func() {
			for n := 0; !done.Load(); n++ {
				counted, start := measuring.Load(), time.Now()
				if err := step(ctx, w, n); err != nil {
					errs[i] = err
					return
				}
				if counted && measuring.Load() {
					record(h, time.Since(start))
				}
			}
		})
	}
	defer wg.Wait()
	defer done.Store(true)
	pause(ctx, p.warmup)
	cpu := stopwatch{pids: p.pids}
	if err := cpu.start(); err != nil {
		return r, err
	}
	measuring.Store(true)
	start := time.Now()
	pause(ctx, p.duration)
	measuring.Store(false)
	seconds := time.Since(start).Seconds()
	if err := cpu.stop(); err != nil {
		return r, err
	}
	done.Store(true)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return r, fmt.Errorf("%s: %w", p.workload, err)
		}
	}
	all := newHistogram()
	for _, h := range histograms {
		all.Merge(h)
	}
	return p.found(all, seconds, &cpu), nil
}

// stopwatch adds up the CPU time that the servers use between start and stop. It may be started again.
type stopwatch struct {
	pids    []int
	seconds float64
	began   float64
}

func (s *stopwatch) start() (err error) {
	s.began, err = cpuSeconds(s.pids)
	return err
}

func (s *stopwatch) stop() error {
	now, err := cpuSeconds(s.pids)
	s.seconds += now - s.began
	return err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
