package wire

// Fields reads the fields of one message, which is an array in a fixed order. It holds the protocol's rule for growth:
// fields that a newer peer added at the end are skipped, and fields that an older peer does not know keep their zero
// value.
//
//	f := d.Fields(1)
//	if f.Next() { m.Path = d.String() }
//	if f.Next() { m.Limit = d.Uint() }
//	f.End()
type Fields struct {
	d    *Decoder
	left int
}

// Fields reads the head of a message's array, which must have at least min fields and at most [FieldsMax].
func (d *Decoder) Fields(min int) Fields { return Fields{d: d, left: d.Array(min, FieldsMax)} }

// Next reports whether there is one more field to read. The caller must then read exactly one value.
func (f *Fields) Next() bool {
	if f.left == 0 || f.d.err != nil {
		return false
	}
	f.left--
	return true
}

// End skips the fields that are left.
func (f *Fields) End() {
	for f.Next() {
		f.d.Skip()
	}
}
