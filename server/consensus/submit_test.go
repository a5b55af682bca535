package consensus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lni/dragonboat/v4"
)

// What makes a Submit propose another copy, and when: times are exact, because the bubble's clock moves only when
// everybody waits.
func TestWhenAProposalIsRepeated(t *testing.T) {
	const tick = 10 * time.Millisecond
	for name, c := range map[string]struct {
		refused bool // the library did not take the proposal
		happens func(l *Log, request *dragonboat.RequestState, applied chan struct{}, cancel func())
		after   time.Duration
		done    bool
		err     error
	}{
		"a new leader": {happens: func(l *Log, _ *dragonboat.RequestState, _ chan struct{}, _ func()) {
			l.leadership.set(2, 5)
		}},
		"the same leader in a new term": {happens: func(l *Log, _ *dragonboat.RequestState, _ chan struct{}, _ func()) {
			l.leadership.set(1, 5)
		}},
		"no leader, later a new one": {happens: func(l *Log, _ *dragonboat.RequestState, _ chan struct{}, _ func()) {
			l.leadership.set(0, 5)
			<-time.After(300 * time.Millisecond)
			l.leadership.set(3, 5)
		}, after: 300 * time.Millisecond},
		"the proposal timed out": {happens: func(_ *Log, request *dragonboat.RequestState, _ chan struct{}, _ func()) {
			<-time.After(time.Second)
			request.AppliedC() <- dragonboat.RequestResult{} // the zero result is a time-out
		}, after: time.Second},
		"refused although there is a leader": {refused: true, happens: func(*Log, *dragonboat.RequestState, chan struct{}, func()) {}, after: tick},
		"refused, then no leader, then one": {refused: true, happens: func(l *Log, _ *dragonboat.RequestState, _ chan struct{}, _ func()) {
			l.leadership.set(0, 5)
			<-time.After(200 * time.Millisecond)
			l.leadership.set(2, 6)
		}, after: 200 * time.Millisecond},
		"never, an older copy is applied": {happens: func(_ *Log, _ *dragonboat.RequestState, applied chan struct{}, _ func()) {
			<-time.After(time.Minute)
			close(applied)
		}, after: time.Minute, done: true},
		"never, the caller gives up": {happens: func(_ *Log, _ *dragonboat.RequestState, _ chan struct{}, cancel func()) {
			cancel()
		}, err: context.Canceled},
		"never, the log closes": {happens: func(l *Log, _ *dragonboat.RequestState, _ chan struct{}, _ func()) {
			close(l.closing)
		}, err: ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &Log{cfg: Config{ReplicaID: 1, Tick: tick}, leadership: newLeadership(), closing: make(chan struct{})}
				l.leadership.set(1, 4)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				applied := make(chan struct{})
				//lint:ignore SA1019 there is no other way to make a request without Dragonboat
				request := &dragonboat.RequestState{CompletedC: make(chan dragonboat.RequestResult, 1)}
				sentIn := l.leadership.view()
				go c.happens(l, request, applied, cancel)
				start := time.Now()
				if c.refused {
					request = nil
				}
				done, err := l.awaitApplied(ctx, applied, request, sentIn)
				if took := time.Since(start); done != c.done || !errors.Is(err, c.err) || took != c.after {
					t.Errorf("applied %v, error %v after %v; want %v, %v after %v", done, err, took, c.done, c.err, c.after)
				}
				synctest.Wait()
			})
		})
	}
}
