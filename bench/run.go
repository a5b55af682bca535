package main

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/coxswain-io/coxswain/client"
)

// plan is one measurement to make.
type plan struct {
	servers          []string
	workload         string
	clients, callers int
	size             int
	duration, warmup time.Duration
	pids             []int // of the servers, if they are ours: for their CPU time
}

// result is what a measurement found. Times are in milliseconds.
type result struct {
	Workload        string  `json:"workload"`
	Clients         int     `json:"clients"`
	Callers         int     `json:"callers"`
	Seconds         float64 `json:"seconds"`
	Operations      int64   `json:"operations"`
	PerSecond       float64 `json:"per_second"`
	P50             float64 `json:"p50_ms"`
	P90             float64 `json:"p90_ms"`
	P99             float64 `json:"p99_ms"`
	Max             float64 `json:"max_ms"`
	ServerCPUMicros float64 `json:"server_cpu_us_per_op,omitempty"` // user and system, all servers
}

// root is the node below which everything is done; it is removed again.
const root = "/coxbench"

// worker is one client of a measurement.
type worker struct {
	client *client.Client
	path   string // its own node
	data   []byte
}

// workload is what one caller does again and again.
type workload struct {
	about string
	step  func(ctx context.Context, w *worker, n int) error
}

var workloads = map[string]workload{
	"set": {"set a node of its own", func(ctx context.Context, w *worker, _ int) error {
		_, err := w.client.Set(ctx, w.path, w.data)
		return err
	}},
	"get": {"get a node, linearizable", func(ctx context.Context, w *worker, _ int) error {
		_, err := w.client.Get(ctx, w.path)
		return err
	}},
	"get-session": {"get a node from the server's own state", func(ctx context.Context, w *worker, _ int) error {
		_, err := w.client.Get(ctx, w.path, client.AtLevel(client.Session))
		return err
	}},
	"mix": {"four gets, one set", func(ctx context.Context, w *worker, n int) error {
		if n%5 == 4 {
			_, err := w.client.Set(ctx, w.path, w.data)
			return err
		}
		_, err := w.client.Get(ctx, w.path)
		return err
	}},
	"ephemeral": {"create an ephemeral sequential node and delete it; one operation is both", func(ctx context.Context, w *worker, _ int) error {
		path, _, err := w.client.Create(ctx, w.path+"/e-", w.data, client.Ephemeral(), client.Sequential())
		if err != nil {
			return err
		}
		return w.client.Delete(ctx, path)
	}},
}

func workloadNames() []string {
	var names []string
	for name := range workloads {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// run makes the measurement.
func (p plan) run(ctx context.Context) (r result, err error) {
	workers, closeAll, err := p.connect(ctx)
	if err != nil {
		return r, err
	}
	defer func() {
		if e := closeAll(); err == nil {
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
					_ = h.RecordValue(time.Since(start).Microseconds()) // out of range only beyond its maximum of a minute
				}
			}
		})
	}
	pause(ctx, p.warmup)
	cpu, err := cpuSeconds(p.pids)
	if err != nil {
		return r, err
	}
	measuring.Store(true)
	start := time.Now()
	pause(ctx, p.duration)
	measuring.Store(false)
	seconds := time.Since(start).Seconds()
	cpuAfter, err := cpuSeconds(p.pids)
	if err != nil {
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
	ms := func(percent float64) float64 { return float64(all.ValueAtQuantile(percent)) / 1000 }
	r = result{
		Workload: p.workload, Clients: p.clients, Callers: p.callers, Seconds: seconds, Operations: all.TotalCount(),
		PerSecond: float64(all.TotalCount()) / seconds, P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(all.Max()) / 1000,
	}
	if r.Operations > 0 {
		r.ServerCPUMicros = (cpuAfter - cpu) * 1e6 / float64(r.Operations)
	}
	return r, nil
}

// newHistogram counts microseconds up to a minute, to three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// connect opens the clients, each with a node of its own, and returns how to remove all of it.
func (p plan) connect(ctx context.Context) (workers []*worker, closeAll func() error, err error) {
	closeAll = func() error {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		var first error
		keep := func(err error) {
			if first == nil && err != nil {
				first = err
			}
		}
		for _, w := range workers {
			keep(w.client.Delete(cleanup, w.path))
		}
		if len(workers) > 0 {
			keep(workers[0].client.Delete(cleanup, root))
		}
		for _, w := range workers {
			keep(w.client.Close(cleanup))
		}
		return first
	}
	data := make([]byte, p.size)
	for i := range data {
		data[i] = byte('a' + i%26)
	}
	for i := range p.clients {
		c, err := client.Dial(ctx, client.Config{Servers: p.servers, Name: "coxbench"})
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			if _, _, err := c.Create(ctx, root, nil); err != nil {
				return nil, nil, fmt.Errorf("%w (left over from an interrupted run? delete it with: cox deleteall %s)", err, root)
			}
		}
		w := &worker{client: c, path: fmt.Sprintf("%s/%d", root, i), data: data}
		workers = append(workers, w)
		if _, _, err := c.Create(ctx, w.path, data); err != nil {
			return nil, nil, err
		}
	}
	return workers, closeAll, nil
}

// median is the result with the middle throughput.
func median(results []result) result {
	sort.Slice(results, func(i, j int) bool { return results[i].PerSecond < results[j].PerSecond })
	return results[len(results)/2]
}
