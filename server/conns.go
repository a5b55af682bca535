package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// accept takes connections until the listener is closed. A lack of descriptors is waited out: the connections there are
// go on meanwhile.
func (s *Server) accept(ctx context.Context) {
	pause := 5 * time.Millisecond
	for {
		socket, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn().Err(err).Dur("pause", pause).Msg("cannot accept connections")
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, acceptPauseMax)
			continue
		}
		pause = 5 * time.Millisecond
		c := newConn(s, socket)
		refusal, code := s.enroll(c)
		if code != wire.CodeOK {
			s.tasks.Go(func() {
				sayNo(socket, &wire.Welcome{Code: code, Version: wire.ProtocolVersion, Server: s.me, Detail: refusal})
			})
			continue
		}
		s.tasks.Go(c.run)
	}
}

// sayNo answers a connection that is not served. It does not wait for the Hello.
func sayNo(socket net.Conn, no *wire.Welcome) {
	_ = socket.SetDeadline(time.Now().Add(time.Second)) // fails only on a closed socket
	_, _ = socket.Write(wire.AppendWelcome(nil, no))    // the client is turned away either way
	_ = socket.Close()
}

// enroll counts c among the connections, or says why not. If there are as many as there may be, one whose Hello has not come
// yet makes room, the oldest: whoever opens connections and says nothing keeps nobody out who has something to say.
func (s *Server) enroll(c *conn) (string, wire.Code) {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.draining {
		return stopping, wire.CodeDraining
	}
	if len(s.conns)-s.ousted >= s.config.ConnectionsMax && !s.oust() {
		return fmt.Sprintf("the server has its %d connections: use another one", s.config.ConnectionsMax), wire.CodeBusy
	}
	// Before anybody else may shorten it. Fails only on a closed socket, as reading does then.
	_ = c.socket.SetReadDeadline(time.Now().Add(helloTimeout))
	s.accepted++
	c.number = s.accepted
	s.conns[c] = struct{}{}
	c.place = s.silent.PushBack(c)
	return "", wire.CodeOK
}

// oust ends the oldest of the connections whose Hello has not come. It reports false if there is none, or if too many that
// were ousted have not ended yet, which have their descriptors still. The caller holds connMu.
func (s *Server) oust() bool {
	oldest := s.silent.Front()
	if oldest == nil || s.ousted >= oustedMax {
		return false
	}
	c := oldest.Value.(*conn)
	s.silent.Remove(oldest)
	c.place, c.ousted = nil, true
	s.ousted++
	s.metrics.ousted.Inc()
	_ = c.socket.SetReadDeadline(time.Now()) // fails only on a closed socket; ends the wait for the Hello
	return true
}

// spoken notes that c's Hello has come, and reports whether that was in time.
func (s *Server) spoken(c *conn) bool {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if c.place != nil {
		s.silent.Remove(c.place)
		c.place = nil
	}
	return !c.ousted
}

// forget removes a connection that has ended. Its session stays attached here, silent, until it moves or expires.
func (s *Server) forget(c *conn) {
	for done := false; !done; { // in parts, because writes wait meanwhile
		s.watchMu.Lock()
		done = c.dropSome()
		s.watchMu.Unlock()
	}
	id, _ := c.session()
	s.connMu.Lock()
	delete(s.conns, c)
	if c.place != nil {
		s.silent.Remove(c.place)
	}
	if c.ousted {
		s.ousted--
	}
	if s.bySession[id] == c {
		delete(s.bySession, id)
	}
	s.connMu.Unlock()
}

// bind makes c the connection of its session. The caller holds c.mu.
func (s *Server) bind(c *conn) {
	s.connMu.Lock()
	s.bySession[c.id] = c
	s.connMu.Unlock()
}

// bound is the connection of a session, or nil.
func (s *Server) bound(id session.ID) *conn {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	return s.bySession[id]
}

// allBound is the connections that carry sessions.
func (s *Server) allBound() []*conn {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	all := make([]*conn, 0, len(s.bySession))
	for _, c := range s.bySession {
		all = append(all, c)
	}
	return all
}

// connections is how many connections there are.
func (s *Server) connections() int {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	return len(s.conns)
}

// endAll says goodbye to all sessions' connections. The caller holds s.mu exclusively, in apply.
func (s *Server) endAll(code wire.Code, detail string) {
	for _, c := range s.allBound() {
		c.goodbye(code, detail)
		s.touch(c)
	}
}

// endAllConns says goodbye to every connection.
func (s *Server) endAllConns(code wire.Code, detail string) {
	s.connMu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.connMu.Unlock()
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.number, b.number) }) // not by chance: a simulation repeats it
	for _, c := range all {
		c.end(code, detail)
		// A reader that waits for a Hello or a request must notice, and a write that is under way gets little time more.
		_ = c.socket.SetReadDeadline(time.Now()) // fails only on a closed socket, as the next
		_ = c.socket.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
	}
}

// seen is the newest zxid whose events are in every connection's out-queue.
func (s *Server) seen() znode.Zxid { return znode.Zxid(s.zxid.Load()) }

// noQuorum says why nothing can be committed.
func (s *Server) noQuorum() string {
	if leader, _, known := s.raft.Leader(); known {
		return fmt.Sprintf("server %d did not get an answer from the log within %v, although server %d leads", s.me, attachTimeout, leader)
	}
	return fmt.Sprintf("server %d knows no leader: fewer than a majority of the servers can reach each other. Check that they run, and their raft addresses", s.me)
}
