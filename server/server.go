package server

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/server/consensus"
	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/server/watch"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// stopping is what clients are told by a server that stops.
const stopping = "the server is stopping: use another one"

// Server is one running server: a replica of the state and the clients that are connected to it.
//
// Locks are taken in this order: mu, conn.mu, then one of watchMu, connMu, the proposer's and the lease's, the last of
// which may be taken under the proposer's. Otherwise none of the four is held while another lock is taken.
type Server struct {
	// Immutable after Start.
	config   Config
	log      zerolog.Logger
	me       session.Server
	raft     Log
	listener net.Listener
	started  time.Duration // on config.Clock
	metrics  *serverMetrics

	proposer proposer
	lowDisk  atomic.Bool
	zxid     atomic.Uint64 // of the state, for those who do not hold mu

	mu        sync.RWMutex // exclusive: apply. shared: reads
	st        *state.State
	boot      session.Boot // zero until the log is open: entries replayed before are of earlier boots
	lease     *lease       // nil until the log is open
	clockAt   session.Mono // when the cluster clock's present value was applied here
	appliedAt session.Mono // when the entries that are being applied were
	touched   []*conn      // during apply
	firing    []fired      // during apply
	ring      *watch.Ring  // what has changed lately

	watchMu sync.Mutex
	watches *watch.Table[*conn]

	connMu    sync.Mutex
	conns     map[*conn]struct{}
	accepted  uint64 // connections so far
	bySession map[session.ID]*conn
	draining  bool
	silent    list.List // of *conn: those whose Hello has not come, oldest first
	ousted    int       // of conns: that have to make room and have not ended yet

	opens uint64 // guarded by the proposer's lock

	ready     chan struct{} // closed when this boot is registered in the replicated state
	readyOnce sync.Once
	cancel    context.CancelFunc
	tasks     sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Start starts a server and returns when its ports are open and its data directory has been checked; Ready then waits
// until it serves. Errors say what is wrong and what to do: see [Config] and consensus.Open.
func Start(config Config) (*Server, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	fewer, err := config.boundConnections()
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: config, log: *config.Log, me: session.Server(config.ID), started: config.Clock.Now(), st: state.New(),
		watches: watch.NewTable[*conn](), ring: watch.NewRing(watch.RingBytes, watch.RingAgeMS), conns: map[*conn]struct{}{}, bySession: map[session.ID]*conn{},
		ready: make(chan struct{}),
	}
	s.metrics = newMetrics()
	if fewer != "" {
		s.log.Warn().Msg(fewer)
	}
	s.proposer.init()
	listener, err := config.Listen("tcp", config.ClientAddr)
	if err != nil {
		return nil, fmt.Errorf("client address %s: %w: is another server running? choose another --client-addr", config.ClientAddr, err)
	}
	s.listener = listener
	s.raft, err = config.OpenLog(consensus.Config{
		DataDir: config.DataDir, ReplicaID: config.ID, RaftAddr: config.RaftAddr, Members: config.Members, Join: config.Join,
		TLS: config.TLS, InsecureRaft: config.InsecureRaft, Tick: config.Tick, SnapshotEntries: config.SnapshotEntries,
		Interrupt: config.Interrupt, Dial: config.DialRaft, Log: s.log, Fatal: s.fail,
	}, s)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.mu.Lock()
	s.boot = session.Boot(s.raft.Boot())
	s.lease = newLease(s.me, s.boot, s.now())
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.measureDisk()
	header := state.Header{Server: s.me, Boot: s.boot}
	s.tasks.Go(func() {
		if err := s.proposer.run(ctx, header, s.raft.Submit); ctx.Err() == nil && !errors.Is(err, consensus.ErrClosed) {
			s.fail(fmt.Errorf("the log does not take entries any more: %w", err))
		}
	})
	s.tasks.Go(func() { s.pulse(ctx) })
	s.tasks.Go(func() { s.accept(ctx) })
	return s, nil
}

// Ready waits until the server has caught up with the cluster, is registered in the replicated state and serves, or until
// ctx ends.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.raft.Ready(ctx); err != nil {
		return err
	}
	for {
		// Registering this boot is what lets the others refuse a server of this id whose data directory was lost.
		s.proposeBeat()
		select {
		case <-s.ready:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// registered notes that a Beat of this boot has been applied.
func (s *Server) registered() { s.readyOnce.Do(func() { close(s.ready) }) }

// IsReady reports whether the server serves: it has been ready ([Server.Ready]) and knows a leader now. In an election, and
// without a quorum, it does not.
func (s *Server) IsReady() bool {
	select {
	case <-s.ready:
		_, _, known := s.raft.Leader()
		return known
	default:
		return false
	}
}

// ClientAddr is the address on which clients connect, with the port that was picked.
func (s *Server) ClientAddr() string { return s.listener.Addr().String() }

// Drain stops serving in an orderly way: no new connections, clients are told to move, leadership is handed over. Then
// Close.
func (s *Server) Drain(ctx context.Context) error {
	s.turnAway()
	deadline := time.NewTimer(drainTimeout)
	defer deadline.Stop()
	var err error
	for s.connections() > 0 && err == nil {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-deadline.C:
			err = errors.New("some clients did not take their goodbye in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.Join(err, s.raft.TransferLeadership(ctx))
}

// turnAway takes no new connections and tells those there are to move.
func (s *Server) turnAway() {
	s.connMu.Lock()
	s.draining = true
	s.connMu.Unlock()
	s.listener.Close() // its error is the accept loop's
	s.endAllConns(wire.CodeDraining, stopping)
}

// Close stops the server at once and waits for everything it has started. Acknowledged writes are on disk; clients find
// another server.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.turnAway()
		s.proposer.close()
		s.cancel()
		s.closeErr = s.raft.Close()
		s.tasks.Wait()
	})
	return s.closeErr
}

// fail ends the process because going on could give wrong answers.
func (s *Server) fail(err error) {
	if s.config.Fatal != nil {
		s.config.Fatal(err)
	}
	s.log.Error().Err(err).Msg("the server cannot go on")
	os.Exit(1)
}

// now is the server's monotonic clock, which counts the time of a suspended machine as well.
func (s *Server) now() session.Mono {
	return session.Mono((s.config.Clock.Now() - s.started).Milliseconds())
}

// resume answers what is ready in c's queue. The caller has it sent.
func (s *Server) resume(c *conn) {
	s.mu.RLock()
	c.mu.Lock()
	c.answerReady(false)
	c.room.Broadcast()
	c.mu.Unlock()
	s.mu.RUnlock()
}

// hear notes that c's session was heard now, and reports whether this server may still speak for it.
func (s *Server) hear(c *conn) bool {
	c.mu.Lock()
	id, attempt, refused := c.id, c.attempt, c.refused
	c.mu.Unlock()
	if refused {
		return false
	}
	if !s.lease.hear(id, attempt, s.now()) {
		c.end(wire.CodeNoLease, "this server may not speak for the session now: attach it anew, here or on another server")
		return false
	}
	return true
}
