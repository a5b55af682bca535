package recipes_test

import (
	"context"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

const (
	// serverFaultMax is how long a fault of a server or of the network lasts at most: longer than an election of the servers.
	serverFaultMax = 600 * time.Millisecond

	// hangMin and hangMax are how long a leader's session hangs: about its timeout of a second, and until the service has
	// certainly ended it.
	hangMin, hangMax = 700 * time.Millisecond, 2 * time.Second
)

// fault lets one or two things happen at once, one to the servers, one to a leader, and ends them.
func (r *electionRun) fault() {
	var done string
	end := func() {}
	if r.random.IntN(3) > 0 {
		done, end = r.serverFault()
	}
	began := time.Now()
	if r.random.IntN(3) > 0 {
		done += r.candidateFault()
	}
	time.Sleep(time.Duration(r.random.Int64N(int64(serverFaultMax))) - time.Since(began))
	end()
	r.done = append(r.done, done)
}

// serverFault begins what befalls a server, half of the time that which leads the others, and returns what ends it.
func (r *electionRun) serverFault() (what string, end func()) {
	c := r.cluster
	at := r.random.IntN(c.Len())
	if r.random.IntN(2) == 0 {
		at = c.Leader()
	}
	delay := time.Duration(1+r.random.IntN(20)) * time.Millisecond
	switch r.random.IntN(7) {
	case 0:
		c.Kill(at)
		return fmt.Sprintf("kill %d; ", at), func() { c.Run(at) }
	case 1:
		c.Drain(at)
		return fmt.Sprintf("drain %d; ", at), func() { c.Run(at) }
	case 2:
		c.Pause(at)
		return fmt.Sprintf("pause %d; ", at), func() { c.Resume(at) }
	case 3:
		c.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
		return fmt.Sprintf("partition %d; ", at), c.Heal
	case 4:
		c.RefuseClients(at)
		return fmt.Sprintf("refuse clients %d; ", at), func() { c.AdmitClients(at) }
	case 5:
		c.CutClients(at)
		return fmt.Sprintf("cut clients %d; ", at), func() {}
	default:
		c.Delay(delay, at)
		return fmt.Sprintf("delay %d by %v; ", at, delay), func() { c.Delay(0, at) }
	}
}

// candidateFault is what befalls the leader of the election, or one of the candidates.
func (r *electionRun) candidateFault() string {
	ctx := within(r.t)
	line := r.line(ctx)
	if len(line) == 0 {
		return "nobody there"
	}
	whom := line[0]
	if r.random.IntN(3) == 0 {
		whom = line[r.random.IntN(len(line))]
	}
	var err error
	switch r.random.IntN(6) {
	case 0:
		r.record.attacked(whom, true)
		err = r.stranger.KillSession(ctx, whom.Session)
		return fmt.Sprintf("kill session of %v: %v", whom.Zxid, err)
	case 1:
		r.record.attacked(whom, false)
		err = r.stranger.Delete(ctx, whom.Path, client.IfCzxid(whom.Zxid))
		return fmt.Sprintf("delete %v: %v", whom.Zxid, err)
	case 2:
		return r.deleteElection()
	case 3:
		if c := r.candidates[r.random.IntN(electionCandidates)].Load(); c != nil {
			r.cluster.DropReply(c.Session().ID)
		}
		return "drop a reply"
	default:
		hang := hangMin + time.Duration(r.random.Int64N(int64(hangMax-hangMin)))
		r.cluster.HoldSession(whom.Session)
		time.Sleep(hang)
		r.cluster.ReleaseSession(whom.Session)
		return fmt.Sprintf("hold %v for %v", whom.Zxid, hang)
	}
}

// line returns who is in line, as far as they can be read one after another.
func (r *electionRun) line(ctx context.Context) (line []recipes.Term) {
	for child, err := range r.stranger.ChildrenSeq(ctx, electionPath, client.WithStats()) {
		if err != nil {
			return line
		}
		line = append(line, recipes.Term{
			Zxid: child.Stat.Czxid, Path: electionPath + "/" + child.Name, Session: client.SessionID(child.Stat.Owner),
		})
	}
	return line
}

// deleteElection deletes all nodes of the election, so that the numbers in line begin anew. It deletes those of whom it has said
// before that they are attacked, and none besides.
func (r *electionRun) deleteElection() string {
	ctx := within(r.t)
	for {
		line := r.line(ctx)
		ops := make([]client.Op, 0, len(line)+1)
		for _, whom := range line {
			r.record.attacked(whom, false)
			ops = append(ops, client.DeleteOp(whom.Path, client.IfCzxid(whom.Zxid)))
		}
		_, err := r.stranger.Multi(ctx, append(ops, client.DeleteOp(electionPath))...)
		if err == nil || ctx.Err() != nil {
			return fmt.Sprintf("delete all %d: %v", len(line), err)
		}
	}
}
