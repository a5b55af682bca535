package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ErrHandedOver is the end of a client whose session goes on in another process, and of calls made while it was handed over.
// It is an [ErrClosed] as well.
var ErrHandedOver error = handedOver{}

type handedOver struct{}

func (handedOver) Error() string        { return "the session was handed over" }
func (handedOver) Is(target error) bool { return target == ErrClosed }

// Handover is a session on its way from one process to another, which gives it to [Dial] in its [Config]. Its text
// ([Handover.MarshalText]) is a secret: whoever has it has the session. fmt does not print it, not even inside of another value,
// nor does slog when it is given the token itself; encoders that ask for the text, as encoding/json does, write it. The zero
// value is no session.
type Handover struct {
	id       session.ID
	secret   secret
	timeout  time.Duration
	attempt  session.Attempt // the newest attempt to attach that was made
	lastZxid Zxid
	lastSeq  session.Seq // the number of the newest write; all are answered
}

// handoverFieldBytes is the length of the fields of a Handover's token.
const handoverFieldBytes = 5*8 + wire.PasswordBytes

// ParseHandover is the reverse of [Handover.MarshalText]. The error is [ErrBadToken], wrapped.
func ParseHandover(text string) (Handover, error) {
	var h Handover
	err := h.UnmarshalText([]byte(text))
	return h, err
}

// IsZero reports whether there is no session in h.
func (h Handover) IsZero() bool { return h.id == 0 }

// Session returns the session that is handed over.
func (h Handover) Session() SessionID { return h.id }

// Timeout returns the session's timeout, from its last contact with the service on: the time that the hand-over may take.
func (h Handover) Timeout() time.Duration { return h.timeout }

// String returns the session's id and hides the rest.
func (h Handover) String() string { return "session " + h.id.String() }

// Format writes the session's id and hides the rest for every verb.
func (h Handover) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// LogValue hides the secret from slog, whose handlers would write the text.
func (h Handover) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalText returns the token as text, secret included.
func (h Handover) MarshalText() ([]byte, error) {
	b := make([]byte, 0, handoverFieldBytes)
	for _, field := range [...]uint64{
		uint64(h.id), uint64(h.timeout.Milliseconds()), uint64(h.attempt), uint64(h.lastZxid), uint64(h.lastSeq),
	} {
		b = binary.BigEndian.AppendUint64(b, field)
	}
	password := h.secret.password()
	return seal(handoverToken, append(b, password[:]...)), nil
}

// UnmarshalText is the reverse of [Handover.MarshalText]. The error is [ErrBadToken], wrapped.
func (h *Handover) UnmarshalText(text []byte) error {
	b, err := unseal(handoverToken, text, handoverFieldBytes)
	if err != nil {
		return fmt.Errorf("a session to take over: %w", err)
	}
	next := func() (field uint64) {
		field, b = binary.BigEndian.Uint64(b), b[8:]
		return field
	}
	read := Handover{id: session.ID(next())}
	timeoutMS := next()
	read.timeout = time.Duration(min(timeoutMS, session.MaxTimeoutMS+1)) * time.Millisecond // a larger one would wrap around
	read.attempt, read.lastZxid, read.lastSeq = session.Attempt(next()), Zxid(next()), session.Seq(next())
	read.secret = secretOf(wire.Password(b))
	if read.id == 0 || read.timeout < time.Millisecond || read.timeout > session.MaxTimeoutMS*time.Millisecond {
		return fmt.Errorf("a session to take over: %w: session %v, timeout %v", ErrBadToken, read.id, read.timeout)
	}
	*h = read
	return nil
}

// Export ends the client and not its session, which another process goes on with: a restart, or a move to another machine,
// then keeps the session's ephemeral nodes, and its locks. Export refuses new calls with [ErrHandedOver], waits until those
// under way are answered, and closes the connection. The other process must [Dial] with the [Handover] within the session's
// timeout, whose end nobody puts off meanwhile. Watches end with [ErrHandedOver]; a persistent one is set again by the other
// process from the position that it had here. Registrations stay as nodes of the session; the other process adopts one by
// [Client.Register] of the same path.
//
// A token is good for one process, which may Dial with it as often as it takes. If two use it, the one that began later by its
// clock gets the session, in one millisecond either of them, and the other is turned away for ever. If that one had written by
// then, neither goes on, because answers could be taken for those to other writes: the one that began later is told
// [ErrSessionExpired]. What became of the writes of the one that was turned away is not asked, for the same reason: they are
// [Unknown], and [WriteOf] has no name for them.
//
// If ctx ends before everything is answered, Export fails with a [WaitError] and the client goes on as if nothing had been
// asked. Other errors: [ErrSessionExpired], [ErrClosed].
func (c *Client) Export(ctx context.Context) (Handover, error) {
	const name = "export"
	c.mu.Lock()
	if c.status.handingOff || c.status.closing {
		c.mu.Unlock()
		return Handover{}, ErrClosed
	}
	c.status.handingOff = true
	c.mu.Unlock()

	// Replies come in the order of the requests: when this one is answered, everything before it is.
	cl := c.newCall(wire.Sync)
	cl.last = true
	cl.encode(&wire.Request{Kind: wire.Sync})
	err := c.do(ctx, cl, name, "")

	c.mu.Lock()
	h := c.handover()
	switch {
	case err != nil:
	case c.status.closing:
		err = ErrClosed
	case h.IsZero():
		err = c.ended
	default:
		c.end(Closed, ErrHandedOver)
	}
	c.status.handingOff = err == nil
	c.mu.Unlock()
	if err != nil {
		return Handover{}, explain(err, name, "", znode.Guard{})
	}
	c.recycle(cl)
	c.stop()
	return h, nil
}

// handover returns the present session; zero if there is none. The caller holds mu.
func (c *core) handover() Handover {
	s := &c.session
	return Handover{s.id, secretOf(s.password), s.timeout, s.attemptBase + s.belief.Attempt(), s.lastZxid, s.acked}
}

// attemptJump is how many numbers there are for the attempts of all processes that take over sessions in one millisecond; each
// begins with one of them at random, and whoever comes later is above. So a Dial that is made again with the same token, after
// one whose welcome was lost, is not turned away by its own predecessor. The numbers of 2^20 per millisecond last until 2527.
const attemptJump = 1 << 20

// attemptBaseAt returns the number above which a process counts its attempts that takes over a session now, whose newest attempt
// it knows from the token.
func attemptBaseAt(now time.Time, newest session.Attempt) session.Attempt {
	ofNow := session.Attempt(max(0, now.UnixMilli())) * attemptJump
	return max(newest, ofNow) + session.Attempt(rand.Uint64N(attemptJump))
}

// takeOver makes the session in h the client's own.
func (c *core) takeOver(h Handover) {
	s := &c.session
	s.id, s.password, s.timeout = h.id, h.secret.password(), h.timeout
	s.attemptBase = attemptBaseAt(time.Now(), h.attempt)
	s.lastZxid, s.watchedZxid = h.lastZxid, h.lastZxid
	s.acked, c.queue.lastSeq, c.queue.sentSeq = h.lastSeq, h.lastSeq, h.lastSeq
}
