package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

var (
	// errLate ends the calls that are not answered long after the end of a run.
	errLate = fmt.Errorf("not answered within %v of the end", drainMax)

	// errSilent ends a run in which nothing works.
	errSilent = fmt.Errorf("nobody was answered for %v", silenceMax)
)

// Run does what plan says to a service, and tells progress once a second, unless that is nil; it is called by the goroutine that
// calls Run. Run blocks until all is done and removed again.
//
// If ctx ends while it is measured, the result is that of the time until then, and no error. If nothing is answered any more, the
// result is that of the time until then, together with the error. An error that [ErrUnreachable] is in says that there was not
// even a first client.
func Run(ctx context.Context, t Target, plan Plan, progress func(Progress)) (r Result, err error) {
	plan, w, err := plan.check()
	if err != nil {
		return r, err
	}
	if cluster, ok := t.(Cluster); ok && plan.PIDs == nil {
		plan.PIDs = PIDs(cluster)
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	progress(Progress{Phase: Preparing})
	f, err := gather(ctx, plan.Clients, t.Dial)
	if err != nil {
		return r, err
	}
	defer func() {
		progress(Progress{Phase: Clearing})
		if e := f.clear(ctx); err == nil && e != nil {
			err = fmt.Errorf("clearing away: %w", e)
		}
	}()
	callers, err := plan.callers(ctx, f, w)
	if err != nil {
		return r, err
	}
	r, err = plan.measure(ctx, w, callers, progress)
	r.Target = t.Name()
	return r, err
}

// callers makes the nodes that they need.
func (p Plan) callers(ctx context.Context, f *fleet, w Workload) ([]*caller, error) {
	data := value(p.Size)
	nodes, err := f.settle(ctx, p.Keys, data)
	if err != nil {
		return nil, err
	}
	listed := ""
	if w.listed {
		if listed, err = f.parent(ctx, p.Children, data); err != nil {
			return nil, err
		}
	}
	var all []*caller
	for i, c := range f.crowd {
		for k := range p.Callers {
			all = append(all, &caller{
				client: c, number: strconv.Itoa(k), nodes: nodes[i], contended: f.path + "/lock", listed: listed, data: data,
			})
		}
	}
	return all, nil
}

// measure lets the callers work.
func (p Plan) measure(ctx context.Context, w Workload, callers []*caller, progress func(Progress)) (Result, error) {
	calls, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &loop{recorder: newRecorder(len(callers), p.Warmup, p.Warmup+p.Duration), step: w.step, rate: p.Rate, begin: time.Now()}
	var working sync.WaitGroup
	for i, c := range callers {
		working.Go(func() { l.call(calls, i, c) })
	}
	cpu := stopwatch{pids: p.PIDs}
	err := p.follow(ctx, l, &cpu, progress)
	if err != nil {
		cancel(err)
	}
	idle := make(chan struct{})
	go func() { defer close(idle); working.Wait() }()
	select {
	case <-idle:
	case <-time.After(drainMax):
		cancel(errLate)
		<-idle
	}
	if errors.Is(err, errSilent) {
		if texts := l.problems.texts(); len(texts) > 0 {
			err = fmt.Errorf("%w: %s", err, texts[0])
		}
	}
	if l.end() <= l.from {
		return Result{}, cmp.Or(err, context.Cause(ctx))
	}
	return p.result(l, &cpu), err
}

// follow waits until the time is up, and tells progress meanwhile. If ctx ends earlier it makes the time shorter. It returns
// errSilent if nothing works.
func (p Plan) follow(ctx context.Context, l *loop, cpu *stopwatch, progress func(Progress)) error {
	var (
		second   = time.NewTicker(time.Second)
		warm     = time.After(l.from)
		over     = time.After(l.end())
		before   tally
		told     = l.from
		patience = silenceMax
	)
	defer second.Stop()
	if p.Rate > 0 {
		patience += time.Duration(float64(time.Second) / p.Rate)
	}
	for {
		select {
		case <-ctx.Done():
			l.to.Store(int64(min(l.now(), l.end())))
			cpu.stop()
			return nil
		case <-warm:
			cpu.start()
		case <-over:
			cpu.stop()
			return nil
		case <-second.C:
			now := l.now()
			if now-time.Duration(l.last.Load()) > patience {
				l.to.Store(int64(min(now, l.end())))
				return errSilent
			}
			if now < l.from {
				progress(Progress{Phase: Warming, Elapsed: now, Of: l.from})
				continue
			}
			p99, all := l.collect()
			progress(Progress{
				Phase: Measuring, Elapsed: now - l.from, Of: p.Duration, P99: p99, Errors: all.failed,
				PerSecond: float64(all.answered-before.answered) / (now - told).Seconds(),
			})
			before, told = all, now
		}
	}
}

// result is what was measured.
func (p Plan) result(l *loop, cpu *stopwatch) Result {
	_, all := l.collect()
	l.quiet(time.Duration(l.last.Load()), l.end())
	seconds := (l.end() - l.from).Seconds()
	r := Result{
		Workload: p.Workload, Clients: p.Clients, Callers: p.Callers, Rate: p.Rate, Seconds: seconds,
		Errors: all.failed, Problems: l.problems.texts(), PerSecond: float64(all.answered) / seconds,
	}
	r.time(l.total)
	r.Operations = l.total.TotalCount() - all.notStarted
	r.cost(cpu, all.answered)
	if all.notStarted > 0 {
		r.figure("not_started", float64(all.notStarted))
	}
	r.figure("silence_ms", float64(l.silence.Load())/float64(time.Millisecond))
	return r
}
