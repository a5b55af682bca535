package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

const (
	// root is the node below which everything is done; it is removed again.
	root = "/coxbench"

	// atOnceMax is how many calls are under way at the same time where a measurement is prepared or cleared away. A thousand
	// clients are there in a second then, and the servers are not flooded.
	atOnceMax = 64

	// clearMax is how long the clearing away of one measurement may take.
	clearMax = time.Minute
)

// worker is one client of a measurement.
type worker struct {
	client *client.Client
	path   string // its own node
	data   []byte
	newest *newest // one for all workers of a measurement
}

// newest is the newest transaction that any client has seen.
type newest struct{ zxid atomic.Uint64 }

func (n *newest) load() client.Zxid { return client.Zxid(n.zxid.Load()) }

func (n *newest) note(z client.Zxid) {
	for {
		old := n.zxid.Load()
		if uint64(z) <= old || n.zxid.CompareAndSwap(old, uint64(z)) {
			return
		}
	}
}

// fleet is the clients of one measurement. Each has a node of its own.
type fleet []*worker

// connect opens n clients. adapt may change how one is configured; nil: nothing is changed.
func (p plan) connect(ctx context.Context, n int, adapt func(i int, c *client.Config)) (fleet, error) {
	var (
		f    = make(fleet, n)
		seen newest
		data = make([]byte, p.size)
	)
	for i := range data {
		data[i] = byte('a' + i%26)
	}
	open := func(i int) error {
		config := client.Config{Servers: p.servers, Name: "coxbench"}
		if adapt != nil {
			adapt(i, &config)
		}
		c, err := client.Dial(ctx, config)
		if err != nil {
			return err
		}
		f[i] = &worker{client: c, data: data, newest: &seen}
		if i == 0 {
			if _, _, err := c.Create(ctx, root, nil); err != nil {
				return fmt.Errorf("%w (left over from an interrupted run? delete it with: cox deleteall %s)", err, root)
			}
		}
		path := fmt.Sprintf("%s/%d", root, i)
		if _, _, err := c.Create(ctx, path, data); err != nil {
			return err
		}
		f[i].path = path
		seen.note(c.LastZxid())
		return nil
	}
	err := open(0) // alone: the root is there for the others
	if err == nil {
		err = inParallel(n-1, func(i int) error { return open(i + 1) })
	}
	if err != nil {
		_ = f.close(ctx) // the first error is the one to tell
		return nil, err
	}
	return f, nil
}

// close removes all nodes and closes all clients, whatever has become of ctx, and returns the first error.
func (f fleet) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearMax)
	defer cancel()
	var err error
	if f[0] != nil && f[0].path != "" {
		_, err = f[0].client.DeleteTree(ctx, root)
	}
	if e := inParallel(len(f), func(i int) error {
		if f[i] == nil {
			return nil
		}
		return f[i].client.Close(ctx)
	}); err == nil {
		err = e
	}
	return err
}

// inParallel calls do for every number below n, several at the same time, and returns the error of the lowest.
func inParallel(n int, do func(i int) error) error {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
		errs = make([]error, n)
	)
	for range min(n, atOnceMax) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = do(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
