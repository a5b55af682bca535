package wire

import (
	"fmt"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// headerFieldsMin is how many fields every request has; its body may be missing when all its fields are zero.
const headerFieldsMin = 4

// PeekHeader decodes the header of a request whose frame was not kept, from its first bytes ([FrameTooLarge]); ok is false
// if they are not a request.
func PeekHeader(head []byte) (kind Kind, xid Xid, seq, ack session.Seq, ok bool) {
	d := NewDecoder(head)
	var r Request
	f := d.Fields(headerFieldsMin)
	decodeHeader(&d, &f, &r)
	return r.Kind, r.Xid, r.Seq, r.Ack, d.Err() == nil
}

// DecodeRequest decodes the body of a request's frame into r, which it resets first. Paths and data are copied: nothing in
// r aliases body. Errors, in all of which but Malformed the header (Kind, Xid, Seq, Ack) is valid and the connection can go
// on: [*UnknownKind], [*Refusal] (a limit, an unknown level, an unknown kind, mode or option of a watch), [*Malformed]. A
// Malformed leaves Seq set if the header could be read.
//
// Paths, modes and sizes are not judged here: the tree does that, with its own error.
func DecodeRequest(body []byte, r *Request) error {
	r.Reset()
	d := NewDecoder(body)
	f := d.Fields(headerFieldsMin)
	decodeHeader(&d, &f, r)
	if err := d.Err(); err != nil {
		return err
	}
	if !r.Kind.Known() {
		return &UnknownKind{Kind: r.Kind, Part: -1}
	}
	var refusal error
	if f.Next() {
		refusal = decodeRequestBody(&d, r)
	} else if needsBody(r.Kind) {
		d.Fail("a request of this kind has a body")
	}
	if refusal != nil { // the rest of the frame has not been looked at, and need not be
		return refusal
	}
	f.End()
	return d.End()
}

func decodeHeader(d *Decoder, f *Fields, r *Request) {
	if f.Next() {
		r.Kind = Kind(d.Choice())
	}
	if f.Next() {
		r.Xid = Xid(d.Uint())
	}
	if f.Next() {
		r.Seq = session.Seq(d.Uint())
	}
	if f.Next() {
		r.Ack = session.Seq(d.Uint())
	}
}

// needsBody reports whether a missing body is an error, because a path of zero bytes is no path, and 0 is no session.
func needsBody(k Kind) bool {
	switch k {
	case CloseSession, Sync, Ping, Multi, Txn, MultiRead, SetWatches, Sessions, AddWatches:
		return false
	default:
		return true
	}
}

// decodeRequestBody returns a refusal; what is malformed is the decoder's error.
func decodeRequestBody(d *Decoder, r *Request) error {
	switch r.Kind {
	case Create, Delete, Set, DeleteTree, CopyTree, MoveTree:
		r.Ops = append(r.Ops, znode.Op{Kind: znode.OpKind(r.Kind)})
		r.HasACL = decodeOp(d, &r.Ops[0])
		return nil
	case Multi:
		var refusal error
		r.Ops, refusal = decodeOps(d, r, r.Ops, 0)
		return refusal
	case Txn:
		return decodeTxn(d, r)
	case KillSession:
		f := d.Fields(1)
		if f.Next() {
			r.Target = session.ID(d.Uint())
		}
		f.End()
		return nil
	case MultiRead:
		return decodeMultiRead(d, r)
	case Sessions:
		return decodeSessions(d, r)
	case Outcomes:
		decodeOutcomes(d, r)
		return nil
	case SetWatches:
		return decodeSetWatches(d, r)
	case AddWatches:
		return decodeAddWatches(d, r)
	case RemoveWatch:
		return decodeRemoveWatch(d, r)
	case CloseSession, Sync, Ping:
		f := d.Fields(0)
		f.End()
		return nil
	default:
		return decodeRead(d, r)
	}
}

// decodeRead decodes the reads of one path.
func decodeRead(d *Decoder, r *Request) error {
	f := d.Fields(2)
	if f.Next() {
		r.Level = Level(d.Choice())
	}
	if f.Next() {
		r.Path = d.String()
	}
	paged := r.Kind == Children || r.Kind == Ephemerals || r.Kind == List
	if (r.Kind == Get || r.Kind == Exists || r.Kind == Children) && f.Next() {
		r.Watch = d.Bool()
	}
	if paged && f.Next() {
		r.After = d.String()
	}
	if paged && f.Next() {
		r.Limit = decodeLimit(d)
	}
	if (r.Kind == Children || r.Kind == List) && f.Next() {
		r.WithStat = d.Bool()
	}
	if r.Kind == List && f.Next() {
		r.WithData = d.Bool()
	}
	if f.Next() {
		r.AtLeast = znode.Zxid(d.Uint())
	}
	if r.Kind == Children && f.Next() {
		r.WithData = d.Bool()
	}
	if r.Kind == List && f.Next() {
		r.AsOf = znode.Zxid(d.Uint())
	}
	f.End()
	return r.checkLevel()
}

// decodeLimit reads the limit of a page.
func decodeLimit(d *Decoder) int { return int(min(d.Uint(), PageLimitMax)) }

func (r *Request) checkLevel() error {
	if !r.Level.Valid() {
		return &Refusal{CodeBadArguments, fmt.Sprintf("level %d, there are 0 (linearizable), 1 (session) and 2 (at least)", r.Level)}
	}
	return nil
}

func decodeSessions(d *Decoder, r *Request) error {
	f := d.Fields(0)
	if f.Next() {
		r.Level = Level(d.Choice())
	}
	if f.Next() {
		r.AfterID = session.ID(d.Uint())
	}
	if f.Next() {
		r.Limit = decodeLimit(d)
	}
	if f.Next() {
		r.AtLeast = znode.Zxid(d.Uint())
	}
	f.End()
	return r.checkLevel()
}

func decodeOutcomes(d *Decoder, r *Request) {
	f := d.Fields(2)
	if f.Next() {
		r.Target = session.ID(d.Uint())
	}
	if f.Next() {
		r.Password = decodePassword(d)
	}
	if f.Next() {
		r.FromSeq = session.Seq(d.Uint())
	}
	f.End()
}

func decodeMultiRead(d *Decoder, r *Request) error {
	outer := d.Fields(0)
	if outer.Next() {
		r.Level = Level(d.Choice())
	}
	if outer.Next() {
		n, ok := d.arrayLength()
		if !ok {
			return nil
		}
		if n > ReadsMax {
			return &Refusal{CodeTooMany, fmt.Sprintf("%d reads in one multi-read, the limit is %d", n, ReadsMax)}
		}
		r.Reads = roomFor(r.Reads, int(n))
		for i := range int(n) {
			f := d.Fields(2)
			read := Read{}
			if f.Next() {
				read.Kind = Kind(d.Choice())
			}
			if f.Next() {
				read.Path = d.String()
			}
			f.End()
			if d.Err() != nil {
				return nil
			}
			if read.Kind != Get && read.Kind != Exists && read.Kind != Children {
				return &UnknownKind{Kind: read.Kind, Part: i}
			}
			r.Reads = append(r.Reads, read)
		}
	}
	if outer.Next() {
		r.AtLeast = znode.Zxid(d.Uint())
	}
	outer.End()
	return r.checkLevel()
}
