package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	growthSmall = 1000
	growthLarge = 1_000_000

	// growthTime is how long each operation is done, at each size of the tree.
	growthTime = 4 * time.Second

	// growthClients and growthCallers do it; one caller of one client does it too, for the latency of an operation alone.
	growthClients = 8
	growthCallers = 8
)

// Growth compares what operations cost in a small tree of 1,000 nodes and in a large one. Figures, for set, get and create: the CPU
// time of all servers per operation in both, set_us_small and set_us_large, the median latency of one caller alone,
// set_alone_ms_small and set_alone_ms_large, and the quotients, set_us_ratio and set_alone_ratio. The nodes stay.
var growth = Capacity{
	Name:      "growth",
	About:     "what operations cost in a small and in a large tree (--nodes: of the large one, --duration: of each operation)",
	OnCluster: measureGrowth,
}

func measureGrowth(ctx context.Context, c Cluster, o Options) (r Result, err error) {
	nodes, d := cmp.Or(o.Nodes, growthLarge), cmp.Or(o.Duration, growthTime)
	begun := time.Now()
	f, err := gather(ctx, growthClients, c.Dial)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.close(ctx)) }()
	r = Result{
		Target: c.Name(), Workload: "growth", Clients: growthClients, Callers: growthCallers,
		Figures: map[string]float64{"nodes": float64(nodes)},
	}
	var filled int
	for _, size := range []struct {
		name  string
		nodes int
	}{{"small", growthSmall}, {"large", nodes}} {
		g, err := f.fill(ctx, Options{Size: o.Size}, filled, size.nodes)
		if err != nil {
			return r, err
		}
		filled = size.nodes
		if err := rest(ctx, settle); err != nil { // the garbage of the filling is not what operations cost
			return r, err
		}
		for _, op := range growthOperations {
			s, err := op.cost(ctx, c, f.crowd, g, size.nodes, d)
			if err != nil {
				return r, fmt.Errorf("%s with %d nodes: %w", op.name, size.nodes, err)
			}
			r.Operations += s.operations
			r.Figures[op.name+"_us_"+size.name], r.Figures[op.name+"_alone_ms_"+size.name] = s.micros, s.alone
		}
	}
	for _, op := range growthOperations {
		for _, figure := range []string{"_us", "_alone"} {
			unit := map[string]string{"_us": "_us_", "_alone": "_alone_ms_"}[figure]
			r.Figures[op.name+figure+"_ratio"] = r.Figures[op.name+unit+"large"] / r.Figures[op.name+unit+"small"]
		}
	}
	r.Seconds = time.Since(begun).Seconds()
	r.PerSecond = float64(r.Operations) / r.Seconds
	return r, nil
}

// growthOperation is done to a node of the tree chosen at random; to create, which also deletes what it has made, beside it.
type growthOperation struct {
	name string
	do   func(ctx context.Context, c Client, node string, unique int64) error
}

var growthOperations = []growthOperation{
	{"set", func(ctx context.Context, c Client, node string, _ int64) error {
		return c.Set(ctx, node, value(fillBytes))
	}},
	{"get", func(ctx context.Context, c Client, node string, _ int64) error {
		_, err := c.Get(ctx, node, Linearizable)
		return err
	}},
	{"create", func(ctx context.Context, c Client, node string, unique int64) error {
		path := fmt.Sprintf("%s-%d", node, unique)
		return errors.Join(c.Create(ctx, path, value(fillBytes)), c.Delete(ctx, path))
	}},
}

// growthCost is what an operation costs at one size of the tree.
type growthCost struct {
	operations int64
	micros     float64 // CPU time of all servers
	alone      float64 // milliseconds, of one caller alone, median
}

func (op growthOperation) cost(
	ctx context.Context, c Cluster, clients []Client, g grown, nodes int, d time.Duration,
) (growthCost, error) {
	once := func(caller, i int) error {
		return op.do(ctx, clients[caller%len(clients)], g.node(rand.IntN(nodes)), int64(caller)<<32|int64(i))
	}
	if _, err := repeat(len(clients)*growthCallers, d/4, once); err != nil { // not counted: it warms up
		return growthCost{}, err
	}
	cpu := cpuOf(c, Options{})
	took, err := repeat(len(clients)*growthCallers, d, once)
	if err != nil {
		return growthCost{}, err
	}
	cpu.stop()
	s := growthCost{operations: int64(len(took)), micros: cpu.seconds * 1e6 / float64(len(took))}
	alone, err := repeat(1, d/2, once)
	s.operations, s.alone = s.operations+int64(len(alone)), alone.median()
	return s, err
}

// repeat lets callers do something again and again for d, and returns how long each time took, in milliseconds.
func repeat(callers int, d time.Duration, do func(caller, i int) error) (spread, error) {
	took := make([]spread, callers)
	until := time.Now().Add(d)
	err := together(callers, callers, func(caller int) error {
		for i := 0; ; i++ {
			begun := time.Now()
			if begun.After(until) {
				return nil
			}
			if err := do(caller, i); err != nil {
				return err
			}
			took[caller] = append(took[caller], milliseconds(time.Since(begun)))
		}
	})
	var all spread
	for _, s := range took {
		all = append(all, s...)
	}
	return all, err
}
