package wire

import (
	"slices"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// Entry is one node in a list.
type Entry struct {
	Name string     // Children: the name. List: the path
	Stat znode.Stat // zero unless asked for
	Data []byte     // nil unless asked for; a copy
}

// BeginChildrenResult appends the beginning of a Children result; entries follow, each by [AppendEntry] or each by
// [AppendNodeEntry], then [EndChildrenResult].
func BeginChildrenResult(dst []byte) ([]byte, ListMark) {
	return BeginList(AppendArray(dst, 3))
}

// EndChildrenResult ends a Children result of n entries. more tells that there are children behind the last entry; stat is
// the parent's.
func EndChildrenResult(dst []byte, mark ListMark, n int, more bool, stat *znode.Stat) []byte {
	dst = EndList(dst, mark, n)
	dst = AppendBool(dst, more)
	return AppendStat(dst, stat)
}

// BeginListResult appends the beginning of a List result; entries follow as in a Children result, then [EndListResult].
func BeginListResult(dst []byte) ([]byte, ListMark) { return BeginChildrenResult(dst) }

// EndListResult ends a List result of n entries, which shows the tree as of the given zxid.
func EndListResult(dst []byte, mark ListMark, n int, more bool, asOf znode.Zxid) []byte {
	dst = EndList(dst, mark, n)
	dst = AppendBool(dst, more)
	return AppendUint(dst, uint64(asOf))
}

// AppendEntry appends an entry that is a name, or in a List a path, alone.
func AppendEntry(dst []byte, name string) []byte { return AppendString(dst, name) }

// AppendNodeEntry appends an entry with what withStat and withData ask for.
func AppendNodeEntry(dst []byte, name string, n *znode.Node, withStat, withData bool) []byte {
	dst = AppendArray(dst, optional(2, 1, withData))
	dst = AppendString(dst, name)
	if withStat {
		stat := n.Stat()
		dst = AppendStat(dst, &stat)
	} else {
		dst = AppendNil(dst)
	}
	if withData {
		dst = AppendBytes(dst, n.Data())
	}
	return dst
}

// SessionEntry is one session in a list of sessions.
type SessionEntry struct {
	ID         session.ID
	Name       string         // what its client calls itself
	Server     session.Server // where it is attached, or was last
	Attached   bool
	TimeoutMS  int64
	LeftMS     int64 // until it ends unless it is attached again, on the cluster clock; 0 while attached
	Ephemerals int64
	LastSeq    session.Seq // the number of its newest write
}

const sessionEntryFields = 8

// BeginSessionsResult appends the beginning of a Sessions result; entries follow by [AppendSessionEntry], then
// [EndSessionsResult].
func BeginSessionsResult(dst []byte) ([]byte, ListMark) { return BeginEphemeralsResult(dst) }

// AppendSessionEntry appends one session to a Sessions result.
func AppendSessionEntry(dst []byte, e *SessionEntry) []byte {
	dst = AppendArray(dst, sessionEntryFields)
	dst = AppendUint(dst, uint64(e.ID))
	dst = AppendString(dst, cut(e.Name, NameBytesMax))
	dst = AppendUint(dst, uint64(e.Server))
	dst = AppendBool(dst, e.Attached)
	dst = AppendInt(dst, e.TimeoutMS)
	dst = AppendInt(dst, e.LeftMS)
	dst = AppendInt(dst, e.Ephemerals)
	return AppendUint(dst, uint64(e.LastSeq))
}

// EndSessionsResult ends a Sessions result of n entries.
func EndSessionsResult(dst []byte, mark ListMark, n int, more bool) []byte {
	return EndEphemeralsResult(dst, mark, n, more)
}

// BeginEphemeralsResult appends the beginning of an Ephemerals result; paths follow by [AppendString], then
// [EndEphemeralsResult].
func BeginEphemeralsResult(dst []byte) ([]byte, ListMark) {
	return BeginList(AppendArray(dst, 2))
}

// EndEphemeralsResult ends an Ephemerals result of n paths.
func EndEphemeralsResult(dst []byte, mark ListMark, n int, more bool) []byte {
	return AppendBool(EndList(dst, mark, n), more)
}

// DecodeChildren decodes the result of a Children, one call of visit for each child. more tells that there are children
// behind the last one; stat is the parent's.
func DecodeChildren(result []byte, visit func(Entry)) (more bool, stat znode.Stat, err error) {
	return decodeChildren(result, func(d *Decoder) { decodeList(d, decodeEntry, visit) })
}

// DecodeChildNames is [DecodeChildren] for the names alone. They are parts of one copy of the result, which is held for as long
// as one of them is.
func DecodeChildNames(result []byte) (names []string, more bool, stat znode.Stat, err error) {
	more, stat, err = decodeChildren(result, func(d *Decoder) { names = decodeNames(d, string(result)) })
	return names, more, stat, err
}

// decodeChildren decodes what is around the entries of a Children, which are decoded by list.
func decodeChildren(result []byte, list func(*Decoder)) (more bool, stat znode.Stat, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		list(&d)
	}
	if f.Next() {
		more = d.Bool()
	}
	if f.Next() {
		stat = d.Stat()
	}
	f.End()
	return more, stat, d.End()
}

// DecodeList decodes the result of a List, one call of visit for each node. more tells that there are nodes behind the
// last one; asOf is the point in time that the page shows, to be stated when the next one is asked for.
func DecodeList(result []byte, visit func(Entry)) (more bool, asOf znode.Zxid, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		decodeList(&d, decodeEntry, visit)
	}
	if f.Next() {
		more = d.Bool()
	}
	if f.Next() {
		asOf = znode.Zxid(d.Uint())
	}
	f.End()
	return more, asOf, d.End()
}

// decodeNames reads a list of entries up to its end or to what is malformed, and returns their names as parts of all, which is
// what d decodes.
func decodeNames(d *Decoder, all string) []string {
	n := d.Array(0, listLengthMax)
	names := slices.Grow([]string(nil), min(n, d.left()/4)) // not more than a length that proves true is worth
	for range n {
		var more Fields // besides the name
		if d.arrayNext() {
			more = d.Fields(1)
			more.Next()
		}
		name := d.StringBytes()
		if d.err != nil {
			break
		}
		names = append(names, all[d.off-len(name):d.off])
		more.End()
	}
	return names
}

// decodeEntry reads a name, or a name with a stat and data.
func decodeEntry(d *Decoder) (e Entry) {
	if !d.arrayNext() {
		e.Name = d.String()
		return e
	}
	f := d.Fields(1)
	if f.Next() {
		e.Name = d.String()
	}
	if f.Next() {
		e.Stat = d.Stat()
	}
	if f.Next() {
		e.Data = d.BytesCopy()
	}
	f.End()
	return e
}

// DecodeSessions decodes the result of a Sessions, one call of visit for each session.
func DecodeSessions(result []byte, visit func(SessionEntry)) (more bool, err error) {
	return decodePage(result, decodeSessionEntry, visit)
}

func decodeSessionEntry(d *Decoder) (e SessionEntry) {
	f := d.Fields(1)
	if f.Next() {
		e.ID = session.ID(d.Uint())
	}
	if f.Next() {
		e.Name = d.String()
	}
	if f.Next() {
		e.Server = session.Server(d.Uint())
	}
	if f.Next() {
		e.Attached = d.Bool()
	}
	for _, number := range [...]*int64{&e.TimeoutMS, &e.LeftMS, &e.Ephemerals} {
		if f.Next() {
			*number = d.Int()
		}
	}
	if f.Next() {
		e.LastSeq = session.Seq(d.Uint())
	}
	f.End()
	return e
}

// DecodeEphemerals decodes the result of an Ephemerals, one call of visit for each path.
func DecodeEphemerals(result []byte, visit func(path string)) (more bool, err error) {
	return decodePage(result, (*Decoder).String, visit)
}

// decodePage decodes a result that is a list and whether there is more, one call of visit for each element.
func decodePage[T any](result []byte, one func(*Decoder) T, visit func(T)) (more bool, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		decodeList(&d, one, visit)
	}
	if f.Next() {
		more = d.Bool()
	}
	f.End()
	return more, d.End()
}

// decodeList decodes a list up to its end or to what is malformed, one call of visit for each element.
func decodeList[T any](d *Decoder, one func(*Decoder) T, visit func(T)) {
	for range d.Array(0, listLengthMax) {
		element := one(d)
		if d.Err() != nil {
			return
		}
		visit(element)
	}
}
