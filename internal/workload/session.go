package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// session is one session of a worker, over one client. What calls made at once change, worker.mu guards.
type session struct {
	client *client.Client
	id     client.SessionID

	lived int64       // when the newest write was called that found it alive
	seen  client.Zxid // of the newest read that has returned: what one-shot watches had to tell up to it they have told

	shots   []*shot
	flows   []*flow
	flowing sync.WaitGroup
}

// answered notes what an answer says about the session. The caller holds worker.mu.
func (s *session) answered(op *history.Operation) {
	if op.Out.Fate != history.Applied && op.Out.Fate != history.Refused {
		return
	}
	reads := op.In.Kind == history.Get || op.In.Kind == history.Exists || op.In.Kind == history.Children || op.In.Kind == history.Read
	if reads {
		s.seen = max(s.seen, op.Out.Zxid)
	}
	if !reads && op.In.Kind != history.Sync { // only what goes through the log is refused after the end, wherever it was asked
		s.lived = max(s.lived, op.Call)
	}
}

// ready opens a session if there is none. After the end of ctx there may still be none, without an error.
func (w *worker) ready(ctx context.Context) error {
	for failed := 0; w.session == nil && ctx.Err() == nil; failed++ {
		if failed == dialsMax {
			return fmt.Errorf("no session after %d attempts", failed)
		}
		began := w.run.cfg.Now()
		if c := w.dial(ctx, client.Config{}); c != nil {
			w.session = &session{client: c, id: c.Session().ID, lived: began}
			w.run.lives(w.index, w.session.id)
		}
	}
	return nil
}

// dial opens a client, or returns nil; it then has taken as long as a session timeout, or the handover is of no use.
func (w *worker) dial(ctx context.Context, cfg client.Config) *client.Client {
	cfg.SessionTimeout = w.run.cfg.Timeout
	cfg.Name = fmt.Sprintf("workload-%d", w.index)
	limited, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	c, err := w.run.cfg.Dial(limited, w.index, cfg)
	if err != nil {
		if cfg.Handover.IsZero() {
			<-limited.Done()
		}
		return nil
	}
	return c
}

// look notices what has happened meanwhile: the end of the session, and one-shot watches that have fired.
func (w *worker) look() {
	if w.session == nil {
		return
	}
	w.collect()
	if state, _ := w.session.client.State(); state.Final() {
		w.expired()
	}
}

// expired records the end of a session that the service has ended.
func (w *worker) expired() {
	s := w.session
	told := w.run.cfg.Now()
	s.flowing.Wait() // what had come is still told, but not after Close
	w.record(w.end(told))
	_ = s.client.Close(context.Background()) // it has nobody to ask any more, and only waits for its goroutines
	w.leave()
}

// end is the end of the session, at some time from the last proof of its life on, until and with what is known of that.
func (w *worker) end(until int64) history.Operation {
	op := history.Operation{
		Session: w.session.id, Call: w.session.lived, Return: until,
		In: history.Input{Kind: history.End}, Out: history.Output{Fate: history.Applied},
	}
	if until == history.Never {
		op.Out.Fate = history.Unknown
	}
	return op
}

// leave forgets the session, whose client is closed.
func (w *worker) leave() {
	s := w.session
	s.flowing.Wait()
	w.collect()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, shot := range s.shots {
		w.streams = append(w.streams, shot.ended(s.seen))
	}
	for _, flow := range s.flows {
		w.streams = append(w.streams, flow.ended())
	}
	w.session = nil
	w.run.lives(w.index, 0)
}

// closes ends the session as it should be, and waits until the service has done so. The error is one that nothing explains.
func (w *worker) closes(ctx context.Context) error {
	s := w.session
	w.stand()
	waiting, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	// The zxid of the end is known only if the answer to the close is the one thing that comes behind this read: the watches
	// are gone, a client that is not idle does not ping, and a server that says that the session is over tells no zxid.
	quiet := w.run.cfg.Now()
	unexpected := w.call(waiting, 0, plan{in: history.Input{Kind: history.Exists, Path: w.run.top}, patience: w.run.cfg.Timeout})
	asked, before := w.run.cfg.Now(), s.client.LastZxid()
	err := s.client.Close(waiting)
	now, zxid := w.run.cfg.Now(), s.client.LastZxid()
	op := w.end(now)
	switch {
	case err != nil:
		op = w.end(history.Never) // by this close, if it still arrives, or when its timeout has passed
	case unexpected == nil && zxid > before && now-quiet < int64(quietMax) &&
		now-s.lived < int64(w.run.cfg.Timeout)/2 && !w.run.killed(s.id): // nobody else can have ended it
		op.Call, op.Out.Zxid = asked, zxid
	}
	w.record(op)
	w.leave()
	return unexpected
}

// abandons stops without a word, half of the times in the middle of calls: the service ends the session some time later.
func (w *worker) abandons(ctx context.Context) error {
	s := w.session
	wait := func() error { return nil }
	if w.draw.chance(50) {
		wait = w.begin(ctx)
	}
	w.stand()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.client.Close(gone) // says that the session was not closed
	err := wait()
	w.record(w.end(history.Never))
	w.leave()
	return err
}

// moves goes on with the same session in another client.
func (w *worker) moves(ctx context.Context) error {
	old := w.session
	w.stand()
	waiting, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	token, err := old.client.Export(waiting)
	if err != nil {
		return nil // it goes on, or has ended, which will be noticed
	}
	began := w.run.cfg.Now()
	c := w.dial(ctx, client.Config{Handover: token})
	if c == nil {
		w.record(w.end(history.Never)) // it may have ended already
		w.leave()
		return nil
	}
	w.leave()
	w.session = &session{client: c, id: old.id, lived: began}
	w.run.lives(w.index, old.id)
	return nil
}

// kills ends the session of another worker, as an operator does; that one will record it.
func (w *worker) kills(ctx context.Context) error {
	i := w.random.IntN(len(w.run.workers))
	if i == w.index {
		return nil
	}
	id := w.run.condemn(i)
	if id == 0 {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	err := w.session.client.KillSession(waiting, id)
	if _, unexpected := fateOf(err); unexpected != nil && !is(err, client.ErrNoSession) {
		return fmt.Errorf("killing %v: %w", id, unexpected)
	}
	return nil
}

// lays makes the node below which everything happens.
func (w *worker) lays(ctx context.Context) error {
	_, err := w.insists(ctx, func() history.Input {
		return history.Input{Kind: history.Create, Path: w.run.top, Data: w.draw.data(), Mode: client.KindPersistent}
	})
	return err
}

// marks makes the last write and returns its zxid.
func (w *worker) marks(ctx context.Context) (client.Zxid, error) {
	return w.insists(ctx, func() history.Input {
		return history.Input{Kind: history.Set, Path: w.run.top, Data: w.draw.data()}
	})
}

// insists makes a call, as often and in as many sessions as it takes, until it has an answer, closes the session, and returns
// the zxid of the answer.
func (w *worker) insists(ctx context.Context, in func() history.Input) (client.Zxid, error) {
	for ctx.Err() == nil {
		if err := w.ready(ctx); err != nil || w.session == nil {
			return 0, errors.Join(err, context.Cause(ctx))
		}
		err := w.call(ctx, 0, plan{in: in(), patience: w.run.cfg.Timeout})
		if err != nil {
			return 0, err
		}
		last := w.operations[len(w.operations)-1]
		w.look()
		if last.Out.Fate == history.Applied || last.Out.Fate == history.Refused {
			if w.session != nil {
				err = w.closes(ctx)
			}
			return last.Out.Zxid, err
		}
	}
	return 0, context.Cause(ctx)
}

// finish waits until the watches have come up to mark, asks what became of the open writes, and closes the session.
func (w *worker) finish(ctx context.Context, mark client.Zxid) error {
	for w.session != nil && ctx.Err() == nil {
		err := w.call(ctx, 0, plan{in: history.Input{Kind: history.Get, Path: w.run.top}, patience: w.run.cfg.Timeout})
		if w.look(); err != nil {
			return err
		}
		if w.session == nil || w.session.upTo(mark) {
			break
		}
		pause(ctx, w.random, w.run.cfg.Timeout/100)
	}
	if w.session != nil && !w.session.upTo(mark) {
		return fmt.Errorf("session %v lives, and in %v a watch of it has not told everything up to %v: it has been forgotten",
			w.session.id, waitsMax*w.run.cfg.Timeout, mark)
	}
	for len(w.open) > 0 {
		if err := w.ready(ctx); err != nil || w.session == nil {
			return err
		}
		if err := w.asks(ctx); err != nil {
			return err
		}
		w.look()
	}
	if w.session == nil {
		return nil
	}
	return w.closes(ctx)
}
