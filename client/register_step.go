package client

import (
	"context"
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// registerStep is what the registrar has to do for a registration next.
type registerStep uint8

const (
	stepCreate  registerStep = iota // create the node
	stepExamine                     // look whose the node is, and watch for its deletion
	stepUpdate                      // store data that are newer than the node's
	stepRemove                      // delete the node
	stepRest                        // nothing, until the watch fires
)

// registerCall is one step under way.
type registerCall struct {
	step       registerStep
	generation uint64 // of the data that it stores
	watch      *Watch
	cl         *call
	name, path string
	err        error // it was not even sent
	renewals   int   // sessions before the one in which it was sent
}

// begin sends the request of the step that is due for r.
func (r *Registration) begin() *registerCall {
	c := r.client
	c.mu.Lock()
	s := &registerCall{step: r.step, generation: r.generation, path: r.path}
	op := r.op.op
	switch s.step {
	case stepCreate:
		s.name, s.path, op.Data = "create", op.Path, r.data
	case stepUpdate:
		s.name, op = "set", znode.Op{Kind: znode.OpSet, Path: r.path, Data: r.data, Guard: znode.Guard{}.AndCzxid(r.czxid)}
	case stepRemove:
		s.name, op = "delete", znode.Op{Kind: znode.OpDelete, Path: r.path, Guard: znode.Guard{}.AndCzxid(r.czxid)}
	}
	c.mu.Unlock()
	if s.step == stepExamine {
		s.examine(c)
	} else {
		s.cl = c.newCall(wire.Kind(op.Kind))
		s.cl.encode(&wire.Request{Kind: s.cl.kind, Ops: []znode.Op{c.root.inOp(op)}})
	}
	s.err = c.submit(context.Background(), s.cl, s.name, s.path)
	s.renewals = s.cl.renewals // perhaps one more than when r was read; kept here, because cl is given back before it is compared
	return s
}

// examine makes the request a look at the node that sets a watch for children with it: on an ephemeral node, which has none,
// that one fires at its deletion and at nothing else.
func (s *registerCall) examine(c *Client) {
	s.name = "children"
	s.cl = c.newCall(wire.Children)
	s.cl.arms = watchKey{wire.WatchChild, c.root.in(s.path)}
	s.watch = c.newWatch(s.cl.arms)
	s.watch.root, s.watch.wake = c.root, c.registrations.wake
	s.cl.watch = s.watch
	s.cl.encode(&wire.Request{Kind: wire.Children, Path: s.cl.arms.path, Limit: 1, Watch: true})
}

// conclude waits for the answer to a step and says what comes next.
func (r *Registration) conclude(s *registerCall) {
	c := r.client
	err := s.err
	if err == nil {
		err = explain(c.await(context.Background(), s.cl, s.name, s.path), s.name, s.path, znode.Guard{})
	}
	var path string
	var stat Stat
	if err == nil {
		switch s.step {
		case stepCreate:
			path, stat, _, err = wire.DecodeCreated(s.cl.result)
			path = c.root.out(path)
		case stepExamine:
			_, stat, err = wire.DecodeChildren(s.cl.result, func(wire.Entry) {})
		}
		err = c.decoded(s.cl, s.name, s.path, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.state.Final() || c.renewals != s.renewals { // it has begun again already
		if s.watch != nil {
			s.watch.close()
		}
		return
	}
	switch s.step {
	case stepCreate:
		r.tried(err, s, path, stat)
	case stepExamine:
		r.examined(err, s, stat)
	case stepUpdate:
		r.updated(err, s)
	case stepRemove:
		r.removed(err)
	}
}

// tried handles the answer to the create. The caller holds mu.
func (r *Registration) tried(err error, s *registerCall, path string, stat Stat) {
	switch {
	case err == nil:
		r.path, r.czxid, r.stored = path, stat.Czxid, s.generation
		r.next(stepExamine)
	case errors.Is(err, ErrNodeExists) && !r.op.op.Mode.Sequential(): // the path of a sequential one is not what is in its way
		r.next(stepExamine)
	case !r.created && NotApplied(err):
		r.client.registrations.finish(r, RegistrationLost, err)
	default:
		r.refused(err)
	}
}

// examined handles the answer to the look at the node. The caller holds mu.
func (r *Registration) examined(err error, s *registerCall, stat Stat) {
	if err == nil {
		r.hold(s.watch)
	}
	if r.closing && r.czxid == 0 { // what is there is not its own
		r.client.registrations.finish(r, RegistrationClosed, ErrClosed)
		return
	}
	switch {
	case errors.Is(err, ErrNoNode) && r.czxid != 0:
		r.client.registrations.finish(r, RegistrationLost, r.lost())
	case errors.Is(err, ErrNoNode):
		r.next(stepCreate)
	case err != nil:
		r.refused(err)
	case stat.Owner != uint64(r.client.session.id):
		if r.czxid != 0 {
			r.client.registrations.finish(r, RegistrationLost, r.lost()) // deleted, and another one is in its place
			return
		}
		r.next(stepRest)
		r.set(RegistrationPending, (&serviceError{code: wire.CodeNodeExists}).of("register", r.path, znode.Guard{}))
	default:
		if r.czxid != stat.Czxid {
			r.czxid, r.stored = stat.Czxid, 0 // adopted
		}
		r.created = true
		if r.stored < r.generation {
			r.next(stepUpdate)
			return
		}
		r.next(stepRest)
		r.set(RegistrationUp, nil)
	}
}

// updated handles the answer to a set. The caller holds mu.
func (r *Registration) updated(err error, s *registerCall) {
	switch {
	case errors.Is(err, ErrNoNode), errors.Is(err, ErrMismatch):
		r.next(stepExamine)
	case err != nil:
		r.refused(err)
	default:
		if r.stored = max(r.stored, s.generation); r.stored < r.generation {
			r.next(stepUpdate)
			return
		}
		r.next(stepRest)
		r.set(RegistrationUp, nil)
	}
}

// removed handles the answer to a delete. The caller holds mu.
func (r *Registration) removed(err error) {
	if err != nil && !errors.Is(err, ErrNoNode) && !errors.Is(err, ErrMismatch) {
		r.refused(err)
		return
	}
	r.client.registrations.finish(r, RegistrationClosed, ErrClosed)
}

// next says what is to be done next, which for a registration that is being closed is to remove its node if there is one.
// The caller holds mu.
func (r *Registration) next(step registerStep) {
	if r.step, r.retryAt = step, (time.Time{}); !r.closing {
		return
	}
	if r.step = stepRemove; r.czxid == 0 { // it has made no node and adopted none
		r.client.registrations.finish(r, RegistrationClosed, ErrClosed)
	}
}

// refused makes r try the same again later. The caller holds mu.
func (r *Registration) refused(err error) {
	r.retryAt = time.Now().Add(registerRetry)
	if r.err = err; r.closing && r.czxid == 0 && r.step == stepCreate && NotApplied(err) {
		r.client.registrations.finish(r, RegistrationClosed, ErrClosed)
	}
}
