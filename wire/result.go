package wire

import "github.com/coxswain-io/coxswain/znode"

// Results are arrays; fields that a newer server adds are skipped. Lists are handed to a visit function instead of being
// collected, so that decoding allocates no more than the strings and data that it copies. The errors are all [*Malformed].

// DecodeCreated decodes the result of a Create: the final path, with the suffix of a sequential node, the stat, and whether
// it was there already ([znode.CreateIfAbsent]).
func DecodeCreated(result []byte) (path string, stat znode.Stat, existed bool, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		path = d.String()
	}
	if f.Next() {
		stat = d.Stat()
	}
	if f.Next() {
		existed = d.Bool()
	}
	f.End()
	return path, stat, existed, d.End()
}

// DecodeDeleted decodes the result of a DeleteTree: how many nodes were deleted.
func DecodeDeleted(result []byte) (count int64, err error) { return DecodeDescendants(result) }

// DecodeCopied decodes the result of a CopyTree or a MoveTree: the path and the stat of the copy's top, and how many nodes
// were made.
func DecodeCopied(result []byte) (path string, stat znode.Stat, count int64, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		path = d.String()
	}
	if f.Next() {
		stat = d.Stat()
	}
	if f.Next() {
		count = d.Int()
	}
	f.End()
	return path, stat, count, d.End()
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

// DecodeMulti decodes the result of a Multi, one call of visit for each operation. Data in a result is a copy.
func DecodeMulti(result []byte, visit func(znode.Result)) error {
	d := NewDecoder(result)
	decodeOpResults(&d, visit)
	return d.End()
}

// DecodeTxn decodes the result of a Txn: whether its conditions held, which was the first that did not (0 if they held), and
// one call of visit for each operation of the branch that was carried out.
func DecodeTxn(result []byte, visit func(znode.Result)) (held bool, failed int, err error) {
	d := NewDecoder(result)
	f := d.Fields(1)
	if f.Next() {
		held = d.Bool()
	}
	if f.Next() {
		failed = decodeIndex(&d)
	}
	if f.Next() {
		decodeOpResults(&d, visit)
	}
	f.End()
	return held, failed, d.End()
}

func decodeOpResults(d *Decoder, visit func(znode.Result)) {
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
		if f.Next() {
			r.Existed = d.Bool()
		}
		if f.Next() {
			r.Count = d.Int()
		}
		if f.Next() {
			r.Data = d.BytesCopy()
		}
		f.End()
		if d.Err() != nil {
			return
		}
		visit(r)
	}
}

// decodeIndex reads the index of an operation.
func decodeIndex(d *Decoder) int {
	i := d.Int()
	if i < 0 || i > OpsMax {
		d.Fail("the index of an operation is expected")
	}
	return int(i)
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
		e.Index = decodeIndex(&d)
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

// DecodeEmpty checks the result of a request that returns nothing: Delete, CloseSession, KillSession, Sync, Ping,
// SetWatches, AddWatches, RemoveWatch.
func DecodeEmpty(result []byte) error {
	d := NewDecoder(result)
	f := d.Fields(0)
	f.End()
	return d.End()
}
