package main

import "github.com/coxswain-io/coxswain/client"

// news says on stderr what becomes of the session while a command goes on for long, since silence might be taken for the absence of
// changes.
type news struct {
	call   *call
	client *client.Client
	what   string // goes on
	told   client.State
}

func (c *call) news(cl *client.Client, what string) *news {
	return &news{call: c, client: cl, what: what, told: client.Connected}
}

// changed says what there is to say, and returns a channel that is closed when there is something new.
func (n *news) changed() <-chan struct{} {
	state, changed := n.client.State()
	if state == n.told || state.Final() { // the end is an error of what goes on
		return changed
	}
	switch n.told = state; state {
	case client.Suspended:
		n.call.out.complain("cox: the connection is lost; %s goes on when a server is reached\n", n.what)
	case client.Renewing:
		n.call.out.complain("cox: the session has ended; %s goes on in another\n", n.what)
	case client.Connected:
		n.call.out.complain("cox: connected to %s, %s goes on\n", n.call.shell.server(), n.what)
	}
	return changed
}

// follow shows a value whenever it is another one, until Ctrl-C, which is the usual end. show returns a channel that is closed when
// there is something to show, and the end of what is followed.
func (c *call) follow(cl *client.Client, what string, show func() (<-chan struct{}, error)) error {
	n := c.news(cl, what)
	for {
		changed, err := show()
		if err != nil {
			return err
		}
		for again := false; !again; {
			select {
			case <-changed:
				again = true
			case <-n.changed():
			case <-c.ctx.Done():
				return nil
			}
		}
	}
}

// forLong is the client of a command that goes on in another session when its own has expired: it has nothing that its end could
// take away, or what it has comes back.
func (c *call) forLong() (*client.Client, error) {
	c.shell.renew = c.shell.mode == oneShot
	return c.client()
}
