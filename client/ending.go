package client

import (
	"slices"

	"github.com/coxswain-io/coxswain/wire"
)

// ending is why a call ends without a reply: its session has ended.
type ending struct {
	state   State // Expired or Closed
	detail  string
	unknown bool     // the call is a write and may have been carried out
	write   *WriteID // of an unknown write
}

// of returns the ending as the error of one call.
func (e *ending) of(op, path string) error {
	if e.state == Closed && !e.unknown {
		return ErrClosed
	}
	err := &Error{
		Code: wire.CodeSessionExpired, Op: op, Path: path, Detail: e.detail,
		asked: path, unknown: e.unknown, closed: e.state == Closed, write: e.write,
	}
	if e.unknown {
		err.Detail = "the write was sent and not answered; whether it was carried out is unknown"
	}
	return err
}

// finish ends a call without a reply. The caller holds mu.
func (cl *call) finish(e *ending) {
	cl.place = outside
	if !cl.abandoned {
		cl.ended = e
		cl.done <- struct{}{}
	}
}

// failAll ends every call because the session has ended, in the state and with the explanation given. The caller holds mu.
func (c *core) failAll(state State, detail string) {
	for _, cl := range slices.Concat(c.queue.inFlight, c.queue.waiting) {
		e := &ending{state: state, detail: detail, unknown: cl.seq != 0 && cl.sent}
		if e.unknown {
			e.write = c.writeOf(cl)
		}
		cl.finish(e)
	}
	c.queue = queue{}
}
