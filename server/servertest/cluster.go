package servertest

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server"
)

// readyTimeout is how long servers may take to be ready; under the race detector on a busy machine they need much of it.
const readyTimeout = time.Minute

// Cluster is servers in this process. They are numbered from 0; their ids are one more.
type Cluster struct {
	t       testing.TB
	configs []server.Config
	servers []*server.Server // nil: stopped
}

// Option changes the configuration of all servers before they start.
type Option func(*server.Config)

// Start starts n servers and stops them when the test ends.
func Start(t testing.TB, n int, options ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, servers: make([]*server.Server, n)}
	dir := t.TempDir()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	members := map[uint64]string{}
	for i, addr := range freeAddrs(t, 2*n) {
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
	}
	t.Cleanup(func() {
		for i, s := range c.servers {
			if s != nil {
				c.Stop(i)
			}
		}
	})
	// Each server's first start asks the others whether it has run before, so they must start together.
	started := make(chan error, n)
	for i := range n {
		go func() {
			s, err := server.Start(c.configs[i])
			c.servers[i] = s
			started <- err
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

// freeAddrs finds loopback addresses that nobody listens on at the moment.
func freeAddrs(t testing.TB, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}

// Len is the number of servers, stopped ones included.
func (c *Cluster) Len() int { return len(c.servers) }

// Server is server i, nil while it is stopped.
func (c *Cluster) Server(i int) *server.Server { return c.servers[i] }

// Addrs are the client addresses of all servers, stopped ones included.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for i := range c.configs {
		addrs = append(addrs, c.configs[i].ClientAddr)
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
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = cl.Close(ctx) // the test may have closed it, expired it, or stopped the servers
	})
	return cl
}

// Stop closes server i; its data stays.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	if err := c.servers[i].Close(); err != nil {
		c.t.Errorf("stopping server %d: %v", i+1, err)
	}
	c.servers[i] = nil
}

// Run starts server i, which was stopped, on the data it had, and waits until it is ready.
func (c *Cluster) Run(i int) {
	c.t.Helper()
	s, err := server.Start(c.configs[i])
	if err != nil {
		c.t.Fatal(err)
	}
	c.servers[i] = s
	c.WaitReady(i)
}

// WaitReady waits until server i serves.
func (c *Cluster) WaitReady(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if err := c.servers[i].Ready(ctx); err != nil {
		c.t.Fatalf("server %d is not ready: %v", i+1, err)
	}
}

// Leader waits until the running servers agree on one of them as the leader.
func (c *Cluster) Leader() int {
	c.t.Helper()
	return wait(c.t, func() (int, bool) {
		leader := 0
		for _, s := range c.servers {
			if s == nil {
				continue
			}
			l := int(s.Status().Leader)
			if l == 0 || c.servers[l-1] == nil || leader != 0 && l != leader {
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
		for _, s := range c.servers {
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

// wait asks again until the answer is there, and fails the test when that takes too long.
func wait[T any](t testing.TB, ask func() (T, bool)) T {
	t.Helper()
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if v, ok := ask(); ok {
			return v
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatal("waited too long")
		}
	}
}
