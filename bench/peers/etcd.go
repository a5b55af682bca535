package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/coxswain-io/coxswain/bench/load"
)

// etcdClient is a client of clientv3 with a session, as clients of the other services have one.
type etcdClient struct {
	*clientv3.Client
	session *concurrency.Session
	created atomic.Int64
	watches sync.WaitGroup
}

func dialEtcd(ctx context.Context, urls []string) (load.Client, error) {
	c, err := newEtcdClient(urls)
	if err != nil {
		return nil, err
	}
	// The session's own context lasts as long as the client; ctx and dialMax bound only its beginning.
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	lease, err := c.Grant(ctx, int64(sessionTimeout/time.Second))
	if err == nil {
		var session *concurrency.Session
		if session, err = concurrency.NewSession(c, concurrency.WithLease(lease.ID)); err == nil {
			return &etcdClient{Client: c, session: session}, nil
		}
	}
	_ = c.Close() // the first error is the one to tell
	return nil, fmt.Errorf("no session at %v: %w", urls, err)
}

// Create puts, without the condition that the key is new, which costs more: keys of a measurement are.
func (c *etcdClient) Create(ctx context.Context, path string, data []byte) error {
	return c.Set(ctx, path, data)
}

// CreateEphemeral puts a key of a name that no other has, bound to the session's lease.
func (c *etcdClient) CreateEphemeral(ctx context.Context, prefix string, data []byte) (string, error) {
	path := fmt.Sprintf("%s%x-%d", prefix, c.session.Lease(), c.created.Add(1))
	_, err := c.Put(ctx, path, string(data), clientv3.WithLease(c.session.Lease()))
	return path, err
}

func (c *etcdClient) Set(ctx context.Context, path string, data []byte) error {
	_, err := c.Put(ctx, path, string(data))
	return err
}

func (c *etcdClient) SetAll(ctx context.Context, paths []string, data []byte) error {
	ops := make([]clientv3.Op, len(paths))
	for i, path := range paths {
		ops[i] = clientv3.OpPut(path, string(data))
	}
	_, err := c.Txn(ctx).Then(ops...).Commit()
	return err
}

func (c *etcdClient) Get(ctx context.Context, path string, level load.Level) ([]byte, error) {
	var options []clientv3.OpOption
	switch level {
	case load.AtLeast:
		return nil, fmt.Errorf("etcd: %w", errAtLeast)
	case load.Local:
		options = []clientv3.OpOption{clientv3.WithSerializable()}
	}
	found, err := c.Client.Get(ctx, path, options...)
	if err != nil {
		return nil, err
	}
	if len(found.Kvs) == 0 {
		return nil, fmt.Errorf("etcd: there is no key %s", path)
	}
	return found.Kvs[0].Value, nil
}

func (c *etcdClient) List(ctx context.Context, path string) (int, error) {
	found, err := c.Client.Get(ctx, path+"/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return 0, err
	}
	return len(found.Kvs), nil
}

func (c *etcdClient) Delete(ctx context.Context, path string) error {
	gone, err := c.Client.Delete(ctx, path)
	if err == nil && gone.Deleted == 0 {
		err = fmt.Errorf("etcd: there is no key %s", path)
	}
	return err
}

func (c *etcdClient) DeleteTree(ctx context.Context, path string) error {
	if _, err := c.Client.Delete(ctx, path+"/", clientv3.WithPrefix()); err != nil {
		return err
	}
	_, err := c.Client.Delete(ctx, path)
	return err
}

func (c *etcdClient) Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	// The watch lasts as long as the client; ctx bounds only its beginning.
	watching, cancel := context.WithCancel(c.Ctx())
	stop := context.AfterFunc(ctx, cancel)
	answers := c.Client.Watch(watching, path, clientv3.WithCreatedNotify())
	if first, open := <-answers; !open || !first.Created {
		cancel()
		return nil, fmt.Errorf("etcd: no watch of %s: %w", path, context.Cause(watching))
	}
	stop()
	told := make(chan struct{}, 1)
	c.watches.Go(func() {
		defer cancel()
		defer close(told)
		for answer := range answers {
			if len(answer.Events) == 0 {
				continue
			}
			select {
			case told <- struct{}{}:
			default: // a change that has not been taken yet stands for this one
			}
		}
	})
	return told, nil
}

// Lock takes the session's place in the line of path: callers of the same client have one and the same.
func (c *etcdClient) Lock(ctx context.Context, path string) (func(context.Context) error, error) {
	mutex := concurrency.NewMutex(c.session, path)
	if err := mutex.Lock(ctx); err != nil {
		return nil, err
	}
	return mutex.Unlock, nil
}

// Close revokes the lease, which ends within ctx or by itself, and closes the connections.
func (c *etcdClient) Close(ctx context.Context) error {
	c.session.Orphan()
	_, err := c.Revoke(ctx, c.session.Lease())
	if e := c.Client.Close(); err == nil {
		err = e
	}
	c.watches.Wait()
	return err
}
