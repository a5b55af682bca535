package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// restartNodes is how many nodes there are when servers are killed.
	restartNodes = 200_000

	// attemptEvery is the time between two attempts to be answered by a server that starts, each by a client of its own: the
	// pauses that a client makes between its attempts would otherwise be what is measured. It is the error of the figure.
	attemptEvery = 20 * time.Millisecond

	// attemptMax is how long an attempt may take. An election must find room in it.
	attemptMax = 2 * time.Second

	// answerMax is how long a server that was started may take until it answers.
	answerMax = 2 * time.Minute

	// settle is how long servers are left alone between two measurements that have disturbed them.
	settle = time.Second
)

// Restart fills the tree, kills servers and starts them again. Figures, medians and with _max the largest: one_ms, from the start
// of one server, while the others run, until a client that knows only this one is answered a linearizable read; all_ms, from the
// start of all servers, which were all killed, until the first such read. The nodes stay: the cluster is of no use for another
// measurement.
var restart = Capacity{
	Name:      "restart",
	About:     "kill -9 one server, then all, with nodes in the tree: from the start to the first linearizable read (--nodes, --times)",
	OnCluster: measureRestart,
}

func measureRestart(ctx context.Context, c Cluster, o Options) (Result, error) {
	nodes, times := cmp.Or(o.Nodes, restartNodes), cmp.Or(o.Times, 5)
	begun := time.Now()
	g, err := fill(ctx, c, o, nodes)
	if err != nil {
		return Result{}, err
	}
	var one, all spread
	for i := range times {
		if c.Len() > 1 {
			took, err := restartSome(ctx, c, g.path, i%c.Len())
			if err != nil {
				return Result{}, err
			}
			one = append(one, milliseconds(took))
		}
		took, err := restartSome(ctx, c, g.path, everyServer(c)...)
		if err != nil {
			return Result{}, err
		}
		all = append(all, milliseconds(took))
	}
	r := Result{Target: c.Name(), Workload: "restart", Seconds: time.Since(begun).Seconds(), Figures: map[string]float64{
		"nodes": float64(nodes), "all_ms": all.median(), "all_max_ms": all.max(),
	}}
	if len(one) > 0 {
		r.Figures["one_ms"], r.Figures["one_max_ms"] = one.median(), one.max()
	}
	return r, nil
}

// everyServer is the numbers of all servers of c.
func everyServer(c Cluster) []int {
	all := make([]int, c.Len())
	for i := range all {
		all[i] = i
	}
	return all
}

// restartSome kills the servers, starts them, and returns how long it took from then until one of them had answered. It returns
// when all of them have.
func restartSome(ctx context.Context, c Cluster, path string, servers ...int) (time.Duration, error) {
	if err := rest(ctx, settle); err != nil {
		return 0, err
	}
	if err := each(servers, c.Kill); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := each(servers, c.Run); err != nil {
		return 0, err
	}
	if _, err := firstRead(ctx, c, path, servers...); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	for _, i := range servers {
		if _, err := firstRead(ctx, c, path, i); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// each does the same to several servers at the same time.
func each(servers []int, do func(i int) error) error {
	return together(len(servers), len(servers), func(k int) error { return do(servers[k]) })
}

// firstRead waits until a client that knows only one of the servers has been answered a linearizable read of path, and returns how long
// that took. They are tried in turn.
func firstRead(ctx context.Context, c Cluster, path string, servers ...int) (time.Duration, error) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerMax)
	attempts := sync.WaitGroup{}
	defer attempts.Wait()
	defer cancel()
	answered := make(chan time.Time, 1)
	var mu sync.Mutex
	var last error
	ticks := time.NewTicker(attemptEvery)
	defer ticks.Stop()
	for i := 0; ; i++ {
		attempts.Go(func() {
			err := readAt(ctx, c, path, servers[i%len(servers)])
			if err == nil {
				select {
				case answered <- time.Now():
				default:
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if ctx.Err() == nil {
				last = err
			}
		})
		select {
		case at := <-answered:
			return at.Sub(begun), nil
		case <-ctx.Done():
			mu.Lock()
			defer mu.Unlock()
			return 0, fmt.Errorf("server %d does not answer: %w", servers[i%len(servers)]+1, errors.Join(ctx.Err(), last))
		case <-ticks.C:
		}
	}
}

// readAt reads a node from server i, by a client that is there for nothing else.
func readAt(ctx context.Context, c Cluster, path string, i int) error {
	ctx, cancel := context.WithTimeout(ctx, attemptMax)
	defer cancel()
	one, err := c.DialAt(ctx, i)
	if err != nil {
		return err
	}
	_, err = one.Get(ctx, path, Linearizable)
	return errors.Join(err, one.Close(ctx))
}
