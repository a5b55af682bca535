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
	done   chan struct{}

	seen client.Zxid // the newest read; the goroutine's own

	mu      sync.Mutex
	value   Versioned[T]
	err     error
	changed chan struct{} // closed when value or err is another one
}

// Watch returns the value and what becomes of it. It returns when the present value is there, and the end of ctx does not end
// the watch later. If the present value is not good, the newest good one of the history takes its place, so that a process that
// starts has what those have that run. Errors: those of [client.Client.AddWatch] and of reads, not the lack of a value.
func (cf *Config[T]) Watch(ctx context.Context) (*ConfigWatch[T], error) {
	events, err := cf.c.AddWatch(ctx, cf.path)
	if err != nil {
		return nil, failed("watch", cf.path, err)
	}
	w := &ConfigWatch[T]{config: cf, events: events, done: make(chan struct{}), changed: make(chan struct{})}
	if err := w.look(ctx, 0); err != nil {
		events.Close()
		return nil, failed("watch", cf.path, err)
	}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go w.run()
	return w, nil
}

// Value returns the newest good value, and a channel that is closed when there is a newer one or [ConfigWatch.Err] says
// something else; that of a watch that has ended is closed from the beginning. It does not block. Version 0 means that there has
// been none yet. Zxid only grows. Changes in quick succession may be seen as one. What Value refers to is the same for all
// callers.
func (w *ConfigWatch[T]) Value() (Versioned[T], <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value, w.changed
}

// Err returns nil while the value is the newest one, and otherwise why it is not: [ErrInvalid] while a stranger's newest value is
// not good, [ErrNoVersion] while there is none, because nobody has set one yet or somebody has deleted it; the service's
// refusal of a read, which is tried again; or the end of the watch, which [ConfigWatch.Done] tells: client.ErrClosed,
// client.ErrSessionExpired. All may be wrapped. The last good value stays in any case.
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
	<-w.done
}

// run reads whenever something has happened, be it one change, many or a gap.
func (w *ConfigWatch[T]) run() {
	defer close(w.done)
	defer w.cancel()
	for event := range w.events.C() {
		for {
			w.skim(&event)
			err := w.look(w.ctx, event.Zxid)
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = failed("watch", w.config.path, w.events.Err())
	close(w.changed)
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

// look reads what is there after transaction z, and not less than was read before.
func (w *ConfigWatch[T]) look(ctx context.Context, z client.Zxid) error {
	cf := w.config
	r, err := readRevision(ctx, cf.c, cf.path, client.AtLeast(max(z, w.seen)))
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
