package client

import (
	"context"
	"iter"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// SessionEntry is one session in the list of all sessions.
type SessionEntry struct {
	ID         SessionID
	Name       string // what its client calls itself; not to be trusted
	Server     uint64 // the id of the server that it is, or was last, attached to
	Attached   bool
	Timeout    time.Duration
	Left       time.Duration // until it ends if it is not attached again, on the service's clock; 0 while attached
	Ephemerals int64         // how many ephemeral nodes it has
	Writes     uint64        // how many writes it has made
}

// Sessions returns all sessions of the service one by one in ascending order of their ids, which is the order in which they
// were opened. It reads a page whenever the one before it is used up; sessions that are opened or end meanwhile may be among
// them or not. An error is the last element. Each iteration begins anew.
func (c *Client) Sessions(ctx context.Context, opts ...ReadOption) iter.Seq2[SessionEntry, error] {
	return func(yield func(SessionEntry, error) bool) {
		o := c.readOptions(opts)
		for after := SessionID(0); ; {
			entries, more, err := c.sessionsPage(ctx, after, &o)
			if err != nil {
				yield(SessionEntry{}, err)
				return
			}
			for i := range entries {
				if !yield(entries[i], nil) {
					return
				}
				after = entries[i].ID
			}
			if !more {
				return
			}
		}
	}
}

func (c *Client) sessionsPage(ctx context.Context, after SessionID, o *readOptions) (entries []SessionEntry, more bool, err error) {
	const name = "sessions"
	if why := o.wrong(wire.Sessions); why != "" {
		return nil, false, &Error{Code: wire.CodeBadArguments, Op: name, Detail: why}
	}
	cl := c.newCall(wire.Sessions)
	cl.encode(&wire.Request{Kind: wire.Sessions, Level: o.level, AtLeast: o.atLeast, AfterID: after})
	if err := c.ask(ctx, cl, name, "", o.zxid); err != nil {
		return nil, false, err
	}
	more, err = wire.DecodeSessions(cl.result, func(e wire.SessionEntry) {
		entries = append(entries, SessionEntry{
			ID: e.ID, Name: e.Name, Server: uint64(e.Server), Attached: e.Attached, Timeout: milliseconds(e.TimeoutMS),
			Left: milliseconds(e.LeftMS), Ephemerals: e.Ephemerals, Writes: uint64(e.LastSeq),
		})
	})
	if err == nil && more && len(entries) == 0 {
		err = errEmptyPage
	}
	return entries, more, c.decoded(cl, name, "", err)
}

// milliseconds is a number of milliseconds from the service as a duration; one that is too long for it becomes the longest.
func milliseconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(n, most)) * time.Millisecond
}

// KillSession ends another client's session: its ephemeral nodes are gone when KillSession returns. It is meant for operators.
// The client that has it finds out when it next hears from the service, and may believe in the session until its own deadline
// ([SessionInfo].ValidUntil): whoever does something about the death at once, such as taking over a lock, must rely on fencing, as
// with [IfCzxid]. Errors: [ErrNoSession], [ErrBadArguments] (this client's own session; [Client.Close] ends it). See
// [Client.Create] for what holds for all writes.
func (c *Client) KillSession(ctx context.Context, id SessionID) error {
	const name = "kill session"
	cl := c.newCall(wire.KillSession)
	cl.encode(&wire.Request{Kind: wire.KillSession, Target: id})
	if err := c.ask(ctx, cl, name, "", nil); err != nil {
		if e, ok := err.(*Error); ok && e.Path == "" {
			e.about = "session " + id.String()
		}
		return err
	}
	return c.decoded(cl, name, "", wire.DecodeEmpty(cl.result))
}
