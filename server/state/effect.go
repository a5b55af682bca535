package state

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// EffectKind says what a command did.
type EffectKind uint8

// The kinds of effects, with the fields of [Effect] that each one fills.
const (
	// Changed: the tree changed. Zxid, Changes. Comes before the Replied or Ended of the same command, so that nobody
	// sees new data before the event about it.
	Changed EffectKind = iota + 1
	// Replied: a write has its outcome. Session, Reply.
	Replied
	// Opened: a session was opened, or refused. Session, Server, Boot, Attempt, TimeoutMS, Zxid, Code.
	Opened
	// Attached: a session was attached, or refused. Session, Server, Boot, Attempt, TimeoutMS, Last, Zxid, Code.
	Attached
	// Ended: a session is over; its ephemerals went with it. Session, Zxid, Code (Expired, or OK when it closed itself),
	// Detail (how it came to its end; empty when it closed itself). Not always the session whose write it was: one can
	// kill another.
	Ended
	// Renewed: a server's lease was renewed. Server, Boot, Number.
	Renewed
	// LeaseEnded: a server's lease ran out on the cluster clock; its sessions are detached. Server.
	LeaseEnded
	// Ticked: the cluster clock moved.
	Ticked
	// Diverged: this replica's digest differs from the proposer's at the same point. Detail.
	Diverged
)

// Effect is one consequence of a command. Changes is valid until the next [State.Begin]; Reply is immutable and may be kept.
type Effect struct {
	Kind      EffectKind
	Code      wire.Code
	Zxid      znode.Zxid
	Changes   []znode.Change
	Session   session.ID
	Server    session.Server
	Boot      session.Boot
	Attempt   session.Attempt
	TimeoutMS int64
	Last      session.Seq
	Number    uint64
	Reply     []byte
	Detail    string
}
