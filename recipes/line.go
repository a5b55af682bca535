package recipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// A line is a node whose ephemeral, sequential children wait for something, first come, first served:
//
//	/locks/a                     a container: it goes when nobody is in line any more
//	/locks/a/lock-0000000007     first: has it
//	/locks/a/lock-0000000008     waits, and watches 7 only
//	/locks/a/lock-0000000010     waits, and watches 8 only; 9 has given up
//
// Who deletes its node, or loses its session, wakes the one behind it and nobody else. What the nodes' data are is the
// recipe's business.

// place is a place in one line.
type place struct {
	node
	line string // path of the line
	name string // of the node in it
}

// newPlace is the place that a create in a line has made.
func newPlace(line string, made client.Result) place {
	n := node{path: made.Path, czxid: made.Stat.Czxid, owner: client.SessionID(made.Stat.Owner)}
	return place{node: n, line: line, name: made.Path[strings.LastIndexByte(made.Path, '/')+1:]}
}

// placement is the outcome of getting in line.
type placement struct {
	places []place
	alone  bool // nobody else is in any of the lines
}

// enter gets in all lines at once, in one transaction: two that enter the same lines stand in the same order in each, so they never
// wait for each other in a circle. Lines that are not there are made, as containers. If ctx ends first, nothing stays behind, see
// [withdraw].
func enter(ctx context.Context, c *client.Client, lines []string, prefix string, data []byte) (placement, error) {
	ops := make([]client.Op, 0, 2*len(lines))
	for _, line := range lines {
		ops = append(ops,
			client.CreateOp(join(line, prefix), data, client.Ephemeral(), client.Sequential(), client.ContainerParents()),
			client.GetOp(line))
	}
	return obtain(ctx, func(ctx context.Context) (placement, error) {
		results, err := c.Multi(ctx, ops...)
		if err != nil {
			return placement{}, err
		}
		p := placement{alone: true}
		for i, line := range lines {
			mine, all := results[2*i], results[2*i+1]
			p.places = append(p.places, newPlace(line, mine))
			p.alone = p.alone && all.Stat.NumChildren == 1
		}
		return p, nil
	}, func(ctx context.Context, p placement) error { return takeBack(ctx, c, nodesOf(p.places)) })
}

// withdraw takes places back after a wait that has failed. It returns when that is done, or after [withdrawGrace] while the
// service is not reached; the places then go when it is, or with the session.
func withdraw(ctx context.Context, c *client.Client, places []place) {
	withGrace(ctx, func(ctx context.Context) error { return takeBack(ctx, c, nodesOf(places)) })
}

// withGrace runs f, which takes something back and fails with the session or the client only, as long as that takes, and waits
// for it no longer than [withdrawGrace].
func withGrace(ctx context.Context, f func(context.Context) error) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawGrace)
	defer cancel()
	_ = finish(grace, f)
}

// blocker finds among those who are ahead in line, in their order, the one whose leaving is to be waited for; "" if there is no
// need to wait, an error if there is no use in it.
type blocker func(ahead []string) (name string, err error)

// predecessor waits for whoever is directly ahead.
func predecessor(ahead []string) (string, error) {
	if len(ahead) == 0 {
		return "", nil
	}
	return ahead[len(ahead)-1], nil
}

// nobody does not wait.
func nobody(ahead []string) (string, error) {
	if len(ahead) > 0 {
		return "", held(len(ahead))
	}
	return "", nil
}

// wait returns when there is nobody to wait for. Errors: that of the blocker, [ErrLost] if the place is not there any more, the
// end of the session, the cause of ctx. The place is not taken back.
func (p place) wait(ctx context.Context, c *client.Client, by blocker) error {
	return p.waitFor(ctx, c, by, p.passer(ctx, c))
}

// passer waits until something has happened to what the blocker has found.
func (p place) passer(ctx context.Context, c *client.Client) passing {
	return func(path string, own **client.Watch) (bool, error) { return false, p.await(ctx, c, path, own) }
}

// waitFor is wait with another way to wait for what the blocker has found: pass returns when something has happened to the node
// at path, or to the place itself, whose watch it sets to nil when that has fired; or it says that there is no need to wait for
// the node.
func (p place) waitFor(ctx context.Context, c *client.Client, by blocker, pass passing) error {
	own, err := p.waitWatching(ctx, c, by, pass)
	closeWatch(own)
	return err
}

// passing is a way to wait for what a blocker has found; see waitFor.
type passing func(path string, own **client.Watch) (passed bool, err error)

// waitWatching is waitFor that returns the watch of the place, which has told nothing since the place was seen at the front. The
// caller closes it.
func (p place) waitWatching(ctx context.Context, c *client.Client, by blocker, pass passing) (own *client.Watch, err error) {
	defer func() {
		if err != nil {
			closeWatch(own)
			own = nil
		}
	}()
	for {
		if err := p.guard(ctx, c, &own); err != nil { // before the line is read: what happens to the place from then on is told
			return own, err
		}
		// This server has seen the place being taken, so it shows everybody who came before. Who has left in the
		// meantime may still be shown, and is told of by the watch.
		names, _, err := c.Children(ctx, p.line, local)
		if errors.Is(err, client.ErrNoNode) {
			return own, p.lost(c)
		} else if err != nil {
			return own, err
		}
		names = inLine(names)
		at := slices.Index(names, p.name)
		if at < 0 {
			return own, p.lost(c)
		}
		name, err := by(names[:at])
		if err != nil {
			return own, err
		}
		passed := name == ""
		if !passed {
			if passed, err = pass(join(p.line, name), &own); err != nil {
				return own, err
			}
		}
		if passed {
			select {
			case <-own.C(): // the name may be that of another place by now: this comes before an answer that shows it
				own = nil
			default:
				return own, nil
			}
		}
	}
}

// guard sets the watch of the place if it has none, and fails if the place is gone.
func (p place) guard(ctx context.Context, c *client.Client, own **client.Watch) error {
	if *own != nil {
		return nil
	}
	stat, there, err := c.Exists(ctx, p.path, local, client.WithWatch(own))
	if err == nil && (!there || stat.Czxid != p.czxid) {
		err = p.lost(c)
	}
	return err
}

// await returns when something has happened to the node at path, or to the place itself.
func (p place) await(ctx context.Context, c *client.Client, path string, own **client.Watch) error {
	var w *client.Watch
	_, there, err := c.Exists(ctx, path, local, client.WithWatch(&w))
	if err != nil {
		return err
	}
	if !there {
		w.Close()
		return nil
	}
	return p.either(ctx, w, own)
}

// either returns when one of two watches has fired, that of another node, which it closes, and that of the place.
func (p place) either(ctx context.Context, w *client.Watch, own **client.Watch) error {
	defer w.Close()
	select {
	case _, fired := <-w.C():
		if !fired {
			return w.Err()
		}
	case _, fired := <-(*own).C():
		if !fired {
			return (*own).Err()
		}
		*own = nil // look again
	case <-ctx.Done():
		return ended(ctx)
	}
	return nil
}

// lost is why a node is not there: its session has ended, or somebody has deleted it.
func (n node) lost(c *client.Client) error {
	if c.Session().ID != n.owner {
		return client.ErrSessionExpired
	}
	return &Error{Op: "wait", Path: n.path, Err: ErrLost, Detail: "somebody has deleted it"}
}

// certain returns the hold of places that were found at the front of their lines, when it is certain that the session lives:
// its client may have been out of touch while it waited, and then the service has to say again that the places are there.
func certain(ctx context.Context, c *client.Client, op, path string, places []place) (*Hold, error) {
	for {
		h, err := newHold(ctx, c, op, path, nodesOf(places))
		if !errors.Is(err, client.ErrSuspect) {
			return h, err
		}
		for _, p := range places {
			stat, there, err := c.Exists(ctx, p.path, local)
			if err != nil {
				return nil, err
			}
			if !there || stat.Czxid != p.czxid {
				return nil, p.lost(c)
			}
		}
	}
}

// local is the level of the reads that recipes make while they wait in line: the server at hand answers at once, with at least
// what this session has written. That a place is gone it may learn late, and then tells by the watch.
var local = client.AtLevel(client.Session)

// turnPrefix begins the names of those who stand in the line of a [Counter].
const turnPrefix = "turn-"

// linePrefixes begin the names of those who stand in lines. Whatever else is below a line's node is not in line.
var linePrefixes = []string{lockPrefix, readPrefix, candidatePrefix, waitPrefix, takePrefix, turnPrefix}

// inLine returns the names that have a place in line, in its order, which is that of the numbers and not of the names' first parts.
func inLine(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool {
		number := sequence(name)
		return number == "" || !slices.Contains(linePrefixes, strings.TrimSuffix(name, number))
	})
	slices.SortFunc(names, func(a, b string) int { return compareSequences(sequence(a), sequence(b)) })
	return names
}

// sequence returns the number at the end of a sequential node's name, behind the last "-", as digits; "" if there is none.
func sequence(name string) string {
	digits := name[strings.LastIndexByte(name, '-')+1:]
	if len(digits) < 10 || len(digits) == len(name) || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// compareSequences compares two numbers of ten digits or more, without leading zeros beyond the tenth (M-1).
func compareSequences(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func nodesOf(places []place) []node {
	nodes := make([]node, len(places))
	for i, p := range places {
		nodes[i] = p.node
	}
	return nodes
}

func closeWatch(w *client.Watch) {
	if w != nil {
		w.Close()
	}
}

// join appends a name to a path, which may be the root.
func join(path, name string) string {
	return strings.TrimSuffix(path, "/") + "/" + name
}

// held is the error of those who do not wait.
func held(n int) error { return fmt.Errorf("%w: %d in line", ErrHeld, n) }

// parentOf returns the path of the parent of the node at path, which is not the root.
func parentOf(path string) string { return path[:max(1, strings.LastIndexByte(path, '/'))] }
