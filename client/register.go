package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// RegistrationState is where a [Registration] stands.
type RegistrationState uint8

const (
	RegistrationPending RegistrationState = iota // the node is not there; the client is about to create it, or waits until it can
	RegistrationUp                               // the node is there, and belongs to the present session
	RegistrationLost                             // somebody has deleted the node, or the session has ended for good; final
	RegistrationClosed                           // its user has closed it, or the client; final
)

// String returns the state in lower case.
func (s RegistrationState) String() string {
	return [...]string{"pending", "registered", "lost", "closed"}[s]
}

// Final reports whether the state does not change any more.
func (s RegistrationState) Final() bool { return s >= RegistrationLost }

// Registration is an ephemeral node that the client keeps up: it is created again in each session that follows the present
// one ([Config].Renew). All methods may be called from any goroutine.
type Registration struct {
	client *Client
	op     Op // the create; its data apart

	setting chan struct{} // a token for whoever calls Set, so that the newest data are the last

	// guarded by Client.mu
	path       string // of the node, as its view names it; the newest one if it is sequential
	data       []byte // for the next create; not changed in place
	generation uint64 // of data; the first is 1
	stored     uint64 // the generation that the node has
	czxid      Zxid   // of the node of the present session; 0: there is none yet
	created    bool   // there was a node
	closing    bool   // the node is to be deleted
	step       registerStep
	retryAt    time.Time // when a step that was refused is tried again; zero: at once
	watch      *Watch    // ends when the node is deleted, or the one that stands in the way; nil: not set
	state      RegistrationState
	err        error
	changed    chan struct{} // closed at the next change of the state
}

// Register creates an ephemeral node and keeps it up: with [Config].Renew the client creates it again, with the data of the
// newest [Registration.Set], in each session that follows the present one. A [Sequential] one has another name each time. It
// returns when the node is there.
//
// If another session's ephemeral node, or any other node, has the path, Register waits until that is deleted: the node of
// this process's own previous life goes when its session has ended. A node of this very session is adopted, be it one of a
// session that was taken over ([Config].Handover); [IfAbsent] changes nothing about that. If the service refuses for another
// reason, Register fails with the errors of [Client.Create], with [ErrNodeExists] if somebody has chosen the very name that a
// [Sequential] one would have; once there was a node, a refusal only delays its coming back, and [Registration.Err] tells.
//
// If somebody deletes the node while the session lives, the client does not create it again: [RegistrationLost]. When ctx
// ends first Register fails with a [WaitError]; a node that it has created, or still creates, is deleted again, so the error is
// not [NotApplied], and one that was there before is left alone.
func (c *Client) Register(ctx context.Context, path string, data []byte, opts ...CreateOption) (*Registration, error) {
	const name = "register"
	r := &Registration{
		client: c, op: CreateOp(path, nil, append(slices.Clone(opts), Ephemeral())...), setting: make(chan struct{}, 1),
		data: slices.Clone(data), generation: 1, changed: make(chan struct{}), path: path,
	}
	r.op.op.Data = r.data
	r.op.op.Flags &^= znode.CreateIfAbsent // its answer does not tell whose the node is
	if _, err := c.root.check(&r.op); err != nil {
		return nil, invalid(name, err)
	}
	if ctx.Err() != nil {
		return nil, gaveUp(ctx, name, path)
	}
	if err := c.startRegistration(r); err != nil {
		return nil, err
	}
	for {
		state, changed := r.State()
		switch {
		case state == RegistrationUp:
			return r, nil
		case state.Final():
			return nil, r.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.mu.Lock()
			err := gaveUp(ctx, name, path)
			err.State, err.queued = c.status.state, true // the create may be on its way
			if err.Last = r.err; err.Last == nil {
				err.Last = c.status.err
			}
			c.registrations.close(r)
			c.mu.Unlock()
			return nil, err
		}
	}
}

// startRegistration hands r to the registrar, which it starts if there is none.
func (c *core) startRegistration(r *Registration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.status.state == Expired:
		return (&ending{state: Expired, detail: detailOf(c.status.err)}).of("register", r.path)
	case c.status.state == Closed:
		return c.ended
	case c.status.closing:
		return ErrClosed
	case c.status.handingOff:
		return ErrHandedOver
	}
	t := &c.registrations
	t.all = append(t.all, r)
	if t.wake == nil {
		t.wake = make(chan struct{}, 1)
	}
	if t.rouse(); !t.running {
		t.running = true
		t.work.Go(c.registrar)
	}
	return nil
}

// Path returns the path of the node, as the view names it through which it was registered: the newest one if it is
// sequential.
func (r *Registration) Path() string {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.path
}

// Fence returns the czxid of the node, which no other node of the path ever had or will have, and whether the node is there:
// an [IfCzxid] of it guards a write by this very registration.
func (r *Registration) Fence() (Zxid, bool) {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.czxid, r.state == RegistrationUp
}

// State returns the state of the registration and a channel that is closed when it changes. Changes in quick succession may
// be seen as one.
func (r *Registration) State() (RegistrationState, <-chan struct{}) {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.state, r.changed
}

// Err returns why the node is not there: nil while it is; while pending the end of the session before, or why the service has
// refused to create it, [ErrNodeExists] if there is another one in its place; [ErrNoNode] if it was deleted, or the end of the
// session; [ErrClosed] after [Registration.Close]. All may be wrapped.
func (r *Registration) Err() error {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.err
}

// Set replaces the data of the node, in this session and in the next ones. While the node is not there it returns at once:
// the data come with the node. The same when the session ends and another one follows. Errors: those of [Client.Set]; what the
// service refuses is not used later either. After the end of the registration it returns [Registration.Err].
func (r *Registration) Set(ctx context.Context, data []byte) error {
	const name = "set"
	select {
	case r.setting <- struct{}{}:
		defer func() { <-r.setting }()
	case <-ctx.Done():
		return gaveUp(ctx, name, r.Path())
	}
	c := r.client
	c.mu.Lock()
	if r.state.Final() || r.closing {
		defer c.mu.Unlock()
		if r.err == nil {
			return ErrClosed
		}
		return r.err
	}
	fence := r.czxid
	op := SetOp(r.path, slices.Clone(data), IfCzxid(fence))
	if _, wrong := c.root.check(&op); wrong != nil { // a create that is never accepted would keep the node from coming back
		c.mu.Unlock()
		return invalid(name, wrong)
	}
	old, there := r.data, r.state == RegistrationUp
	r.data = op.op.Data
	r.generation++
	generation := r.generation
	c.mu.Unlock()
	if !there {
		return nil
	}
	cl, err := c.write(ctx, name, &op)
	if err == nil {
		c.recycle(cl)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		r.stored = max(r.stored, generation)
		return nil
	case r.czxid != fence && !r.state.Final(): // the session has ended in between, and the data come with the node of the next
		return nil
	case NotApplied(err):
		r.data = old
	}
	return err
}

// Close deletes the node, if it is there, and ends the registration. It returns when that is done, or when ctx ends: the node
// is deleted anyhow, as soon as the service is reached, or goes with the session. Closing what has ended returns nil.
func (r *Registration) Close(ctx context.Context) error {
	c := r.client
	c.mu.Lock()
	c.registrations.close(r)
	c.mu.Unlock()
	for {
		state, changed := r.State()
		if state.Final() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			err := gaveUp(ctx, "close", r.Path())
			err.Last, err.queued = c.Err(), true
			err.State, _ = c.State()
			return fmt.Errorf("the node is not deleted yet: %w", err)
		}
	}
}

// set changes the state, unless it is final. The caller holds mu.
func (r *Registration) set(state RegistrationState, err error) {
	if r.state.Final() {
		return
	}
	r.err = err
	if r.state != state {
		r.state = state
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// hold makes w the watch of the registration; nil ends the one that there is. The caller holds mu.
func (r *Registration) hold(w *Watch) {
	if r.watch != nil {
		r.watch.close()
	}
	r.watch = w
}

// lost is the error of a registration whose node somebody has deleted.
func (r *Registration) lost() error {
	failure := wire.Failure{Path: r.path, Detail: "somebody has deleted it"}
	return (&serviceError{wire.CodeNoNode, failure}).of("register", r.path, znode.Guard{})
}
