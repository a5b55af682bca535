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
	gaps     *metrics.Counter
	replayed *metrics.Counter
	panics   *metrics.Counter
	ousted   *metrics.Counter
	freeDisk atomic.Uint64
}

func newMetrics() *serverMetrics {
	set := metrics.NewSet()
	return &serverMetrics{
		set:      set,
		entries:  set.NewCounter("coxswain_entries_applied_total"),
		commands: set.NewCounter("coxswain_commands_applied_total"),
		events:   set.NewCounter("coxswain_watch_events_total"),
		gaps:     set.NewCounter("coxswain_watch_gaps_total"),
		panics:   set.NewCounter("coxswain_connection_panics_total"),
		ousted:   set.NewCounter("coxswain_handshakes_ousted_total"),
		replayed: set.NewCounter("coxswain_watch_replayed_events_total"),
	}
}

// writeGauges writes what st says: one look at the server for all of it, so that the figures belong together.
func writeGauges(w io.Writer, st Status) {
	gauge := func(name string, v float64) { metrics.WriteGaugeFloat64(w, name, v) }
	gauge("coxswain_znodes", float64(st.Znodes))
	gauge("coxswain_data_bytes", float64(st.DataBytes))
	gauge("coxswain_sessions", float64(st.Sessions))
	gauge("coxswain_connections", float64(st.Connections))
	gauge("coxswain_watches", float64(st.Watches))
	gauge("coxswain_history_from_zxid", float64(st.HistoryFrom))
	gauge("coxswain_history_changes", float64(st.HistoryChanges))
	gauge("coxswain_history_bytes", float64(st.HistoryBytes))
	gauge("coxswain_zxid", float64(st.Zxid))
	gauge("coxswain_cluster_clock_seconds", float64(st.ClockMS)/1000)
	gauge("coxswain_free_disk_bytes", float64(st.FreeDisk))
	gauge("coxswain_low_disk", flag(st.LowDisk))
	gauge("coxswain_is_leader", flag(st.Leader == st.Server))
	gauge("coxswain_ready", flag(st.Ready))
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
	writeGauges(w, s.Status())
	s.raft.WriteMetrics(w)
	metrics.WriteProcessMetrics(w)
}
