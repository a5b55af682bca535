package server

import (
	"strconv"

	"github.com/coxswain-io/coxswain/znode"
)

// Status is what a server knows of itself and the cluster, for people and programs that watch it.
type Status struct {
	Server      uint64            `json:"server"`
	Ready       bool              `json:"ready"`
	Leader      uint64            `json:"leader"` // 0: none known
	Term        uint64            `json:"term"`
	Applied     uint64            `json:"applied_index"`
	Members     map[string]string `json:"members"` // raft addresses of those with a vote by id
	Joining     map[string]string `json:"joining"` // of those that have been added and have no vote yet
	Zxid        znode.Zxid        `json:"zxid"`
	ClockMS     int64             `json:"cluster_clock_ms"`
	Znodes      int64             `json:"znodes"`
	DataBytes   int64             `json:"data_bytes"`
	Sessions    int               `json:"sessions"`
	Connections int               `json:"connections"`
	Watches     int               `json:"watches"`
	// History is what this server remembers of recent changes, for watches that resume and lists of one point in time: it
	// reaches back to behind HistoryFrom.
	HistoryFrom    znode.Zxid `json:"history_from"`
	HistoryChanges int        `json:"history_changes"`
	HistoryBytes   int64      `json:"history_bytes"`
	FreeDisk       uint64     `json:"free_disk_bytes"`
	LowDisk        bool       `json:"low_disk"`
	// Digest is a hash of the replicated state now, MarkDigest the one at cluster clock MarkClockMS: servers with equal
	// zxid and applied index, or with equal mark clocks, must have equal digests.
	Digest      string `json:"digest"`
	MarkClockMS int64  `json:"mark_clock_ms"`
	MarkDigest  string `json:"mark_digest"`
}

// Status returns the server's state as it is now. It does not block on the log.
func (s *Server) Status() Status {
	raft := s.raft.Status()
	st := Status{
		Server: uint64(s.me), Ready: s.IsReady(), Leader: raft.Leader, Term: raft.Term, Applied: raft.Applied,
		Members: map[string]string{}, Joining: map[string]string{}, Connections: s.connections(), FreeDisk: s.metrics.freeDisk.Load(), LowDisk: s.lowDisk.Load(),
	}
	for id, addr := range raft.Members {
		st.Members[strconv.FormatUint(id, 10)] = addr
	}
	for id, addr := range raft.Joining {
		st.Joining[strconv.FormatUint(id, 10)] = addr
	}
	s.watchMu.Lock()
	st.Watches = s.watches.Len()
	s.watchMu.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	mark := s.st.Mark()
	st.Zxid, st.ClockMS = s.st.Zxid(), int64(s.st.Sessions().Clock())
	st.Znodes, st.DataBytes, st.Sessions = s.st.Tree().Len(), s.st.Tree().DataBytes(), s.st.Sessions().Len()
	st.HistoryFrom, st.HistoryChanges, st.HistoryBytes = s.ring.Floor(), s.ring.Len(), s.ring.Bytes()
	st.Digest, st.MarkClockMS, st.MarkDigest = hex(s.st.Digest()), int64(mark.Clock), hex(mark.Digest)
	return st
}

func hex(v uint64) string { return strconv.FormatUint(v, 16) }
