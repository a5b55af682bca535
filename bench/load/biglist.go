package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// bigListChildren is how many children the list has.
const bigListChildren = 100_000

// BigList gives one node many children and lists them by one client, a list after the other. A client may fetch them in pages.
// PerSecond counts lists, and the latencies are those of whole lists; ServerCPUMicros is per list.
var bigList = Capacity{
	Name:     "biglist",
	About:    "list a node with very many children (--nodes: children, --times: lists)",
	OnTarget: measureBigList,
}

func measureBigList(ctx context.Context, t Target, o Options) (r Result, err error) {
	children, times := cmp.Or(o.Nodes, bigListChildren), cmp.Or(o.Times, 50)
	f, err := gather(ctx, fillClients, t.Dial)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.clear(ctx)) }()
	if err := together(children, fillClients*fillCallers, func(i int) error {
		return f.crowd[i%len(f.crowd)].Create(ctx, fmt.Sprintf("%s/child-%07d", f.path, i), nil)
	}); err != nil {
		return r, err
	}
	list := func() error {
		n, err := f.crowd[0].List(ctx, f.path)
		if err == nil && n != children {
			err = fmt.Errorf("a list of %d children has %d", children, n)
		}
		return err
	}
	if err := list(); err != nil { // not counted: buffers grow
		return r, err
	}
	cpu := cpuOf(t, o)
	var took spread
	begun := time.Now()
	for range times {
		one := time.Now()
		if err := list(); err != nil {
			return r, err
		}
		took = append(took, milliseconds(time.Since(one)))
	}
	r = Result{
		Target: t.Name(), Workload: "biglist", Clients: 1, Callers: 1, Seconds: time.Since(begun).Seconds(),
		Operations: int64(times), Figures: map[string]float64{"children": float64(children)},
	}
	r.PerSecond = float64(times) / r.Seconds
	cpu.stop()
	r.cost(cpu, r.Operations)
	took.latencies(&r)
	return r, nil
}
