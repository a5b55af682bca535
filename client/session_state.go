package client

// State is where a client's session stands; doc.go draws the transitions.
type State uint8

const (
	Connecting State = iota // no session yet
	Connected               // attached to a server
	Suspended               // the session may be alive, and no server is reached; calls wait
	Renewing                // the service has ended the session, and with Config.Renew the next is not open yet; calls wait
	Expired                 // the service has ended the session; final
	Closed                  // the user has closed the client, or handed its session over; final
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{"connecting", "connected", "suspended", "renewing", "expired", "closed"}[s]
}

// Final reports whether the state does not change any more. The end of a session that will be followed by another
// ([Config].Renew) is Renewing, which is not final.
func (s State) Final() bool { return s >= Expired }

// status is the latest value of the state, and how to wait for the next. It is guarded by Client.mu.
type status struct {
	state      State
	changed    chan struct{} // closed at the next change
	err        error         // why the state is what it is
	closing    bool          // Close was called
	handingOff bool          // Export was called
}

func (s *status) set(state State, err error) {
	s.err = err
	if s.state != state {
		s.state = state
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// State returns the state of the session and a channel that is closed when it changes. Changes in quick succession may be
// seen as one: it is the latest value that counts. Whether the session is still the same one as before,
// [SessionInfo].Renewals tells.
func (c *Client) State() (State, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.state, c.status.changed
}

// Err returns why the state is what it is: nil while connected; the newest failure to reach a server while connecting or
// suspended; while renewing that, and the end of the session before; after the end [ErrSessionExpired], [ErrClosed] or
// [ErrHandedOver], perhaps wrapped.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.err
}
