package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
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
// written_bytes_per_second to the disks of all servers, with none, a tenth, and all of them. ResidentMB is of all servers
// together without a session.
var idle = Capacity{
	Name:      "idle",
	About:     "sessions that do nothing: CPU, memory, what is written (--clients: sessions, --duration: of each of three steps)",
	OnCluster: measureIdle,
}

func measureIdle(ctx context.Context, c Cluster, o Options) (r Result, err error) {
	n, d := cmp.Or(o.Clients, idleSessions), cmp.Or(o.Duration, idleTime)
	if err := allowFiles(n); err != nil {
		return r, err
	}
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
	return Result{
		Target: c.Name(), Workload: "idle", Clients: n, Seconds: time.Since(begun).Seconds(), Operations: int64(n),
		ResidentMB: without.resident / 1e6,
		Figures: map[string]float64{
			"cpu_percent": with.cpu, "cpu_percent_tenth": some.cpu, "cpu_percent_without": without.cpu,
			"resident_bytes_per_session":       (with.resident - without.resident) / float64(n),
			"written_bytes_per_second":         with.written,
			"written_bytes_per_second_tenth":   some.written,
			"written_bytes_per_second_without": without.written,
		},
	}, nil
}

// resting is what all servers of a cluster use together while nothing is asked of them.
type resting struct {
	cpu      float64 // per cent of one core
	written  float64 // bytes per second, to disks
	resident float64 // bytes, at the end
}

// restOf leaves the cluster alone for a moment and measures it for d.
func restOf(ctx context.Context, c Cluster, d time.Duration) (s resting, err error) {
	if err := rest(ctx, min(d, idleSettle)); err != nil {
		return s, err
	}
	before, err := writtenBy(PIDs(c))
	if err != nil {
		return s, err
	}
	if s.cpu, err = coresUsed(ctx, c, d); err != nil {
		return s, err
	}
	after, err := writtenBy(PIDs(c))
	if err != nil {
		return s, err
	}
	s.written = (after - before) / d.Seconds()
	s.resident, err = residentOf(c)
	return s, err
}

// writtenBy is how many bytes the processes have caused to be written to disks since they started.
func writtenBy(pids []int) (float64, error) {
	var total float64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			return 0, err
		}
		_, rest, ok := strings.Cut(string(text), "\nwrite_bytes: ")
		if !ok {
			return 0, fmt.Errorf("no write_bytes in /proc/%d/io", pid)
		}
		line, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// allowFiles makes room for n connections of this process, or says that there is none.
func allowFiles(n int) error {
	const others = 256 // files, listeners, what the runtime has
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < uint64(n+others) {
		return fmt.Errorf("%d sessions need as many open files, and the limit of this process is %d: raise it with ulimit -Hn", n, limit.Max)
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// Still measures a cluster without any session. Operations is 0. Figures: cpu_percent_per_server, of one core, the mean of all
// servers; start_ms, from the start of all servers, after a kill, until one answers a
// linearizable read; written_bytes_per_second by all servers.
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
	largest, err := footprintOf(ctx, c)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Target: c.Name(), Workload: "idle-cpu", Seconds: time.Since(begun).Seconds(), ResidentMB: largest.resident / 1e6,
		Figures: map[string]float64{
			"cpu_percent_per_server": s.cpu / float64(c.Len()),
			"start_ms":               starts.median(), "start_max_ms": starts.max(), "written_bytes_per_second": s.written,
		},
	}, nil
}
