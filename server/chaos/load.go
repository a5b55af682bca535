package chaos

import (
	"context"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/internal/workload"
)

// load runs clients that do random things.
func load(ctx context.Context, w Work) (*history.History, error) {
	start := time.Now()
	return workload.Run(ctx, workload.Config{
		Seed: w.Seed, Clients: w.Clients, Operations: w.Operations, Root: w.Root, Timeout: sessionTimeout, Think: w.Think, Calm: w.Calm,
		Dial: func(ctx context.Context, _ int, cfg client.Config) (*client.Client, error) {
			cfg.Servers = w.Cluster.Addrs()
			return client.Dial(ctx, cfg)
		},
		Now: func() int64 { return int64(time.Since(start)) },
	})
}
