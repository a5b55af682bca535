package wire

import (
	"fmt"
	"math"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// headerFieldsMin is how many fields every request has; its body may be missing when all its fields are zero.
const headerFieldsMin = 4

// opBytesMin is the least size, in bytes, of one operation of a multi: two array heads, a kind, a path of one byte. A list
// that declares more operations than the bytes left can hold is refused before there is room made for it.
const opBytesMin = 5

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
// on: [*UnknownKind], [*Refusal] (a limit, an unknown level or kind of watch), [*Malformed]. A Malformed leaves Seq set if
// the header could be read.
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
	} else if missing := bodyOfZeros(r); missing {
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
		r.Kind = Kind(d.Uint8())
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

// bodyOfZeros reports whether a missing body is an error, because a path of zero bytes is no path.
func bodyOfZeros(r *Request) bool {
	switch r.Kind {
	case CloseSession, Sync, Ping, Multi, MultiRead, SetWatches:
		return false
	default:
		return true
	}
}

// decodeRequestBody returns a refusal; what is malformed is the decoder's error.
func decodeRequestBody(d *Decoder, r *Request) error {
	switch r.Kind {
	case Create, Delete, Set:
		r.Ops = append(r.Ops, znode.Op{Kind: znode.OpKind(r.Kind)})
		r.HasACL = decodeOp(d, &r.Ops[0])
		return nil
	case Multi:
		return decodeMulti(d, r)
	case MultiRead:
		return decodeMultiRead(d, r)
	case SetWatches:
		return decodeSetWatches(d, r)
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

// decodeOp decodes the body of an operation whose kind is set, and reports whether an access control list came with it.
func decodeOp(d *Decoder, op *znode.Op) (hasACL bool) {
	f := d.Fields(1)
	if f.Next() {
		op.Path = d.String()
	}
	if (op.Kind == znode.OpCreate || op.Kind == znode.OpSet) && f.Next() {
		op.Data = d.BytesCopy()
	}
	if op.Kind == znode.OpCreate {
		if f.Next() {
			op.Mode = znode.Mode(d.Uint8())
		}
		if f.Next() {
			op.TTLMS = d.Int()
		}
		if f.Next() {
			hasACL = decodeACL(d)
		}
	} else if f.Next() && !d.Nil() {
		op.Guard = znode.IfVersion(d.Int())
	}
	f.End()
	return hasACL
}

// decodeACL reads the place of an access control list, and reports whether there is one: nil and the empty list are none.
func decodeACL(d *Decoder) bool {
	if d.Nil() {
		return false
	}
	n := d.Array(0, math.MaxInt32)
	for range n {
		d.Skip()
	}
	return n > 0
}

func decodeMulti(d *Decoder, r *Request) error {
	n, ok := d.arrayLength()
	if !ok {
		return nil
	}
	if n > OpsMax {
		return &Refusal{CodeTooMany, fmt.Sprintf("%d operations in one multi, the limit is %d", n, OpsMax)}
	}
	if n*opBytesMin > uint64(d.left()) {
		d.Fail("an array with more operations than the bytes left can hold")
		return nil
	}
	r.Ops = roomFor(r.Ops, int(n))
	for i := range int(n) {
		f := d.Fields(2)
		op := znode.Op{}
		if f.Next() {
			op.Kind = znode.OpKind(d.Uint8())
		}
		if d.Err() == nil && (op.Kind < znode.OpCreate || op.Kind > znode.OpCheck) {
			return &UnknownKind{Kind: Kind(op.Kind), Part: i}
		}
		if f.Next() && decodeOp(d, &op) {
			r.HasACL = true
		}
		f.End()
		if d.Err() != nil {
			return nil
		}
		r.Ops = append(r.Ops, op)
	}
	return nil
}

// decodeRead decodes the reads of one path.
func decodeRead(d *Decoder, r *Request) error {
	f := d.Fields(2)
	if f.Next() {
		r.Level = Level(d.Uint8())
	}
	if f.Next() {
		r.Path = d.String()
	}
	if r.Kind != Descendants && r.Kind != Ephemerals && f.Next() {
		r.Watch = d.Bool()
	}
	if r.Kind == Children || r.Kind == Ephemerals {
		if f.Next() {
			r.After = d.String()
		}
		if f.Next() {
			r.Limit = int(min(d.Uint(), PageLimitMax))
		}
	}
	if r.Kind == Children && f.Next() {
		r.WithStat = d.Bool()
	}
	f.End()
	return r.checkLevel()
}

func (r *Request) checkLevel() error {
	if !r.Level.Valid() {
		return &Refusal{CodeBadArguments, fmt.Sprintf("level %d, there are 0 (linearizable) and 1 (session)", r.Level)}
	}
	return nil
}

func decodeMultiRead(d *Decoder, r *Request) error {
	outer := d.Fields(0)
	if outer.Next() {
		r.Level = Level(d.Uint8())
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
				read.Kind = Kind(d.Uint8())
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
	outer.End()
	return r.checkLevel()
}

func decodeSetWatches(d *Decoder, r *Request) error {
	f := d.Fields(0)
	if f.Next() {
		r.Since = znode.Zxid(d.Uint())
	}
	total := uint64(0)
	for _, list := range [...]*[]string{&r.DataPaths, &r.ExistPaths, &r.ChildPaths} {
		if !f.Next() {
			break
		}
		n, ok := d.arrayLength()
		if !ok {
			return nil
		}
		if total += n; total > WatchPathsPerFrameMax {
			return &Refusal{CodeTooMany, fmt.Sprintf("%d watches in one request, the limit is %d; send several", total, WatchPathsPerFrameMax)}
		}
		*list = roomFor(*list, int(n))
		for range n {
			*list = append(*list, d.String())
		}
		if d.Err() != nil {
			return nil
		}
	}
	f.End()
	return nil
}

func decodeRemoveWatch(d *Decoder, r *Request) error {
	f := d.Fields(2)
	if f.Next() {
		r.WatchKind = WatchKind(d.Uint8())
	}
	if f.Next() {
		r.Path = d.String()
	}
	f.End()
	if d.Err() == nil && !r.WatchKind.Valid() {
		return &Refusal{CodeBadArguments, fmt.Sprintf("watch kind %d, there are 1 (data) and 2 (child)", r.WatchKind)}
	}
	return nil
}
