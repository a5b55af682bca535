package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/server/process"
)

// Config is what a run needs.
type Config struct {
	Binary  string // coxswain
	Clocked bool   // Binary was built with overlay.WallClock
	Dir     string // exists; logs, data and, of a violation, the evidence go below it. A short path: sockets are made there
	Seed    uint64
	Servers int // 3 or more
	Faults  []Kind

	// Network puts the servers into namespaces of their own, where that is possible; otherwise they are on loopback, and faults
	// of the network are left out.
	Network bool

	// For and Rounds end the run, whichever comes first; 0: not this one.
	For    time.Duration
	Rounds int

	// Episodes of faults in each round, and the longest time that one lasts. 0: two to four, seven seconds.
	Episodes int
	Hold     time.Duration

	// Operations of the load in each round, by Clients clients.
	Operations, Clients int

	// Calm is how long after the end of the last fault a write must succeed, and after the end of the load all servers must
	// have one digest (P12).
	Calm time.Duration

	// Load makes a load and records it, for the tests of the judge. Default: clients of internal/workload.
	Load func(context.Context, Work) (*history.History, error)

	// Tell is given a line for each thing that happens.
	Tell func(format string, args ...any)
}

// Work is the load of one round.
type Work struct {
	Seed                uint64
	Cluster             *process.Cluster
	Root                string // exists, and is empty
	Operations, Clients int
	Think               time.Duration // mean pause of a client between two operations, so that the load lasts as long as the faults
	// Calm blocks until all faults have ended; the load calls it when it has made its operations.
	Calm func()
}

func (cfg *Config) validate() error {
	switch {
	case cfg.Servers < 3:
		return errors.New("chaos needs three servers at least: with fewer, every fault stops the cluster")
	case cfg.For == 0 && cfg.Rounds == 0:
		return errors.New("neither For nor Rounds: the run would not end")
	case len(cfg.Faults) == 0:
		return errors.New("no faults")
	}
	return nil
}
