package consensus

import (
	"errors"
	"fmt"
	"time"
)

// A replica that joins starts with an empty data directory and knows nobody. It waits until a member calls it, which members
// do as soon as it has been added, and asks that member about itself. It runs only if it was added and has not yet been
// given a vote: one that has a vote, or has run before, has promised things that it no longer remembers. Until then nothing
// that comes reaches Dragonboat.

// errHeld ends a connection with a snapshot for a replica that does not run yet. It is sent again.
var errHeld = errors.New("this replica does not run yet")

// meeting is what a caller knows of this replica.
type meeting struct {
	caller uint64
	addr   string
	answer censusAnswer
}

// meet asks whoever calls himself a replica at an address whether he is, unless that is being done, and what he knows of
// this replica. If it is true Dragonboat may learn the address from his next message.
func (t *transport) meet(replica uint64, addr string) {
	if !validAddr(addr) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, busy := t.asking[replica]; busy || t.closed || len(t.asking) >= strangersMax {
		return
	}
	t.asking[replica] = struct{}{}
	t.running.Go(func() {
		answer, err := t.ask(t.context, addr, t.self)
		switch {
		case err != nil:
			t.log.Debug().Err(err).Uint64("replica", replica).Str("addr", addr).Msg("a replica that called cannot be asked who it is")
		case answer.replica == replica && answer.cluster == t.self.cluster:
			t.vet.learn(replica, addr)
		}
		pause := time.NewTimer(censusAskEvery)
		defer pause.Stop()
		hear := t.meetings
		if err != nil {
			hear = nil
		}
		select {
		case hear <- meeting{caller: replica, addr: addr, answer: answer}:
		case <-pause.C:
		case <-t.context.Done():
		}
		t.mu.Lock()
		delete(t.asking, replica)
		t.mu.Unlock()
	})
}

// awaitCall waits until a member says that this replica has been added.
func (l *Log) awaitCall() error {
	state := "no member has called yet"
	waiting := func() string {
		return fmt.Sprintf("first start: waiting to be added to a cluster: run coxswain members add %d=%s with the data directory of a server of it (%s)",
			l.cfg.ReplicaID, l.cfg.RaftAddr, state)
	}
	l.cfg.Log.Info().Msg(waiting())
	progress := time.NewTicker(censusReportEvery)
	defer progress.Stop()
	for {
		select {
		case m := <-l.transport.meetings:
			again, err := m.judge(l.transport.self)
			if err != nil {
				return err
			}
			if again == "" {
				l.cfg.Log.Info().Uint64("caller", m.caller).Str("addr", m.addr).Msg("added to the cluster: catching up")
				return nil
			}
			state = again
		case <-progress.C:
			l.cfg.Log.Info().Msg(waiting())
		case <-l.cfg.Interrupt:
			return &Refusal{Reason: ReasonInterrupted, Detail: "interrupted while waiting to be added to a cluster: " + state}
		}
	}
}

// judge says what a caller's answer means: why to wait for another, why to give up, or neither.
func (m meeting) judge(q censusQuestion) (again string, giveUp error) {
	a := m.answer
	switch {
	case a.cluster != q.cluster:
		return "", &Refusal{Reason: ReasonCluster, Detail: fmt.Sprintf("server %d at %s, which called this one, belongs to cluster %q, this one to %q: "+
			"correct the cluster's name, or remove this server from the other cluster", m.caller, m.addr, a.cluster, q.cluster)}
	case a.replica != m.caller:
		return fmt.Sprintf("server %d called and gave the address %s, but there is server %d", m.caller, m.addr, a.replica), nil
	case a.standing == standingRemoved:
		return "", removedRefusal(q.replica)
	case a.knows || a.standing == standingVoter:
		return "", amnesiaRefusal(m.caller, q.replica)
	case !a.final || a.standing != standingJoining:
		return fmt.Sprintf("server %d called, but does not know yet that this one was added", m.caller), nil
	}
	return "", nil
}
