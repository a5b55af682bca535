package server

import (
	"sync"

	"github.com/coxswain-io/coxswain/session"
)

// lease is this server's view of its own lease and of the sessions attached to it: session.Host with a lock.
type lease struct {
	mu   sync.Mutex
	host *session.Host
}

// newLease begins at now, before the first client can be heard: a gap in time from then on is the server's own sleep and
// not the silence of a client, also when it comes before the first tick.
func newLease(server session.Server, boot session.Boot, now session.Mono) *lease {
	l := &lease{host: session.NewHost(server, boot)}
	l.host.Tick(now)
	return l
}

// beat numbers a Beat that is proposed now.
func (l *lease) beat(now session.Mono) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.host.Beat(now)
}

// beatDue numbers a Beat if one is due: there are sessions, or the disk is low, and the newest is old enough.
func (l *lease) beatDue(now session.Mono, lowDisk bool) (number uint64, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.host.BeatDue(now, lowDisk) {
		return 0, false
	}
	return l.host.Beat(now), true
}

// beatFirst numbers a Beat that must go before the attachment of a session, unless the newest is young enough.
func (l *lease) beatFirst(now session.Mono) (number uint64, due bool) { return l.beatDue(now, true) }

func (l *lease) renewed(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host.BeatApplied(number)
}

func (l *lease) attached(id session.ID, a session.Attempt, timeoutMS int64, heardAt session.Mono) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host.Attached(id, a, timeoutMS, heardAt)
}

// forget drops a session that is over, or attached elsewhere. It is a no-op for one that was not here, and before the
// lease exists, while the log is replayed.
func (l *lease) forget(id session.ID) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host.Detached(id)
}

// ended drops all sessions: the cluster has detached them from this server.
func (l *lease) ended() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host.LeaseEnded()
}

// hear notes that the session was heard, and reports whether this server may answer it.
func (l *lease) hear(id session.ID, a session.Attempt, now session.Mono) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.host.Hear(id, a, now)
}

// tick returns the sessions that were silent for longer than their timeout, which are not answered from now on, and
// whether the lease is covered (true as well while there is no session that would need it).
func (l *lease) tick(now session.Mono) (expiries []session.Expiry, covered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.host.Tick(now), l.host.Len() == 0 || l.host.Covered(now)
}

// reconcile makes the view agree with a table that was installed from a snapshot.
func (l *lease) reconcile(table *session.Table, now session.Mono) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host.Reconcile(table, now)
}
