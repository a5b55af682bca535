package state

import (
	"errors"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// commandKind is what a command of an entry does. The numbers are in the log: append, never renumber.
type commandKind uint8

const (
	commandWrite commandKind = iota + 1
	commandOpen
	commandAttach
	commandExpire
	commandBeat
	commandAdvance
	commandReap
)

// Header tells who proposed an entry and when.
type Header struct {
	Server session.Server
	Boot   session.Boot
	Number uint64 // the server's own count of its entries in this boot; a re-proposed entry keeps it
	TimeMS int64  // wall clock of the proposer, ms since the epoch: becomes ctime and mtime, decides nothing
}

// Batch collects commands until they are proposed as one entry. The zero value is empty and ready.
// Nothing given to its methods is retained.
type Batch struct {
	commands []byte
	count    int
}

// Len is the number of commands, Bytes their size.
func (b *Batch) Len() int   { return b.count }
func (b *Batch) Bytes() int { return len(b.commands) }

// Reset empties the batch and keeps its memory, unless one huge request has made it larger than keepBytes.
func (b *Batch) Reset(keepBytes int) {
	if cap(b.commands) > keepBytes {
		b.commands = nil
	}
	b.commands, b.count = b.commands[:0], 0
}

// Entry appends the log entry with header h to dst.
func (b *Batch) Entry(dst []byte, h Header) []byte {
	dst = wire.AppendArray(dst, 6)
	dst = wire.AppendUint(dst, EntryVersion)
	dst = wire.AppendUint(dst, uint64(h.Server))
	dst = wire.AppendUint(dst, uint64(h.Boot))
	dst = wire.AppendUint(dst, h.Number)
	dst = wire.AppendInt(dst, h.TimeMS)
	dst = wire.AppendUint(dst, uint64(b.count))
	return append(dst, b.commands...)
}

func (b *Batch) begin(kind commandKind, fields int) {
	b.count++
	b.commands = wire.AppendArray(b.commands, fields+1)
	b.commands = wire.AppendUint(b.commands, uint64(kind))
}

// Write adds a numbered write of a session. request is the body of the client's frame as it arrived. A refusal other than
// OK is the reply it gets instead of being carried out: the number is used up, so that later writes are not held back.
func (b *Batch) Write(id session.ID, refusal wire.Code, request []byte) {
	b.begin(commandWrite, 3)
	b.commands = wire.AppendUint(b.commands, uint64(id))
	b.commands = wire.AppendInt(b.commands, int64(refusal))
	b.commands = wire.AppendBytes(b.commands, request)
}

// Open adds the opening of a session on the proposing server. number counts the opens of that server's boot. name is what
// the client calls it; of one longer than session.NameBytesMax the beginning is kept.
func (b *Batch) Open(number uint64, secret session.Secret, timeoutMS int64, name string) {
	name = name[:min(len(name), session.NameBytesMax)]
	fields := 3
	if name != "" {
		fields = 4
	}
	b.begin(commandOpen, fields)
	b.commands = wire.AppendUint(b.commands, number)
	b.commands = wire.AppendBytes(b.commands, secret[:])
	b.commands = wire.AppendInt(b.commands, timeoutMS)
	if name != "" {
		b.commands = wire.AppendString(b.commands, name)
	}
}

// Attach adds the attachment of an open session to the proposing server.
func (b *Batch) Attach(id session.ID, secret session.Secret, a session.Attempt) {
	b.begin(commandAttach, 3)
	b.commands = wire.AppendUint(b.commands, uint64(id))
	b.commands = wire.AppendBytes(b.commands, secret[:])
	b.commands = wire.AppendUint(b.commands, uint64(a))
}

// Expire adds the end of a session that was silent for too long; void if it has been attached anew.
func (b *Batch) Expire(id session.ID, a session.Attempt) {
	b.begin(commandExpire, 2)
	b.commands = wire.AppendUint(b.commands, uint64(id))
	b.commands = wire.AppendUint(b.commands, uint64(a))
}

// Beat adds a renewal of the proposing server's lease.
func (b *Batch) Beat(number uint64, lowDisk bool) {
	b.begin(commandBeat, 2)
	b.commands = wire.AppendUint(b.commands, number)
	b.commands = wire.AppendBool(b.commands, lowDisk)
}

// Advance adds a step of the cluster clock. mark is what [State.Mark] gave together with from.
func (b *Batch) Advance(from, to session.Clock, mark Mark) {
	b.begin(commandAdvance, 5)
	b.commands = wire.AppendInt(b.commands, int64(from))
	b.commands = wire.AppendInt(b.commands, int64(to))
	b.commands = wire.AppendInt(b.commands, int64(mark.Clock))
	b.commands = wire.AppendUint(b.commands, mark.Digest)
	b.commands = wire.AppendUint(b.commands, Revision)
}

// Reap adds the removal of a container or TTL node that was due when it was looked at.
func (b *Batch) Reap(e znode.Expiry) {
	b.begin(commandReap, 4)
	b.commands = wire.AppendString(b.commands, e.Path)
	b.commands = wire.AppendUint(b.commands, uint64(e.Czxid))
	b.commands = wire.AppendUint(b.commands, uint64(e.Mzxid))
	b.commands = wire.AppendInt(b.commands, e.Created)
}

var errEntryVersion = errors.New("log entry of another version")

// decodeHeader reads an entry's header; what is left in d are count commands.
func decodeHeader(d *wire.Decoder) (h Header, count int, err error) {
	fields := d.Array(6, wire.FieldsMax)
	version := d.Uint()
	h.Server = session.Server(d.Uint())
	h.Boot = session.Boot(d.Uint())
	h.Number = d.Uint()
	h.TimeMS = d.Int()
	n := d.Uint()
	for range max(fields, 6) - 6 {
		d.Skip()
	}
	switch {
	case d.Err() != nil:
		return Header{}, 0, d.Err()
	case version != EntryVersion:
		return Header{}, 0, errEntryVersion
	case n > CommandsMax:
		return Header{}, 0, errors.New("log entry announces too many commands")
	}
	return h, int(n), nil
}
