package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// attached is what a client knows about its session.
type attached struct {
	id       session.ID
	password wire.Password
	timeout  time.Duration
	server   session.Server
	limits   wire.Limits
	belief   session.Belief
	clock    clock

	// attemptBase is added to the belief's count of attempts for the service. It is not 0 for a session that was taken over:
	// its attempts must be above those of the process before, and differ from those of any other that takes it over too.
	attemptBase session.Attempt

	// foreign: another process has taken over the session that this one had taken over. What the service has recorded for the
	// numbers of the writes that were not answered by then may be the answers to that one's writes.
	foreign bool

	lastZxid    Zxid        // the highest that was received in anything
	watchedZxid Zxid        // every event up to it has come for the one-shot watches; moves on while all of them are in place
	acked       session.Seq // all writes up to this one are answered
}

func (a *attached) init(cfg Config) {
	a.timeout = cfg.SessionTimeout
	a.limits = wire.DefaultLimits()
	a.clock.start(time.Now())
}

// run keeps the session attached to some server until ctx or the client ends.
func (c *core) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		conn, err := c.dialer.connect(ctx, c.attach)
		switch {
		case errors.Is(err, wire.CodeSessionExpired):
			c.mu.Lock()
			c.expire(err)
			c.mu.Unlock()
			c.dialer.answered()
			continue // nothing is wrong with the server; with Config.Renew it is asked for another session
		case conn != nil:
			began := time.Now()
			err := c.serve(conn)
			c.dialer.lost(conn, time.Since(began), err)
			if errors.Is(err, wire.CodeSessionExpired) {
				c.dialer.answered()
			}
		}
		c.unreached(c.dialer.err(), c.dialer.incompatible())
		if pause := c.dialer.backoff(); pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
}

// unreached notes why there is no connection. A client that never had a session gives up when no server speaks its
// version of the protocol.
func (c *core) unreached(err error, incompatible bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.status.state.Final():
	case incompatible && c.status.state == Connecting && c.session.id == 0:
		c.end(Closed, err)
	case c.status.state == Renewing && err != nil:
		c.status.set(Renewing, fmt.Errorf("%w; opening another one: %w", c.ended, err))
	case c.status.state == Renewing:
		c.status.set(Renewing, c.ended)
	default:
		c.status.set(c.status.state, err)
	}
}

// attach does the handshake on a fresh connection.
func (c *core) attach(nc net.Conn) (*connection, error) {
	hello, limit := c.hello()
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	if _, err := nc.Write(wire.AppendHello(nil, hello)); err != nil {
		return nil, fmt.Errorf("sending the hello: %w", err)
	}
	frames := wire.NewFrameReader(nc, wire.HelloFrameMax)
	body, err := frames.Next()
	if err != nil {
		return nil, fmt.Errorf("waiting for the welcome: %w", err)
	}
	welcome, err := wire.DecodeWelcome(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a coxswain server: %w", err)
	case welcome.Code.EndsSession() && hello.SessionID == 0:
		return nil, fmt.Errorf("the server says of a session that it was to open: %v", welcome.Code)
	case welcome.Code != wire.CodeOK:
		if welcome.Code == wire.CodeLateAttempt { // there is a later one than this, which is the newest of this process
			c.mu.Lock()
			c.session.foreign = c.session.attemptBase != 0 // else nobody has a token: it was this very one, proposed twice
			c.mu.Unlock()
		}
		return nil, &refusal{welcome.Code, welcome.Detail}
	case welcome.Version != wire.ProtocolVersion || welcome.SessionID == 0 || hello.SessionID != 0 && welcome.SessionID != hello.SessionID:
		return nil, fmt.Errorf("the server has welcomed another client: version %d, session %v", welcome.Version, welcome.SessionID)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	frames.SetLimit(wire.ReplyFrameMax)
	conn := newConnection(nc, frames)
	return conn, c.welcomed(conn, &welcome)
}

// hello returns the first message for a new connection, and how long to wait for its answer.
func (c *core) hello() (*wire.Hello, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.session
	if s.id == 0 {
		s.belief = session.Belief{} // whatever was opened by a hello before, this one opens another session
	}
	return &wire.Hello{
		Version:   wire.ProtocolVersion,
		SessionID: s.id,
		Password:  s.password,
		TimeoutMS: c.cfg.SessionTimeout.Milliseconds(),
		Attempt:   s.attemptBase + s.belief.Begin(c.reading(time.Now())),
		LastZxid:  s.lastZxid,
		Name:      c.cfg.Name,
	}, silenceLimit(s.timeout)
}

// welcomed makes conn the connection of the session: its watches are set again, then everything unanswered is sent again,
// in order. Before that it asks what became of the writes of a session that this one follows.
func (c *core) welcomed(conn *connection, w *wire.Welcome) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.state.Final() {
		return ErrClosed
	}
	s := &c.session
	switch {
	case s.id == 0:
		s.id, s.password = w.SessionID, w.Password
	case w.LastSeq < s.acked:
		return &refusal{wire.CodeSessionExpired, lostWrites(w.LastSeq, s.acked)}
	case w.LastSeq > c.queue.sentSeq:
		s.foreign = true
		return &refusal{wire.CodeSessionExpired, foreignWrites(w.LastSeq, c.queue.sentSeq)}
	}
	s.timeout = time.Duration(w.TimeoutMS) * time.Millisecond
	s.server, s.limits = w.Server, usable(w.Limits)
	s.lastZxid = max(s.lastZxid, w.Zxid)
	conn.attempt = s.belief.Attempt()
	s.belief.Welcomed(conn.attempt, w.TimeoutMS)

	c.conn = conn
	conn.timing.begin(time.Now())
	c.status.set(Connected, nil)
	c.askOutcomes()
	c.rearm()
	c.sendAll(true)
	return nil
}

// lostWrites tells why a session cannot go on whose newest writes the service does not know any more.
func lostWrites(last, acked session.Seq) string {
	return fmt.Sprintf("the service knows %d writes of this session and had answered %d: it has lost data, or an older backup was restored", last, acked)
}

// foreignWrites tells why a session cannot go on in which somebody else has written: the answers to the numbers that come
// next would be those to other writes.
func foreignWrites(last, sent session.Seq) string {
	return fmt.Sprintf("the service knows %d writes of this session and this client has sent %d: another process has taken it over", last, sent)
}

// usable replaces limits that a server does not tell, or that nobody could work with, by the protocol's own.
func usable(l wire.Limits) wire.Limits {
	own := wire.DefaultLimits()
	for _, pair := range [...][2]*int64{
		{&l.FrameBytes, &own.FrameBytes}, {&l.DataBytes, &own.DataBytes}, {&l.Ops, &own.Ops},
		{&l.Window, &own.Window}, {&l.Watches, &own.Watches}, {&l.Page, &own.Page},
	} {
		if *pair[0] <= 0 || *pair[0] > *pair[1] {
			*pair[0] = *pair[1]
		}
	}
	return l
}
