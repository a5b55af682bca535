package consensus

import (
	"io"

	"github.com/VictoriaMetrics/metrics"
	"github.com/lni/dragonboat/v4"
)

// stats are the log's own metrics; Dragonboat keeps its own in a set of the process.
type stats struct {
	set *metrics.Set

	submits, proposals                                    *metrics.Counter
	barrierWaiters, barrierRounds                         *metrics.Counter
	connectionsRefused, framesRefused, messagesRefused    *metrics.Counter
	snapshotsCreated, snapshotsRecovered, snapshotsFailed *metrics.Counter

	refusals flood // log lines about connections that were refused
	outages  flood // about members that cannot be reached
}

func newStats(l *Log) *stats {
	set := metrics.NewSet()
	counter := func(name string) *metrics.Counter { return set.NewCounter("coxswain_log_" + name + "_total") }
	set.NewGauge("coxswain_log_applied_index", func() float64 { return float64(l.applied.Load()) })
	set.NewGauge("coxswain_log_boot", func() float64 { return float64(l.boot) })
	set.NewGauge("coxswain_log_is_leader", func() float64 {
		if l.IsLeader() {
			return 1
		}
		return 0
	})
	return &stats{
		set:     set,
		submits: counter("submits"), proposals: counter("proposals"),
		barrierWaiters: counter("barrier_waiters"), barrierRounds: counter("barrier_rounds"),
		connectionsRefused: counter("connections_refused"), framesRefused: counter("frames_refused"), messagesRefused: counter("messages_refused"),
		snapshotsCreated: counter("snapshots_created"), snapshotsRecovered: counter("snapshots_recovered"), snapshotsFailed: counter("snapshots_failed"),
	}
}

// WriteMetrics writes the metrics of this log and of Dragonboat in Prometheus's text format. Those of Dragonboat, and
// whatever else the process has in the default set of github.com/VictoriaMetrics/metrics, are the process's.
func (l *Log) WriteMetrics(w io.Writer) {
	l.stats.set.WritePrometheus(w)
	dragonboat.WriteHealthMetrics(w)
}
