package wire

import "encoding/binary"

// First bytes of the msgpack values that the protocol uses.
const (
	tagFixArray = 0x90 // 0x90 | n, n < 16
	tagFixStr   = 0xa0 // 0xa0 | n, n < 32
	tagNil      = 0xc0
	tagFalse    = 0xc2
	tagTrue     = 0xc3
	tagBin8     = 0xc4
	tagBin16    = 0xc5
	tagBin32    = 0xc6
	tagUint8    = 0xcc
	tagUint16   = 0xcd
	tagUint32   = 0xce
	tagUint64   = 0xcf
	tagInt8     = 0xd0
	tagInt16    = 0xd1
	tagInt32    = 0xd2
	tagInt64    = 0xd3
	tagStr8     = 0xd9
	tagStr16    = 0xda
	tagStr32    = 0xdb
	tagArray16  = 0xdc
	tagArray32  = 0xdd
	tagNegative = 0xe0 // 0xe0…0xff are -32…-1
)

// AppendNil appends the value nil.
func AppendNil(dst []byte) []byte { return append(dst, tagNil) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, tagTrue)
	}
	return append(dst, tagFalse)
}

// AppendUint appends an unsigned integer in its shortest form.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(dst, byte(v))
	case v < 1<<8:
		return append(dst, tagUint8, byte(v))
	case v < 1<<16:
		return append(dst, tagUint16, byte(v>>8), byte(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, tagUint32), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, tagUint64), v)
	}
}

// AppendInt appends a signed integer in its shortest form; one that is not negative has the form of [AppendUint].
func AppendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return AppendUint(dst, uint64(v))
	case v >= -32:
		return append(dst, byte(v))
	case v >= -1<<7:
		return append(dst, tagInt8, byte(v))
	case v >= -1<<15:
		return append(dst, tagInt16, byte(v>>8), byte(v))
	case v >= -1<<31:
		return binary.BigEndian.AppendUint32(append(dst, tagInt32), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, tagInt64), uint64(v))
	}
}

// AppendString appends a string.
func AppendString(dst []byte, v string) []byte {
	switch n := len(v); {
	case n < 32:
		dst = append(dst, tagFixStr|byte(n))
	case n < 1<<8:
		dst = append(dst, tagStr8, byte(n))
	case n < 1<<16:
		dst = append(dst, tagStr16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, tagStr32), uint32(n))
	}
	return append(dst, v...)
}

// AppendBytes appends binary data. A nil slice is written as empty data: the protocol does not tell them apart.
func AppendBytes(dst, v []byte) []byte { return append(appendBytesHead(dst, len(v)), v...) }

// appendBytesHead appends the head of n bytes of binary data, which must follow.
func appendBytesHead(dst []byte, n int) []byte {
	switch {
	case n < 1<<8:
		return append(dst, tagBin8, byte(n))
	case n < 1<<16:
		return append(dst, tagBin16, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, tagBin32), uint32(n))
	}
}

// AppendArray appends the head of an array; its n elements must follow. n must not be negative.
func AppendArray(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, tagFixArray|byte(n))
	case n < 1<<16:
		return append(dst, tagArray16, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, tagArray32), uint32(n))
	}
}

// ListMark is the place of an array whose length is not known yet.
type ListMark int

// listLengthMax is what the two length bytes of a patched array head hold.
const listLengthMax = 1<<16 - 1

// BeginList appends the head of an array whose length [EndList] fills in. The head has the three-byte form whatever the
// length is, because the elements follow at once.
func BeginList(dst []byte) ([]byte, ListMark) {
	return append(dst, tagArray16, 0, 0), ListMark(len(dst))
}

// EndList fills in the length of the array that [BeginList] began. It panics when n does not fit in 16 bits: pages are
// bounded by [PageLimitMax], so that is a mistake of the caller.
func EndList(dst []byte, mark ListMark, n int) []byte {
	if n < 0 || n > listLengthMax {
		panic("wire: a list of more than 65535 entries")
	}
	binary.BigEndian.PutUint16(dst[mark+1:], uint16(n))
	return dst
}
