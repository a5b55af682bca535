package load

import (
	"context"
	"time"
)

// resting is what all servers of a cluster use together while nothing is asked of them.
type resting struct {
	cpu      float64 // per cent of one core
	written  float64 // bytes per second, to the disk that has the first server's data, whoever writes; below 0: not counted
	resident float64 // bytes, at the end
}

// restOf leaves the cluster alone for a moment and measures it for d.
func restOf(ctx context.Context, c Cluster, d time.Duration) (s resting, err error) {
	if err := rest(ctx, min(d, idleSettle)); err != nil {
		return s, err
	}
	before, counted := diskWritten(c.DataDir(0))
	if s.cpu, err = coresUsed(ctx, c, d); err != nil {
		return s, err
	}
	if s.written = -1; counted {
		after, _ := diskWritten(c.DataDir(0))
		s.written = (after - before) / d.Seconds()
	}
	s.resident, err = residentOf(c)
	return s, err
}

// tellWritten puts into r what was written, if it was counted.
func (s resting) tellWritten(r *Result, suffix string) {
	if s.written >= 0 {
		r.figure("written_bytes_per_second"+suffix, s.written)
	}
}
