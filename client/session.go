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

// State is where a client's session stands; doc.go draws the transitions.
type State uint8

const (
	Connecting State = iota // no session yet
	Connected               // attached to a server
	Suspended               // the session may be alive, and no server is reached; calls wait
	Expired                 // the service has ended the session; final
	Closed                  // the user has closed the client; final
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{"connecting", "connected", "suspended", "expired", "closed"}[s]
}

// Final reports whether the state does not change any more.
func (s State) Final() bool { return s >= Expired }

// status is the latest value of the state, and how to wait for the next.
type status struct {
	state   State
	changed chan struct{} // closed at the next change
	err     error         // why the state is what it is
	closing bool          // Close was called
}

func (s *status) set(state State, err error) {
	s.err = err
	if s.state != state {
		s.state = state
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// attached is what a client knows about its session.
type attached struct {
	id       session.ID
	password wire.Password
	timeout  time.Duration
	server   session.Server
	limits   wire.Limits
	belief   session.Belief
	clock    clock

	lastZxid    Zxid        // the highest that was received in anything
	watchedZxid Zxid        // the highest that was received while all watches were in place
	acked       session.Seq // all writes up to this one are answered
}

func (a *attached) init(cfg Config) {
	a.timeout = cfg.SessionTimeout
	a.limits = wire.DefaultLimits()
	a.clock.start(time.Now())
}

// saw notes the zxid of something that was received.
func (a *attached) saw(zxid Zxid, watchesInPlace bool) {
	a.lastZxid = max(a.lastZxid, zxid)
	if watchesInPlace {
		a.watchedZxid = a.lastZxid
	}
}

// SessionInfo is what is known about a session at one moment.
type SessionInfo struct {
	ID      SessionID
	Timeout time.Duration // as the service has granted it
	Server  uint64        // the id of the server that the client is, or was last, attached to

	// ValidUntil is how long the session is certainly alive, whatever happens: the first sending of the newest request that
	// was answered, plus the timeout, less a margin for clocks that do not run at the same rate. It moves on with every
	// answer. Zero before the first one and after the end.
	ValidUntil time.Time
}

// Valid reports whether the session is certainly alive now. It looks at the wall clock too, because the monotonic one
// stands still while the machine is suspended.
func (i SessionInfo) Valid() bool {
	now := time.Now()
	return now.Before(i.ValidUntil) && now.Round(0).Before(i.ValidUntil.Round(0))
}

// Session returns what is known about the session.
func (c *Client) Session() SessionInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := SessionInfo{ID: c.session.id, Timeout: c.session.timeout, Server: uint64(c.session.server)}
	now := time.Now()
	if until, ok := c.session.belief.ValidUntil(); ok {
		left := until - c.session.clock.now(now)
		info.ValidUntil = now.Add(time.Duration(left) * time.Millisecond)
	}
	return info
}

// State returns the state of the session and a channel that is closed when it changes. Changes in quick succession may be
// seen as one: it is the latest value that counts.
func (c *Client) State() (State, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.state, c.status.changed
}

// Err returns why the state is what it is: nil while connected, the newest failure to reach a server while connecting or
// suspended, and after the end [ErrSessionExpired] or [ErrClosed], perhaps wrapped.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.err
}

// run keeps the session attached to some server until ctx or the session ends.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		conn, err := c.dialer.connect(ctx, c.attach)
		switch {
		case errors.Is(err, wire.CodeSessionExpired):
			c.mu.Lock()
			c.end(Expired, err)
			c.mu.Unlock()
			return
		case conn != nil:
			began := time.Now()
			err := c.serve(conn)
			c.dialer.lost(conn, time.Since(began), err)
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
func (c *Client) unreached(err error, incompatible bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.status.state.Final():
	case incompatible && c.session.id == 0:
		c.end(Closed, err)
	default:
		c.status.set(c.status.state, err)
	}
}

// attach does the handshake on a fresh connection.
func (c *Client) attach(nc net.Conn) (*connection, error) {
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
	case welcome.Code != wire.CodeOK:
		return nil, &refusal{welcome.Code, welcome.Detail}
	case welcome.Version != wire.ProtocolVersion || welcome.SessionID == 0 || hello.SessionID != 0 && welcome.SessionID != hello.SessionID:
		return nil, fmt.Errorf("the server has welcomed another client: version %d, session %v", welcome.Version, welcome.SessionID)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	frames.SetLimit(wire.ReplyFrameMax)
	conn := newConnection(nc, frames)
	conn.attempt = hello.Attempt
	return conn, c.welcomed(conn, &welcome)
}

// hello returns the first message for a new connection, and how long to wait for its answer.
func (c *Client) hello() (*wire.Hello, time.Duration) {
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
		Attempt:   s.belief.Begin(s.clock.now(time.Now())),
		LastZxid:  s.lastZxid,
		Name:      c.cfg.Name,
	}, silenceLimit(s.timeout)
}

// welcomed makes conn the connection of the session: its watches are set again, then everything unanswered is sent again,
// in order.
func (c *Client) welcomed(conn *connection, w *wire.Welcome) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.state.Final() {
		return ErrClosed
	}
	s := &c.session
	if s.id != 0 && w.LastSeq < s.acked {
		return &refusal{wire.CodeSessionExpired, lostWrites(w.LastSeq, s.acked)}
	}
	if s.id == 0 {
		s.id, s.password = w.SessionID, w.Password
	}
	s.timeout = time.Duration(w.TimeoutMS) * time.Millisecond
	s.server, s.limits = w.Server, usable(w.Limits)
	s.lastZxid = max(s.lastZxid, w.Zxid)
	s.belief.Welcomed(conn.attempt, w.TimeoutMS)

	c.conn = conn
	conn.timing.begin(time.Now())
	c.status.set(Connected, nil)
	c.rearm()
	c.sendAll(true)
	return nil
}

// lostWrites tells why a session cannot go on whose newest writes the service does not know any more.
func lostWrites(last, acked session.Seq) string {
	return fmt.Sprintf("the service knows %d writes of this session and had answered %d: it has lost data, or an older backup was restored", last, acked)
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

// end makes the state final: whatever waits is failed, watches end, the connection is closed. Only the first end counts.
// The caller holds mu.
func (c *Client) end(state State, err error) {
	if c.status.state.Final() {
		return
	}
	if c.status.closing {
		state, err = Closed, ErrClosed // the end that the user has asked for, whoever tells of it
	}
	c.status.set(state, err)
	c.cancel()
	if c.conn != nil {
		c.conn.close()
		c.conn = nil
	}
	c.session.belief.Ended()
	c.failAll(state, detailOf(err))
	c.watches.endAll(err)
}
