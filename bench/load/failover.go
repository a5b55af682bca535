package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	outageWriters    = 10
	outageValueBytes = 100
)

// Failover kills the leader under writers, again and again, and starts it again each time. Figures: silence_ms, the longest
// time from the kill on in which no writer was answered; back_ms, until every writer had been answered again; each as the
// median of the kills, and with _max as the largest.
var failover = Capacity{
	Name:      "failover",
	About:     "kill -9 the leader under writers: how long nobody is answered, and until all are (--clients, --times)",
	OnCluster: measureFailover,
}

func measureFailover(ctx context.Context, c Cluster, o Options) (Result, error) {
	f, err := gather(ctx, cmp.Or(o.Clients, outageWriters), c.Dial)
	if err != nil {
		return Result{}, err
	}
	s := outages{cluster: c, fleet: f, times: cmp.Or(o.Times, 5), begin: c.Kill, mend: c.Run}
	return s.measure(ctx, "failover", func(seen []outage) map[string]spread {
		var silence, back spread
		for _, o := range seen {
			silence = append(silence, milliseconds(o.silence))
			back = append(back, inMilliseconds(o.back).max())
		}
		return map[string]spread{"silence": silence, "back": back}
	})
}

// Freeze stops the leader from running under writers, again and again: connections to it stay open and nothing answers. Besides
// the writers, who know all servers, there is one for each server that knows no other. Figures, each as the median and with
// _max as the largest: silence_ms, the longest time in which nobody was answered; others_back_ms, until the last one was
// answered of those that know only a server which runs; clients_median_back_ms and clients_back_ms, the same for the median and
// the last of the writers, about a third of whom were on the server that stands still.
var freeze = Capacity{
	Name:      "freeze",
	About:     "SIGSTOP the leader under writers: how long those on it and on other servers are not answered (--clients, --times)",
	OnCluster: measureFreeze,
}

func measureFreeze(ctx context.Context, c Cluster, o Options) (Result, error) {
	n := cmp.Or(o.Clients, outageWriters)
	f, err := gather(ctx, n+c.Len(), func(ctx context.Context, i int) (Client, error) {
		if i < n {
			return c.Dial(ctx, i)
		}
		return c.DialAt(ctx, i-n)
	})
	if err != nil {
		return Result{}, err
	}
	s := outages{cluster: c, fleet: f, times: cmp.Or(o.Times, 3), begin: c.Pause, mend: c.Resume, bound: n}
	return s.measure(ctx, "freeze", func(seen []outage) map[string]spread {
		var silence, others, half, last spread
		for _, o := range seen {
			silence = append(silence, milliseconds(o.silence))
			half = append(half, inMilliseconds(o.back[:n]).median())
			last = append(last, inMilliseconds(o.back[:n]).max())
			others = append(others, inMilliseconds(o.back[n:]).max())
		}
		return map[string]spread{"silence": silence, "others_back": others, "clients_median_back": half, "clients_back": last}
	})
}

// outages is a series of faults of the leader.
type outages struct {
	cluster     Cluster
	fleet       *fleet
	times       int
	begin, mend func(server int) error
	bound       int // client bound+i knows server i only, and is not waited for while that is at fault; 0: all know all servers
}

// measure makes the faults and closes the clients. figures says what was seen, in milliseconds.
func (o outages) measure(ctx context.Context, name string, figures func([]outage) map[string]spread) (r Result, err error) {
	defer func() { err = errors.Join(err, o.fleet.clear(ctx)) }()
	w, err := startWriters(ctx, o.fleet.crowd, o.fleet.path, value(outageValueBytes))
	if err != nil {
		return r, err
	}
	defer w.end()
	begun := time.Now()
	var seen []outage
	for i := range o.times {
		s, err := o.once(ctx, w)
		if err != nil {
			return r, fmt.Errorf("fault %d: %w", i+1, err)
		}
		seen = append(seen, s)
	}
	w.end()
	r = Result{
		Target: o.cluster.Name(), Workload: name, Clients: len(o.fleet.crowd), Callers: 1, Seconds: time.Since(begun).Seconds(),
		Operations: w.answers, Errors: w.failures, Problems: w.problems.texts(), Figures: map[string]float64{"times": float64(len(seen))},
	}
	r.PerSecond = float64(r.Operations) / r.Seconds
	for figure, s := range figures(seen) {
		r.Figures[figure+"_ms"], r.Figures[figure+"_max_ms"] = s.median(), s.max()
	}
	return r, nil
}

// once makes one fault and mends it. It returns when the server is there again.
func (o outages) once(ctx context.Context, w *writers) (outage, error) {
	leader, err := o.cluster.Leader(ctx)
	if err != nil {
		return outage{}, err
	}
	excused := -1
	if o.bound > 0 {
		excused = o.bound + leader
	}
	s, err := w.during(ctx, excused, func() error { return o.begin(leader) })
	if err := errors.Join(err, o.mend(leader)); err != nil {
		return outage{}, err
	}
	_, err = firstRead(ctx, o.cluster, o.fleet.path, leader)
	return s, err
}

func inMilliseconds(all []time.Duration) spread {
	var s spread
	for _, d := range all {
		if d > 0 {
			s = append(s, milliseconds(d))
		}
	}
	return s
}
