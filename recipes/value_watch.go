package recipes

import (
	"context"
	"errors"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// ValueWatch follows a [Value]: it has the latest one and tells when there is a newer one. It follows across reconnects and,
// with client.Config.Renew, from one session to the next. It has one goroutine until it is closed, or has ended with its client.
//
// Changes in quick succession may be seen as one; the versions that are shown never go back. What is shown may be behind what
// others have written, by the time that an event takes.
type ValueWatch[T any] struct {
	value  *Value[T]
	events *client.PersistentWatch
	cancel context.CancelFunc
	ended  chan struct{} // the goroutine has

	mu      sync.Mutex
	state   ValueState[T]
	changed chan struct{} // closed when state is not the latest any more, and for good at the end
	err     error
}

// ValueState is what a [ValueWatch] shows.
type ValueState[T any] struct {
	Value   T
	Version client.Zxid // 0: there is none, and Value is the zero value
	Err     error       // [ErrInvalid]: the data of this version are not a T's, and Value is the zero value
}

// Watch begins to follow the value and returns when the present one is known. The watch outlives ctx. Errors: those of
// [client.Client.AddWatch] and [client.Client.Get].
func (v *Value[T]) Watch(ctx context.Context) (*ValueWatch[T], error) {
	events, err := v.cell.c.AddWatch(ctx, v.cell.path)
	if err != nil {
		return nil, failed("watch", v.cell.path, err)
	}
	w := &ValueWatch[T]{value: v, events: events, ended: make(chan struct{}), changed: make(chan struct{})}
	if err := w.read(ctx, client.AtLevel(client.Linearizable)); err != nil {
		events.Close()
		return nil, failed("watch", v.cell.path, err)
	}
	var alive context.Context
	alive, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go w.follow(alive)
	return w, nil
}

// State returns the latest value and a channel that is closed when there is a newer one, or when the watch has ended; the channel
// of an ended watch is closed from the beginning, and [ValueWatch.Err] says why. It does not block.
func (w *ValueWatch[T]) State() (ValueState[T], <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state, w.changed
}

// Err returns why the watch has ended: [ErrReleased] after [ValueWatch.Close], or the end of the client or of its session. It is
// nil before.
func (w *ValueWatch[T]) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends the watch and waits for its goroutine. It may be called again.
func (w *ValueWatch[T]) Close() {
	w.cancel()
	w.events.Close()
	<-w.ended
}

// follow reads after each event, and after a gap likewise: an event is there before any read that shows its change, so the
// read that follows the last event shows the last change. The server at hand is as far as the events that it has sent.
func (w *ValueWatch[T]) follow(alive context.Context) {
	defer close(w.ended)
	defer w.events.Close()
	for range w.events.C() {
		for len(w.events.C()) > 0 {
			<-w.events.C()
		}
		err := w.read(alive, local)
		for errors.Is(err, client.ErrSessionExpired) && !w.over() {
			err = w.read(alive, local) // in the next session
		}
		if err != nil {
			w.end(alive, err)
			return
		}
	}
	w.end(alive, w.events.Err())
}

// over reports whether no other session follows.
func (w *ValueWatch[T]) over() bool {
	state, _ := w.value.cell.c.State()
	return state.Final()
}

// read shows what there is, if that is not what is shown.
func (w *ValueWatch[T]) read(ctx context.Context, level client.ReadOption) error {
	now, err := w.value.cell.read(ctx, level)
	if err != nil {
		return err
	}
	var s ValueState[T]
	s.Value, s.Version, s.Err = w.value.decode(now, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Version != w.state.Version {
		w.state = s
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return nil
}

func (w *ValueWatch[T]) end(alive context.Context, err error) {
	if alive.Err() != nil {
		err = ErrReleased
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = failed("watch", w.value.cell.path, err)
	close(w.changed)
}
