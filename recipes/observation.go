package recipes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// ObserveOption changes what an observation tells.
type ObserveOption func(*observeSettings)

type observeSettings struct {
	last *Term
}

// ObserveAfter makes an observation go on behind the last term that another one has told, in another process too, or behind a
// transaction, that of Term.At, if nothing else is known; 0 is before everything. What has happened since is told first; if the
// servers' history does not reach back as far, the first term has Missed. Default: it begins with who leads now.
func ObserveAfter(last Term) ObserveOption {
	return func(s *observeSettings) { s.last = &last }
}

// Observation tells who leads in an election: each [Term] once, in their order, each value that a leader proclaims, and, as a term
// with the Zxid 0, that nobody leads. It begins with who leads at the moment, unless [ObserveAfter] says otherwise.
//
// A term is told even if it had ended before it could be told; and also if the candidate that was next had died by then and
// never knew. What one transaction does is told as one: if the session of the leader and of the next candidate ends, that one
// has not led.
//
// It is computed from one persistent watch on the election, so it goes on over reconnects and, with Config.Renew, in the next
// session, without anything missing. Only if the servers' history does not reach back, or the user does not take what the
// client keeps for him (4096 events or 4 MiB), it asks who leads and says Missed. It keeps the values of all candidates, and
// asks the server at hand one thing for each change of the election, to be sure to have all of it. It has a goroutine, until it
// is closed.
type Observation struct {
	c       *client.Client
	line    succession
	asOf    client.Zxid // what the line shows
	changes transactions
	terms   chan Term

	ctx    context.Context // of what the goroutine asks
	cancel context.CancelFunc
	run    sync.WaitGroup

	mu  sync.Mutex
	err error
}

// Observe begins an observation, and returns when nothing that happens from then on can be missed. Errors: those of
// [client.Client.List] and [client.Client.AddWatch]; client.ErrNotReached if the transaction of [ObserveAfter] is still to come.
func (e *Election) Observe(ctx context.Context, options ...ObserveOption) (*Observation, error) {
	var s observeSettings
	for _, o := range options {
		o(&s)
	}
	o := &Observation{c: e.c, line: succession{path: e.path}, terms: make(chan Term)}
	if err := o.begin(ctx, s.last); err != nil {
		return nil, failed("observe", e.path, err)
	}
	w, err := e.c.AddWatch(ctx, e.path, client.Recursive(), client.WithNode(), client.Since(o.asOf))
	if err != nil {
		return nil, failed("observe", e.path, err)
	}
	o.changes = transactions{c: e.c, path: e.path, watch: w}
	o.ctx, o.cancel = context.WithCancel(context.WithoutCancel(ctx))
	o.run.Go(o.tell)
	return o, nil
}

// begin finds out who was in line when the observation begins.
func (o *Observation) begin(ctx context.Context, last *Term) (err error) {
	if last != nil && last.At == 0 {
		o.line.next(0) // nobody led before there was anything
		return nil
	}
	if last != nil {
		if _, err = o.line.list(ctx, o.c, client.AsOf(last.At), client.AtLeast(last.At)); err == nil {
			o.asOf = last.At
			o.line.next(last.At) // was told
			return nil
		} else if !errors.Is(err, client.ErrCompacted) {
			return err
		}
		o.line.told, o.line.missed = last, true
	}
	o.asOf, err = o.list(ctx, client.AtLevel(client.Linearizable))
	return err
}

// list makes the line what it is now.
func (o *Observation) list(ctx context.Context, fresh client.ReadOption) (client.Zxid, error) {
	for pause := relistPause; ; pause = min(2*pause, relistPauseMax) {
		at, err := o.line.list(ctx, o.c, fresh)
		if err == nil || !again(ctx, o.c, err) {
			return at, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, ended(ctx)
		}
	}
}

// tell is the observation's goroutine.
func (o *Observation) tell() {
	err := o.follow()
	o.changes.watch.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx.Err() != nil {
		err = ErrReleased
	}
	o.err = failed("observe", o.line.path, err)
	close(o.terms)
}

// follow tells terms until something ends the observation.
func (o *Observation) follow() error {
	for {
		if term, news := o.line.next(o.asOf); news {
			select {
			case o.terms <- term:
			case <-o.ctx.Done():
				return o.ctx.Err()
			}
		}
		events, err := o.changes.next(o.ctx)
		if err != nil {
			return err
		}
		at := events[0].Zxid
		switch {
		case at <= o.asOf: // a list has shown it
		case events[0].Type == client.EventGap:
			o.line.missed = true
			if o.asOf, err = o.list(o.ctx, client.AtLeast(at)); err != nil {
				return err
			}
		default:
			for i := range events {
				o.line.apply(&events[i])
			}
			o.asOf = at
		}
	}
}

// C returns the channel of the terms. It is closed when the observation has ended; [Observation.Err] then says why.
func (o *Observation) C() <-chan Term { return o.terms }

// Err returns why the observation has ended: [ErrReleased] after [Observation.Close], client.ErrClosed after that of the client,
// client.ErrSessionExpired if the client has no other session, client.ErrHandedOver, or a refusal of the service, all perhaps
// wrapped. It is nil before the end.
func (o *Observation) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Close ends the observation, and waits until it has. A term that was not taken is not told any more.
func (o *Observation) Close() {
	o.cancel()
	o.run.Wait()
}
