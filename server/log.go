package server

import (
	"context"
	"io"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// Log is the log that all replicas apply, as far as a server needs it. There are two: [consensus.Log], and the model of it
// in package modellog, with which a whole cluster runs in one process under a simulated network. What each method promises
// stands at consensus.Log; the model keeps the same promises and is free in everything else.
type Log interface {
	Submit(ctx context.Context, cmd []byte) error
	Barrier(w consensus.Waiter)
	Ready(ctx context.Context) error
	Boot() uint64
	Leader() (replica, term uint64, known bool)
	IsLeader() bool
	Status() consensus.Status
	TransferLeadership(ctx context.Context) error
	TransferLeadershipTo(ctx context.Context, to uint64) error
	AddMember(ctx context.Context, id uint64, raftAddr string) error
	RemoveMember(ctx context.Context, id uint64) error
	WriteMetrics(w io.Writer)
	Close() error
}

// openLog opens the real log.
func openLog(cfg consensus.Config, m consensus.Machine) (Log, error) {
	l, err := consensus.Open(cfg, m)
	if err != nil {
		return nil, err // and not a Log that holds a nil pointer
	}
	return l, nil
}
