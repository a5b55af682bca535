package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Options are what a capacity measurement may be told. Each uses those that its About names; the zero value of one is the
// measurement's own choice.
type Options struct {
	Clients  int
	Callers  int           // of each client
	Watches  int           // of all clients together
	Nodes    int           // in the tree, or children of one node
	Size     int           // bytes of data per node
	Times    int           // how often what is measured is done
	Duration time.Duration // how long
	Warmup   time.Duration // before that
	PIDs     []int         // of the servers, for their CPU time and memory; nil: those of the target, if it is a Cluster
}

// Capacity is a measurement that is more than calls made again and again.
type Capacity struct {
	Name  string
	About string // one line for the help, with the options that it uses

	// One of the two is set. OnTarget measures any service, OnCluster one whose processes it may stop.
	OnTarget  func(ctx context.Context, t Target, o Options) (Result, error)
	OnCluster func(ctx context.Context, c Cluster, o Options) (Result, error)
}

// Measure makes the measurement. It blocks until it is done or ctx has ended, and then until what it has made is removed.
func (c Capacity) Measure(ctx context.Context, t Target, o Options) (Result, error) {
	if c.OnTarget != nil {
		return c.OnTarget(ctx, t, o)
	}
	cluster, ok := t.(Cluster)
	if !ok {
		return Result{}, fmt.Errorf("%s stops servers, which must be processes of its own", c.Name)
	}
	return c.OnCluster(ctx, cluster, o)
}

// Capacities are all capacity measurements, by the name in order.
func Capacities() []Capacity {
	all := slices.Clone(capacities)
	slices.SortFunc(all, func(a, b Capacity) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// capacities is the table; each entry is defined in the file of its name.
var capacities = []Capacity{
	bigList,
	bulk,
	failover,
	fanOut,
	freeze,
	growth,
	idle,
	still,
	restart,
	notify(oneShot),
	notify(persistent),
	notify(recursive),
	resume,
}
