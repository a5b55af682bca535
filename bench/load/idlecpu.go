package load

import (
	"cmp"
	"context"
	"time"
)

// Still measures a cluster without any session. Operations is 0. Figures: cpu_percent_per_server, of one core, the mean of all
// servers; resident_mb_max, of the largest; start_ms, from the start of all servers, after a kill, until one answers a
// linearizable read; written_bytes_per_second as for idle.
var still = Capacity{
	Name:      "idle-cpu",
	About:     "servers without any session: CPU, memory, time to start (--duration, --times: starts)",
	OnCluster: measureStill,
}

func measureStill(ctx context.Context, c Cluster, o Options) (Result, error) {
	d, times := cmp.Or(o.Duration, idleTime), cmp.Or(o.Times, 5)
	begun := time.Now()
	f, err := gather(ctx, 1, c.Dial)
	if err != nil {
		return Result{}, err
	}
	path := f.path
	if err := f.close(ctx); err != nil {
		return Result{}, err
	}
	var starts spread
	for range times {
		took, err := restartSome(ctx, c, path, everyServer(c)...)
		if err != nil {
			return Result{}, err
		}
		starts = append(starts, milliseconds(took))
	}
	s, err := restOf(ctx, c, d)
	if err != nil {
		return Result{}, err
	}
	largest, err := largestResident(c)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Target: c.Name(), Workload: "idle-cpu", Seconds: time.Since(begun).Seconds(), ResidentMB: largest / 1e6,
		Figures: map[string]float64{
			"cpu_percent_per_server": s.cpu / float64(c.Len()), "resident_mb_max": largest / 1e6,
			"start_ms": starts.median(), "start_max_ms": starts.max(),
		},
	}
	s.tellWritten(&r, "")
	return r, nil
}
