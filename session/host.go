package session

// Host is one boot of a server's own view of its lease and of the sessions attached to it. It is made anew at each start
// and told, in the order of the log, what takes effect there; times are readings of the server's monotonic clock.
type Host struct {
	server Server
	boot   Boot

	sessions map[ID]*hosted
	silence  silence // those whose end has not been proposed

	beats      beats
	coverUntil Mono // the newest applied Beat covers [proposed, coverUntil)
	covered    bool // there is such a Beat

	tickedAt Mono
	ticked   bool
	freshAt  Mono // no session counts as silent since before this
	fresh    bool
}

// hosted is a session attached to this server.
type hosted struct {
	id        ID
	attempt   Attempt
	timeoutMS int64
	heardAt   Mono
	expiring  bool // its end has been proposed: it is answered no more
	due       Mono // place in silence: not after the time at which it has been silent for its timeout
	slot      int  // index in silence, -1 if not there
}

// NewHost returns the view of a server that has just started as boot b: no lease, no sessions.
func NewHost(s Server, b Boot) *Host {
	return &Host{server: s, boot: b, sessions: map[ID]*hosted{}}
}

// Len is the number of sessions attached here, as far as this server has applied the log.
func (h *Host) Len() int { return len(h.sessions) }

// Beat numbers a Beat that is proposed now, from 1. When the same Beat is proposed again it keeps its number, and with it
// the time of its first proposal.
func (h *Host) Beat(now Mono) uint64 { return h.beats.propose(now) }

// BeatDue reports whether to propose a Beat: there is a reason for one, sessions or lowDisk (or whatever else the caller
// counts as one), and none was proposed in the last BeatEveryMS.
func (h *Host) BeatDue(now Mono, lowDisk bool) bool {
	return (lowDisk || len(h.sessions) > 0) && h.beats.dueAt(now)
}

// BeatApplied notes that Beat number of this boot took effect here.
func (h *Host) BeatApplied(number uint64) {
	if at, ok := h.beats.apply(number); ok {
		h.coverUntil, h.covered = at+shortened(LeaseMS), true
	}
}

// Covered reports whether the lease is certain to last: less than it, by the margin for unequal clocks, has passed since the
// newest applied Beat was proposed. Nothing that was heard after that may be answered.
func (h *Host) Covered(now Mono) bool { return h.covered && now < h.coverUntil }

// Attached notes that an Open or Attach took effect which attaches the session here by attempt a. heardAt is when the
// client's request for it arrived, or, for one that nobody waits for any more, now: every attachment must be noted,
// because only this server times its silence. Applied again it changes nothing, least of all when the session was heard.
func (h *Host) Attached(id ID, a Attempt, timeoutMS int64, heardAt Mono) {
	s := h.sessions[id]
	if s != nil && a <= s.attempt {
		return
	}
	if s != nil {
		h.silence.remove(s)
	}
	s = &hosted{id: id, attempt: a, timeoutMS: timeoutMS, heardAt: heardAt, due: heardAt + Mono(timeoutMS)}
	h.sessions[id] = s
	h.silence.push(s)
}

// Detached notes that the session is over, or attached elsewhere. It is a no-op for a session that is not here.
func (h *Host) Detached(id ID) {
	if s := h.sessions[id]; s != nil {
		h.silence.remove(s)
		delete(h.sessions, id)
	}
}

// LeaseEnded notes that this server's lease has ended on the cluster clock: its sessions are detached. It must be called
// also when a newer Beat follows at once.
func (h *Host) LeaseEnded() {
	clear(h.sessions)
	h.silence.clear()
	h.covered = false
}

// Hear notes that a request of the session arrived at now on the connection of attempt a, and reports whether it may be
// answered: the session is attached here by that attempt, its end has not been proposed, and the lease is covered. What
// may not be answered must not be carried out either: the client has to attach anew. now must have been read after the
// request arrived; it may be old by the time of the call.
func (h *Host) Hear(id ID, a Attempt, now Mono) bool {
	s := h.sessions[id]
	if s == nil || s.attempt != a || s.expiring {
		return false
	}
	// Also when not covered: the touch can only delay the end of the session.
	s.heardAt = max(s.heardAt, now)
	return h.Covered(now)
}

// MayAnswer reports whether the reply to a write may be sent now, for a write that [Host.Hear] let through when it arrived.
func (h *Host) MayAnswer(id ID, a Attempt, now Mono) bool {
	s := h.sessions[id]
	return s != nil && s.attempt == a && !s.expiring && h.Covered(now)
}

// Reconcile makes the view agree with the table of a snapshot that was installed in place of log entries which this server
// has not seen. A session that is still attached here by the same attempt was so all the time and stays as it is; one
// that is new here counts as heard now.
func (h *Host) Reconcile(t *Table, now Mono) {
	before := h.sessions
	h.sessions = make(map[ID]*hosted, len(before))
	h.silence.clear()
	t.AttachedTo(h.server, h.boot, func(i Info) {
		if s := before[i.ID]; s != nil && s.attempt == i.Attempt {
			h.sessions[i.ID] = s
			if !s.expiring {
				h.silence.push(s)
			}
			return
		}
		h.Attached(i.ID, i.Attempt, i.TimeoutMS, now)
	})
	r := t.servers[h.server]
	switch {
	case r == nil || r.boot != h.boot:
	case r.live:
		h.BeatApplied(r.beats)
	default:
		h.covered = false
	}
}
