package servertest

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/ports"
	"github.com/coxswain-io/coxswain/server"
)

// Cluster is servers in this process. They are numbered from 0; their ids are one more.
type Cluster struct {
	// Immutable after Start.
	t       testing.TB
	configs []server.Config
	between *serverNet // what lies between the servers
	clients *clientNet // what lies between clients and servers

	mu      sync.Mutex
	servers []*server.Server // nil: stopped
}

// Option changes the configuration of all servers before they start.
type Option func(*server.Config)

// Start starts n servers and stops them when the test ends.
func Start(t testing.TB, n int, options ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, servers: make([]*server.Server, n), between: newServerNet(n), clients: newClientNet()}
	dir := t.TempDir()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	members := map[uint64]string{}
	addrs, err := ports.Free(2 * n)
	if err != nil {
		t.Fatal(err)
	}
	for i, addr := range addrs {
		if i%2 == 0 {
			c.configs = append(c.configs, server.Config{
				DataDir: filepath.Join(dir, strconv.Itoa(i/2+1)), ID: uint64(i/2 + 1), ClientAddr: addr, Tick: tick, Log: &log, Members: members,
			})
			continue
		}
		c.configs[i/2].RaftAddr = addr
		members[uint64(i/2+1)] = addr
	}
	for i := range c.configs {
		for _, o := range options {
			o(&c.configs[i])
		}
		config := &c.configs[i]
		c.between.index[config.RaftAddr] = i
		config.DialRaft = c.between.dialFrom(i)
		c.clients.addFront(config.ClientAddr)
		config.ClientAddr = "127.0.0.1:0"
	}
	t.Cleanup(c.stopAll)
	// Each server's first start asks the others whether it has run before, so they must start together.
	started := make(chan error, n)
	for i := range n {
		go func() {
			started <- c.start(i)
		}()
	}
	for range n {
		if err := <-started; err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		c.WaitReady(i)
	}
	return c
}

// Len is the number of servers, stopped ones included.
func (c *Cluster) Len() int { return len(c.servers) }

// Server is server i, nil while it is stopped. Its own address is not the one that clients should use, see [Cluster.Addrs].
func (c *Cluster) Server(i int) *server.Server { return c.running(i) }

func (c *Cluster) running(i int) *server.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[i]
}

// all returns the running servers by number.
func (c *Cluster) all() []*server.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.servers)
}

// Addrs are the addresses to which clients connect, of all servers, stopped ones included. The faults act on connections
// to them.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, f := range c.clients.fronts {
		addrs = append(addrs, f.addr)
	}
	return addrs
}

// Client opens a client of all servers and closes it when the test ends. change may adapt its configuration.
func (c *Cluster) Client(t testing.TB, change ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{Servers: c.Addrs(), Name: t.Name()}
	for _, f := range change {
		f(&config)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	cl, err := client.Dial(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t == c.t { // the test is over, not a part of it
			c.liftAll()
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = cl.Close(ctx) // the test may have closed it, expired it, or stopped the servers
	})
	return cl
}

// start starts server i and lets clients connect to it.
func (c *Cluster) start(i int) error {
	s, err := server.Start(c.configs[i])
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.servers[i] = s
	c.mu.Unlock()
	return c.clients.fronts[i].open(s.ClientAddr())
}

// Stop closes server i; its data stays. Clients are told to move, leadership is not handed over (see [Cluster.Drain]).
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	front := c.clients.fronts[i]
	front.shut()
	if err := c.running(i).Close(); err != nil {
		c.t.Errorf("stopping server %d: %v", i+1, err)
	}
	c.clients.change(func() { front.paused = false })
	c.mu.Lock()
	c.servers[i] = nil
	c.mu.Unlock()
}

// Run starts server i, which was stopped, drained or killed, on the data it had, and waits until it is ready. It is not
// paused any more if it was; partitions stay.
func (c *Cluster) Run(i int) {
	c.t.Helper()
	c.between.revive(i)
	if err := c.start(i); err != nil {
		c.t.Fatal(err)
	}
	c.WaitReady(i)
}

// stopAll ends everything.
func (c *Cluster) stopAll() {
	for i, s := range c.all() {
		if s != nil {
			c.Stop(i)
		}
	}
	for _, f := range c.clients.fronts {
		f.cut()
	}
	c.clients.running.Wait()
}

// WaitReady waits until server i serves.
func (c *Cluster) WaitReady(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if err := c.running(i).Ready(ctx); err != nil {
		c.t.Fatalf("server %d is not ready: %v", i+1, err)
	}
}

// Leader waits until those of the running servers that can reach a majority agree on one of them as the leader.
func (c *Cluster) Leader() int {
	c.t.Helper()
	return wait(c.t, func() (int, bool) {
		leader, servers := 0, c.all()
		for i, s := range servers {
			if s == nil || !c.reachesMajority(i) {
				continue
			}
			l := int(s.Status().Leader)
			if l == 0 || servers[l-1] == nil || !c.reachesMajority(l-1) || leader != 0 && l != leader {
				return 0, false
			}
			leader = l
		}
		return leader - 1, leader != 0
	})
}

// Agree waits until the running servers have applied the same and checks that their digests are equal.
func (c *Cluster) Agree() {
	c.t.Helper()
	wait(c.t, func() (struct{}, bool) {
		var first *server.Status
		for _, s := range c.all() {
			if s == nil {
				continue
			}
			st := s.Status()
			if first == nil {
				first = &st
			} else if st.Zxid != first.Zxid || st.ClockMS != first.ClockMS || st.Digest != first.Digest {
				return struct{}{}, false
			}
		}
		return struct{}{}, true
	})
}

// reachesMajority reports whether server i runs and reaches a majority of the servers.
func (c *Cluster) reachesMajority(i int) bool {
	running := make([]bool, c.Len())
	for j, s := range c.all() {
		running[j] = s != nil
	}
	return c.between.connected(i, running)
}

// wait asks again until the answer is there, and fails the test when that takes too long.
func wait[T any](t testing.TB, ask func() (T, bool)) (answer T) {
	t.Helper()
	if !until(readyTimeout, func() (ok bool) { answer, ok = ask(); return ok }) {
		t.Fatal("waited too long")
	}
	return answer
}

// until asks again until the answer is yes; false if that takes longer than limit.
func until(limit time.Duration, ask func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !ask() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}
