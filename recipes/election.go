package recipes

import (
	"context"
	"errors"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// candidatePrefix begins the names of an election's candidates.
const candidatePrefix = "candidate-"

// Election makes one of several processes the leader, and when that one goes the next, in the order in which they asked.
// Everybody else can ask who it is ([Election.Leader]) or be told of each change ([Election.Observe]).
//
//	/jobs/leader                        a container: it goes when there is no candidate any more
//	/jobs/leader/candidate-0000000004   leads; its data are the value that it proclaims
//	/jobs/leader/candidate-0000000005   ephemeral; waits, and watches 4 only
//
// What is guaranteed:
//
//   - At most one [Leadership] has a context that is alive, if clocks run at about the same rate and nobody deletes a leader's
//     node or kills its session: its context ends before the service lets the next one lead. [Hold] says more.
//   - Terms, numbered by the zxid that created the leader's node, grow from leader to leader, also when the election's path is
//     deleted and made again in between.
//   - What a leader writes with [Hold.Commit] is written in its term or not at all.
//   - An observer is told every term once, in order, or that it may have missed some.
//
// What is not: that there is a leader at any time. Nobody leads while nobody campaigns, and between the death of a leader's
// process and the end of its session, which is a session timeout at most. Nor does a leader know at once that somebody has
// deleted its node; until it does, two believe that they lead. Then, too, only one of them can Commit.
//
// A candidate in line is ready by definition: whoever cannot lead yet does not campaign yet. Campaigning is one write if nobody
// else is in line. A leader that goes wakes one candidate, and every observer.
//
// Counterparts: LeaderLatch and LeaderSelector of Curator, which have no terms; Election of etcd's concurrency package, whose
// observers may miss leaders in between. An Election is stateless, and all methods may be called from any goroutine; each Campaign
// is a candidate by itself.
type Election struct {
	c    *client.Client
	path string
}

// NewElection returns the election at a path, which need not exist. It does not ask the service.
func NewElection(c *client.Client, path string) *Election { return &Election{c: c, path: path} }

// Campaign waits until this candidate leads, and proclaims value, at most a mebibyte, then. If ctx ends first it fails with
// ctx's cause, wrapped, and the candidate is withdrawn. Other errors: client.ErrSessionExpired as soon as the client knows that
// the session has ended, even if another follows it: campaign again; [ErrLost] if somebody deletes the candidate's node;
// those of [client.Client.Create].
func (e *Election) Campaign(ctx context.Context, value []byte) (*Leadership, error) {
	l, err := e.campaign(ctx, value)
	return l, failed("campaign", e.path, err)
}

func (e *Election) campaign(ctx context.Context, value []byte) (*Leadership, error) {
	entered, err := enter(ctx, e.c, []string{e.path}, candidatePrefix, value)
	if err != nil {
		return nil, err
	}
	me := entered.places[0]
	if !entered.alone {
		err = me.wait(ctx, e.c, predecessor)
	}
	var h *Hold
	if err == nil {
		h, err = certain(ctx, e.c, "lead", e.path, entered.places)
	}
	if err == nil {
		return &Leadership{Hold: h, place: me}, nil
	}
	withdraw(ctx, e.c, entered.places)
	return nil, err
}

// Leader returns who leads now, and whether anybody does. The answer is linearizable: a term that was granted, or a value that
// was proclaimed, before Leader was called is in it, or one that came later. Errors: those of [client.Client.List], but
// client.ErrNoNode, which is no error.
func (e *Election) Leader(ctx context.Context) (Term, bool, error) {
	line := succession{path: e.path}
	at, err := line.list(ctx, e.c, client.AtLevel(client.Linearizable))
	if err != nil {
		return Term{}, false, failed("leader", e.path, err)
	}
	term, _ := line.next(at)
	return term, term.Zxid != 0, nil
}

// Leadership is a term of this process as the leader, from [Election.Campaign] to the end of its context. See [Hold] for what
// that is worth.
type Leadership struct {
	*Hold
	place place
}

// Term returns the number of the term, which is the fence of the leadership: greater than that of every earlier leader.
func (l *Leadership) Term() client.Zxid { return l.Fence() }

// Proclaim replaces the value with which this process leads. Every observer is told every value. It fails with [ErrLost] if
// this process does not lead any more, with [ErrReleased] after Release or Resign, and otherwise with the errors of
// [client.Client.Set]. If ctx ends first the value may still be proclaimed, as with every write.
func (l *Leadership) Proclaim(ctx context.Context, value []byte) error {
	if cause := context.Cause(l.ctx); errors.Is(cause, ErrReleased) {
		return failed("proclaim", l.path, cause)
	}
	_, err := l.c.Set(ctx, l.place.path, value, client.IfCzxid(l.place.czxid))
	if err != nil && gone(err) && !errors.Is(err, client.ErrSessionExpired) {
		err = ErrLost
	}
	return failed("proclaim", l.path, err)
}

// Resign is [Hold.Release]: the next candidate leads when it returns.
func (l *Leadership) Resign(ctx context.Context) error { return l.Release(ctx) }

// ResignWhenFollowed waits until there is another candidate, and then resigns. If ctx ends first it fails with ctx's cause and
// this process still leads; if the leadership ends first, with the cause of that. The other candidate may give up in the very
// moment, and then nobody leads.
func (l *Leadership) ResignWhenFollowed(ctx context.Context) error {
	if err := l.followed(ctx); err != nil {
		return failed("resign", l.path, err)
	}
	return l.Release(ctx)
}

// followed waits for somebody behind the leader.
func (l *Leadership) followed(ctx context.Context) error {
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })()
	for {
		var w *client.Watch
		names, _, err := l.c.Children(both, l.place.line, local, client.WithWatch(&w))
		if err != nil {
			if errors.Is(err, client.ErrNoNode) {
				<-both.Done() // the leader's node went with its election, which ends the leadership
			}
			if both.Err() != nil {
				return l.unfollowed(ctx)
			}
			return err
		}
		names = inLine(names)
		if at := slices.Index(names, l.place.name); at >= 0 && at < len(names)-1 {
			w.Close()
			return nil
		}
		select {
		case _, fired := <-w.C():
			if !fired {
				return w.Err()
			}
		case <-both.Done():
			w.Close()
			return l.unfollowed(ctx)
		}
	}
}

// unfollowed is why nobody is waited for any more.
func (l *Leadership) unfollowed(ctx context.Context) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return ended(ctx)
}
