package consensus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Before a replica with an empty data directory takes part in a cluster for the first time, it asks every other member
// whether a replica of its number has run before. If so, it has promised things, votes and entries, that it no longer
// remembers, and letting it vote again could undo acknowledged writes.
//
// A member that is itself at its first start knows of nobody. One that has a log may have to catch up first; until then
// its "no" is not final and the question is asked again. But members that have never heard of a leader would wait for
// the asker and the asker for them, so those answer finally too: nothing has ever been promised to anybody.
//
// The same question serves three more: a server that waits to be added asks whoever calls it, one that has heard of no
// leader for a while asks whether it was removed, and a leader asks a new server whether it has caught up.

// censusQuestion: has this replica of this cluster ever run?
type censusQuestion struct {
	replica uint64
	cluster string
}

// censusAnswer is one member's knowledge.
type censusAnswer struct {
	replica uint64 // who answers
	cluster string
	fresh   bool // the member is itself at its first start
	final   bool // the member knows all that it will ever know about the past
	knows   bool // the replica has run before
	joins   bool // the member waits to be added to a cluster
	// standing is what the replica that was asked about is in the cluster.
	standing standing
}

// standing is a replica's place in the cluster.
type standing uint8

const (
	standingUnknown  standing = iota // not found out yet
	standingStranger                 // not a member
	standingJoining                  // added, but without a vote yet
	standingVoter                    // a voting member
	standingRemoved                  // removed: its id can never be used again
)

const (
	answerFresh = 1 << iota
	answerFinal
	answerKnows
	answerJoins
)

// frame: replica (uint64), then the cluster's name.
func (q censusQuestion) frame() []byte {
	b := make([]byte, frameHeaderBytes, frameHeaderBytes+8+len(q.cluster))
	b = binary.LittleEndian.AppendUint64(b, q.replica)
	b = append(b, q.cluster...)
	sealFrame(b, frameQuestion)
	return b
}

func decodeQuestion(b []byte) (censusQuestion, error) {
	if len(b) < 8 || len(b) > 8+clusterNameMax {
		return censusQuestion{}, frameError(fmt.Sprintf("census question of %d bytes", len(b)))
	}
	return censusQuestion{replica: binary.LittleEndian.Uint64(b), cluster: string(b[8:])}, nil
}

// frame: replica (uint64), flags (one byte), standing (one byte), then the cluster's name.
func (a censusAnswer) frame() []byte {
	b := make([]byte, frameHeaderBytes, frameHeaderBytes+10+len(a.cluster))
	b = binary.LittleEndian.AppendUint64(b, a.replica)
	var flags byte
	for _, f := range []struct {
		on  bool
		bit byte
	}{{a.fresh, answerFresh}, {a.final, answerFinal}, {a.knows, answerKnows}, {a.joins, answerJoins}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = append(b, flags, byte(a.standing))
	b = append(b, a.cluster...)
	sealFrame(b, frameAnswer)
	return b
}

func decodeAnswer(b []byte) (censusAnswer, error) {
	if len(b) < 10 || len(b) > 10+clusterNameMax || b[8]&^(answerFresh|answerFinal|answerKnows|answerJoins) != 0 || standing(b[9]) > standingRemoved {
		return censusAnswer{}, frameError(fmt.Sprintf("census answer of %d bytes is malformed", len(b)))
	}
	return censusAnswer{
		replica: binary.LittleEndian.Uint64(b),
		cluster: string(b[10:]),
		fresh:   b[8]&answerFresh != 0,
		final:   b[8]&answerFinal != 0,
		knows:   b[8]&answerKnows != 0,
		joins:   b[8]&answerJoins != 0, standing: standing(b[9]),
	}, nil
}

// ask puts one question to the member at addr.
func (t *transport) ask(ctx context.Context, addr string, q censusQuestion) (censusAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, censusAskTimeout)
	defer cancel()
	c, err := t.dial(ctx, addr)
	if err != nil {
		return censusAnswer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := c.Write(q.frame()); err != nil {
		return censusAnswer{}, err
	}
	frames := frameReader{r: bufio.NewReaderSize(c, censusBytesMax)}
	kind, payload, err := frames.next()
	if err != nil {
		return censusAnswer{}, err
	}
	if kind != frameAnswer {
		return censusAnswer{}, frameError("another frame instead of a census answer")
	}
	return decodeAnswer(payload)
}

// census asks every member but this one until all have answered finally. It returns nil if none knows this replica.
// What is still missing is logged every few seconds.
func (t *transport) census(ctx context.Context, q censusQuestion, members map[uint64]string, log zerolog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()

	type report struct {
		member uint64
		state  string // why the member is still missing; empty: it has answered
		err    error  // why to give up
	}
	reports := make(chan report)
	missing := make(map[uint64]string, len(members))
	for id, addr := range members {
		if id == q.replica {
			continue
		}
		missing[id] = "not asked yet"
		asking.Go(func() {
			for pause := censusAskEvery; ; pause = min(2*pause, censusAskEveryMax) {
				answer, err := t.ask(ctx, addr, q)
				r := report{member: id}
				switch {
				case err != nil:
					r.state = err.Error()
				default:
					r.state, r.err = judge(q, id, addr, answer)
				}
				select {
				case reports <- r:
				case <-ctx.Done():
					return
				}
				if r.state == "" || r.err != nil {
					return
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	progress := time.NewTicker(censusReportEvery)
	defer progress.Stop()
	for len(missing) > 0 {
		select {
		case r := <-reports:
			if r.err != nil {
				return r.err
			}
			missing[r.member] = r.state
			if r.state == "" {
				delete(missing, r.member)
			}
		case <-progress.C:
			log.Info().Str("missing", describeMissing(missing, members)).
				Msg("first start: waiting for every other member to say that this replica has not run before")
		case <-ctx.Done():
			return &Refusal{Reason: ReasonInterrupted, Detail: "interrupted while waiting for other members: " + describeMissing(missing, members)}
		}
	}
	return nil
}

// judge says what an answer means: why to ask again, why to give up, or neither.
func judge(q censusQuestion, id uint64, addr string, a censusAnswer) (again string, giveUp error) {
	switch {
	case a.cluster != q.cluster:
		return "", &Refusal{Reason: ReasonCluster, Detail: fmt.Sprintf("the server at %s belongs to cluster %q, this one to %q: "+
			"correct the list of members or the cluster's name", addr, a.cluster, q.cluster)}
	case a.replica != id:
		return "", &Refusal{Reason: ReasonReplica, Detail: fmt.Sprintf("the members' list says that server %d is at %s, but there is server %d: "+
			"give every server the same list", id, addr, a.replica)}
	case a.standing == standingRemoved:
		return "", removedRefusal(q.replica)
	case a.knows:
		return "", amnesiaRefusal(id, q.replica)
	case !a.final:
		return "has not caught up yet", nil
	case a.standing == standingStranger || a.standing == standingJoining:
		return "", &Refusal{Reason: ReasonNotMember, Detail: fmt.Sprintf("the cluster of server %d is running, and server %d was not among its first members: "+
			"start server %d with --join instead of a list of members, and add it with coxswain members add", id, q.replica, q.replica)}
	}
	return "", nil
}

func amnesiaRefusal(knower, replica uint64) error {
	return &Refusal{Reason: ReasonAmnesia, Detail: fmt.Sprintf("server %d knows that server %d has run before, but the data directory of server %d is empty: "+
		"its data was lost, and with it promises on which the cluster relies. Bring the data directory back, or remove server %d from the cluster "+
		"(coxswain members remove %d) and add a new server with an id that was never used", knower, replica, replica, replica, replica)}
}

func removedRefusal(replica uint64) error {
	return &Refusal{Reason: ReasonRemoved, Detail: fmt.Sprintf("server %d was removed from the cluster and can never be part of it again: "+
		"its data directory can be deleted. To bring this machine back, start a server with an id that was never used, an empty data directory "+
		"and --join, and add it with coxswain members add", replica)}
}

func describeMissing(missing, members map[uint64]string) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		parts = append(parts, fmt.Sprintf("server %d at %s (%s)", id, members[id], missing[id]))
	}
	return strings.Join(parts, ", ")
}

// runCensus is the census of a replica's first start.
func (l *Log) runCensus(members map[uint64]string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if l.cfg.Interrupt != nil {
		released := make(chan struct{})
		var watching sync.WaitGroup
		watching.Go(func() {
			select {
			case <-l.cfg.Interrupt:
				cancel()
			case <-released:
			}
		})
		defer watching.Wait()
		defer close(released)
	}
	err := l.transport.census(ctx, censusQuestion{replica: l.cfg.ReplicaID, cluster: l.cfg.Cluster}, members, l.cfg.Log)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Reason == ReasonInterrupted {
		l.cfg.Log.Info().Msg(refusal.Detail)
	}
	return err
}

// answerCensus is this member's answer to another's first start.
func (l *Log) answerCensus(q censusQuestion) censusAnswer {
	a := censusAnswer{replica: l.cfg.ReplicaID, cluster: l.cfg.Cluster}
	if q.cluster != a.cluster {
		return a
	}
	a.fresh = !l.started.Load()
	a.joins = a.fresh && l.joins
	// The order matters: what the machine and the membership say is asked after they were found to be complete.
	ready := l.ready.Load()
	a.standing = l.standing(q.replica)
	a.final = a.fresh || ready && a.standing != standingUnknown || l.blank()
	a.knows = l.transport.hasHeard(q.replica) || l.machine.Booted(q.replica)
	return a
}

// blank reports whether this replica has a log but has never, in any start, taken part in an election: it has promised
// nothing and knows of no promise. One that was added later is never blank: the cluster has a past.
func (l *Log) blank() bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed || l.host == nil || l.founders == 0 {
		return false
	}
	reader, err := l.host.GetLogReader(shardID)
	if err != nil {
		return false
	}
	state, _ := reader.NodeState()
	_, last := reader.GetRange()
	// The entries of a log that was only set up are the first members, in term 1, with no vote.
	return l.leadership.view().term <= 1 && l.leadership.view().leader == 0 &&
		state.Term <= 1 && state.Vote == 0 && last <= uint64(l.founders) && l.applied.Load() == 0
}
