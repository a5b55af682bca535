package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coxswain-io/coxswain/client"
)

// TwoPhase is atomic commitment: a set of participants, each with a resource of its own, carries something out everywhere or
// nowhere, whoever crashes in between. All that must survive is in the service, and everybody can do each step, so there is
// no coordinator whose loss blocks the others.
//
//	/transfers                      a container
//	/transfers/4711                 persistent: participants and decision, as JSON; the decision is written once
//	/transfers/4711/payload         persistent, if there is any
//	/transfers/4711/vote-north      persistent: "yes", "no", or empty while north has not voted; gone when it is done
//	/transfers/4711/vote-south
//
// The coordinator begins a transaction with [TwoPhase.Begin] and tells the participants its id. Each of them prepares, so that
// it can both carry out and undo, also after a crash; then it votes with [TwoPhase.Vote]. [TwoPhase.Decide] waits for the
// votes and writes the decision. The participants learn it with [TwoPhase.Await], carry it out, and say so with
// [TwoPhase.Done]; the last Done removes everything. After a crash a participant asks [TwoPhase.Pending] what it still has to
// do, and a coordinator goes on with Decide.
//
// What it guarantees: there is one decision, the same for everybody and for ever. It is to commit only if all have voted yes:
// the transaction that writes it checks all votes. A vote that was given does not change. What it cannot: make a participant
// vote, so somebody has to know how long votes are waited for, and then call [TwoPhase.Abort]; let a participant that has
// voted yes go on without the service; know what a participant really does. Carrying out must be repeatable, because a crash
// may come between that and Done. A participant that never comes back is represented by whoever calls Done for it.
//
// All steps may be repeated. An id is used once: if it is used again after its removal, a message that comes late would be
// taken for one about the new transaction.
//
// It costs one write to begin, one to decide, a read and a write for each vote, two reads and a write for each Done. Who
// waits for the decision has one watch and is woken once; Decide is woken by each vote at most.
//
// Of the peers only ZooKeeper's documentation describes such a recipe, and leaves the recovery to its reader. A TwoPhase is
// stateless, and all methods may be called from any goroutine.
type TwoPhase struct {
	c    *client.Client
	path string
}

// NewTwoPhase returns the transactions below path, which need not exist. It does not ask the service.
func NewTwoPhase(c *client.Client, path string) *TwoPhase { return &TwoPhase{c: c, path: path} }

// Decision is what becomes of a transaction of a [TwoPhase].
type Decision string

const (
	Undecided Decision = ""
	Committed Decision = "committed" // everybody carries it out
	Aborted   Decision = "aborted"   // nobody does
)

var (
	// ErrVoted: the participant has voted, and otherwise.
	ErrVoted = errors.New("has voted otherwise")

	// ErrUndecided: there is nothing yet that could have been carried out.
	ErrUndecided = errors.New("not decided yet")
)

// What the node of a vote holds.
const votePrefix, yesVote, noVote = "vote-", "yes", "no"

// proposal is the data of a transaction's node, and how it was found.
type proposal struct {
	Participants []string `json:"participants"`
	Decision     Decision `json:"decision,omitempty"`

	path         string
	czxid, mzxid client.Zxid
}

// Begin begins a transaction, which is durable when it returns. The participants are texts in UTF-8, different from each other,
// at least one and at most 990; the payload, at most a mebibyte, is for them. Errors: client.ErrNodeExists if the id is in use
// (whoever recovers has begun it in its life before), client.ErrBadArguments, others of [client.Client.Create].
func (t *TwoPhase) Begin(ctx context.Context, id string, participants []string, payload []byte) error {
	path := t.transaction(id)
	for _, p := range participants {
		if !utf8.ValidString(p) {
			return failed("begin", path, fmt.Errorf("%w: %q is not UTF-8", client.ErrBadArguments, p))
		}
	}
	n := len(slices.Compact(slices.Sorted(slices.Values(participants))))
	if n == 0 || n < len(participants) || n > participantsMax {
		return failed("begin", path, fmt.Errorf("%w: %d participants, %d different ones", client.ErrBadArguments, len(participants), n))
	}
	data, err := json.Marshal(proposal{Participants: participants})
	if err != nil {
		return failed("begin", path, err)
	}
	ops := []client.Op{client.CreateOp(path, data, client.ContainerParents())}
	if len(payload) > 0 {
		ops = append(ops, client.CreateOp(join(path, "payload"), payload))
	}
	for _, p := range participants {
		ops = append(ops, client.CreateOp(vote(path, p), nil))
	}
	_, err = t.c.Multi(ctx, ops...)
	return failed("begin", path, err)
}

// Vote gives a participant's vote, which is durable when it returns. A no decides at once: to abort. A yes binds the
// participant until it knows the decision. Errors: [ErrVoted] if it has voted otherwise; client.ErrNoNode if there is no
// such transaction (it may have been aborted, and be over) or no such participant in it; others of [client.Client.Set].
func (t *TwoPhase) Vote(ctx context.Context, id, participant string, yes bool) error {
	path := t.transaction(id)
	for {
		err := t.vote(ctx, path, participant, yes)
		if !errors.Is(err, client.ErrMismatch) { // somebody has decided, or voted for the same participant, just now
			return failed("vote", path, err)
		}
	}
}

func (t *TwoPhase) vote(ctx context.Context, path, participant string, yes bool) error {
	own, text := vote(path, participant), noVote
	if yes {
		text = yesVote
	}
	reads, _, err := t.c.MultiRead(ctx, []client.ReadOp{client.GetOf(path), client.GetOf(own)}, client.AtLevel(client.Linearizable))
	if err = errors.Join(err, firstOf(reads)); err != nil {
		return err
	}
	switch string(reads[1].Data) {
	case text:
		return nil
	case "":
	default:
		return ErrVoted
	}
	p, err := proposalOf(path, reads[0].Data, reads[0].Stat)
	if err != nil {
		return err
	}
	set := client.SetOp(own, []byte(text), client.IfMzxid(reads[1].Stat.Mzxid))
	if yes || p.Decision != Undecided {
		_, err = t.c.Multi(ctx, p.check(), set)
		return err
	}
	return t.record(ctx, p, Aborted, set)
}

func firstOf(reads []client.ReadResult) error {
	for _, r := range reads {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// Decide waits until all have voted, or there is a decision, and returns it; if there is none it writes it. Anybody may call
// it, and several at once. If ctx ends first it fails with its cause; whoever does not want to wait any longer calls
// [TwoPhase.Abort]. Errors: client.ErrNoNode if there is no such transaction: everybody has carried it out, or it never was
// begun.
func (t *TwoPhase) Decide(ctx context.Context, id string) (Decision, error) {
	d, err := t.follow(ctx, t.transaction(id), t.decide)
	return d, failed("decide", t.transaction(id), err)
}

// Await waits for the decision, which somebody else makes. A participant cannot miss it, because it stays until the
// participant's Done. If ctx ends first Await fails with its cause; other errors as for [TwoPhase.Decide].
func (t *TwoPhase) Await(ctx context.Context, id string) (Decision, error) {
	d, err := t.follow(ctx, t.transaction(id), func(ctx context.Context, _ proposal, changed *client.Watch) error {
		select {
		case <-changed.C():
			return nil
		case <-ctx.Done():
			return ended(ctx)
		}
	})
	return d, failed("await", t.transaction(id), err)
}

// follow returns the decision about the transaction at path. As long as there is none it calls step, which returns when it
// makes sense to look again; the watch is on the transaction, and whether it ends with an event or with its session, the
// next look tells.
func (t *TwoPhase) follow(
	ctx context.Context, path string, step func(context.Context, proposal, *client.Watch) error,
) (Decision, error) {
	var first client.Zxid
	for {
		var changed *client.Watch
		p, err := t.read(ctx, path, client.WithWatch(&changed))
		if err != nil {
			closeWatch(changed)
			if again(ctx, t.c, err) {
				continue
			}
			return Undecided, err
		}
		if first == 0 {
			first = p.czxid
		}
		if p.czxid != first {
			p.Decision, err = Undecided, &Error{Op: "read", Path: path, Err: client.ErrNoNode, Detail: "another transaction has its id"}
		} else if p.Decision == Undecided {
			err = step(ctx, p, changed)
		}
		changed.Close()
		if again(ctx, t.c, err) { // a decision whose answer was lost as well
			continue
		}
		if err != nil || p.Decision != Undecided {
			return p.Decision, err
		}
	}
}

// decide makes the decision if the votes are there, and otherwise waits for one of them, or for somebody else's decision.
func (t *TwoPhase) decide(ctx context.Context, p proposal, changed *client.Watch) error {
	var checks []client.Op
	for _, participant := range p.Participants {
		path := vote(p.path, participant)
		text, err := t.awaitVote(ctx, path, changed)
		switch {
		case err != nil || text == "":
			return err
		case text != yesVote:
			return unlessDecided(t.record(ctx, p, Aborted))
		}
		checks = append(checks, client.CheckOp(path, client.IfData([]byte(yesVote))))
	}
	return unlessDecided(t.record(ctx, p, Committed, checks...))
}

// awaitVote returns what a participant has voted; "" if the transaction has changed before it did.
func (t *TwoPhase) awaitVote(ctx context.Context, path string, changed *client.Watch) (string, error) {
	for {
		var voted *client.Watch
		n, err := t.c.Get(ctx, path, client.AtLevel(client.Linearizable), client.WithWatch(&voted))
		if err != nil && !errors.Is(err, client.ErrNoNode) {
			return "", err
		}
		if len(n.Data) > 0 {
			voted.Close()
			return string(n.Data), nil
		}
		var c <-chan client.Event // none if the vote is gone: that participant is done, so the transaction has changed
		if voted != nil {
			c = voted.C()
		}
		select {
		case <-c:
			continue
		case <-changed.C():
		case <-ctx.Done():
			err = ended(ctx)
		}
		closeWatch(voted)
		if errors.Is(err, client.ErrNoNode) {
			err = nil
		}
		return "", err
	}
}

// Abort decides to abort, unless it is decided already, and returns the decision: [Committed] has to be carried out.
// Errors as for [TwoPhase.Decide].
func (t *TwoPhase) Abort(ctx context.Context, id string) (Decision, error) {
	d, err := t.follow(ctx, t.transaction(id), func(ctx context.Context, p proposal, _ *client.Watch) error {
		return unlessDecided(t.record(ctx, p, Aborted))
	})
	return d, failed("abort", t.transaction(id), err)
}

// record writes a decision, together with other operations, if nothing has been written there since p was read.
func (t *TwoPhase) record(ctx context.Context, p proposal, d Decision, also ...client.Op) error {
	p.Decision = d
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = t.c.Multi(ctx, append(also, client.SetOp(p.path, data, client.IfMzxid(p.mzxid)))...)
	return err
}

// unlessDecided drops the error of a decision that came too late: the next look tells the one that was made.
func unlessDecided(err error) error {
	if errors.Is(err, client.ErrMismatch) || errors.Is(err, client.ErrNoNode) {
		return nil
	}
	return err
}

// Done says that a participant has carried out the decision, which [TwoPhase.Pending] does not tell it any more then. The
// last one's removes the transaction. What is done already is fine. Errors: [ErrUndecided]; client.ErrNoNode for a stranger
// to the transaction.
func (t *TwoPhase) Done(ctx context.Context, id, participant string) error {
	path := t.transaction(id)
	p, err := t.read(ctx, path)
	switch {
	case errors.Is(err, client.ErrNoNode):
		return nil
	case err != nil:
		return failed("done", path, err)
	case !slices.Contains(p.Participants, participant):
		return &Error{Op: "done", Path: path, Err: client.ErrNoNode, Detail: participant + " does not participate"}
	case p.Decision == Undecided:
		return failed("done", path, ErrUndecided)
	}
	for gone := false; err == nil && !gone; {
		gone, err = t.resign(ctx, p, participant)
	}
	return failed("done", path, unlessDecided(err))
}

// resign removes a participant from a decided transaction, or the whole of it if it is the last one; false if it has to look
// again.
func (t *TwoPhase) resign(ctx context.Context, p proposal, participant string) (bool, error) {
	names, _, err := t.c.Children(ctx, p.path, local)
	if err != nil {
		return false, err
	}
	others := slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, votePrefix) || name == votePrefix+nodeName(participant)
	})
	if len(others) == 0 { // for ever: votes are only made when it begins
		_, err := t.c.DeleteTree(ctx, p.path, client.IfCzxid(p.czxid))
		return true, err
	}
	// As long as any one is there this participant is not the last. A random one, because those next to it are going too.
	done, err := t.c.Txn(ctx, client.If(client.CheckOp(join(p.path, others[rand.N(len(others))]))).
		Then(p.check(), client.DeleteOp(vote(p.path, participant))))
	return done.Held, err
}

func (t *TwoPhase) read(ctx context.Context, path string, options ...client.ReadOption) (proposal, error) {
	n, err := t.c.Get(ctx, path, append(options, client.AtLevel(client.Linearizable))...)
	if err != nil {
		return proposal{}, err
	}
	return proposalOf(path, n.Data, n.Stat)
}

func proposalOf(path string, data []byte, stat client.Stat) (proposal, error) {
	p := proposal{path: path, czxid: stat.Czxid, mzxid: stat.Mzxid}
	err := json.Unmarshal(data, &p)
	return p, err
}

func (p proposal) check() client.Op { return client.CheckOp(p.path, client.IfCzxid(p.czxid)) }

// transaction is the path of a transaction.
func (t *TwoPhase) transaction(id string) string { return join(t.path, nodeName(id)) }

// vote is the path of a participant's vote in the transaction at path.
func vote(path, participant string) string { return join(path, votePrefix+nodeName(participant)) }
