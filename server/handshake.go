package server

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// shake reads the client's Hello, opens or attaches its session through the log, and reports whether the connection may
// be used. Whatever goes wrong is told to the client.
func (c *conn) shake() bool {
	c.takingIn = true
	body, err := c.frames.Next()
	c.takingIn = false
	var tooLarge *wire.FrameTooLarge
	switch {
	case !c.srv.spoken(c):
		c.end(wire.CodeBusy, "nothing has come on this connection while others wait to be served: try again, or use another server")
		return false
	case errors.As(err, &tooLarge):
		c.end(wire.CodeMarshalling, fmt.Sprintf("the first frame must be a Hello of at most %d bytes", wire.HelloFrameMax))
		return false
	case err != nil:
		return false
	}
	c.helloAt = c.srv.now()
	c.takingIn = true
	c.hello, err = wire.DecodeHello(body)
	c.takingIn = false
	if err != nil {
		code, detail := state.RefusalOf(err)
		c.end(code, detail)
		return false
	}
	if c.hello.Version != wire.ProtocolVersion {
		c.end(wire.CodeVersionMismatch, fmt.Sprintf("this server speaks version %d of the protocol, the client %d", wire.ProtocolVersion, c.hello.Version))
		return false
	}
	if !c.srv.proposer.add(batchBytesMax+helloRoomBytes, func(b *batch) { c.srv.greet(b, c) }) {
		c.end(wire.CodeNoQuorum, c.srv.noQuorum())
		return false
	}
	timer := time.NewTimer(attachTimeout)
	defer timer.Stop()
	select {
	case <-c.welcomed:
	case <-timer.C:
		c.end(wire.CodeNoQuorum, c.srv.noQuorum())
		return false
	}
	c.mu.Lock()
	ok := !c.refused
	c.mu.Unlock()
	if !ok {
		return false
	}
	_ = c.socket.SetReadDeadline(time.Time{}) // from here on the session's own silence is watched instead
	c.frames.SetLimit(wire.FrameMax)
	return true
}

// greet adds what the Hello asks for to the batch. A Beat goes first when the newest is old, because a session can only be
// attached to a server whose lease is alive, and a server without sessions lets its lease run out.
func (s *Server) greet(b *batch, c *conn) {
	if number, due := s.lease.beatFirst(s.now()); due {
		b.commands.Beat(number, s.lowDisk.Load())
		b.waiters = append(b.waiters, waiter{})
	}
	if c.hello.SessionID == 0 {
		rand.Read(c.hello.Password[:]) // never fails: crypto/rand ends the process instead
		s.opens++
		b.commands.Open(s.opens, secretOf(c.hello.Password), c.hello.TimeoutMS, c.hello.Name)
	} else {
		b.commands.Attach(c.hello.SessionID, secretOf(c.hello.Password), c.hello.Attempt)
	}
	b.waiters = append(b.waiters, waiter{conn: c, hello: true})
}

// secretOf is what the log and the state keep of a password.
func secretOf(p wire.Password) session.Secret { return sha256.Sum256(p[:]) }

// admit answers the Hello of c with what the log said, e. The caller holds the state's lock exclusively, so that no event
// or reply of the session can come first.
func (s *Server) admit(c *conn, e *state.Effect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Code == wire.CodeOK {
		// Whether or not the client is still there: it is this server that must notice its silence.
		s.lease.attached(e.Session, e.Attempt, e.TimeoutMS, c.helloAt)
	}
	if c.refused {
		return
	}
	switch {
	case e.Code != wire.CodeOK:
		c.goodbyeLocked(e.Code, refusalDetail(e))
		close(c.welcomed)
		return
	case c.hello.LastZxid > e.Zxid:
		c.goodbyeLocked(wire.CodeZxidAhead, fmt.Sprintf(
			"this cluster is at zxid %v and the client has seen %v: it is another cluster, or it has lost data", e.Zxid, c.hello.LastZxid))
		close(c.welcomed)
		return
	}
	c.id, c.attempt, c.welcome = e.Session, e.Attempt, true
	s.bind(c)
	var password wire.Password // only a client that has just opened its session does not know it
	if c.hello.SessionID == 0 {
		password = c.hello.Password
	}
	c.out = wire.AppendWelcome(c.out, &wire.Welcome{
		Code: wire.CodeOK, Version: wire.ProtocolVersion, Server: s.me, SessionID: e.Session, Password: password,
		TimeoutMS: e.TimeoutMS, Zxid: e.Zxid, LastSeq: e.Last, Limits: wire.DefaultLimits(),
	})
	close(c.welcomed)
}

func refusalDetail(e *state.Effect) string {
	switch e.Code {
	case wire.CodeSessionExpired:
		return fmt.Sprintf("session %v has expired or was closed, or the password is not its own: open a new one", e.Session)
	case wire.CodeLateAttempt:
		return fmt.Sprintf("session %v has been attached by a later attempt", e.Session)
	case wire.CodeTooMany:
		return fmt.Sprintf("the cluster has %d sessions, its limit", session.SessionsMax)
	case wire.CodeNoLease:
		return "the server was cut off from the quorum while the session was being attached: try again"
	}
	return ""
}
