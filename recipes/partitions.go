package recipes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Partitions are those of one member of a [Partitioner]. It has one goroutine, and one more for each partition that it owns
// or is in line for. All methods may be called from any goroutine.
type Partitions struct {
	of           *Partitioner
	member       string
	watch        *client.PersistentWatch // on the members
	registration *client.Registration

	out     chan *Partition
	steps   chan step
	closing chan struct{} // Close was called: everything is to be given back
	close   sync.Once
	overdue chan struct{} // and is taken, as it was not given back in time
	take    sync.Once
	done    chan struct{} // nothing is assigned any more
	err     error         // why; after done
	left    chan struct{} // all goroutines have ended
	stop    context.CancelFunc
	tenures sync.WaitGroup

	// Of the goroutine that assigns.
	held  map[string]*tenure
	ready []*Partition // not taken from C yet
}

// tenure is one time of being in line for a partition, and of owning it.
type tenure struct {
	name   string
	cancel context.CancelFunc // of being in line
	own    *Partition         // nil while in line
}

// step is what a tenure has come to: it owns the partition, or is over.
type step struct {
	*tenure
	own *Partition
	err error // it has failed
}

// Partition is one that this member owns, for as long as the Context of its hold lives, which may have ended by the time that it is
// received. It must be released in any case: until then this member does not get it again, and, unless its session has ended,
// nobody else does.
type Partition struct {
	*Hold
	Name string

	revoked, released chan struct{}
	once              sync.Once
}

// Revoked returns a channel that is closed when another member should own the partition, or this one is about to end: it is
// still owned until it is released, which should be soon.
func (p *Partition) Revoked() <-chan struct{} { return p.revoked }

// Release gives the partition back, as [Hold.Release] does. If it should still be this member's it is acquired again, with
// another fence.
func (p *Partition) Release(ctx context.Context) error {
	defer p.once.Do(func() { close(p.released) })
	return p.Hold.Release(ctx)
}

func newPartitions(p *Partitioner, member string, watch *client.PersistentWatch, registration *client.Registration) *Partitions {
	ctx, cancel := context.WithCancel(context.Background())
	ps := &Partitions{
		of: p, member: member, watch: watch, registration: registration, stop: cancel, held: map[string]*tenure{},
		out: make(chan *Partition), steps: make(chan step), closing: make(chan struct{}), overdue: make(chan struct{}),
		done: make(chan struct{}), left: make(chan struct{}),
	}
	go ps.run(ctx)
	return ps
}

// C returns the channel of the partitions, each from when it is owned. One that is not taken is not worked on by anybody, so
// C should be read without long pauses; what is revoked before it was taken goes back unseen. C is closed when the member
// has ended, and [Partitions.Err] then says why.
func (p *Partitions) C() <-chan *Partition { return p.out }

// Err returns nil before the end, and then why: client.ErrClosed after [Partitions.Close] or the client's end,
// client.ErrSessionExpired without client.Config.Renew, [ErrLost] if somebody has deleted the member's node. What is owned
// then is revoked, and still to be released.
func (p *Partitions) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Close leaves. All partitions are revoked, and this is no member any more, so each can go to the next one as soon as it is
// released. Close returns when all are: it waits for their users, who must not be waiting for it. If ctx ends first, the
// contexts of the others end, they are given back as if by [Partition.Release], and Close fails with the cause of ctx; after
// half a second at most, and what is not done by then is done as soon as the service is reached. So ctx should have a deadline;
// one that has ended waits for nobody's work. Close may be called again.
func (p *Partitions) Close(ctx context.Context) error {
	p.close.Do(func() { close(p.closing) })
	p.stop()
	err := p.registration.Close(ctx)
	select {
	case <-p.left:
	case <-ctx.Done():
		err = cmp.Or(err, p.seize(ctx))
	}
	return failed("leave", p.of.path, err)
}

// seize takes away what was not given back before ctx ended.
func (p *Partitions) seize(ctx context.Context) error {
	select {
	case <-p.left:
		return nil
	default:
	}
	p.take.Do(func() { close(p.overdue) })
	select {
	case <-p.left:
	case <-time.After(withdrawGrace):
	}
	return ended(ctx)
}

// run assigns until the member ends. Nobody else sends to C, or touches what is held.
func (p *Partitions) run(ctx context.Context) {
	defer close(p.left)
	defer p.tenures.Wait()
	p.err = failed("assign", p.of.path, p.assign(ctx))
	p.watch.Close()
	p.stop() // who is in line
	for _, t := range p.held {
		t.revoke()
	}
	for _, own := range p.ready {
		own.giveUp()
	}
	close(p.out)
	close(p.done)
}

func (p *Partitions) assign(ctx context.Context) error {
	wanted, err := p.look(ctx)
	for {
		state, changed := p.registration.State()
		if state.Final() {
			return p.end()
		}
		var retry <-chan time.Time
		switch {
		case state != client.RegistrationUp: // a member of this name may be there: another process
			p.pursue(ctx, nil)
		case err == nil:
			p.pursue(ctx, wanted)
		}
		if err != nil {
			if ctx.Err() != nil || p.final() {
				return p.end()
			}
			retry = time.After(partitionRetry)
		}
		var out chan *Partition
		var first *Partition
		var over <-chan struct{}
		if p.discard(func(own *Partition) bool { return own.Err() != nil }); len(p.ready) > 0 {
			out, first, over = p.out, p.ready[0], p.ready[0].Context().Done()
		}
		select {
		case <-ctx.Done():
			return p.end()
		case <-changed:
			if state, _ := p.registration.State(); state == client.RegistrationUp {
				wanted, err = p.look(ctx)
			}
		case <-over:
		case _, open := <-p.watch.C():
			if !open {
				return p.end()
			}
			wanted, err = p.look(ctx)
		case <-retry:
			wanted, err = p.look(ctx)
		case out <- first:
			p.ready = p.ready[1:]
		case s := <-p.steps:
			p.note(s)
			if s.err != nil { // mostly the end of a session, and then the members are others as well
				err = s.err
			}
		}
	}
}

// look returns what falls to this member now.
func (p *Partitions) look(ctx context.Context) (map[string]bool, error) {
	for waiting := true; waiting; { // one look is enough for all events that are there
		select {
		case _, waiting = <-p.watch.C(): // its end is found again
		default:
			waiting = false
		}
	}
	names, _, err := p.of.c.Children(ctx, join(p.of.path, "members"), local)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		return nil, err
	}
	for i := range names {
		names[i] = textOf(names[i])
	}
	return assigned(p.of.partitions, names, p.member), nil
}

// pursue gets in line for what is wanted and not held, and revokes what is held and not wanted.
func (p *Partitions) pursue(ctx context.Context, wanted map[string]bool) {
	for name, t := range p.held {
		if !wanted[name] {
			t.revoke()
		}
	}
	p.discard(func(own *Partition) bool { return !wanted[own.Name] })
	for name := range wanted {
		if p.held[name] != nil {
			continue
		}
		t := &tenure{name: name}
		var line context.Context
		line, t.cancel = context.WithCancel(ctx)
		p.held[name] = t
		p.tenures.Go(func() { p.serve(line, t) })
	}
}

// discard gives back partitions that nobody has seen.
func (p *Partitions) discard(useless func(*Partition) bool) {
	p.ready = slices.DeleteFunc(p.ready, func(own *Partition) bool {
		if useless(own) {
			own.giveUp()
			return true
		}
		return false
	})
}

// note notes what a tenure has come to.
func (p *Partitions) note(s step) {
	if s.own == nil {
		delete(p.held, s.name)
		return
	}
	s.tenure.own = s.own
	p.ready = append(p.ready, s.own)
}

// serve gets in line for a partition, owns it, and gives it back.
func (p *Partitions) serve(line context.Context, t *tenure) {
	defer t.cancel()
	hold, err := NewLock(p.of.c, join(p.of.path, "locks/p-"+nodeName(t.name))).Acquire(line)
	if err != nil {
		if line.Err() != nil {
			err = nil
		}
		p.tell(step{tenure: t, err: err})
		return
	}
	own := &Partition{Hold: hold, Name: t.name, revoked: make(chan struct{}), released: make(chan struct{})}
	if p.tell(step{tenure: t, own: own}) {
		p.awaitRelease(own)
	}
	// The user's own release may have been given up. This one ends with the session at the latest.
	_ = hold.Release(context.WithoutCancel(line))
	p.tell(step{tenure: t})
}

// awaitRelease returns when a partition is to be given back for its user, or was by him. When the member leaves, one that is lost
// is not waited for.
func (p *Partitions) awaitRelease(own *Partition) {
	select {
	case <-own.released:
		return
	case <-p.closing:
	}
	select {
	case <-own.released:
	case <-own.Context().Done():
	case <-p.overdue:
	}
}

// tell reports a step, and whether anybody has heard it.
func (p *Partitions) tell(s step) bool {
	select {
	case p.steps <- s:
		return true
	case <-p.done:
		return false
	}
}

// revoke says that a tenure should end.
func (t *tenure) revoke() {
	t.cancel()
	if t.own == nil {
		return
	}
	select {
	case <-t.own.revoked:
	default:
		close(t.own.revoked)
	}
}

// giveUp releases a partition that nobody has seen.
func (p *Partition) giveUp() { p.once.Do(func() { close(p.released) }) }

// final reports whether the client has ended.
func (p *Partitions) final() bool {
	state, _ := p.of.c.State()
	return state.Final()
}

// end is why the member has ended.
func (p *Partitions) end() error {
	select {
	case <-p.closing:
		return client.ErrClosed
	default:
	}
	if p.final() {
		return p.of.c.Err()
	}
	if state, _ := p.registration.State(); state == client.RegistrationLost {
		return &Error{Op: "assign", Path: p.of.path, Err: ErrLost, Detail: "somebody has deleted " + p.registration.Path()}
	}
	return p.watch.Err()
}
