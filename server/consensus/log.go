package consensus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"
)

// Log is one replica of the replicated log. All methods may be called by any goroutine.
type Log struct {
	// Immutable after Open.
	cfg        Config
	machine    Machine
	dir        *dataDir
	boot       uint64
	founders   int  // number of first members, 0 if this replica joined later
	joins      bool // this is the first start of a replica that joins later
	transport  *transport
	session    *client.Session
	stats      *stats
	detach     func() // from Dragonboat's loggers
	leadership *leadership

	submissions submissions
	barrier     barrier

	started atomic.Bool   // the replica may have promised something
	ready   atomic.Bool   // a read barrier has been passed: the past is known
	applied atomic.Uint64 // log index up to which the machine has been brought

	roster roster

	closing chan struct{}      // closed when Close begins
	life    context.Context    // ends then, too
	end     context.CancelFunc // of life
	running sync.WaitGroup     // the barrier's goroutine and the roster's

	// gate is held in shared mode around calls into Dragonboat, which do not block and must not come after its Close.
	gate   sync.RWMutex
	host   *dragonboat.NodeHost
	closed bool

	close sync.Once
	ended error // what Close returned
}

// Boot returns how often this data directory has been started, this time included. It was on disk before Open returned,
// so no two starts have the same.
func (l *Log) Boot() uint64 { return l.boot }

// Leader returns the leader as this replica knows it. known is false if it knows none.
func (l *Log) Leader() (replica, term uint64, known bool) {
	v := l.leadership.view()
	return v.leader, v.term, v.leader != 0
}

// IsLeader reports whether this replica believes that it leads. Another may already have been elected.
func (l *Log) IsLeader() bool { return l.leadership.view().leader == l.cfg.ReplicaID }

// Status is a replica's view of the cluster at one moment.
type Status struct {
	Replica uint64
	Leader  uint64 // 0: none is known
	Term    uint64
	Applied uint64 // log index up to which the machine has been brought
	Boot    uint64
	Ready   bool // the log has been replayed
	// Members are the raft addresses of the voting members by id, Joining of those who have no vote yet.
	Members map[uint64]string
	Joining map[uint64]string
}

// Status returns what this replica knows. Members are those of the applied part of the log, empty before any is; Joining
// is as new as the last time that the leader was reached.
func (l *Log) Status() Status {
	v := l.leadership.view()
	return Status{
		Replica: l.cfg.ReplicaID, Leader: v.leader, Term: v.term, Applied: l.applied.Load(),
		Boot: l.boot, Ready: l.ready.Load(), Members: l.members(), Joining: l.joining(),
	}
}

// members returns the voting members.
func (l *Log) members() map[uint64]string {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed || l.host == nil {
		return nil
	}
	info := l.host.GetNodeHostInfo(dragonboat.NodeHostInfoOption{SkipLogInfo: true})
	if info == nil {
		return nil
	}
	for _, shard := range info.ShardInfoList {
		if shard.ShardID == shardID {
			return maps.Clone(shard.Replicas)
		}
	}
	return nil
}

// TransferLeadership makes another voting member the leader, one that is reachable if possible, and returns when this
// replica knows that it no longer leads. It returns nil at once if it does not lead or is the only member, and ctx's
// error if nobody takes over in time. Submits and barriers under way go on with the new leader.
func (l *Log) TransferLeadership(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		v := l.leadership.view()
		if v.leader != l.cfg.ReplicaID {
			return nil
		}
		candidates := l.successors()
		if len(candidates) == 0 {
			return nil
		}
		l.requestTransfer(candidates[attempt%len(candidates)])
		again := time.NewTimer(electionTicks * l.cfg.Tick) // after that the leader gives up the attempt
		select {
		case <-v.changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		case <-l.closing:
			again.Stop()
			return ErrClosed
		}
		again.Stop()
	}
}

// successors returns the other voting members, reachable ones first.
func (l *Log) successors() []uint64 {
	members := l.members()
	delete(members, l.cfg.ReplicaID)
	var near, far []uint64
	for _, id := range slices.Sorted(maps.Keys(members)) {
		if l.transport.reachable(members[id]) {
			near = append(near, id)
		} else {
			far = append(far, id)
		}
	}
	return append(near, far...)
}

func (l *Log) requestTransfer(to uint64) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return
	}
	if err := l.host.RequestLeaderTransfer(shardID, to); err != nil {
		l.cfg.Log.Debug().Err(err).Uint64("to", to).Msg("leadership could not be handed over, trying again")
	}
}

// raiseApplied notes that the machine has been brought to a log index.
func (l *Log) raiseApplied(index uint64) {
	for {
		old := l.applied.Load()
		if index <= old || l.applied.CompareAndSwap(old, index) {
			return
		}
	}
}

func (l *Log) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// Close stops the replica and waits for everything it has started; everybody who waits gets [ErrClosed]. It does not hand
// over leadership. The machine is not used any more when it returns. Closing twice does nothing more.
func (l *Log) Close() error {
	l.close.Do(func() {
		close(l.closing)
		l.end()
		l.running.Wait()
		l.closeHost()
		l.detach()
		l.ended = l.dir.close()
	})
	return l.ended
}

// closeHost closes Dragonboat, whose Close panics on errors that do not matter any more.
func (l *Log) closeHost() {
	l.gate.Lock()
	l.closed = true
	l.gate.Unlock()
	defer func() {
		if p := recover(); p != nil {
			l.cfg.Log.Warn().Interface("panic", p).Msg("the log was not closed cleanly")
		}
	}()
	l.host.Close()
}
