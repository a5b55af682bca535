package client

// expire handles that the service has ended the session: that is the end of the client, or with Config.Renew the time for
// another session. The caller holds mu.
func (c *core) expire(err error) {
	switch {
	case c.status.state.Final() || c.session.id == 0:
	case c.cfg.Renew && !c.status.closing:
		c.renew(err)
	default:
		c.end(Expired, err)
	}
}

// renew ends everything that belongs to the session, and begins with another one: its calls end, but for the sent writes, of
// which the service is asked as soon as there is a session to ask in. The caller holds mu.
func (c *core) renew(err error) {
	c.hangUp(err)
	c.ended = err
	c.renewals++
	c.lease.stop(err)
	c.questionSent()
	c.failAll(Expired, detailOf(err))
	c.endWatches(err, true)
	old := c.session
	c.session = attached{
		timeout: old.timeout, limits: old.limits, clock: old.clock, lastZxid: old.lastZxid, watchedZxid: old.watchedZxid,
	}
	c.registrations.renew(err)
	c.status.set(Renewing, err)
}

// end makes the state final: whatever waits is failed, watches end, the connection is closed. Only the first end counts.
// The caller holds mu.
func (c *core) end(state State, err error) {
	if c.status.state.Final() {
		return
	}
	if c.status.closing {
		state, err = Closed, ErrClosed // the end that the user has asked for, whoever tells of it
	}
	c.status.set(state, err)
	c.ended = err
	c.cancel()
	c.hangUp(err)
	c.session.belief.Ended()
	c.lease.stop(err)
	c.failAll(state, detailOf(err))
	c.giveUpQuestions(func(*question) bool { return true })
	c.endWatches(err, false)
	c.registrations.end(err)
}

// hangUp closes the connection, if there is one, because the session has ended. The caller holds mu.
func (c *core) hangUp(err error) {
	if c.conn == nil {
		return
	}
	c.conn.ended = err
	c.conn.close()
	c.conn = nil
}
