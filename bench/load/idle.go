package load

import (
	"cmp"
	"context"
	"errors"
	"time"
)

const (
	idleSessions = 10_000
	idleTime     = 20 * time.Second

	// idleSettle is how long sessions are left alone before what they cost counts: their first ping is over then.
	idleSettle = 5 * time.Second
)

// Idle opens sessions that do nothing, each with its own connection and the service's default timeout, in three steps: none, a
// tenth, all. Operations counts the sessions. Figures: cpu_percent, of one core, of all servers together, and
// cpu_percent_without before there were any; resident_bytes_per_session, what all servers have grown by at the end of the time;
// written_bytes_per_second to the disk, with none, a tenth, and all of them, unless the system does not count it. ResidentMB
// is of all servers together without a session.
var idle = Capacity{
	Name:      "idle",
	About:     "sessions that do nothing: CPU, memory, what is written (--clients: sessions, --duration: of each of three steps)",
	OnCluster: measureIdle,
}

func measureIdle(ctx context.Context, c Cluster, o Options) (r Result, err error) {
	n, d := cmp.Or(o.Clients, idleSessions), cmp.Or(o.Duration, idleTime)
	begun := time.Now()
	without, err := restOf(ctx, c, d)
	if err != nil {
		return r, err
	}
	few, err := gather(ctx, max(1, n/10), c.Dial)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, few.clear(ctx)) }()
	some, err := restOf(ctx, c, d)
	if err != nil {
		return r, err
	}
	more, err := gather(ctx, n-len(few.crowd), c.Dial)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, more.clear(ctx)) }()
	with, err := restOf(ctx, c, d)
	if err != nil {
		return r, err
	}
	r = Result{
		Target: c.Name(), Workload: "idle", Clients: n, Seconds: time.Since(begun).Seconds(), Operations: int64(n),
		ResidentMB: without.resident / 1e6,
		Figures: map[string]float64{
			"cpu_percent": with.cpu, "cpu_percent_tenth": some.cpu, "cpu_percent_without": without.cpu,
			"resident_bytes_per_session": (with.resident - without.resident) / float64(n),
		},
	}
	without.tellWritten(&r, "_without")
	some.tellWritten(&r, "_tenth")
	with.tellWritten(&r, "")
	return r, nil
}
