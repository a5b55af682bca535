package workload

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// worker is one client of a run, with one session after another. All but what mu guards belongs to the goroutine that runs it.
type worker struct {
	run     *run
	index   int
	random  *rand.Rand
	draw    *draw
	session *session // nil: none

	crowd []*caller // who make calls at the same time all the time; none: the worker makes its calls itself
	open  []pending // writes of which the service will be asked

	mu         sync.Mutex
	numbers    [lanes]int // of the callers; a lane is one of them
	operations []history.Operation
	streams    []history.Stream
}

func newWorker(r *run, i int) *worker {
	w := &worker{run: r, index: i, random: rand.New(rand.NewPCG(r.cfg.Seed, uint64(i)))}
	w.draw = newDraw(w.random, r.top, i)
	for lane := range w.numbers {
		w.numbers[lane] = i*lanes + lane
	}
	if w.random.IntN(crowdShare) == 0 {
		w.gathers()
	}
	return w
}

// plan is one call that is about to be made. Everything that is chosen is in it, so that calls made at once choose nothing.
type plan struct {
	in       history.Input
	patience time.Duration
	resolve  bool  // if its outcome stays open, the service is asked later
	shot     bool  // a read that sets a one-shot watch
	draw     *draw // remembers what the answer shows
}

func (w *worker) plan(in history.Input) plan { return w.planOf(w.draw, in) }

// planOf is a plan of who draws.
func (w *worker) planOf(d *draw, in history.Input) plan {
	p := plan{in: in, patience: 2 * w.run.cfg.Timeout, resolve: d.random.IntN(2) == 0, draw: d}
	if d.random.IntN(100) < 3 {
		span := math.Log(float64(patienceMax) / float64(patienceMin))
		p.patience = time.Duration(float64(patienceMin) * math.Exp(span*d.random.Float64()))
	}
	return p
}

// work makes calls until there is nothing left to do or ctx ends. The error is of an operation that nothing explains, or that
// no session could be opened.
func (w *worker) work(ctx context.Context) error {
	for ctx.Err() == nil && w.run.take(1) {
		if err := w.ready(ctx); err != nil || w.session == nil {
			return err
		}
		if err := w.step(ctx); err != nil {
			return err
		}
		w.look()
		pause(ctx, w.random, w.run.cfg.Think)
	}
	return nil
}

// step does one thing.
func (w *worker) step(ctx context.Context) error {
	if w.run.cfg.Watchful && w.random.IntN(100) < watchfulShare {
		return w.shoots(ctx)
	}
	switch n := w.random.IntN(1000); {
	case n < 9:
		return w.closes(ctx)
	case n < 14:
		return w.abandons(ctx)
	case n < 19:
		return w.moves(ctx)
	case n < 21:
		return w.kills(ctx)
	case n < 46:
		return w.follows(ctx)
	case n < 96:
		return w.shoots(ctx)
	case n < 156:
		return w.begin(ctx)()
	case n < 256 && len(w.open) > 0:
		return w.asks(ctx)
	case n < 256+restShare && w.run.cfg.Rest > 0:
		return w.rests(ctx)
	case len(w.crowd) > 0:
		return w.crowds(ctx)
	default:
		return w.call(ctx, 0, w.plan(w.draw.input()))
	}
}

// begin makes some calls at once, and returns how to wait for them.
func (w *worker) begin(ctx context.Context) func() error {
	plans := make([]plan, 2+w.random.IntN(lanes-1))
	w.run.take(len(plans) - 1)
	for i := range plans {
		plans[i] = w.plan(w.draw.input())
	}
	errs := make([]error, len(plans))
	var all sync.WaitGroup
	for i, p := range plans {
		all.Go(func() { errs[i] = w.call(ctx, i, p) })
	}
	return func() error {
		all.Wait()
		return first(errs)
	}
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// call makes one call and records it. The error is one that nothing explains.
func (w *worker) call(ctx context.Context, lane int, p plan) error {
	s := w.session
	waiting, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	var watch *client.Watch
	var also []client.ReadOption
	if p.shot {
		also = append(also, client.WithWatch(&watch))
	}
	op := history.Operation{Session: s.id, Call: w.run.cfg.Now(), In: p.in}
	out, err := perform(waiting, s.client, p.in, also...)
	op.Return = w.run.cfg.Now()
	fate, unexpected := fateOf(err)
	if unexpected != nil {
		return fmt.Errorf("%v: %w", &p.in, unexpected)
	}
	op.Out = out
	op.Out.Fate = fate
	if fate == history.Refused {
		refused(&op.Out, p.in, err)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	op.Client = w.numbers[lane]
	if fate == history.Unknown {
		op.Return = history.Never
		w.numbers[lane] += (w.run.cfg.Clients + 1) * lanes
	}
	w.operations = append(w.operations, op)
	if write, ok := client.WriteOf(err); ok && fate == history.Unknown {
		w.operations[len(w.operations)-1].Write = write.String()
		if p.resolve {
			w.open = append(w.open, pending{write: write, at: len(w.operations) - 1})
		}
	}
	s.answered(&op)
	if p.draw != nil {
		p.draw.note(&op)
	}
	if watch != nil {
		s.shots = append(s.shots, &shot{watch: watch, stream: history.Stream{
			Client: op.Client, Path: p.in.Path, From: op.Out.Zxid, Kind: p.in.Kind,
		}})
	}
	return nil
}

// record records an operation that is not a call of its own, such as the end of a session.
func (w *worker) record(op history.Operation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	op.Client = w.numbers[0]
	if op.Return == history.Never {
		w.numbers[0] += (w.run.cfg.Clients + 1) * lanes
	}
	w.operations = append(w.operations, op)
}
