package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"github.com/coxswain-io/coxswain/bench/load"
)

// errAtLeast is the answer of both peers to what only we have.
var errAtLeast = errors.New("there are no reads that wait for what another client has seen")

// zkClient is a client of go-zookeeper. Its calls take no context: one that is under way ends when it is answered, when the
// connection is lost, or when the client is closed.
type zkClient struct {
	conn    *zk.Conn
	watches zkWatches
}

// quiet drops what go-zookeeper logs of connections that come and go.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// dialZooKeeper opens a client that knows the servers of addrs, in the random order that go-zookeeper gives them, and waits
// until it has a session.
func dialZooKeeper(ctx context.Context, addrs []string) (load.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	conn, events, err := zk.Connect(addrs, sessionTimeout, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, fmt.Errorf("no session at %v: %w", addrs, ctx.Err())
		case e, open := <-events:
			if !open {
				return nil, errors.New("the client has ended before it had a session")
			}
			if e.State == zk.StateHasSession {
				return &zkClient{conn: conn, watches: zkWatches{byPath: map[string]*zkWatch{}}}, nil // events that nobody takes are dropped
			}
		}
	}
}

func (c *zkClient) Create(_ context.Context, path string, data []byte) error {
	_, err := c.conn.Create(path, data, 0, zk.WorldACL(zk.PermAll))
	return err
}

func (c *zkClient) CreateEphemeral(_ context.Context, prefix string, data []byte) (string, error) {
	return c.conn.Create(prefix, data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
}

func (c *zkClient) Set(_ context.Context, path string, data []byte) error {
	_, err := c.conn.Set(path, data, -1)
	return err
}

func (c *zkClient) SetAll(_ context.Context, paths []string, data []byte) error {
	ops := make([]any, len(paths))
	for i, path := range paths {
		ops[i] = &zk.SetDataRequest{Path: path, Data: data, Version: -1}
	}
	_, err := c.conn.Multi(ops...)
	return err
}

// Get of a linearizable read is what ZooKeeper's documentation says of it: a sync, and then the read.
func (c *zkClient) Get(_ context.Context, path string, level load.Level) ([]byte, error) {
	switch level {
	case load.AtLeast:
		return nil, fmt.Errorf("ZooKeeper: %w", errAtLeast)
	case load.Linearizable:
		if _, err := c.conn.Sync(path); err != nil {
			return nil, err
		}
	}
	data, _, err := c.conn.Get(path)
	return data, err
}

func (c *zkClient) List(_ context.Context, path string) (int, error) {
	names, _, err := c.conn.Children(path)
	return len(names), err
}

func (c *zkClient) Delete(_ context.Context, path string) error { return c.conn.Delete(path, -1) }

// DeleteTree removes the leaves of each node in transactions of many, and then the node.
func (c *zkClient) DeleteTree(ctx context.Context, path string) error {
	names, stat, err := c.conn.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	if err != nil || stat == nil {
		return err
	}
	var leaves []any
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		child := path + "/" + name
		if _, stat, err := c.conn.Exists(child); err != nil {
			return err
		} else if stat.NumChildren > 0 {
			if err := c.DeleteTree(ctx, child); err != nil {
				return err
			}
			continue
		}
		if leaves = append(leaves, &zk.DeleteRequest{Path: child, Version: -1}); len(leaves) == deletesAtOnce {
			if _, err := c.conn.Multi(leaves...); err != nil {
				return err
			}
			leaves = leaves[:0]
		}
	}
	if len(leaves) > 0 {
		if _, err := c.conn.Multi(leaves...); err != nil {
			return err
		}
	}
	return c.conn.Delete(path, -1)
}

func (c *zkClient) Lock(_ context.Context, path string) (func(context.Context) error, error) {
	lock := zk.NewLock(c.conn, path, zk.WorldACL(zk.PermAll))
	if err := lock.Lock(); err != nil {
		return nil, err
	}
	return func(context.Context) error { return lock.Unlock() }, nil
}

// Close waits for the answer, but no longer than a second.
func (c *zkClient) Close(context.Context) error {
	c.conn.Close()
	c.watches.running.Wait()
	return nil
}
