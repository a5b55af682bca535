package workload

import (
	"context"
	"errors"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// pending is a write whose fate is unknown, and of which the service will be asked.
type pending struct {
	write client.WriteID
	at    int // its operation
	asked int // how often it was asked about
}

// asks asks the service what became of the oldest open write, which may be one of an earlier session.
func (w *worker) asks(ctx context.Context) error {
	p := w.open[0]
	w.open = w.open[1:]
	waiting, cancel := context.WithTimeout(ctx, w.run.cfg.Timeout)
	defer cancel()
	outcome, err := w.session.client.Outcome(waiting, p.write)
	now := w.run.cfg.Now()
	p.asked++
	switch {
	case is(err, client.ErrForgotten, client.ErrNoSession):
		return nil // nobody knows any more
	case err != nil:
		if _, unexpected := fateOf(err); unexpected != nil {
			return unexpected
		}
		w.again(p)
		return nil
	case outcome.Fate == client.FateOpen:
		w.again(p)
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	op := &w.operations[p.at]
	op.Return = now
	op.Out = outputOf(op.In, outcome)
	w.draw.note(op)
	return nil
}

// again puts a write back that is still open.
func (w *worker) again(p pending) {
	if p.asked < outcomesMax {
		w.open = append(w.open, p)
	}
}

// outputOf is what an outcome says.
func outputOf(in history.Input, o client.Outcome) history.Output {
	switch o.Fate {
	case client.FateNever:
		return history.Output{Fate: history.NotApplied}
	case client.FateRefused:
		out := history.Output{Fate: history.Refused}
		e, _ := errors.AsType[*client.Error](o.Err)
		out.Code = e.Code
		switch in.Kind {
		case history.Multi:
			out.Index = e.Index
		case history.Txn:
			out.Index = -1 // the outcome counts through all three parts, and does not say which it is
		}
		return out
	}
	out := history.Output{Fate: history.Applied, Zxid: o.Zxid}
	switch in.Kind {
	case history.Create:
		out.Path, out.Stat = o.Path, o.Stat
	case history.Set:
		out.Stat = o.Stat
	case history.Multi:
		out.Results = resultsOf(in.Ops, o.Results)
	case history.Txn:
		out.Held, out.Results = o.Held, resultsOf(branch(in, o.Held), o.Results)
	}
	return out
}
