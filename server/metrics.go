package server

import (
	"io"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// serverMetrics is what one server counts. Each server has its own set, so that several can run in one process.
type serverMetrics struct {
	set      *metrics.Set
	entries  *metrics.Counter
	commands *metrics.Counter
	events   *metrics.Counter
	freeDisk atomic.Uint64
}

func newMetrics(s *Server) *serverMetrics {
	set := metrics.NewSet()
	m := &serverMetrics{
		set:      set,
		entries:  set.NewCounter("coxswain_entries_applied_total"),
		commands: set.NewCounter("coxswain_commands_applied_total"),
		events:   set.NewCounter("coxswain_watch_events_total"),
	}
	gauge := func(name string, of func(Status) float64) {
		set.NewGauge(name, func() float64 { return of(s.Status()) })
	}
	gauge("coxswain_znodes", func(st Status) float64 { return float64(st.Znodes) })
	gauge("coxswain_data_bytes", func(st Status) float64 { return float64(st.DataBytes) })
	gauge("coxswain_sessions", func(st Status) float64 { return float64(st.Sessions) })
	gauge("coxswain_connections", func(st Status) float64 { return float64(st.Connections) })
	gauge("coxswain_watches", func(st Status) float64 { return float64(st.Watches) })
	gauge("coxswain_zxid", func(st Status) float64 { return float64(st.Zxid) })
	gauge("coxswain_cluster_clock_seconds", func(st Status) float64 { return float64(st.ClockMS) / 1000 })
	gauge("coxswain_free_disk_bytes", func(st Status) float64 { return float64(st.FreeDisk) })
	gauge("coxswain_low_disk", func(st Status) float64 { return flag(st.LowDisk) })
	gauge("coxswain_is_leader", func(st Status) float64 { return flag(st.Leader == st.Server) })
	gauge("coxswain_ready", func(st Status) float64 { return flag(st.Ready) })
	return m
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// applied counts one entry with n commands.
func (m *serverMetrics) applied(n int) {
	m.entries.Inc()
	m.commands.Add(n)
}

// WriteMetrics writes this server's metrics, the log's and the process's in Prometheus text format.
func (s *Server) WriteMetrics(w io.Writer) {
	s.metrics.set.WritePrometheus(w)
	s.raft.WriteMetrics(w)
	metrics.WriteProcessMetrics(w)
}
