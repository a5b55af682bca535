package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Malformed reports bytes that are not a message of this protocol. Whoever sent them speaks another protocol or is
// broken, so the connection cannot go on.
type Malformed struct {
	Offset int    // where in the decoded bytes, counted from 0
	Detail string // what was expected there, or what is wrong
}

// Error implements error.
func (m *Malformed) Error() string {
	return fmt.Sprintf("malformed message: at byte %d: %s", m.Offset, m.Detail)
}

// Decoder reads values of the protocol's msgpack subset (nil, boolean, integer, string, binary, array) from a byte slice.
//
// Its error is sticky: after the first one every read gives the zero value, so a message is decoded without checks in
// between and [Decoder.Err] is asked at the end. It trusts no length: each declared length is compared with the bytes that
// are left before anything is allocated for it, and array lengths with the caller's limit too. Only [Decoder.String] and
// [Decoder.BytesCopy] allocate, as much as they return. A Decoder is a value; it must not be used from two goroutines.
type Decoder struct {
	in  []byte // emptied by the first error, so that fast paths need no second check
	off int    // next byte to read; 0 <= off <= len(in)
	err error
}

// NewDecoder returns a decoder over b, which it does not modify, and which must not change while aliases of it
// ([Decoder.Bytes], [Decoder.StringBytes], [Decoder.Rest]) are in use.
func NewDecoder(b []byte) Decoder { return Decoder{in: b} }

// Err returns the first error, nil if there was none.
func (d *Decoder) Err() error { return d.err }

// Rest returns the bytes that have not been read; it aliases the input.
func (d *Decoder) Rest() []byte { return d.in[d.off:] }

// End reports whether everything was read and was right: the sticky error, or a [Malformed] if bytes are left over.
func (d *Decoder) End() error {
	if d.err == nil && d.off != len(d.in) {
		d.Fail("bytes after the end of the message")
	}
	return d.err
}

// Fail makes the decoder fail with a [Malformed] at the current position, unless it has failed already. It is for rules
// that go beyond the encoding, such as a magic word.
func (d *Decoder) Fail(detail string) { d.failWith(&Malformed{Offset: d.off, Detail: detail}) }

func (d *Decoder) failWith(err error) {
	if d.err == nil {
		d.err = err
	}
	d.in, d.off = nil, 0
}

// left is the number of bytes not yet read.
func (d *Decoder) left() int { return len(d.in) - d.off }

// tag reads the first byte of a value.
func (d *Decoder) tag(want string) (byte, bool) {
	if d.off >= len(d.in) {
		if d.err == nil {
			d.Fail("the message ends where " + want + " is expected")
		}
		return 0, false
	}
	b := d.in[d.off]
	d.off++
	return b, true
}

// wrong fails at the tag that was just read.
func (d *Decoder) wrong(want string) {
	d.off--
	d.Fail(want + " is expected")
}

// fixed reads an unsigned big-endian number of n bytes (1, 2, 4 or 8).
func (d *Decoder) fixed(n int) uint64 {
	if d.left() < n {
		d.Fail("the message ends inside a number")
		return 0
	}
	b := d.in[d.off:]
	d.off += n
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

// Nil reports whether the next value is nil, and reads it if so. At the end of the input it answers false and does not
// fail; the read that follows will.
func (d *Decoder) Nil() bool {
	if d.off < len(d.in) && d.in[d.off] == tagNil {
		d.off++
		return true
	}
	return false
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool {
	const want = "a boolean"
	switch b, ok := d.tag(want); {
	case !ok:
	case b == tagTrue:
		return true
	case b != tagFalse:
		d.wrong(want)
	}
	return false
}

// Uint reads an integer of any width that is not negative.
func (d *Decoder) Uint() uint64 {
	const want = "an unsigned integer"
	b, ok := d.tag(want)
	switch {
	case !ok:
		return 0
	case b < 1<<7:
		return uint64(b)
	case b >= tagUint8 && b <= tagUint64:
		return d.fixed(1 << (b - tagUint8))
	case b >= tagInt8 && b <= tagInt64:
		if v := d.signed(b); v >= 0 {
			return uint64(v)
		}
		d.Fail("a negative number where an unsigned integer is expected")
		return 0
	}
	d.wrong(want)
	return 0
}

// Int reads an integer of any width that fits in 64 bits with sign.
func (d *Decoder) Int() int64 {
	const want = "an integer"
	b, ok := d.tag(want)
	switch {
	case !ok:
		return 0
	case b < 1<<7:
		return int64(b)
	case b >= tagNegative:
		return int64(int8(b))
	case b >= tagUint8 && b <= tagUint64:
		v := d.fixed(1 << (b - tagUint8))
		if v > math.MaxInt64 {
			d.Fail("a number of more than 63 bits")
			return 0
		}
		return int64(v)
	case b >= tagInt8 && b <= tagInt64:
		return d.signed(b)
	}
	d.wrong(want)
	return 0
}

// signed reads what follows one of the four signed tags.
func (d *Decoder) signed(tag byte) int64 {
	switch tag {
	case tagInt8:
		return int64(int8(d.fixed(1)))
	case tagInt16:
		return int64(int16(d.fixed(2)))
	case tagInt32:
		return int64(int32(d.fixed(4)))
	default:
		return int64(d.fixed(8))
	}
}

// Uint8 reads an unsigned integer of at most 8 bits: a kind, a mode, a type.
func (d *Decoder) Uint8() uint8 {
	v := d.Uint()
	if v > math.MaxUint8 {
		d.Fail("a number of more than 8 bits")
		return 0
	}
	return uint8(v)
}

// Choice reads the number of one of several things, all below 255, or a set of bits. A larger number is one that this version
// does not know, which is for the caller to say, and reads as 255: it is no reason to take the message for malformed.
func (d *Decoder) Choice() uint8 { return uint8(min(d.Uint(), math.MaxUint8)) }

// String reads a string and copies it. Its bytes may be anything, not only UTF-8.
func (d *Decoder) String() string { return string(d.StringBytes()) }

// StringBytes reads a string and returns its bytes, which alias the input.
func (d *Decoder) StringBytes() []byte {
	const want = "a string"
	b, ok := d.tag(want)
	switch {
	case !ok:
		return nil
	case b&0xe0 == tagFixStr:
		return d.take(uint64(b & 0x1f))
	case b >= tagStr8 && b <= tagStr32:
		return d.take(d.fixed(1 << (b - tagStr8)))
	}
	d.wrong(want)
	return nil
}

// Bytes reads binary data, which aliases the input. The value nil counts as empty data.
func (d *Decoder) Bytes() []byte {
	const want = "binary data"
	b, ok := d.tag(want)
	switch {
	case !ok, b == tagNil:
		return nil
	case b >= tagBin8 && b <= tagBin32:
		return d.take(d.fixed(1 << (b - tagBin8)))
	}
	d.wrong(want)
	return nil
}

// BytesCopy reads binary data and copies it; nil when it is empty.
func (d *Decoder) BytesCopy() []byte {
	b := d.Bytes()
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// take returns the next n bytes, which alias the input.
func (d *Decoder) take(n uint64) []byte {
	if d.err != nil {
		return nil
	}
	if n > uint64(d.left()) {
		d.Fail("a length of more bytes than are left")
		return nil
	}
	b := d.in[d.off : d.off+int(n) : d.off+int(n)]
	d.off += int(n)
	return b
}

// Array reads the head of an array and returns its length, which lies in [min, max]; 0 after an error. A length above
// the number of bytes left is refused: each element takes at least one.
func (d *Decoder) Array(min, max int) int {
	n, ok := d.arrayLength()
	switch {
	case !ok:
		return 0
	case n < uint64(min):
		d.Fail("an array with too few elements")
		return 0
	case n > uint64(max):
		d.Fail("an array with too many elements")
		return 0
	}
	return int(n)
}

// arrayLength reads the head of an array and compares its length only with the bytes that are left.
func (d *Decoder) arrayLength() (uint64, bool) {
	const want = "an array"
	b, ok := d.tag(want)
	if !ok {
		return 0, false
	}
	var n uint64
	switch {
	case b&0xf0 == tagFixArray:
		n = uint64(b & 0x0f)
	case b == tagArray16:
		n = d.fixed(2)
	case b == tagArray32:
		n = d.fixed(4)
	default:
		d.wrong(want)
	}
	if d.err != nil {
		return 0, false
	}
	if n > uint64(d.left()) {
		d.Fail("an array with more elements than bytes are left")
		return 0, false
	}
	return n, true
}

// arrayNext reports whether the next value is an array.
func (d *Decoder) arrayNext() bool {
	if d.off >= len(d.in) {
		return false
	}
	b := d.in[d.off]
	return b&0xf0 == tagFixArray || b == tagArray16 || b == tagArray32
}
