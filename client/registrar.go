package client

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// registrations are those of a client that have not ended. One goroutine, the registrar, works for all of them, as long as
// there are any: in each round it sends what is due for all, and then takes the answers. All but work is guarded by Client.mu.
type registrations struct {
	all     []*Registration
	wake    chan struct{} // for the registrar: something may be due
	running bool
	work    sync.WaitGroup
}

func (t *registrations) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// renew begins again in the next session, because of err the present one has ended. The caller holds mu.
func (t *registrations) renew(err error) {
	for _, r := range slices.Clone(t.all) {
		if r.czxid, r.watch = 0, nil; r.closing {
			t.finish(r, RegistrationClosed, ErrClosed) // the node went with its session
			continue
		}
		r.step, r.retryAt = stepCreate, time.Time{}
		r.set(RegistrationPending, err)
	}
	t.rouse()
}

// end ends all because of err, with which the client has ended. The caller holds mu.
func (t *registrations) end(err error) {
	for _, r := range slices.Clone(t.all) {
		state := RegistrationClosed
		if errors.Is(err, ErrSessionExpired) {
			state = RegistrationLost
		}
		t.finish(r, state, err)
	}
}

// finish ends one. The caller holds mu.
func (t *registrations) finish(r *Registration, state RegistrationState, err error) {
	t.all = slices.DeleteFunc(t.all, func(other *Registration) bool { return other == r })
	r.step = stepRest
	r.hold(nil)
	r.set(state, err)
	t.rouse()
}

// close makes the registrar delete the node of r and end r. The caller holds mu.
func (t *registrations) close(r *Registration) {
	if r.state.Final() || r.closing {
		return
	}
	r.closing, r.retryAt = true, time.Time{}
	if r.step == stepRest {
		r.next(stepRemove)
	}
	t.rouse()
}

// registrar works for the registrations until there are none.
func (c *core) registrar() {
	for {
		c.mu.Lock()
		if len(c.registrations.all) == 0 {
			c.registrations.running = false
			c.mu.Unlock()
			return
		}
		due, pause := c.registrations.due(time.Now())
		wake := c.registrations.wake
		c.mu.Unlock()

		steps := make([]*registerCall, len(due))
		for i, r := range due {
			steps[i] = r.begin()
		}
		for i, r := range due {
			r.conclude(steps[i])
		}
		if len(due) == 0 {
			wait(wake, pause)
		}
	}
}

// wait returns when there is something in wake or, if the pause is not 0, when that has passed.
func wait(wake <-chan struct{}, pause time.Duration) {
	var passed <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-wake:
	case <-passed:
	}
}

// due returns the registrations for which there is something to do now, and for how long there is nothing to do for the
// others; 0 if nothing is foreseen. The caller holds mu.
func (t *registrations) due(now time.Time) (due []*Registration, pause time.Duration) {
	for _, r := range t.all {
		if r.watch != nil && r.watch.ended {
			r.watch = nil
			if r.step == stepRest {
				r.next(stepExamine)
			}
		}
		switch left := r.retryAt.Sub(now); {
		case r.step == stepRest:
		case left <= 0:
			due = append(due, r)
		case pause == 0 || left < pause:
			pause = left
		}
	}
	return due, pause
}
