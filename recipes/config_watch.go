package recipes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// ConfigWatch follows a [Config]: it always has the newest good value. All methods may be called from any goroutine. It has
// one goroutine, until [ConfigWatch.Close] or the end of the client's session; with Config.Renew of the client it goes on in
// the next one.
type ConfigWatch[T any] struct {
	config *Config[T]
	events *client.PersistentWatch
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	follow sync.WaitGroup // its goroutine

	seen client.Zxid // the newest read; the goroutine's own

	mu      sync.Mutex
	value   Versioned[T]
	err     error
	changed chan struct{} // closed when value or err is another one
	done    chan struct{} // closed at the end, before changed
}

// Watch returns the value and what becomes of it. It returns when the present value is there, which is one that was set before
// Watch was called or a later one; the end of ctx does not end the watch then. If the present value is not good, the newest
// good one of the history takes its place, so that a process that starts has what those have that run. Errors: those of
// [client.Client.AddWatch] and of reads, not the lack of a value.
func (cf *Config[T]) Watch(ctx context.Context) (*ConfigWatch[T], error) {
	events, err := cf.c.AddWatch(ctx, cf.path)
	if err != nil {
		return nil, failed("watch", cf.path, err)
	}
	w := &ConfigWatch[T]{config: cf, events: events, done: make(chan struct{}), changed: make(chan struct{})}
	if err := w.look(ctx, client.AtLevel(client.Linearizable)); err != nil {
		events.Close()
		return nil, failed("watch", cf.path, err)
	}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.follow.Go(w.run)
	return w, nil
}

// Value returns the newest good value, and a channel that is closed when there is a newer one, [ConfigWatch.Err] says something
// else, or the watch ends; afterwards nothing changes any more, and the channel stays open, so whoever waits for changes waits
// for [ConfigWatch.Done] too. It does not block. Version 0 means that there has been none yet. Zxid only grows. Changes in
// quick succession may be seen as one. What Value refers to is the same for all callers.
func (w *ConfigWatch[T]) Value() (Versioned[T], <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value, w.changed
}

// Err returns nil while the value is the newest one, and otherwise why it is not: [ErrInvalid] while a stranger's newest value
// is not good, [ErrNoVersion] while there is none, because nobody has set one yet or somebody has deleted it; the service's
// refusal of a read, which is tried again; or the end of the watch, which [ConfigWatch.Done] tells: [ErrReleased] after
// [ConfigWatch.Close], client.ErrClosed after that of the client, client.ErrSessionExpired. All may be wrapped. The last good
// value stays in any case.
func (w *ConfigWatch[T]) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Done returns a channel that is closed when the watch has ended.
func (w *ConfigWatch[T]) Done() <-chan struct{} { return w.done }

// Close ends the watch. It returns when its goroutine has ended, which is at once.
func (w *ConfigWatch[T]) Close() {
	w.cancel()
	w.events.Close()
	w.follow.Wait()
}

// run reads whenever something has happened, be it one change, many or a gap.
func (w *ConfigWatch[T]) run() {
	defer w.end()
	for event := range w.events.C() {
		for {
			w.skim(&event)
			err := w.look(w.ctx, client.AtLeast(max(event.Zxid, w.seen)))
			if err == nil || w.ctx.Err() != nil || w.events.Err() != nil {
				break
			}
			// The session has ended and the next one follows, or the service is short of something.
			if !errors.Is(err, client.ErrSessionExpired) {
				w.tell(Versioned[T]{}, failed("watch", w.config.path, err))
			}
			select {
			case <-time.After(rereadPause):
			case <-w.ctx.Done():
			}
		}
	}
}

// end tells that the watch has ended, and why. Who was told of a change finds that out at once.
func (w *ConfigWatch[T]) end() {
	err := w.events.Err()
	if w.ctx.Err() != nil {
		err = ErrReleased
	}
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = failed("watch", w.config.path, err)
	close(w.done)
	close(w.changed)
	w.changed = make(chan struct{})
}

// skim takes the events that wait already: one read shows them all.
func (w *ConfigWatch[T]) skim(event *client.Event) {
	for {
		select {
		case next, more := <-w.events.C():
			if !more {
				return
			}
			*event = next
		default:
			return
		}
	}
}

// look reads what is there.
func (w *ConfigWatch[T]) look(ctx context.Context, fresh client.ReadOption) error {
	cf := w.config
	r, err := readRevision(ctx, cf.c, cf.path, fresh)
	if err != nil {
		return err
	}
	w.seen = r.zxid
	v, wrong := cf.versioned(r)
	if wrong == nil {
		w.tell(v, nil)
		return nil
	}
	v = Versioned[T]{}
	if served, _ := w.Value(); served.Version == 0 && errors.Is(wrong, ErrInvalid) {
		if v, err = w.lastGood(ctx); err != nil {
			return err
		}
	}
	w.tell(v, failed("watch", cf.path, wrong))
	return nil
}

// lastGood returns the newest good version of the history, of number 0 if there is none.
func (w *ConfigWatch[T]) lastGood(ctx context.Context) (Versioned[T], error) {
	versions, err := w.config.History(ctx)
	for _, v := range versions {
		if v.Err == nil {
			return v, nil
		}
	}
	return Versioned[T]{}, err
}

// tell makes v the value, unless it is none or the one that there is, and err what is wrong.
func (w *ConfigWatch[T]) tell(v Versioned[T], err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh := v.Version > 0 && v.Zxid > w.value.Zxid
	if fresh {
		w.value = v
	}
	if fresh || err != nil || w.err != nil {
		w.err = err
		close(w.changed)
		w.changed = make(chan struct{})
	}
}
