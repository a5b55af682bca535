package load

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

// CoxCluster is coxswain servers of our own, as processes on loopback.
type CoxCluster struct {
	*Cox
	Servers *process.Cluster
	dir     string
}

// StartCox starts n servers of binary with their data in a new directory below the working directory, and returns when they are
// ready or ctx ends. flags are further ones of coxswain serve.
func StartCox(ctx context.Context, binary string, n int, flags ...string) (*CoxCluster, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("no server to start: %w", err)
	}
	// Not in the system's temporary directory, which may be memory: fsync must be real.
	dir, err := os.MkdirTemp(".", ".coxbench-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	servers, err := process.Start(ctx, binary, dir, n, flags...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &CoxCluster{Cox: NewCox(servers.Addrs()), Servers: servers, dir: dir}, nil
}

// Len is the number of servers.
func (c *CoxCluster) Len() int { return c.Servers.Len() }

// PID is the process of server i.
func (c *CoxCluster) PID(i int) int { return c.Servers.PID(i) }

// DialAt opens a client that knows server i only.
func (c *CoxCluster) DialAt(ctx context.Context, i int) (Client, error) {
	return c.dial(ctx, client.Config{Servers: c.servers[i : i+1]})
}

// Leader is the server that leads, in the eyes of a majority; it waits for one until ctx ends.
func (c *CoxCluster) Leader(ctx context.Context) (int, error) { return c.Servers.Leader(ctx) }

// Kill ends server i at once, and returns when it is gone.
func (c *CoxCluster) Kill(i int) error { return c.Servers.Kill(i) }

// Run starts server i again on the data it has, and does not wait until it serves.
func (c *CoxCluster) Run(i int) error { return c.Servers.Run(i) }

// Pause stops server i from running.
func (c *CoxCluster) Pause(i int) error { return c.Servers.Pause(i) }

// Resume lets server i go on.
func (c *CoxCluster) Resume(i int) error { return c.Servers.Resume(i) }

// DataDir is where server i keeps its data.
func (c *CoxCluster) DataDir(i int) string { return c.Servers.DataDir(i) }

// Close ends all servers and removes their data.
func (c *CoxCluster) Close() error { return errors.Join(c.Servers.Close(), os.RemoveAll(c.dir)) }
