package server

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// Config of one server. Zero values mean the defaults that each field names.
type Config struct {
	// DataDir holds everything the server must not forget; made if it is absent (default ./coxswain-data).
	DataDir string
	// ID is this server's replica number in the cluster, from 1 (default 1). It belongs to the data directory for good.
	ID uint64
	// ClientAddr is where clients connect (default 127.0.0.1:7181; port 0 picks a free one).
	ClientAddr string
	// RaftAddr is where the other servers connect (default 127.0.0.1:7182). It must be fixed and resolvable by them.
	RaftAddr string
	// Members are the raft addresses of all servers by id, the same on every server; used at the first start only.
	// Empty: a cluster of one.
	Members map[uint64]string
	// Join makes the first start wait to be added to a running cluster (AddMember) instead of forming one of Members.
	Join bool
	// TLS of the raft port, required unless RaftAddr is a loopback address or InsecureRaft is set.
	TLS consensus.TLSFiles
	// InsecureRaft lets the raft port be reached from other machines without TLS: anybody who can reach it can then
	// change anything.
	InsecureRaft bool
	// ConnectionsMax bounds client connections (default 20,000). It is lowered, with a line in the log, to what the limit of the
	// process's open files leaves besides those of the log.
	ConnectionsMax int
	// DiskWatermark is the free space in bytes below which writes that need room are refused (default 512 MiB).
	DiskWatermark uint64
	// SnapshotEntries is the number of log entries between snapshots (default: the consensus package's).
	SnapshotEntries uint64
	// Tick is the unit of Raft's timeouts (default 20 ms); tests on slow builds raise it.
	Tick time.Duration
	// Interrupt, when closed, makes Start give up while it waits at a first start: for the other members' answers, or to be
	// added.
	Interrupt <-chan struct{}
	// Clock is the server's sense of time for its lease, its sessions' silence and the cluster clock (default: the machine's
	// monotonic clock, which goes on while the machine is suspended). Tests replace it, see package servertest. The timeouts
	// of Raft and of connections are always in real time.
	Clock Clock
	// DialRaft opens connections to the raft ports of other servers, below TLS (default: plain TCP). Tests replace it, see
	// package servertest.
	DialRaft func(ctx context.Context, network, addr string) (net.Conn, error)
	// Listen opens the port for clients (default: net.Listen). A simulation replaces it, see package simulation.
	Listen func(network, addr string) (net.Listener, error)
	// OpenLog opens the replicated log of this server, its state being m (default: consensus.Open). A simulation replaces it
	// by a model, see package modellog. Entries may reach m before it returns.
	OpenLog func(cfg consensus.Config, m consensus.Machine) (Log, error)
	// Log receives the server's log lines (default: none).
	Log *zerolog.Logger
	// Fatal is called when the server cannot go on without risking wrong answers: its log cannot be written, its state
	// differs from the other replicas'. It must end the process and not return (default: log and exit with status 1).
	Fatal func(error)
	// freeDisk measures the free space of a directory; tests replace it.
	freeDisk func(dir string) (uint64, error)
	// openFiles is how many files the process may have open; tests replace it.
	openFiles func() (uint64, error)
}

func (c *Config) validate() error {
	if c.DataDir == "" {
		c.DataDir = "./coxswain-data"
	}
	if c.ID == 0 {
		c.ID = 1
	}
	if c.ClientAddr == "" {
		c.ClientAddr = "127.0.0.1:7181"
	}
	if c.RaftAddr == "" {
		c.RaftAddr = "127.0.0.1:7182"
	}
	if len(c.Members) == 0 {
		c.Members = map[uint64]string{c.ID: c.RaftAddr}
	}
	if c.ConnectionsMax < 0 {
		return fmt.Errorf("at most %d client connections: give a number above zero, or none for the default", c.ConnectionsMax)
	}
	if c.ConnectionsMax == 0 {
		c.ConnectionsMax = connectionsMaxDefault
	}
	if c.DiskWatermark == 0 {
		c.DiskWatermark = diskWatermarkDefault
	}
	if c.Clock == nil {
		c.Clock = machineClock{}
	}
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	if c.OpenLog == nil {
		c.OpenLog = openLog
	}
	if c.Log == nil {
		nop := zerolog.Nop()
		c.Log = &nop
	}
	if c.freeDisk == nil {
		c.freeDisk = freeDisk
	}
	if c.openFiles == nil {
		c.openFiles = openFiles
	}
	for _, a := range []struct{ what, addr string }{{"client", c.ClientAddr}, {"raft", c.RaftAddr}} {
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			return fmt.Errorf("%s address %q: want host:port: %w", a.what, a.addr, err)
		}
	}
	if addr, ok := c.Members[c.ID]; !ok && !c.Join {
		return fmt.Errorf("server %d is not among the members: give every server the same list, with its own id in it", c.ID)
	} else if ok && addr != c.RaftAddr {
		return fmt.Errorf("the members give server %d the raft address %s, but its own raft address is %s: make them equal", c.ID, addr, c.RaftAddr)
	}
	return nil
}
