package wire

import "github.com/coxswain-io/coxswain/znode"

// Results are arrays; fields that a newer server adds are skipped. Lists are handed to a visit function instead of being collected, so that decoding
// allocates no more than the strings that it copies. The errors are all [*Malformed].

// DecodeCreated decodes the result of a Create: the final path, with the suffix of a sequential node, and the stat.
func DecodeCreated(result []byte) (path string, stat znode.Stat, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		path = d.String()
	}
	if f.Next() {
		stat = d.Stat()
	}
	f.End()
	return path, stat, d.End()
}

// DecodeStat decodes the result of a Set or an Exists.
func DecodeStat(result []byte) (stat znode.Stat, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		stat = d.Stat()
	}
	f.End()
	return stat, d.End()
}

// DecodeGot decodes the result of a Get. The data is a copy.
func DecodeGot(result []byte) (data []byte, stat znode.Stat, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		data = d.BytesCopy()
	}
	if f.Next() {
		stat = d.Stat()
	}
	f.End()
	return data, stat, d.End()
}

// DecodeMulti decodes the result of a Multi, one call of visit for each operation.
func DecodeMulti(result []byte, visit func(znode.Result)) error {
	d := NewDecoder(result)
	for range d.Array(0, OpsMax) {
		f := d.Fields(1)
		var r znode.Result
		if f.Next() {
			r.Kind = znode.OpKind(d.Uint8())
		}
		if f.Next() {
			r.Path = d.String()
		}
		if f.Next() {
			r.Stat = d.Stat()
		}
		f.End()
		if d.Err() != nil {
			break
		}
		visit(r)
	}
	return d.End()
}

// DecodeChildren decodes the result of a Children, one call of visit for each child, with the zero stat if stats were not
// asked for. more tells that there are children behind the last one; stat is the parent's.
func DecodeChildren(result []byte, visit func(name string, stat znode.Stat)) (more bool, stat znode.Stat, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		for range d.Array(0, listLengthMax) {
			name, child := decodeChild(&d)
			if d.Err() != nil {
				break
			}
			visit(name, child)
		}
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

// decodeChild reads a name, or a name and a stat.
func decodeChild(d *Decoder) (name string, stat znode.Stat) {
	if !d.arrayNext() {
		return d.String(), stat
	}
	f := d.Fields(1)
	if f.Next() {
		name = d.String()
	}
	if f.Next() {
		stat = d.Stat()
	}
	f.End()
	return name, stat
}

// DecodeDescendants decodes the result of a Descendants.
func DecodeDescendants(result []byte) (n int64, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		n = d.Int()
	}
	f.End()
	return n, d.End()
}

// DecodeEphemerals decodes the result of an Ephemerals, one call of visit for each path.
func DecodeEphemerals(result []byte, visit func(path string)) (more bool, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		for range d.Array(0, listLengthMax) {
			path := d.String()
			if d.Err() != nil {
				break
			}
			visit(path)
		}
	}
	if f.Next() {
		more = d.Bool()
	}
	f.End()
	return more, d.End()
}

// DecodeMultiRead decodes the result of a MultiRead, one call of visit for each part, in order. part is the result of a
// Get, an Exists or a Children, or with a code other than 0 that of [DecodeFailure]; it aliases result.
func DecodeMultiRead(result []byte, visit func(code Code, part []byte)) error {
	d := NewDecoder(result)
	for range d.Array(0, ReadsMax) {
		f := d.Fields(2)
		var code Code
		var part []byte
		if f.Next() {
			code = decodeCode(&d)
		}
		if f.Next() {
			from := d.Rest()
			d.Skip()
			if d.Err() == nil {
				part = from[: len(from)-d.left() : len(from)-d.left()]
			}
		}
		f.End()
		if d.Err() != nil {
			break
		}
		visit(code, part)
	}
	return d.End()
}

// Failure is why a request was refused, as its reply tells it.
type Failure struct {
	Path   string // what is at fault: for NoNode on a create the missing parent
	Index  int    // which operation of a multi
	Actual int64  // BadVersion: the node's version. Gap: the highest number that the session has used up
	Detail string // one clause: which rule or limit, and what to do
}

// DecodeFailure decodes the result of a reply whose code is not 0.
func DecodeFailure(result []byte) (Failure, error) {
	var e Failure
	d := NewDecoder(result)
	f := d.Fields(0)
	if f.Next() {
		e.Path = d.String()
	}
	if f.Next() {
		i := d.Int()
		if i < 0 || i > OpsMax {
			d.Fail("the index of an operation is expected")
		}
		e.Index = int(i)
	}
	if f.Next() {
		e.Actual = d.Int()
	}
	if f.Next() {
		e.Detail = d.String()
	}
	f.End()
	if err := d.End(); err != nil {
		return Failure{}, err
	}
	return e, nil
}

// DecodeEmpty checks the result of a request that returns nothing: Delete, CloseSession, Sync, Ping, SetWatches,
// RemoveWatch.
func DecodeEmpty(result []byte) error {
	d := NewDecoder(result)
	f := d.Fields(0)
	f.End()
	return d.End()
}
