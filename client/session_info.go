package client

import (
	"time"

	"github.com/coxswain-io/coxswain/session"
)

// SessionInfo is what is known about a session at one moment.
type SessionInfo struct {
	ID      SessionID     // 0 while no session is open
	Timeout time.Duration // as the service has granted it
	Server  uint64        // the id of the server that the client is, or was last, attached to

	// Renewals counts the sessions of this client that the service has ended and that were followed by another
	// ([Config].Renew). A reader that compares it with the count of an earlier look cannot miss an end, however short.
	Renewals int

	// ValidUntil is how long the session is certainly alive, whatever happens: the first sending of the newest request that
	// was answered, plus the timeout, less a margin for clocks that do not run at the same rate. It moves on with every
	// answer. Zero before the first one, after the end, and from the beginning of [Client.Close] on.
	ValidUntil time.Time
}

// Valid reports whether the session is certainly alive now. It looks at the wall clock too, because the monotonic one
// stands still while the machine is suspended.
func (i SessionInfo) Valid() bool { return i.ValidFor() > 0 }

// ValidFor returns for how long from now on the session is certainly alive, if nothing more is heard from the service; 0
// when it is not certain now. Like [SessionInfo.Valid] it looks at both clocks.
func (i SessionInfo) ValidFor() time.Duration {
	if i.ValidUntil.IsZero() {
		return 0
	}
	now := time.Now()
	return max(0, min(i.ValidUntil.Sub(now), i.ValidUntil.Round(0).Sub(now.Round(0))))
}

// Session returns what is known about the session.
func (c *Client) Session() SessionInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, now := &c.session, time.Now()
	info := SessionInfo{ID: s.id, Timeout: s.timeout, Server: uint64(s.server), Renewals: c.renewals}
	if left, ok := c.certainFor(now); ok {
		info.ValidUntil = now.Add(left)
	}
	return info
}

// certainFor returns how long from now on the session is certainly alive, which is negative when that time has passed; false
// if it never was, or its user is closing it. The caller holds mu.
func (c *core) certainFor(now time.Time) (time.Duration, bool) {
	reading := c.reading(now)
	until, ok := c.session.belief.ValidUntil()
	if c.status.closing { // the service may have ended it already, and the answer be on its way
		return 0, false
	}
	return time.Duration(until-reading) * time.Millisecond, ok
}

// reading reads the client's clock. It is the only way to it: a reading that finds that the machine was suspended ends what the
// session's certainty holds up. The caller holds mu.
func (c *core) reading(now time.Time) session.Mono {
	reading := c.session.clock.now(now)
	c.lease.check(&c.session.belief, reading)
	return reading
}
