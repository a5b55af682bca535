package server

import (
	"fmt"
	"io"

	"github.com/coxswain-io/coxswain/server/consensus"
	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/server/watch"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Apply applies committed entries, delivers events, and answers what this server proposed: all of it under the lock that
// makes the change visible, so that nobody sees new data before the event about it. It is the consensus.Machine's.
func (s *Server) Apply(entries []consensus.Entry) {
	s.mu.Lock()
	s.appliedAt = s.now()
	for i := range entries {
		s.applyEntry(entries[i].Cmd)
	}
	s.publish()
}

// publish ends apply: it makes the new zxid known, whose events are in the out-queues by now and not before, wakes the
// writers, and gives the state's lock back.
func (s *Server) publish() {
	s.zxid.Store(uint64(s.st.Zxid()))
	for i, c := range s.touched {
		c.signal()
		s.touched[i] = nil
	}
	s.touched = s.touched[:0]
	s.mu.Unlock()
}

func (s *Server) applyEntry(entry []byte) {
	header, commands := s.st.Begin(entry)
	var waiters []waiter
	if header.Server == s.me && header.Boot == s.boot && commands > 0 {
		waiters = s.proposer.claim(header.Number)
	}
	for i := range commands {
		var w waiter
		if i < len(waiters) {
			w = waiters[i]
		}
		if w.conn != nil && !w.hello {
			w.conn.answerBefore()
		}
		effects := s.st.Step()
		for j := range effects {
			s.deliver(&effects[j], w)
		}
	}
	s.metrics.applied(commands)
}

// touch remembers that c's writer has something to do: it is woken when the whole batch is applied.
func (s *Server) touch(c *conn) { s.touched = append(s.touched, c) }

// deliver carries out one effect on this server's connections. The caller holds s.mu exclusively.
func (s *Server) deliver(e *state.Effect, w waiter) {
	switch e.Kind {
	case state.Changed:
		s.fire(e.Zxid, e.Changes)
		s.ring.Append(e.Zxid, e.Changes, int64(s.appliedAt))
	case state.Replied:
		if w.conn != nil && !w.hello {
			w.conn.answerWrite(e.Reply)
			s.touch(w.conn)
		}
	case state.Opened, state.Attached:
		if e.Code == wire.CodeOK {
			s.moved(e)
		}
		switch {
		case w.conn != nil && w.hello:
			s.admit(w.conn, e)
			s.touch(w.conn)
		case e.Code == wire.CodeOK && e.Server == s.me && e.Boot == s.boot:
			// A copy that nobody waits for. If it is news all the same, this server must time the session's silence.
			s.lease.attached(e.Session, e.Attempt, e.TimeoutMS, s.now())
		}
	case state.Ended:
		s.lease.forget(e.Session)
		if c := s.bound(e.Session); c != nil {
			c.goodbye(e.Code, e.Detail)
			s.touch(c)
		}
	case state.Renewed:
		if e.Server == s.me && e.Boot == s.boot {
			s.lease.renewed(e.Number)
			s.registered()
		}
	case state.LeaseEnded:
		if e.Server == s.me {
			s.lease.ended()
			s.endAll(wire.CodeNoLease, "this server was cut off from the quorum for too long: use another one")
		}
	case state.Ticked:
		s.clockAt = s.appliedAt
		s.ring.Trim(int64(s.appliedAt))
	case state.Diverged:
		s.fail(fmt.Errorf("this replica's state differs from another's: %s. Stop, keep a copy of both data directories, "+
			"and report it; a replica that is wrong must be replaced under a new id", e.Detail))
	}
}

// moved ends what an attachment elsewhere, or by a later attempt here, leaves behind on this server.
func (s *Server) moved(e *state.Effect) {
	if e.Server != s.me || e.Boot != s.boot {
		s.lease.forget(e.Session)
	}
	if c := s.bound(e.Session); c != nil {
		if _, attempt := c.session(); attempt != e.Attempt {
			c.goodbye(wire.CodeSessionMoved, fmt.Sprintf("the session has moved to another connection, on server %d", e.Server))
			s.touch(c)
		}
	}
}

// fire delivers the events of a transaction.
func (s *Server) fire(zxid znode.Zxid, changes []znode.Change) {
	for i := range changes { // one by one: a transaction can have 100,000 changes, and each concern many
		s.watchMu.Lock()
		s.watches.Fire(zxid, changes[i:i+1], s.addFired)
		s.watchMu.Unlock()
		s.deliverFired()
	}
}

// fired is an event on its way from the watch table to a connection: the two locks are not held together.
type fired struct {
	conn *conn
	told watch.Told
}

func (s *Server) addFired(c *conn, t watch.Told) { s.firing = append(s.firing, fired{c, t}) }

func (s *Server) deliverFired() {
	if len(s.firing) == 0 {
		return // nearly every change: it concerns nobody
	}
	for i := range s.firing {
		c := s.firing[i].conn
		if c.event(s.firing[i].told) {
			s.touch(c)
			continue
		}
		// It is over and told nothing more; a part of its watches goes with each event, so that it soon costs nothing more.
		s.watchMu.Lock()
		c.dropSome()
		s.watchMu.Unlock()
	}
	s.metrics.events.Add(len(s.firing))
	clear(s.firing)
	s.firing = s.firing[:0]
}

// lookup is the present state's watch.Lookup. The caller holds s.mu.
func (s *Server) lookup(path string) (znode.Stat, bool) { return lookup(s.st, path) }

func lookup(st *state.State, path string) (znode.Stat, bool) {
	if n := st.Tree().Get(path); n != nil {
		return n.Stat(), true
	}
	return znode.Stat{}, false
}

// Booted reports whether the replica has run before, as far as this server's state knows. It is the consensus.Machine's.
func (s *Server) Booted(replica uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.st.Sessions().Booted(session.Server(replica))
}

// Snapshot takes a point in time of the state. It is the consensus.Machine's.
func (s *Server) Snapshot() (consensus.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &snapshot{server: s, state: s.st.Snapshot()}, nil
}

// snapshot is written while writes go on: the state's lock is taken for one shard of the tree at a time.
type snapshot struct {
	server *Server
	state  *state.Snapshot
}

func (n *snapshot) WriteTo(w io.Writer, stop <-chan struct{}) error {
	return n.state.WriteTo(w, n.server.mu.RLocker(), stop)
}

func (n *snapshot) Close() {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.state.Close()
}

// Recover replaces the state by the one in a snapshot: at the start, or because this replica has fallen so far behind that
// the entries it lacks are gone. Then its watches get what they have missed, and connections whose session is no longer
// here are ended. It is the consensus.Machine's.
func (s *Server) Recover(r io.Reader) error {
	st, err := state.Restore(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	before := s.st
	s.st = st
	s.ring.Reset(st.Zxid())
	s.clockAt = s.now()
	if s.lease != nil {
		s.watchMu.Lock()
		s.watches.Resync(before.Zxid(), st.Zxid(), func(path string) (znode.Stat, bool) { return lookup(before, path) }, s.lookup, s.addFired)
		s.watchMu.Unlock()
		s.deliverFired()
		s.lease.reconcile(st.Sessions(), s.now())
		for _, c := range s.allBound() {
			id, attempt := c.session()
			info, ok := st.Sessions().Get(id)
			switch {
			case !ok:
				c.goodbye(wire.CodeSessionExpired, "the session ended while this server was behind")
			case !info.Attached || info.Server != s.me || info.Boot != s.boot || info.Attempt != attempt:
				c.goodbye(wire.CodeSessionMoved, "the session moved while this server was behind")
			}
			s.touch(c)
		}
	}
	s.publish()
	return nil
}
