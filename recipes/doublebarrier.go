package recipes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// DoubleBarrier lets n processes begin something together and end it together: nobody begins before n have entered, nobody
// goes on before all of them have left. It serves one generation of n after another.
//
//	/steps                          a container
//	/steps/in                       a container: the generation that is inside
//	/steps/in/…-0000000004          its members, ephemeral
//	/steps/member-…-0000000007      ephemeral: waits for the next one
//
// A generation is made in one transaction: it moves the n who are first in line below "in", which must not be there. So at
// that moment n sessions are alive and waiting, a generation has exactly n members, and at most one generation is inside.
// Who comes later, or is one too many, waits for the next one. "In" goes with its last member.
//
// What it guarantees: when Enter returns, n had entered and nobody of them had left; when Leave returns, nobody of the
// generation is inside. A member whose session ends, or whose Enter is cancelled, before the barrier was full is not
// counted; one that dies inside counts as having left. What it cannot: tell the others that somebody has died; what the step
// was for is checked by its results. A member that hangs inside with a living session is waited for, and so is one that was
// paused inside until its session has expired.
//
// To enter costs a write per member and one transaction of n+1 operations, to leave two writes. Each member is woken once to
// enter, by its own node, and once to leave, by "in"; only who is one too many watches both. If the last one dies instead of
// leaving the others wait for a second longer, until the service has removed the empty "in".
//
// It is Curator's DistributedDoubleBarrier, whose ready node also lets in who comes while the others are leaving, and etcd's
// contrib DoubleBarrier. All must say the same n. A DoubleBarrier is stateless and all methods may be called from any
// goroutine; each Enter is a member.
type DoubleBarrier struct {
	c    *client.Client
	path string
	n    int
}

const barrierPrefix = "member-"

// NewDoubleBarrier returns the barrier of n members at path, which need not exist; n is at least 1, and at most 999 because the
// service carries out a thousand operations together. It does not ask the service.
func NewDoubleBarrier(c *client.Client, path string, n int) *DoubleBarrier {
	return &DoubleBarrier{c: c, path: path, n: n}
}

// Attendance is a place inside a [DoubleBarrier]. Its Fence is the zxid of its generation: the same for all members, and
// higher than that of all generations before. Its Context ends if its session does, or if somebody deletes its node; the
// others then take it for one that has left. It ends with [Attendance.Leave], or with [Attendance.Release] for somebody who
// does not wait for the others.
type Attendance struct {
	*Hold
	in string // path of the generation
}

// Enter waits until n have entered, this caller being one of them. If ctx ends first it fails with its cause, wrapped, and
// the caller is not counted; if the barrier had become full in that moment it counts as one that has left. Other errors:
// [ErrLost] if somebody deletes the node, client.ErrSessionExpired, those of [client.Client.Create], client.ErrBadArguments
// for an n that is not possible.
func (b *DoubleBarrier) Enter(ctx context.Context) (*Attendance, error) {
	h, err := b.enter(ctx)
	if err != nil {
		return nil, failed("enter", b.path, err)
	}
	return &Attendance{Hold: h, in: b.in("")}, nil
}

func (b *DoubleBarrier) enter(ctx context.Context) (*Hold, error) {
	if b.n < 1 || b.n > barrierMembersMax {
		return nil, fmt.Errorf("%w: a barrier of %d", client.ErrBadArguments, b.n)
	}
	p, err := obtain(ctx, b.queue, b.withdraw)
	if err != nil {
		return nil, err
	}
	h, err := b.wait(ctx, p)
	if err != nil {
		withGrace(ctx, func(ctx context.Context) error { return b.withdraw(ctx, p) })
	}
	return h, err
}

// queue makes the member's node. No other node ever has its name: so it is known again after the move, which changes its
// czxid, although the numbers begin anew when the barrier was out of use.
func (b *DoubleBarrier) queue(ctx context.Context) (place, error) {
	path, stat, err := b.c.Create(ctx, join(b.path, barrierPrefix+rand.Text()+"-"), nil,
		client.Ephemeral(), client.Sequential(), client.ContainerParents())
	return newPlace(b.path, client.Result{Path: path, Stat: stat}), err
}

// withdraw deletes the member's node where it is. It may be moved inside meanwhile, but never out again.
func (b *DoubleBarrier) withdraw(ctx context.Context, p place) error {
	err := b.c.Delete(ctx, p.path)
	if errors.Is(err, client.ErrNoNode) {
		err = b.c.Delete(ctx, b.in(p.name))
	}
	if gone(err) {
		return nil
	}
	return err
}

// wait returns when the member is inside.
func (b *DoubleBarrier) wait(ctx context.Context, p place) (*Hold, error) {
	for {
		// Whatever is seen from here on, a change of it wakes the member.
		var own *client.Watch
		_, waiting, err := b.c.Exists(ctx, p.path, local, client.WithWatch(&own))
		if err != nil {
			return nil, err
		}
		if !waiting {
			own.Close()
			return b.inside(ctx, p)
		}
		err = b.advance(ctx, p.name, own)
		own.Close()
		if err != nil {
			return nil, err
		}
	}
}

// advance makes the next generation if the member is the n-th in line or further behind, and there is room inside; otherwise
// it waits until something has happened to the member's node, or to what is inside. Those in front of the n-th need not
// care: there are not enough of them, and whoever makes them enough comes later and looks for himself.
func (b *DoubleBarrier) advance(ctx context.Context, name string, own *client.Watch) error {
	names, _, err := b.c.Children(ctx, b.path, local)
	if errors.Is(err, client.ErrNoNode) {
		return nil
	} else if err != nil {
		return err
	}
	names = waitingMembers(names)
	if slices.Index(names, name) < b.n-1 { // also if it is gone: its watch tells
		return b.await(ctx, own, nil)
	}
	var in *client.Watch
	_, occupied, err := b.c.Exists(ctx, b.in(""), local, client.WithWatch(&in))
	if err != nil {
		return err
	}
	defer in.Close()
	if occupied {
		return b.await(ctx, own, in)
	}
	ops := []client.Op{client.CreateOp(b.in(""), nil, client.Container())}
	for _, member := range names[:b.n] {
		ops = append(ops, client.MoveTreeOp(join(b.path, member), b.in(member)))
	}
	_, err = b.c.Multi(ctx, ops...)
	if errors.Is(err, client.ErrNoNode) || errors.Is(err, client.ErrNodeExists) {
		return nil // one of them has gone, or another one was faster
	}
	return err
}

// waitingMembers returns the names of those who wait for a barrier, in the order in which they came. Whatever else somebody has put
// there is not counted.
func waitingMembers(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool {
		unique, member := strings.CutPrefix(name, barrierPrefix)
		return !member || sequence(unique) == ""
	})
	slices.SortFunc(names, func(a, b string) int { return compareSequences(sequence(a), sequence(b)) })
	return names
}

func (b *DoubleBarrier) await(ctx context.Context, own, in *client.Watch) error {
	var changed <-chan client.Event
	if in != nil {
		changed = in.C()
	}
	select {
	case _, fired := <-own.C():
		if !fired {
			return own.Err()
		}
	case _, fired := <-changed:
		if !fired {
			return in.Err()
		}
	case <-ctx.Done():
		return ended(ctx)
	}
	return nil
}

// inside returns the hold of a member whose node is not in line any more.
func (b *DoubleBarrier) inside(ctx context.Context, p place) (*Hold, error) {
	stat, there, err := b.c.Exists(ctx, b.in(p.name), local)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, p.lost(b.c)
	}
	p.line, p.path, p.czxid = b.in(""), b.in(p.name), stat.Czxid
	return certain(ctx, b.c, "enter", b.path, []place{p})
}

// in is the path of the generation that is inside, or of a member of it.
func (b *DoubleBarrier) in(name string) string {
	path := join(b.path, "in")
	if name != "" {
		path = join(path, name)
	}
	return path
}

// Leave gives the place back, as [Attendance.Release] does, and waits until all of the generation have left, or are dead. If
// ctx ends first it fails with its cause; Leave may be called again. Other errors: client.ErrSessionExpired.
func (m *Attendance) Leave(ctx context.Context) error {
	over, err := m.release(ctx)
	if err == nil && !over {
		err = awaitAbsence(ctx, m.c, m.in, m.Fence())
	}
	return failed("leave", m.path, err)
}

// Release gives the place back, as [Hold.Release] does, and waits for nobody.
func (m *Attendance) Release(ctx context.Context) error {
	_, err := m.release(ctx)
	if errors.Is(err, client.ErrSessionExpired) {
		return nil // which has given it back
	}
	return failed("release", m.path, err)
}

// release gives the place back, and ends the generation if nobody else is inside: over says that it has ended.
func (m *Attendance) release(ctx context.Context) (over bool, err error) {
	ctx, cancel := m.over(ctx)
	defer cancel()
	if err := m.Hold.Release(ctx); err != nil {
		return false, err
	}
	// All of one transaction have its zxid: that of the member's node is also that of the generation.
	err = m.c.Delete(ctx, m.in, client.IfCzxid(m.Fence()))
	switch {
	case errors.Is(err, client.ErrNotEmpty):
		return false, nil
	case errors.Is(err, client.ErrNoNode), errors.Is(err, client.ErrMismatch):
		return true, nil
	}
	return err == nil, err
}
