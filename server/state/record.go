package state

import (
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// The records of a snapshot. Each is an array that begins with its section; new fields go to the end.

const (
	serverFields  = 8
	sessionFields = 12 // and the name, if there is one
	graveFields   = 7
	znodeFields   = 16
)

// appendServer appends a server's lease after its section.
func appendServer(dst []byte, r *session.ServerRecord) []byte {
	dst = wire.AppendUint(dst, uint64(r.Server))
	dst = wire.AppendUint(dst, uint64(r.Boot))
	dst = wire.AppendUint(dst, r.Beats)
	dst = wire.AppendUint(dst, r.Opens)
	dst = wire.AppendBool(dst, r.Live)
	dst = wire.AppendInt(dst, int64(r.LeaseEnd))
	return wire.AppendBool(dst, r.LowDisk)
}

func decodeServer(d *wire.Decoder) session.ServerRecord {
	return session.ServerRecord{
		Server: session.Server(d.Uint()), Boot: session.Boot(d.Uint()), Beats: d.Uint(), Opens: d.Uint(), Live: d.Bool(),
		LeaseEnd: session.Clock(d.Int()), LowDisk: d.Bool(),
	}
}

// appendSession appends a session after its section.
func appendSession(dst []byte, r *session.Record) []byte {
	dst = wire.AppendUint(dst, uint64(r.ID))
	dst = wire.AppendBytes(dst, r.Secret[:])
	dst = wire.AppendInt(dst, r.TimeoutMS)
	dst = wire.AppendUint(dst, uint64(r.Server))
	dst = wire.AppendUint(dst, uint64(r.Boot))
	dst = wire.AppendUint(dst, uint64(r.Attempt))
	dst = wire.AppendBool(dst, r.Attached)
	dst = wire.AppendInt(dst, int64(r.Deadline))
	dst = wire.AppendUint(dst, uint64(r.Last))
	dst = wire.AppendUint(dst, uint64(r.Acked))
	dst = appendReplies(dst, r.Replies)
	if r.Name != "" {
		dst = wire.AppendString(dst, r.Name)
	}
	return dst
}

// decodeSession reads a session of so many fields.
func decodeSession(d *wire.Decoder, fields int) session.Record {
	r := session.Record{
		ID: session.ID(d.Uint()), Secret: decodeSecret(d), TimeoutMS: d.Int(), Server: session.Server(d.Uint()), Boot: session.Boot(d.Uint()),
		Attempt: session.Attempt(d.Uint()), Attached: d.Bool(), Deadline: session.Clock(d.Int()), Last: session.Seq(d.Uint()),
		Acked: session.Seq(d.Uint()), Replies: decodeReplies(d),
	}
	if fields > sessionFields {
		r.Name = string(d.StringBytes())
	}
	return r
}

// appendGrave appends what is remembered of a session after its section.
func appendGrave(dst []byte, g *session.Grave) []byte {
	dst = wire.AppendUint(dst, uint64(g.ID))
	dst = wire.AppendBytes(dst, g.Secret[:])
	dst = wire.AppendUint(dst, uint64(g.Acked))
	dst = wire.AppendUint(dst, uint64(g.Last))
	dst = wire.AppendInt(dst, int64(g.Buried))
	return appendReplies(dst, g.Replies)
}

func decodeGrave(d *wire.Decoder) session.Grave {
	return session.Grave{
		ID: session.ID(d.Uint()), Secret: decodeSecret(d), Acked: session.Seq(d.Uint()), Last: session.Seq(d.Uint()),
		Buried: session.Clock(d.Int()), Replies: decodeReplies(d),
	}
}

func appendReplies(dst []byte, replies [][]byte) []byte {
	dst = wire.AppendArray(dst, len(replies))
	for _, reply := range replies {
		dst = wire.AppendBytes(dst, reply)
	}
	return dst
}

func decodeReplies(d *wire.Decoder) (replies [][]byte) {
	for range d.Array(0, session.Window) {
		replies = append(replies, d.BytesCopy())
	}
	return replies
}

// appendZnode appends a node after its section.
func appendZnode(dst []byte, r *znode.Record) []byte {
	dst = wire.AppendString(dst, r.Path)
	dst = wire.AppendBytes(dst, r.Data)
	dst = wire.AppendUint(dst, uint64(r.Czxid))
	dst = wire.AppendUint(dst, uint64(r.Mzxid))
	dst = wire.AppendUint(dst, uint64(r.Pzxid))
	dst = wire.AppendInt(dst, r.CtimeMS)
	dst = wire.AppendInt(dst, r.MtimeMS)
	dst = wire.AppendInt(dst, r.TouchMS)
	dst = wire.AppendInt(dst, r.Version)
	dst = wire.AppendInt(dst, r.Created)
	dst = wire.AppendInt(dst, r.Aversion)
	dst = wire.AppendUint(dst, r.Owner)
	dst = wire.AppendUint(dst, uint64(r.Kind))
	dst = wire.AppendInt(dst, r.TTLMS)
	return wire.AppendInt(dst, r.NumChildren)
}

func decodeZnode(d *wire.Decoder) znode.Record {
	return znode.Record{
		Path: d.String(), Data: d.BytesCopy(), Czxid: znode.Zxid(d.Uint()), Mzxid: znode.Zxid(d.Uint()), Pzxid: znode.Zxid(d.Uint()),
		CtimeMS: d.Int(), MtimeMS: d.Int(), TouchMS: d.Int(), Version: d.Int(), Created: d.Int(), Aversion: d.Int(),
		Owner: d.Uint(), Kind: znode.Kind(d.Uint8()), TTLMS: d.Int(), NumChildren: d.Int(),
	}
}
