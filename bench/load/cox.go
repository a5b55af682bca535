package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// Cox is a coxswain cluster as a target.
type Cox struct {
	servers []string
	newest  newest // one for all clients, which tell each other what they have seen
}

// NewCox returns the cluster with servers at the given client addresses. It does not connect.
func NewCox(servers []string) *Cox { return &Cox{servers: slices.Clone(servers)} }

// Name is "coxswain".
func (t *Cox) Name() string { return "coxswain" }

// Dial opens a client that knows all servers, and chooses one at random.
func (t *Cox) Dial(ctx context.Context, _ int) (Client, error) {
	return t.dial(ctx, client.Config{Servers: t.servers})
}

func (t *Cox) dial(ctx context.Context, cfg client.Config) (*coxClient, error) {
	cfg.Name = "coxbench"
	c, err := client.Dial(ctx, cfg)
	if tried, ok := errors.AsType[*client.DialError](err); ok {
		return nil, tried // says more than that the time is up
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(cfg.Servers, ", "), err)
	}
	return &coxClient{Client: c, newest: &t.newest}, nil
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

// coxClient is a client of coxswain as a [Client].
type coxClient struct {
	*client.Client
	newest   *newest
	watching sync.WaitGroup // of goroutines that pass on events
}

func (c *coxClient) Create(ctx context.Context, path string, data []byte) error {
	var z client.Zxid
	_, _, err := c.Client.Create(ctx, path, data, client.WithZxid(&z))
	c.newest.note(z)
	return err
}

func (c *coxClient) CreateEphemeral(ctx context.Context, prefix string, data []byte) (string, error) {
	path, _, err := c.Client.Create(ctx, prefix, data, client.Ephemeral(), client.Sequential())
	return path, err
}

func (c *coxClient) Set(ctx context.Context, path string, data []byte) error {
	var z client.Zxid
	_, err := c.Client.Set(ctx, path, data, client.WithZxid(&z))
	c.newest.note(z)
	return err
}

func (c *coxClient) SetAll(ctx context.Context, paths []string, data []byte) error {
	ops := make([]client.Op, len(paths))
	for i, path := range paths {
		ops[i] = client.SetOp(path, data)
	}
	_, err := c.Multi(ctx, ops...)
	return err
}

func (c *coxClient) Get(ctx context.Context, path string, level Level) ([]byte, error) {
	var (
		node client.Node
		err  error
	)
	switch level {
	case Local:
		node, err = c.Client.Get(ctx, path, client.AtLevel(client.Session))
	case AtLeast:
		var z client.Zxid
		node, err = c.Client.Get(ctx, path, client.AtLeast(c.newest.load()), client.WithZxid(&z))
		c.newest.note(z)
	default:
		node, err = c.Client.Get(ctx, path)
	}
	return node.Data, err
}

func (c *coxClient) List(ctx context.Context, path string) (int, error) {
	names, _, err := c.Children(ctx, path)
	return len(names), err
}

func (c *coxClient) Delete(ctx context.Context, path string) error { return c.Client.Delete(ctx, path) }

// DeleteTree deletes at once what one transaction may delete, and more in parts.
func (c *coxClient) DeleteTree(ctx context.Context, path string) error {
	for {
		_, err := c.Client.DeleteTree(ctx, path)
		switch {
		case errors.Is(err, client.ErrNoNode):
			return nil
		case !errors.Is(err, client.ErrTooMany):
			return err
		}
		page, err := c.ChildrenPage(ctx, path, "", deletesMax, client.WithStats())
		if err != nil {
			return err
		}
		var leaves []client.Op
		for _, child := range page.Children {
			if child.Stat.NumChildren == 0 {
				leaves = append(leaves, client.DeleteOp(path+"/"+child.Name))
			} else if err := c.DeleteTree(ctx, path+"/"+child.Name); err != nil {
				return err
			}
		}
		if _, err := c.Multi(ctx, leaves...); err != nil {
			return err
		}
	}
}

func (c *coxClient) Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	// A server may be behind what another client has been told, and would tell of the making of the node.
	w, err := c.AddWatch(ctx, path, client.Since(c.newest.load()))
	if err != nil {
		return nil, err
	}
	changes := make(chan struct{}, 1)
	c.watching.Go(func() {
		for range w.C() {
			select {
			case changes <- struct{}{}:
			default: // one that was not taken tells of this change, too
			}
		}
	})
	return changes, nil
}

func (c *coxClient) Lock(ctx context.Context, path string) (func(context.Context) error, error) {
	held, err := recipes.NewLock(c.Client, path).Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return held.Release, nil
}

func (c *coxClient) Close(ctx context.Context) error {
	err := c.Client.Close(ctx) // which ends all watches
	c.watching.Wait()
	return err
}
