package recipes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coxswain-io/coxswain/client"
)

// ErrUnhealthy is the end of an instance that was critical for longer than it may be; see [DeregisterAfter].
var ErrUnhealthy = errors.New("critical for too long")

// Instance is a service of this process that others can find, until it is closed, or its client's session ends for good. All
// methods may be called from any goroutine. It has one goroutine until it ends, and must be closed.
//
// It passes from the beginning: registering is the first sign of life. Changes of the health are written behind the back of
// those who make them, the newest one only if they are quick. While the service is not reached others see the old health, and
// after the session timeout no instance.
type Instance struct {
	service  Service
	settings registerSettings
	node     *client.Registration
	wake     chan struct{} // there may be something to do
	ended    chan struct{} // the goroutine has
	cancel   context.CancelFunc

	mu     sync.Mutex
	passed time.Time // the newest sign of life
	since  time.Time // when it became critical; zero while it passes
	failed bool      // somebody says that it is critical, so that time does not matter
	note   string
	err    error // ErrUnhealthy
}

type registerSettings struct {
	ttl             time.Duration
	deregisterAfter time.Duration
}

// RegisterOption changes how an instance is registered.
type RegisterOption func(*registerSettings)

// WithTTL makes the instance critical when [Instance.Pass] was not called for d. The service calls it from where its work is
// done, some times per d, so that it is not called when that is stuck. Default: only [Instance.Fail] makes it critical.
func WithTTL(d time.Duration) RegisterOption { return func(s *registerSettings) { s.ttl = d } }

// DeregisterAfter makes an instance that was critical for d without interruption end, with [ErrUnhealthy]. Default: never.
func DeregisterAfter(d time.Duration) RegisterOption {
	return func(s *registerSettings) { s.deregisterAfter = d }
}

// Register makes a service known, and returns when others can find it. If another session has an instance with the id, as this
// process's own previous life may, it waits until that is gone, or ctx ends. One that came with the session is taken over
// (client.Config.Handover). Errors: client.ErrNodeExists if this Registry has an instance with the id that has not ended;
// client.ErrBadArguments, client.ErrTooLarge, those of [client.Client.Register].
//
// Two Registries of one client know nothing of each other: if both register an id it is one node, which tells what was written
// last.
func (r *Registry) Register(ctx context.Context, s Service, options ...RegisterOption) (*Instance, error) {
	path, err := r.pathOf("register", s.Name)
	if err != nil {
		return nil, err
	}
	if s, err = s.complete(path); err != nil {
		return nil, err
	}
	i := &Instance{service: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, o := range options {
		o(&i.settings)
	}
	first := opinion{health: HealthPassing}
	data, err := i.record(first)
	if err != nil {
		return nil, failed("register", path, err)
	}
	if len(data) > serviceBytesMax {
		detail := fmt.Sprintf("%d bytes of JSON, at most %d", len(data), serviceBytesMax)
		return nil, &Error{Op: "register", Path: path, Err: client.ErrTooLarge, Detail: detail}
	}
	if i.node, err = r.register(ctx, join(path, s.ID), data); err != nil {
		return nil, failed("register", path, err)
	}
	i.passed = time.Now()
	ctx, i.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go i.run(ctx, first)
	return i, nil
}

// register makes the node of an instance, unless there is one already that this registry has made: the client would adopt it.
func (r *Registry) register(ctx context.Context, at string, data []byte) (*client.Registration, error) {
	r.mu.Lock()
	maps.DeleteFunc(r.own, func(_ string, node *client.Registration) bool {
		if node == nil {
			return false
		}
		state, _ := node.State()
		return state.Final()
	})
	_, there := r.own[at]
	if !there {
		r.own[at] = nil
	}
	r.mu.Unlock()
	if there {
		return nil, &Error{Op: "register", Path: at, Err: client.ErrNodeExists, Detail: "registered here, and not closed yet"}
	}
	node, err := r.c.Register(ctx, at, data, client.ContainerParents())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own[at] = node; err != nil {
		delete(r.own, at)
	}
	return node, err
}

// Service returns what was registered, with the ID if that was made up.
func (i *Instance) Service() Service { return i.service }

// Pass is a sign of life, and the end of being critical. It does not block and mostly costs as much as looking at the clock.
func (i *Instance) Pass() {
	now := time.Now()
	i.mu.Lock()
	was := i.judge(now).health
	i.passed, i.since, i.failed, i.note = now, time.Time{}, false, ""
	i.mu.Unlock()
	if was != HealthPassing {
		i.rouse()
	}
}

// Fail makes the instance critical until [Instance.Pass] is called, and says why, in a kilobyte at most; what is longer is cut. It
// does not block.
func (i *Instance) Fail(note string) {
	note = cut(note, noteBytesMax)
	i.mu.Lock()
	i.judge(time.Now())
	if i.since.IsZero() {
		i.since = time.Now()
	}
	i.failed, i.note = true, note
	i.mu.Unlock()
	i.rouse()
}

// Health returns the health, and why it is critical. It looks at the clock, so it may know more than what others see.
func (i *Instance) Health() (Health, string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	o := i.judge(time.Now())
	return o.health, o.note
}

// State returns whether the instance can be found, and a channel that is closed when that changes, as
// [client.Registration.State].
func (i *Instance) State() (client.RegistrationState, <-chan struct{}) { return i.node.State() }

// Err returns why the instance cannot be found: nil while it can; [ErrUnhealthy] when it has ended so; otherwise what
// [client.Registration.Err] returns.
func (i *Instance) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return i.err
	}
	return i.node.Err()
}

// Close makes the instance go, and returns when nobody finds it any more. If ctx ends first it goes as soon as the service is
// reached, or with the session. Closing what has ended returns nil.
func (i *Instance) Close(ctx context.Context) error {
	i.cancel()
	<-i.ended
	return failed("close", i.node.Path(), i.node.Close(ctx))
}

// cut returns the beginning of a text, of n bytes at most and without a part of a character at the end.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n])
}

func (i *Instance) rouse() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// opinion is what an instance thinks of its health.
type opinion struct {
	health Health
	note   string
}

// judge returns the health at a moment, and notes when it has become critical. The caller holds mu.
func (i *Instance) judge(now time.Time) opinion {
	if over := i.passed.Add(i.settings.ttl); i.settings.ttl > 0 && i.since.IsZero() && !now.Before(over) {
		i.since, i.note = over, fmt.Sprintf("no sign of life for %v", i.settings.ttl)
	}
	if i.since.IsZero() {
		return opinion{health: HealthPassing}
	}
	return opinion{HealthCritical, i.note}
}

// due returns the health, for how long it stays so if nothing is heard, 0 for ever, and whether the instance is to go.
func (i *Instance) due(now time.Time) (o opinion, left time.Duration, over bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	o = i.judge(now)
	switch limit := i.settings.deregisterAfter; {
	case i.since.IsZero() && i.settings.ttl > 0:
		left = i.passed.Add(i.settings.ttl).Sub(now)
	case !i.since.IsZero() && limit > 0:
		if left = i.since.Add(limit).Sub(now); left <= 0 {
			i.err = &Error{Op: "register", Path: i.node.Path(), Err: ErrUnhealthy, Detail: o.note}
			over = true
		}
	}
	return o, left, over
}

// run writes the health whenever it is not what was written.
func (i *Instance) run(ctx context.Context, written opinion) {
	defer close(i.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		o, left, over := i.due(time.Now())
		if over {
			_ = i.node.Close(ctx) // it goes, sooner or later
			return
		}
		if o != written {
			switch err := i.write(ctx, o); {
			case ctx.Err() != nil:
				return
			case err == nil:
				written = o
				continue // it may have taken a while
			case left == 0 || left > rereadPause:
				left = rereadPause // the service is short of something; the next attempt is the newest opinion
			}
		}
		state, changed := i.node.State()
		if state.Final() {
			return
		}
		var passes <-chan time.Time
		if left > 0 {
			timer.Reset(left)
			passes = timer.C
		}
		select {
		case <-i.wake:
		case <-passes:
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// write tells others what the instance thinks of its health.
func (i *Instance) write(ctx context.Context, o opinion) error {
	data, err := i.record(o)
	if err != nil {
		return err
	}
	return i.node.Set(ctx, data)
}

// record is what the node has.
func (i *Instance) record(o opinion) ([]byte, error) {
	s := i.service
	return marshal(serviceRecord{Address: s.Address, Tags: s.Tags, Metadata: s.Metadata, Health: o.health, Note: o.note})
}
