package consensus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
)

// AddMember adds a replica to the cluster. It must be running already, started with [Config.Join] on an empty data directory,
// and have an id that was never used. It comes without a vote, so that the cluster needs nobody more than before while it
// catches up; when it has, whichever member leads gives it its vote, see [Status]. AddMember returns as soon as it belongs
// to the cluster, also if it did before the call and has no vote yet.
//
// Whatever would be wrong is refused with a [*Refusal] and changes nothing. Without a quorum it waits, and fails with an error
// that wraps ctx's; then the change may still happen, and calling again finds out.
func (l *Log) AddMember(ctx context.Context, id uint64, raftAddr string) error {
	if err := l.checkNewMember(id, raftAddr); err != nil {
		return err
	}
	for asked := false; ; {
		m, err := l.readMembership(ctx)
		if err != nil {
			return err
		}
		if asked && m.has(id, raftAddr) || m.joining[id] == raftAddr {
			return nil
		}
		if err := m.mayAdd(id, raftAddr); err != nil {
			return err
		}
		if l.machine.Booted(id) {
			return usedRefusal(id)
		}
		if !asked {
			if err := l.askCandidate(ctx, id, raftAddr); err != nil {
				return err
			}
			asked = true
		}
		err = l.call(ctx, func(ctx context.Context, host *dragonboat.NodeHost) error {
			return host.SyncRequestAddNonVoting(ctx, shardID, id, raftAddr, m.change)
		})
		if err == nil {
			l.cfg.Log.Info().Uint64("member", id).Str("addr", raftAddr).Msg("member added; it gets its vote when it has caught up")
			return nil
		}
		// Another change came first, or the proposal was lost, or only its answer: look again.
		l.cfg.Log.Debug().Err(err).Uint64("member", id).Msg("the member could not be added, trying again")
		l.pause(ctx)
	}
}

// RemoveMember removes another replica, whether it runs or not, and whether it has its vote yet or not. If it leads, the
// leadership is handed over first. Its id can never be used again; if it still runs it stops.
//
// It refuses with a [*Refusal], and changes nothing, to remove this replica, the last one, an unknown one, or one whose
// absence would leave a cluster without a running majority. Without a quorum it waits, and fails with an error that wraps
// ctx's; then the change may still happen.
func (l *Log) RemoveMember(ctx context.Context, id uint64) error {
	for proposed := false; ; proposed = true {
		m, err := l.readMembership(ctx)
		if err != nil {
			return err
		}
		if _, gone := m.removed[id]; gone && proposed {
			return nil
		}
		if err := m.mayRemove(id, l.cfg.ReplicaID); err != nil {
			return err
		}
		if _, votes := m.voters[id]; votes {
			if err := l.checkRest(ctx, m, id); err != nil {
				return err
			}
			if err := l.takeLeadershipFrom(ctx, m, id); err != nil {
				return err
			}
		}
		err = l.call(ctx, func(ctx context.Context, host *dragonboat.NodeHost) error {
			return host.SyncRequestDeleteReplica(ctx, shardID, id, m.change)
		})
		if err == nil {
			l.cfg.Log.Info().Uint64("member", id).Msg("member removed")
			return nil
		}
		l.cfg.Log.Debug().Err(err).Uint64("member", id).Msg("the member could not be removed, trying again")
		l.pause(ctx)
	}
}

// TransferLeadershipTo makes a voting member the leader and returns when this replica sees it lead. It refuses with a
// [*Refusal] if there is no such member, and fails with an error that wraps ctx's if it does not take over in time. Submits
// and barriers under way go on with the new leader.
func (l *Log) TransferLeadershipTo(ctx context.Context, to uint64) error {
	m, err := l.readMembership(ctx)
	if err != nil {
		return err
	}
	if _, votes := m.voters[to]; !votes {
		return &Refusal{Reason: ReasonUnknownMember, Detail: fmt.Sprintf("server %d cannot lead: it is not a voting member; those are %s", to, describeIDs(m.voters))}
	}
	for {
		v := l.leadership.view()
		if v.leader == to {
			return nil
		}
		if v.leader != 0 {
			l.requestTransfer(to)
		}
		again := time.NewTimer(electionTicks * l.cfg.Tick) // after that the leader gives up the attempt
		select {
		case <-v.changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("server %d has not taken over the leadership: check that it runs and reaches the others: %w", to, ctx.Err())
		case <-l.closing:
			again.Stop()
			return ErrClosed
		}
		again.Stop()
	}
}

// readMembership reads who belongs to the cluster now, as often as that takes.
func (l *Log) readMembership(ctx context.Context) (*membership, error) {
	for {
		var m *membership
		err := l.call(ctx, func(ctx context.Context, host *dragonboat.NodeHost) error {
			now, err := host.SyncGetShardMembership(ctx, shardID)
			if err == nil {
				m = newMembership(now)
			}
			return err
		})
		switch {
		case err == nil:
			return m, nil
		case l.isClosing():
			return nil, ErrClosed
		case ctx.Err() != nil:
			return nil, fmt.Errorf("no majority of the servers could be reached, so the membership cannot be read or changed: %w", ctx.Err())
		}
		l.pause(ctx)
	}
}

// checkNewMember refuses what cannot be a member of any cluster of this one's configuration.
func (l *Log) checkNewMember(id uint64, addr string) error {
	switch {
	case id == 0:
		return &Refusal{Reason: ReasonConfig, Detail: "server id 0 is not allowed: number the servers from 1"}
	case !validAddr(addr):
		return &Refusal{Reason: ReasonAddress, Detail: fmt.Sprintf("raft address %q: want host:port as the other servers reach it, with a fixed port", addr)}
	case l.cfg.TLS.empty() && !l.cfg.InsecureRaft && !loopback(addr):
		return &Refusal{Reason: ReasonInsecure, Detail: fmt.Sprintf("server %d at %s would be on another machine, and Raft without TLS can be read and "+
			"forged on the way: give all servers the TLS files of the raft port", id, addr)}
	}
	return nil
}

// has reports whether the replica is a member at addr.
func (m *membership) has(id uint64, addr string) bool {
	return m.voters[id] == addr || m.joining[id] == addr
}

// mayAdd refuses an id or an address that cannot be given to a new member.
func (m *membership) mayAdd(id uint64, addr string) error {
	if _, ok := m.removed[id]; ok {
		return usedRefusal(id)
	}
	for _, members := range []map[uint64]string{m.voters, m.joining} {
		if at, ok := members[id]; ok {
			return &Refusal{Reason: ReasonMember, Detail: fmt.Sprintf("server %d is a member already, at %s: choose an id that was never used", id, at)}
		}
		for other, at := range members {
			if strings.EqualFold(at, addr) {
				return &Refusal{Reason: ReasonAddress, Detail: fmt.Sprintf("raft address %s is that of server %d: choose another one, or remove that server first", addr, other)}
			}
		}
	}
	return nil
}

func usedRefusal(id uint64) error {
	return &Refusal{Reason: ReasonRemoved, Detail: fmt.Sprintf("server %d was a member before, and what it had promised is forgotten: "+
		"its id can never be used again; choose one that was never used", id)}
}

// mayRemove refuses to remove what is not there and what must stay. self is this replica.
func (m *membership) mayRemove(id, self uint64) error {
	_, votes := m.voters[id]
	_, joins := m.joining[id]
	_, gone := m.removed[id]
	switch {
	case gone:
		return &Refusal{Reason: ReasonRemoved, Detail: fmt.Sprintf("server %d has been removed already", id)}
	case !votes && !joins:
		return &Refusal{Reason: ReasonUnknownMember, Detail: fmt.Sprintf("there is no server %d: the members are %s", id, describeIDs(m.voters, m.joining))}
	case votes && len(m.voters) == 1:
		return &Refusal{Reason: ReasonLastMember, Detail: fmt.Sprintf("server %d is the last one with a vote: without it there is no cluster", id)}
	case id == self:
		return &Refusal{Reason: ReasonSelf, Detail: fmt.Sprintf("server %d cannot remove itself, because it would not see the end of it: ask another server", id)}
	}
	return nil
}

func describeIDs(members ...map[uint64]string) string {
	var ids []uint64
	for _, m := range members {
		ids = slices.AppendSeq(ids, maps.Keys(m))
	}
	slices.Sort(ids)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]")
}

// askCandidate refuses a new member that does not run, or is not waiting to be one: with a wrong address, or a server of
// another kind, the cluster would have a member that can never take part.
func (l *Log) askCandidate(ctx context.Context, id uint64, addr string) error {
	refuse := func(err error, format string, args ...any) error {
		return &Refusal{Reason: ReasonUnreachable, Err: err, Detail: fmt.Sprintf(format, args...) +
			fmt.Sprintf(": start it with an empty data directory and --id %d --raft-addr %s --join, and add it then", id, addr)}
	}
	answer, err := l.transport.ask(ctx, addr, l.transport.self)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("server %d was not added: %w", id, ctx.Err())
	case err != nil:
		return refuse(err, "no server answers at %s", addr)
	case answer.cluster != l.cfg.Cluster:
		return refuse(nil, "the server at %s belongs to cluster %q, this one to %q", addr, answer.cluster, l.cfg.Cluster)
	case answer.replica != id:
		return refuse(nil, "the server at %s is server %d, not %d", addr, answer.replica, id)
	case !answer.joins:
		return refuse(nil, "server %d at %s does not wait to be added to a cluster", id, addr)
	}
	return nil
}

// checkRest refuses to remove a voting member if those that stay could not form a quorum now: the cluster would stop, and
// could not be changed any more.
func (l *Log) checkRest(ctx context.Context, m *membership, without uint64) error {
	rest := maps.Clone(m.voters)
	delete(rest, without)
	var alive atomic.Int64
	var asking sync.WaitGroup
	for id, addr := range rest {
		if id == l.cfg.ReplicaID {
			alive.Add(1)
			continue
		}
		asking.Go(func() {
			if answer, err := l.transport.ask(ctx, addr, l.transport.self); err == nil && answer.runs(id, l.cfg.Cluster) {
				alive.Add(1)
			}
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("server %d was not removed: %w", without, ctx.Err())
	}
	if running, need := int(alive.Load()), len(rest)/2+1; running < need {
		return &Refusal{Reason: ReasonQuorum, Detail: fmt.Sprintf("without server %d only %d of servers %s would be running, and they need %d: "+
			"start the others first, or remove one that does not run", without, running, describeIDs(rest), need)}
	}
	return nil
}

// takeLeadershipFrom hands the leadership to a member that stays: this one, if it has a vote.
func (l *Log) takeLeadershipFrom(ctx context.Context, m *membership, id uint64) error {
	if l.leadership.view().leader != id {
		return nil
	}
	heir := l.cfg.ReplicaID
	if _, votes := m.voters[heir]; !votes {
		others := maps.Clone(m.voters)
		delete(others, id)
		heir = slices.Min(slices.Collect(maps.Keys(others)))
	}
	return l.TransferLeadershipTo(ctx, heir)
}

// pause is between two attempts; whoever goes on looks at ctx itself.
func (l *Log) pause(ctx context.Context) {
	pause := time.NewTimer(pauseTicks * l.cfg.Tick)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	case <-l.closing:
	}
}
