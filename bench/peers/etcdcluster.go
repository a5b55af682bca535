package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/coxswain-io/coxswain/bench/load"
	"github.com/coxswain-io/coxswain/internal/ports"
)

// etcd is a cluster of etcd's own server, with all settings as they are by default: fsync before each acknowledgement,
// heartbeats of 100 ms, elections after a second.
type etcd struct {
	*processes
	urls []string // where clients connect
}

// startEtcd starts n servers of binary, which is that of the module in etcd/, and waits until each serves.
func startEtcd(ctx context.Context, binary string, n int) (*etcd, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if err := built(binary, "make bench-peers"); err != nil {
		return nil, err
	}
	addrs, err := ports.Free(2 * n)
	if err != nil {
		return nil, err
	}
	p, err := newProcesses(n)
	if err != nil {
		return nil, err
	}
	e := &etcd{processes: p}
	var members []string
	for i := range n {
		e.urls = append(e.urls, "http://"+addrs[i])
		members = append(members, "server"+strconv.Itoa(i+1)+"=http://"+addrs[n+i])
	}
	for i, s := range p.servers {
		peer := "http://" + addrs[n+i]
		s.argv = []string{
			binary, "--name", "server" + strconv.Itoa(i+1), "--data-dir", p.DataDir(i),
			"--listen-client-urls", e.urls[i], "--advertise-client-urls", e.urls[i],
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(members, ","), "--initial-cluster-state", "new",
		}
	}
	if err := p.start(ctx, func(ctx context.Context, i int) error { return e.serves(ctx, i) }); err != nil {
		return nil, err
	}
	return e, nil
}

// serves returns nil if server i knows a leader.
func (e *etcd) serves(ctx context.Context, i int) error {
	status, err := e.status(ctx, i)
	if err == nil && status.Leader == 0 {
		err = fmt.Errorf("server %d knows no leader", i+1)
	}
	return err
}

func (e *etcd) status(ctx context.Context, i int) (*clientv3.StatusResponse, error) {
	c, err := newEtcdClient(e.urls[i : i+1])
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Status(ctx, e.urls[i])
}

func (e *etcd) Name() string { return "etcd" }

// Dial opens a client that knows all servers, in each place the next one first; it sends its calls to all of them in turn.
func (e *etcd) Dial(ctx context.Context, n int) (load.Client, error) {
	first := n % len(e.urls)
	return dialEtcd(ctx, append(append([]string(nil), e.urls[first:]...), e.urls[:first]...))
}

func (e *etcd) DialAt(ctx context.Context, i int) (load.Client, error) {
	return dialEtcd(ctx, e.urls[i:i+1])
}

func (e *etcd) Leader(ctx context.Context) (int, error) {
	return e.leader(ctx, func(ctx context.Context, i int) (bool, error) {
		status, err := e.status(ctx, i)
		return err == nil && status.Leader == status.Header.MemberId, err
	})
}

func newEtcdClient(urls []string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: urls, DialTimeout: dialMax, Logger: zap.NewNop()})
}
