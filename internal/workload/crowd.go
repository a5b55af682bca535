package workload

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// caller is one of several that share a session. Each chooses by itself, so their calls overlap at all phases.
type caller struct {
	lane int
	draw *draw
}

// gathers makes the worker one of several callers.
func (w *worker) gathers() {
	for lane := range crowdMin + w.random.IntN(crowdMax-crowdMin+1) {
		random := rand.New(rand.NewPCG(w.run.cfg.Seed, uint64(w.index)<<8|uint64(lane+1)))
		name := w.index + (w.run.cfg.Clients+1)*(lane+1) // data are of one drawer only
		w.crowd = append(w.crowd, &caller{lane: lane, draw: newDraw(random, w.run.top, name)})
	}
}

// crowds lets the callers make some calls each, at once, and waits for all of them. Half of the times they only read: a read that
// stands behind a write of its session sees that one, however little its server waits for others.
func (w *worker) crowds(ctx context.Context) error {
	errs := make([]error, len(w.crowd))
	var all sync.WaitGroup
	onlyReads := w.draw.chance(50)
	for i, c := range w.crowd {
		all.Go(func() { errs[i] = w.calls(ctx, c, onlyReads) })
	}
	all.Wait()
	return first(errs)
}

// calls makes some calls of one caller, one after the other.
func (w *worker) calls(ctx context.Context, c *caller, onlyReads bool) error {
	for range 1 + c.draw.random.IntN(crowdCalls) {
		if state, _ := w.session.client.State(); ctx.Err() != nil || state.Final() || !w.run.take(1) {
			return nil
		}
		in := c.draw.input()
		if onlyReads {
			in = c.draw.look()
			in.Level = client.Linearizable
		}
		if err := w.call(ctx, c.lane, w.planOf(c.draw, in)); err != nil {
			return err
		}
		think := w.run.cfg.Think
		if !onlyReads { // reads that were answered together would come together again
			think /= crowdHaste
		}
		pause(ctx, c.draw.random, think)
	}
	return nil
}

// rests asks for a while for nothing that any server could not answer alone, and mostly for nothing at all: such a client stays
// with a server that is cut off from the others for as long as that answers.
func (w *worker) rests(ctx context.Context) error {
	over := w.run.cfg.Now() + int64(w.random.Float64()*2*float64(w.run.cfg.Rest))
	for ctx.Err() == nil && w.run.left.Load() > 0 && w.run.cfg.Now() < over {
		if state, _ := w.session.client.State(); state.Final() {
			return nil
		}
		if w.random.IntN(4) == 0 {
			look := w.draw.look()
			look.Level = client.Session
			if err := w.call(ctx, 0, w.plan(look)); err != nil {
				return err
			}
		}
		pause(ctx, w.random, min(w.run.cfg.Rest, w.run.cfg.Timeout)/8)
	}
	return nil
}
