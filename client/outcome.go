package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// WriteID names one write for ever: its session and its number there. It holds the session's password, without which the
// service tells nobody what became of a write. So its text ([WriteID.MarshalText]) is a secret: whoever has it can do
// everything that the session's client can, as long as the session lives. fmt does not print it, not even inside of another
// value, nor does slog when it is given the name itself; encoders that ask for the text, as encoding/json does, write it.
type WriteID struct {
	session session.ID
	secret  secret
	seq     session.Seq
	kind    wire.Kind
}

// writeFieldBytes is the length of the fields of a WriteID's token.
const writeFieldBytes = 8 + wire.PasswordBytes + 8 + 1

// WriteOf returns the name of the write that failed with err, and whether err is of a write that got its number: one whose
// outcome is [Unknown], or whose caller stopped waiting. [Client.Outcome] asks what became of it.
func WriteOf(err error) (WriteID, bool) {
	var write *WriteID
	if e, ok := errors.AsType[*WaitError](err); ok {
		write = e.write
	} else if e, ok := errors.AsType[*Error](err); ok {
		write = e.write
	}
	if write == nil {
		return WriteID{}, false
	}
	return *write, true
}

// writeOf returns the name of a call of the present session; nil if it has no number. The caller holds mu.
func (c *core) writeOf(cl *call) *WriteID {
	if cl.seq == 0 || c.session.id == 0 || c.session.foreign {
		return nil
	}
	return &WriteID{c.session.id, secretOf(c.session.password), cl.seq, cl.kind}
}

// IsZero reports whether the name is of no write.
func (w WriteID) IsZero() bool { return w.session == 0 }

// Session returns the session that made the write.
func (w WriteID) Session() SessionID { return w.session }

// String returns the name without its secret: "create 12 of session 0x1f".
func (w WriteID) String() string { return fmt.Sprintf("%v %d of session %v", w.kind, w.seq, w.session) }

// Format writes the name without its secret for every verb.
func (w WriteID) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, w.String()) }

// LogValue hides the secret from slog, whose handlers would write the text.
func (w WriteID) LogValue() slog.Value { return slog.StringValue(w.String()) }

// MarshalText returns the name as text, secret included, to be kept or given to another process.
func (w WriteID) MarshalText() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, writeFieldBytes), uint64(w.session))
	password := w.secret.password()
	b = append(b, password[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.seq))
	return seal(writeToken, append(b, byte(w.kind))), nil
}

// UnmarshalText is the reverse of [WriteID.MarshalText]. The error is [ErrBadToken], wrapped.
func (w *WriteID) UnmarshalText(text []byte) error {
	b, err := unseal(writeToken, text, writeFieldBytes)
	if err != nil {
		return fmt.Errorf("the name of a write: %w", err)
	}
	*w = WriteID{session: session.ID(binary.BigEndian.Uint64(b)), secret: secretOf(wire.Password(b[8 : 8+wire.PasswordBytes]))}
	b = b[8+wire.PasswordBytes:]
	w.seq, w.kind = session.Seq(binary.BigEndian.Uint64(b)), wire.Kind(b[8])
	return nil
}

// Fate is what became of a write.
type Fate uint8

const (
	// FateApplied: the write was carried out; [Outcome] has what its call would have returned.
	FateApplied Fate = iota + 1
	// FateRefused: the write was considered and had no effect; [Outcome].Err has the error that its call would have returned.
	FateRefused
	// FateNever: the write was not carried out, and as its session has ended it never will be.
	FateNever
	// FateOpen: the write was not carried out yet, and its session lives: its client may still send it.
	FateOpen
)

// String returns the fate in lower case.
func (f Fate) String() string {
	switch f {
	case FateApplied:
		return "applied"
	case FateRefused:
		return "refused"
	case FateNever:
		return "never applied"
	case FateOpen:
		return "open"
	}
	return "unknown"
}

// Outcome is what became of a write, with what its call would have returned.
type Outcome struct {
	Fate Fate
	Zxid Zxid  // FateApplied: of the transaction, or, if it changed nothing, of the newest one before it
	Err  error // FateRefused: an [*Error] with the code, the path and the reason; it does not know what the call had asked for

	Result           // FateApplied, a write of one operation: the path and the stat of a Create, the stat of a Set, and so on
	Results []Result // FateApplied, a Multi or a Txn
	Held    bool     // FateApplied, a Txn: all conditions held
	Failed  int      // FateApplied, a Txn: the first condition that did not hold; -1 if all held
}

// Outcome asks the service what became of a write, whose session may be this client's, another one, or one that has ended:
// the service remembers for some minutes after the end. Paths are told as this view names them. Errors: [ErrNoSession] (the
// session is not remembered any more), [ErrForgotten] (the write was carried out or refused, and its client had the answer,
// so the service does not keep it), and those of every read.
func (c *Client) Outcome(ctx context.Context, w WriteID) (Outcome, error) {
	const name = "outcome"
	if w.IsZero() {
		return Outcome{}, &Error{Code: wire.CodeBadArguments, Op: name, Detail: "the name of no write"}
	}
	cl := c.newCall(wire.Outcomes)
	cl.encode(&wire.Request{Kind: wire.Outcomes, Target: w.session, Password: w.secret.password(), FromSeq: w.seq})
	if err := c.do(ctx, cl, name, ""); err != nil {
		return Outcome{}, explain(err, name, "", znode.Guard{})
	}
	var out Outcome
	var broken error
	head, err := wire.DecodeOutcomes(cl.result, func(seq session.Seq, code Code, zxid Zxid, result []byte) {
		if seq == w.seq {
			out, broken = c.outcome(w.kind, code, zxid, result)
		}
	})
	if err == nil {
		err = broken
	}
	switch err := c.decoded(cl, name, w.String(), err); {
	case err != nil:
		return Outcome{}, err
	case out.Fate != 0:
		return out, nil
	case w.seq > head.Last && head.Ended:
		return Outcome{Fate: FateNever}, nil
	case w.seq > head.Last:
		return Outcome{Fate: FateOpen}, nil
	}
	return Outcome{}, &Error{
		Code: wire.CodeForgotten, Op: name, Detail: w.String() + " was answered; the service keeps no answer that the client has had",
	}
}

// outcome decodes the recorded reply to a write.
func (c *Client) outcome(kind wire.Kind, code Code, zxid Zxid, result []byte) (Outcome, error) {
	if code != wire.CodeOK {
		f, err := wire.DecodeFailure(result)
		f.Path = c.root.out(f.Path)
		return Outcome{Fate: FateRefused, Err: (&serviceError{code, f}).of(kind.String(), f.Path, znode.Guard{})}, err
	}
	out, err := Outcome{Fate: FateApplied, Zxid: zxid}, error(nil)
	several := func(r znode.Result) { out.Results = append(out.Results, c.result(&r)) }
	switch kind {
	case wire.Create:
		out.Path, out.Stat, out.Existed, err = wire.DecodeCreated(result)
	case wire.Set:
		out.Stat, err = wire.DecodeStat(result)
	case wire.DeleteTree:
		out.Count, err = wire.DecodeDeleted(result)
	case wire.CopyTree, wire.MoveTree:
		out.Path, out.Stat, out.Count, err = wire.DecodeCopied(result)
	case wire.Multi:
		err = wire.DecodeMulti(result, several)
	case wire.Txn:
		if out.Held, out.Failed, err = wire.DecodeTxn(result, several); out.Held {
			out.Failed = -1
		}
	}
	if out.Path != "" {
		out.Path = c.root.out(out.Path)
	}
	return out, err
}
