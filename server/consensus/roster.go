package consensus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
)

// membership is who belongs to the cluster, at one place in the log.
type membership struct {
	voters  map[uint64]string // raft addresses
	joining map[uint64]string // those without a vote yet
	removed map[uint64]struct{}
	change  uint64 // the last change; the next one must name it and is void otherwise
}

func newMembership(m *dragonboat.Membership) *membership {
	return &membership{voters: m.Nodes, joining: m.NonVotings, removed: m.Removed, change: m.ConfigChangeID}
}

// roster is what this replica knows of the membership. Dragonboat tells only that it has changed; what it is now has to be
// read through the leader.
type roster struct {
	newest  atomic.Pointer[membership] // nil until it has been read for the first time
	changed chan struct{}              // capacity 1
	removed chan struct{}              // closed when this replica has been removed
	once    sync.Once
}

func (r *roster) init() {
	r.changed = make(chan struct{}, 1)
	r.removed = make(chan struct{})
}

// touch notes that the membership has changed. It does not block.
func (r *roster) touch() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// expel notes that this replica has been removed. It does not block.
func (r *roster) expel() { r.once.Do(func() { close(r.removed) }) }

// runRoster keeps the roster, gives new members their vote while this replica leads, and notices that this replica was
// removed: mostly it reads so in the log, but the last messages to a removed member may never be sent, and one that was
// down gets none. Then it would stand for election for ever.
func (l *Log) runRoster() {
	ticker := time.NewTicker(rosterTicks * l.cfg.Tick)
	defer ticker.Stop()
	stale, led := true, time.Now()
	for {
		select {
		case <-l.roster.removed:
			l.cfg.Fatal(removedRefusal(l.cfg.ReplicaID))
			return
		case <-l.closing:
			return
		case <-l.roster.changed:
			stale = true
		case <-ticker.C:
		}
		leader := l.leadership.view().leader
		if leader != 0 && stale {
			stale = l.refresh() != nil
		}
		if leader == l.cfg.ReplicaID && !stale {
			l.promote(l.roster.newest.Load())
		}
		// A member without a vote does not notice that its leader is gone.
		limit := doubtTicks * l.cfg.Tick
		if leader == l.cfg.ReplicaID || leader != 0 && l.transport.silent() < limit {
			led = time.Now()
		} else if time.Since(led) > limit {
			if l.othersSayRemoved() {
				l.roster.expel()
			}
			led = time.Now()
		}
	}
}

// call runs f, which waits for the log, for as long as one proposal may take at most.
func (l *Log) call(ctx context.Context, f func(ctx context.Context, host *dragonboat.NodeHost) error) error {
	ctx, cancel := context.WithTimeout(ctx, submitTicks*l.cfg.Tick)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return ErrClosed
	}
	return f(ctx, l.host)
}

// refresh reads the membership once.
func (l *Log) refresh() error {
	return l.call(l.life, func(ctx context.Context, host *dragonboat.NodeHost) error {
		m, err := host.SyncGetShardMembership(ctx, shardID)
		if err == nil {
			l.roster.newest.Store(newMembership(m))
		}
		return err
	})
}

// promote gives a vote to one new member that has caught up: it answers, it is done with its first start and has passed a
// read barrier. And the machine must know that it has run, because that is how the others would recognise it if it lost its
// data, and from now on that matters.
func (l *Log) promote(m *membership) {
	for _, id := range slices.Sorted(maps.Keys(m.joining)) {
		addr := m.joining[id]
		if !l.machine.Booted(id) || !l.transport.reachable(addr) {
			continue
		}
		answer, err := l.transport.ask(l.life, addr, l.transport.self)
		if err != nil || !answer.runs(id, l.cfg.Cluster) || !answer.final {
			continue
		}
		err = l.call(l.life, func(ctx context.Context, host *dragonboat.NodeHost) error {
			return host.SyncRequestAddReplica(ctx, shardID, id, addr, m.change)
		})
		if err != nil {
			l.roster.touch() // it may have happened all the same
			l.cfg.Log.Debug().Err(err).Uint64("member", id).Msg("the new member could not be given its vote, trying again")
			return
		}
		l.cfg.Log.Info().Uint64("member", id).Str("addr", addr).Msg("the new member has caught up and votes from now on")
		return
	}
}

// runs reports whether the answer is that of a running replica.
func (a censusAnswer) runs(replica uint64, cluster string) bool {
	return a.replica == replica && a.cluster == cluster && !a.fresh
}

// othersSayRemoved asks all replicas that this one has ever known whether it was removed.
func (l *Log) othersSayRemoved() bool {
	ask := l.transport.vet.known()
	maps.Copy(ask, l.members())
	if m := l.roster.newest.Load(); m != nil {
		maps.Copy(ask, m.voters)
	}
	delete(ask, l.cfg.ReplicaID)
	var removed atomic.Bool
	var asking sync.WaitGroup
	for id, addr := range ask {
		asking.Go(func() {
			answer, err := l.transport.ask(l.life, addr, l.transport.self)
			if err == nil && answer.runs(id, l.cfg.Cluster) && answer.standing == standingRemoved {
				removed.Store(true)
			}
		})
	}
	asking.Wait()
	return removed.Load()
}

// standing is what a replica is in the cluster, as far as this one knows.
func (l *Log) standing(replica uint64) standing {
	if _, ok := l.members()[replica]; ok {
		return standingVoter
	}
	m := l.roster.newest.Load()
	if m == nil {
		return standingUnknown
	}
	if _, ok := m.removed[replica]; ok {
		return standingRemoved
	}
	if _, ok := m.joining[replica]; ok {
		return standingJoining
	}
	if _, ok := m.voters[replica]; ok {
		return standingUnknown // it has just been removed
	}
	return standingStranger
}

// joining returns the members without a vote.
func (l *Log) joining() map[uint64]string {
	if m := l.roster.newest.Load(); m != nil {
		return maps.Clone(m.joining)
	}
	return nil
}
