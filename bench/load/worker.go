package load

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/coxswain-io/coxswain/client"
)

// coxOf is the target as what measurements of coxswain's own watches need.
func coxOf(t Target, name string) (*Cox, error) {
	own, ok := t.(interface{ cox() *Cox })
	if !ok {
		return nil, fmt.Errorf("%s is about coxswain's watches: %s has others", name, t.Name())
	}
	return own.cox(), nil
}

func (t *Cox) cox() *Cox { return t }

// worker is a client of coxswain in a measurement that needs more of it than other services have.
type worker struct {
	client       *client.Client
	parent, path string // path is its own node, parent that above the nodes of all
	data         []byte
	newest       *newest // one for all
}

// workers are those of one measurement.
type workers struct {
	*fleet
	all []*worker
}

// workers opens n clients, each with a node of its own. adapt may change how one is configured; nil: nothing is changed.
func (t *Cox) workers(ctx context.Context, n, size int, adapt func(i int, c *client.Config)) (*workers, error) {
	f, err := gather(ctx, n, func(ctx context.Context, i int) (Client, error) {
		cfg := client.Config{Servers: t.servers}
		if adapt != nil {
			adapt(i, &cfg)
		}
		return t.dial(ctx, cfg)
	})
	if err != nil {
		return nil, err
	}
	w := &workers{fleet: f}
	data := value(size)
	for i, c := range f.crowd {
		w.all = append(w.all, &worker{
			client: c.(*coxClient).Client, parent: f.path, path: f.path + "/" + strconv.Itoa(i), data: data, newest: &t.newest,
		})
	}
	if err := together(n, atOnceMax, func(i int) error { return create(ctx, f.crowd[i], w.all[i].path, data) }); err != nil {
		return nil, cmp.Or(err, w.clear(ctx))
	}
	return w, nil
}

// watching is the options with the defaults of the measurements of watches.
func (o Options) watching(t Target) Options {
	o.Clients, o.Watches, o.Size = cmp.Or(o.Clients, 10), cmp.Or(o.Watches, 1000), cmp.Or(o.Size, 100)
	o.Duration = cmp.Or(o.Duration, 5*time.Second)
	if c, ok := t.(Cluster); ok && o.PIDs == nil {
		o.PIDs = PIDs(c)
	}
	return o
}

// found is the result of operations that took some time, together with what was between them.
func (o Options) found(times *hdrhistogram.Histogram, took time.Duration, cpu *stopwatch) Result {
	r := Result{Clients: o.Clients, Callers: 1, Seconds: took.Seconds()}
	r.time(times)
	r.PerSecond = float64(r.Operations) / r.Seconds
	r.cost(cpu, r.Operations)
	return r
}
