package wire

import (
	"fmt"
	"math"
	"strconv"

	"github.com/coxswain-io/coxswain/znode"
)

// appendOps appends the operations of a transaction, each with its kind.
func appendOps(dst []byte, ops []znode.Op) []byte {
	dst = AppendArray(dst, len(ops))
	for i := range ops {
		dst = AppendArray(dst, 2)
		dst = AppendUint(dst, uint64(ops[i].Kind))
		dst = appendOp(dst, &ops[i])
	}
	return dst
}

// appendOp appends the body of one operation.
func appendOp(dst []byte, op *znode.Op) []byte {
	switch op.Kind {
	case znode.OpCreate:
		dst = AppendArray(dst, optional(5, 1, op.Flags != 0))
		dst = AppendString(dst, op.Path)
		dst = AppendBytes(dst, op.Data)
		dst = AppendUint(dst, uint64(op.Mode))
		dst = AppendInt(dst, op.TTLMS)
		dst = AppendNil(dst) // the access control list
		if op.Flags != 0 {
			dst = AppendUint(dst, uint64(op.Flags))
		}
		return dst
	case znode.OpSet:
		dst = AppendArray(dst, 3)
		dst = AppendString(dst, op.Path)
		dst = AppendBytes(dst, op.Data)
		return appendGuard(dst, op.Guard)
	case znode.OpDelete, znode.OpCheck, znode.OpDeleteTree:
		dst = AppendArray(dst, 2)
		dst = AppendString(dst, op.Path)
		return appendGuard(dst, op.Guard)
	case znode.OpCopyTree, znode.OpMoveTree:
		dst = AppendArray(dst, 3)
		dst = AppendString(dst, op.Path)
		dst = AppendString(dst, op.To)
		return appendGuard(dst, op.Guard)
	case znode.OpRead:
		return AppendString(AppendArray(dst, 1), op.Path)
	}
	panic("wire: an operation of unknown kind " + strconv.Itoa(int(op.Kind)))
}

// appendGuard appends what an operation expects: nil for nothing, a number for a version alone, else a list.
func appendGuard(dst []byte, g znode.Guard) []byte {
	version, hasVersion := g.Version()
	if g.VersionOnly() {
		if hasVersion {
			return AppendInt(dst, version)
		}
		return AppendNil(dst)
	}
	dst = AppendArray(dst, 5)
	if hasVersion {
		dst = AppendInt(dst, version)
	} else {
		dst = AppendNil(dst)
	}
	dst = appendOptionalZxid(dst, g.Czxid)
	dst = appendOptionalZxid(dst, g.Mzxid)
	if data, ok := g.Data(); ok {
		dst = append(appendBytesHead(dst, len(data)), data...)
	} else {
		dst = AppendNil(dst)
	}
	return AppendBool(dst, g.Absent())
}

func appendOptionalZxid(dst []byte, get func() (znode.Zxid, bool)) []byte {
	if z, ok := get(); ok {
		return AppendUint(dst, uint64(z))
	}
	return AppendNil(dst)
}

// The least sizes, in bytes, of an operation with its kind (two array heads, the kind, a path) and of a condition (an array
// head, a path). Also an empty path is room for one: it is the tree that refuses it. A list that declares more than the
// bytes left can hold is refused before there is room made for it.
const (
	opBytesMin        = 4
	conditionBytesMin = 2
)

// decodeOps decodes a list of operations, each with its kind, to the end of ops. before is how many the request has had.
func decodeOps(d *Decoder, r *Request, ops []znode.Op, before int) ([]znode.Op, error) {
	n, refusal := decodeOpCount(d, before, opBytesMin)
	if refusal != nil || d.Err() != nil {
		return ops, refusal
	}
	ops = roomFor(ops, n)
	for i := range n {
		f := d.Fields(2)
		op := znode.Op{}
		if f.Next() {
			op.Kind = znode.OpKind(d.Choice())
		}
		if d.Err() == nil && !knownOp(op.Kind) {
			return ops, &UnknownKind{Kind: Kind(op.Kind), Part: i}
		}
		if f.Next() && decodeOp(d, &op) {
			r.HasACL = true
		}
		f.End()
		if d.Err() != nil {
			return ops, nil
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// decodeOpCount reads the length of a list of operations of at least bytesMin each, of which the request has had some
// before.
func decodeOpCount(d *Decoder, before int, bytesMin uint64) (int, error) {
	n, ok := d.arrayLength()
	if !ok {
		return 0, nil
	}
	if n > uint64(OpsMax-before) {
		return 0, &Refusal{CodeTooMany, fmt.Sprintf("%d operations in one transaction, the limit is %d", n+uint64(before), OpsMax)}
	}
	if n*bytesMin > uint64(d.left()) {
		d.Fail("an array with more operations than the bytes left can hold")
		return 0, nil
	}
	return int(n), nil
}

func knownOp(k znode.OpKind) bool {
	switch k {
	case znode.OpCreate, znode.OpDelete, znode.OpSet, znode.OpCheck, znode.OpDeleteTree, znode.OpCopyTree, znode.OpMoveTree, znode.OpRead:
		return true
	}
	return false
}

// decodeTxn decodes the conditions of a transaction and its two branches.
func decodeTxn(d *Decoder, r *Request) error {
	outer := d.Fields(0)
	var refusal error
	if outer.Next() {
		if refusal = decodeConditions(d, r); refusal != nil {
			return refusal
		}
	}
	if outer.Next() {
		if r.Ops, refusal = decodeOps(d, r, r.Ops, len(r.If)); refusal != nil {
			return refusal
		}
	}
	if outer.Next() {
		if r.Else, refusal = decodeOps(d, r, r.Else, len(r.If)+len(r.Ops)); refusal != nil {
			return refusal
		}
	}
	outer.End()
	return nil
}

func decodeConditions(d *Decoder, r *Request) error {
	n, refusal := decodeOpCount(d, 0, conditionBytesMin)
	if refusal != nil {
		return refusal
	}
	r.If = roomFor(r.If, n)
	for range n {
		op := znode.Op{Kind: znode.OpCheck}
		decodeOp(d, &op)
		if d.Err() != nil {
			return nil
		}
		r.If = append(r.If, op)
	}
	return nil
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
	if (op.Kind == znode.OpCopyTree || op.Kind == znode.OpMoveTree) && f.Next() {
		op.To = d.String()
	}
	switch op.Kind {
	case znode.OpCreate:
		if f.Next() {
			op.Mode = znode.Mode(d.Choice())
		}
		if f.Next() {
			op.TTLMS = d.Int()
		}
		if f.Next() {
			hasACL = decodeACL(d)
		}
		if f.Next() {
			op.Flags = znode.CreateFlags(d.Choice())
		}
	case znode.OpRead: // has no guard
	default:
		if f.Next() {
			op.Guard = decodeGuard(d)
		}
	}
	f.End()
	return hasACL
}

// decodeGuard reads what an operation expects: nothing, a version, or a list. In the list nil data are no expectation, and
// empty data are one.
func decodeGuard(d *Decoder) (g znode.Guard) {
	if d.Nil() {
		return g
	}
	if !d.arrayNext() {
		return znode.IfVersion(d.Int())
	}
	f := d.Fields(0)
	if f.Next() && !d.Nil() {
		g = g.AndVersion(d.Int())
	}
	if f.Next() && !d.Nil() {
		g = g.AndCzxid(znode.Zxid(d.Uint()))
	}
	if f.Next() && !d.Nil() {
		g = g.AndMzxid(znode.Zxid(d.Uint()))
	}
	if f.Next() && !d.Nil() {
		g = g.AndData(d.Bytes())
	}
	if f.Next() && d.Bool() {
		g = g.AndAbsent()
	}
	f.End()
	return g
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
