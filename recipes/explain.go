package recipes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Purpose is what a node is for, as far as its children and its kind tell.
type Purpose string

const (
	PurposeAbsent    Purpose = "absent"    // there is no node
	PurposeLock      Purpose = "lock"      // a [Lock] or an [RWLock]: a line
	PurposeElection  Purpose = "election"  // an [Election]: a line of candidates
	PurposeSemaphore Purpose = "semaphore" // a [Semaphore]: permits, and a line of those who wait for some
	PurposeMembers   Purpose = "members"   // ephemeral children that nobody waits for: a [Group], a [Registry]'s service
	PurposePlace     Purpose = "place"     // one claim in such a line
	PurposeEphemeral Purpose = "ephemeral" // any other node of one process
	PurposeLease     Purpose = "lease"     // a TTL node: a [Lease], or whatever goes by itself
	PurposeConfig    Purpose = "config"    // a [Config]
	PurposeIdle      Purpose = "idle"      // a container without children: what nobody holds any more, until the service removes it
	PurposeNode      Purpose = "node"      // anything else
)

// Explanation tells who has what a node stands for, and who waits for whom: what an operator wants to know when something is
// stuck. It shows one point in time; the sessions are looked up right after it.
type Explanation struct {
	Path    string
	Purpose Purpose
	Stat    client.Stat // zero if it is absent
	Zxid    client.Zxid // what it was like right after this transaction
	Claims  []Claim     // those who hold it, then those who wait, in the order of the line
	Permits int         // of a semaphore, or of a node that may be one that nobody uses: how many there are

	// Left is how long a lease stays if nobody renews it, and how long the [LockDelay] of a lock goes on, if one does. It is right
	// if the clocks of this machine and the servers agree; the service takes up to some three seconds more.
	Left time.Duration
}

// Claim is a node that stands for holding something, or for waiting for it.
type Claim struct {
	Path     string
	Stat     client.Stat // Czxid is the fence; CtimeMS is when it was asked for, by the clock of a server
	Data     []byte      // the label, or the candidate's value; none of a semaphore
	Holds    bool
	Shared   bool   // with other readers
	Permits  int    // of a semaphore; 0 if it is not known
	WaitsFor string // the node whose end this one waits for; "" if it holds

	// Session is who owns the node: its client's name, the server that it is attached to, and what is left when it is
	// attached to none. When it was last heard only that server knows. If Ended, it has come to its end meanwhile, and only
	// the ID is set. Without an ID the node, which somebody has made by hand, belongs to no session, and stays.
	Session client.SessionEntry
	Ended   bool
}

// Holders returns those who have it.
func (e Explanation) Holders() []Claim { return e.claims(true) }

// Waiters returns those who wait for it, in the order of the line.
func (e Explanation) Waiters() []Claim { return e.claims(false) }

func (e Explanation) claims(hold bool) (some []Claim) {
	for _, c := range e.Claims {
		if c.Holds == hold {
			some = append(some, c)
		}
	}
	return some
}

// Explain tells what the node at path is for, who has it and who waits. That the node is absent is no error. Errors: those of
// [client.Client.List] and [client.Client.Sessions]; client.ErrTooMany, wrapped, if there are more than 10,000 nodes at and
// below it.
//
// It costs two reads or a few, and no write.
func Explain(ctx context.Context, c *client.Client, path string) (Explanation, error) {
	e, err := explain(ctx, c, path)
	return e, failed("explain", path, err)
}

func explain(ctx context.Context, c *client.Client, path string) (Explanation, error) {
	absent := Explanation{Path: path, Purpose: PurposeAbsent}
	stat, there, err := c.Exists(ctx, path, client.WithZxid(&absent.Zxid))
	if err != nil || !there {
		return absent, err
	}
	if stat.Kind == client.KindEphemeral {
		return explainEphemeral(ctx, c, path, stat, absent.Zxid)
	}
	near := func(name string) bool { // the children, and a semaphore's grandchildren
		parent, _, deep := strings.Cut(name, "/")
		return !deep || parent == queueName || parent == permitsName
	}
	tree, zxid, err := listing(ctx, c, path, near)
	if errors.Is(err, client.ErrNoNode) {
		return absent, nil
	} else if err != nil {
		return Explanation{}, err
	}
	all := explainTree(tree, zxid)
	return all[0], identify(ctx, c, all[:1])
}

// explainEphemeral tells about one process's node, and if it is in a line, for whom it waits there.
func explainEphemeral(ctx context.Context, c *client.Client, path string, stat client.Stat, zxid client.Zxid) (Explanation, error) {
	e := Explanation{Path: path, Purpose: PurposeEphemeral, Stat: stat, Zxid: zxid}
	e.Claims = []Claim{{Path: path, Stat: stat, Holds: true}}
	if line := parentOf(path); sequence(path) != "" {
		if part := nameOf(line); part == queueName || part == permitsName {
			line = parentOf(line)
		}
		all, err := explain(ctx, c, line)
		if err != nil {
			return e, err
		}
		i := slices.IndexFunc(all.Claims, func(c Claim) bool { return c.Path == path && c.Stat.Czxid == stat.Czxid })
		if i >= 0 && all.Purpose != PurposeMembers {
			e.Purpose, e.Claims, e.Zxid = PurposePlace, all.Claims[i:i+1], all.Zxid
			return e, nil
		}
	}
	all := []Explanation{e}
	return e, identify(ctx, c, all)
}

// ExplainTree explains everything at or below path that recipes use or that belongs to sessions, all as of one point in time,
// in the order of the paths. [Circles] finds those who wait for each other. Errors: as for [Explain], client.ErrTooMany for
// more than 10,000 nodes, client.ErrNoNode.
func ExplainTree(ctx context.Context, c *client.Client, path string) ([]Explanation, error) {
	tree, zxid, err := listing(ctx, c, path, nil)
	if err != nil {
		return nil, failed("explain", path, err)
	}
	all := slices.DeleteFunc(explainTree(tree, zxid), func(e Explanation) bool {
		return e.Purpose == PurposeNode || e.Purpose == PurposeIdle || e.Purpose == PurposeConfig
	})
	return all, failed("explain", path, identify(ctx, c, all))
}

// listing reads the node at path and those below it, or of them those whose names, relative to it, are near. It fails if there are
// too many to read: somebody in line might be behind them.
func listing(
	ctx context.Context, c *client.Client, path string, near func(name string) bool,
) (kept []client.Entry, zxid client.Zxid, err error) {
	read := 0
	for e, err := range c.List(ctx, path, client.WithStats(), client.WithData(), client.WithZxid(&zxid)) {
		if err != nil {
			return nil, 0, err
		}
		if near == nil || len(kept) == 0 || near(strings.TrimPrefix(e.Path[len(path):], "/")) {
			if e.Stat.Kind != client.KindEphemeral && len(e.Data) > limitBytes {
				e.Data = nil // of no use for an explanation
			}
			kept = append(kept, e)
		}
		if read++; read <= explainMax {
			continue
		}
		return nil, 0, fmt.Errorf("%w: more than %d nodes at and below it", client.ErrTooMany, explainMax)
	}
	return kept, zxid, nil
}

// identify looks the sessions of all claims up.
func identify(ctx context.Context, c *client.Client, all []Explanation) error {
	claims := map[client.SessionID][]*Claim{}
	last := client.SessionID(0)
	for i := range all {
		for j := range all[i].Claims {
			claim := &all[i].Claims[j]
			if id := client.SessionID(claim.Stat.Owner); id != 0 {
				claim.Session.ID, claim.Ended = id, true
				claims[id] = append(claims[id], claim)
				last = max(last, id)
			}
		}
	}
	if len(claims) == 0 {
		return nil
	}
	for s, err := range c.Sessions(ctx) {
		if err != nil {
			return err
		}
		for _, claim := range claims[s.ID] {
			claim.Session, claim.Ended = s, false
		}
		if s.ID >= last {
			break
		}
	}
	return nil
}
