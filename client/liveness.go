package client

import (
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// timing is what a connection knows about the silence of its server. It is guarded by Client.mu.
type timing struct {
	quietSince time.Time    // the server has sent nothing since, or nothing was outstanding before
	stuckSince time.Time    // the server has answered no call since, pings apart, or none was in flight before
	sentAt     time.Time    // the newest sending
	reading    session.Mono // of the client's clock at sentAt
	dozing     bool         // the timer sleeps longer than quietLimit, because nothing is outstanding
}

// errSilent is the end of a connection whose server counts as dead or stopped, errStuck of one whose server answers pings
// and has not answered the oldest request for a whole session timeout: it may have lost it. Both may be wrong, and do no
// harm then: what was carried out is not carried out again.
var (
	errSilent = errors.New("the server is silent")
	errStuck  = errors.New("the server answers pings but not requests")
)

// begin starts the times of a connection on which the hello was just answered.
func (t *timing) begin(now time.Time) { t.quietSince, t.stuckSince, t.sentAt = now, now, now }

// expect notes that something is about to be sent, behind other requests that are outstanding or not. The caller holds mu.
func (conn *connection) expect(outstanding bool) {
	if outstanding {
		return
	}
	now := time.Now()
	conn.timing.stuckSince = now
	if len(conn.pings) > 0 {
		return
	}
	conn.timing.quietSince = now // silence begins only now
	if conn.timing.dozing {
		conn.timing.dozing = false
		select {
		case conn.rouse <- struct{}{}:
		default:
		}
	}
}

// pingEvery is how often an idle client pings.
func pingEvery(timeout time.Duration) time.Duration {
	return min(max(timeout/pingsPerTimeout, pingEveryMin), pingEveryMax)
}

// quietLimit is how long a server may leave something unanswered before it is pinged.
func quietLimit(timeout time.Duration) time.Duration { return min(timeout/6, quietMax) }

// silenceLimit is how long it may then send nothing before it is left.
func silenceLimit(timeout time.Duration) time.Duration {
	return min(max(timeout/3, silenceMin), silenceMax)
}

// time watches over the server's silence until the connection ends: an idle session is kept alive by pings, a server that
// leaves requests unanswered is pinged, and one that does not answer that either is left.
func (c *core) time(conn *connection) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-conn.done:
			return errSilent // somebody else has ended it and said why
		case <-conn.rouse:
		case <-timer.C:
		}
		next, err := c.tick(conn, time.Now())
		if err != nil {
			return err
		}
		timer.Reset(next)
	}
}

// tick does what is due and returns when to look again.
func (c *core) tick(conn *connection, now time.Time) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != conn {
		return 0, errSilent
	}
	timeout, t := c.session.timeout, &conn.timing
	quiet, every := quietLimit(timeout), pingEvery(timeout)
	outstanding := len(c.queue.inFlight)+len(conn.pings) > 0
	silence, idle := now.Sub(t.quietSince), now.Sub(t.sentAt)
	switch {
	case len(conn.pings) == 0 && (outstanding && silence >= quiet || idle >= every):
		c.ping(conn)
	case outstanding && silence >= silenceLimit(timeout):
		return 0, errSilent // it had a ping to answer, since the tick before this one or longer
	case len(c.queue.inFlight) > 0 && now.Sub(t.stuckSince) >= timeout:
		return 0, errStuck
	}
	if t.dozing = !outstanding && idle >= quiet && idle < every; t.dozing {
		return every - idle, nil
	}
	return quiet / 2, nil
}

// ping asks the server for a sign of life. The caller holds mu.
func (c *core) ping(conn *connection) {
	conn.expect(len(c.queue.inFlight) > 0)
	xid := c.nextXid()
	conn.pings = append(conn.pings, xid)
	conn.out = wire.AppendRequest(conn.out, &wire.Request{Kind: wire.Ping, Xid: xid, Ack: c.session.acked})
	conn.flush()
}
