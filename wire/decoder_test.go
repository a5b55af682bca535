package wire

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIntegersAreWrittenInTheirShortestForm(t *testing.T) {
	for _, c := range []struct {
		v    int64
		size int
	}{
		{0, 1}, {127, 1}, {128, 2}, {255, 2}, {256, 3}, {65535, 3}, {65536, 5}, {math.MaxUint32, 5}, {math.MaxUint32 + 1, 9}, {math.MaxInt64, 9},
		{-1, 1}, {-32, 1}, {-33, 2}, {-128, 2}, {-129, 3}, {-32768, 3}, {-32769, 5}, {math.MinInt32, 5}, {math.MinInt32 - 1, 9}, {math.MinInt64, 9},
	} {
		b := AppendInt(nil, c.v)
		if len(b) != c.size {
			t.Errorf("%d takes %d bytes, want %d", c.v, len(b), c.size)
		}
		d := NewDecoder(b)
		if got := d.Int(); got != c.v || d.End() != nil {
			t.Errorf("%d came back as %d, %v", c.v, got, d.End())
		}
	}
	d := NewDecoder(AppendUint(nil, math.MaxUint64))
	if got := d.Uint(); got != math.MaxUint64 {
		t.Errorf("the largest number came back as %d", got)
	}
}

func TestIntegersOfAnyWidthAreRead(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  int64
	}{
		{"\x05", 5}, {"\xcc\x05", 5}, {"\xcd\x00\x05", 5}, {"\xce\x00\x00\x00\x05", 5}, {"\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 5},
		{"\xd0\x05", 5}, {"\xd1\x00\x05", 5}, {"\xd2\x00\x00\x00\x05", 5}, {"\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 5},
		{"\xff", -1}, {"\xd0\xff", -1}, {"\xd1\xff\xff", -1}, {"\xd2\xff\xff\xff\xff", -1}, {"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", -1},
	} {
		d := NewDecoder([]byte(c.bytes))
		if got := d.Int(); got != c.want || d.End() != nil {
			t.Errorf("Int of % x is %d, %v; want %d", c.bytes, got, d.End(), c.want)
		}
		d = NewDecoder([]byte(c.bytes))
		if got := d.Uint(); c.want >= 0 && (got != uint64(c.want) || d.End() != nil) || c.want < 0 && d.Err() == nil {
			t.Errorf("Uint of % x is %d, %v", c.bytes, got, d.Err())
		}
	}
	d := NewDecoder([]byte("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"))
	if d.Int(); d.Err() == nil {
		t.Error("2^63 was read as a signed number")
	}
}

func TestLengthsOfAnyWidthAreRead(t *testing.T) {
	for _, s := range []string{"\xa2hi", "\xd9\x02hi", "\xda\x00\x02hi", "\xdb\x00\x00\x00\x02hi"} {
		d := NewDecoder([]byte(s))
		if got := d.String(); got != "hi" || d.End() != nil {
			t.Errorf("string % x: %q, %v", s, got, d.End())
		}
	}
	for _, s := range []string{"\xc4\x02hi", "\xc5\x00\x02hi", "\xc6\x00\x00\x00\x02hi"} {
		d := NewDecoder([]byte(s))
		if got := d.Bytes(); string(got) != "hi" || d.End() != nil {
			t.Errorf("data % x: %q, %v", s, got, d.End())
		}
	}
	for _, s := range []string{"\x92\x01\x02", "\xdc\x00\x02\x01\x02", "\xdd\x00\x00\x00\x02\x01\x02"} {
		d := NewDecoder([]byte(s))
		if n := d.Array(2, 2); n != 2 || d.Uint() != 1 || d.Uint() != 2 || d.End() != nil {
			t.Errorf("array % x: %v", s, d.End())
		}
	}
	for n := range 1 << 17 {
		if n > 300 && n < 65_500 || n > 65_600 && n < 131_000 {
			continue
		}
		data := make([]byte, n)
		d := NewDecoder(AppendString(AppendBytes(nil, data), string(data)))
		if b, s := d.BytesCopy(), d.String(); len(b) != n || len(s) != n || d.End() != nil {
			t.Fatalf("%d bytes came back as %d and %d, %v", n, len(b), len(s), d.End())
		}
	}
}

func TestNilIsEmptyData(t *testing.T) {
	d := NewDecoder([]byte{tagNil, tagNil, 0x01})
	if b := d.Bytes(); b != nil || !d.Nil() || d.Nil() || d.Uint() != 1 || d.End() != nil {
		t.Errorf("%v, %v", b, d.End())
	}
}

func TestErrorIsStickyAndTellsTheFirstPlace(t *testing.T) {
	d := NewDecoder([]byte{0x01, tagTrue, 0x02})
	if d.Uint() != 1 || d.Uint() != 0 || d.Uint() != 0 || d.Bool() || d.String() != "" || d.Bytes() != nil || d.Array(0, 5) != 0 || d.Nil() {
		t.Error("a read after the error gave something")
	}
	d.Skip()
	var m *Malformed
	if err := d.End(); !errors.As(err, &m) || m.Offset != 1 || !strings.Contains(err.Error(), "unsigned integer") {
		t.Errorf("got %v", d.End())
	}
}

func TestBytesLeftOverAreRefused(t *testing.T) {
	for _, m := range messages() {
		if _, err := m.decode(append(append([]byte(nil), m.body()...), 0)); err == nil {
			t.Errorf("%s followed by one more byte was accepted", m.name)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for _, m := range messages() {
		body := m.body()
		for n := range body {
			var malformed *Malformed
			if _, err := m.decode(body[:n:n]); !errors.As(err, &malformed) {
				t.Errorf("%s cut to %d of %d bytes: %v", m.name, n, len(body), err)
			}
		}
	}
}

func TestSkipReadsExactlyOneValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := AppendUint(appendRandom(t, nil, SkipDepthMax), 42)
		d := NewDecoder(value)
		d.Skip()
		if got := d.Uint(); got != 42 || d.End() != nil {
			t.Fatalf("after % x: %d, %v", value, got, d.End())
		}
	})
}

// appendRandom appends a value of the subset whose arrays nest at most depth deep.
func appendRandom(t *rapid.T, dst []byte, depth int) []byte {
	switch kind := rapid.IntRange(0, 7).Draw(t, "kind"); {
	case kind == 0:
		return AppendNil(dst)
	case kind == 1:
		return AppendBool(dst, rapid.Bool().Draw(t, "bool"))
	case kind == 2:
		return AppendUint(dst, rapid.Uint64().Draw(t, "uint"))
	case kind == 3:
		return AppendInt(dst, rapid.Int64().Draw(t, "int"))
	case kind == 4:
		return AppendString(dst, rapid.StringN(0, 40, 300).Draw(t, "string"))
	case kind == 5:
		return AppendBytes(dst, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes"))
	case depth == 0:
		return AppendArray(dst, 0)
	}
	n := rapid.IntRange(0, 4).Draw(t, "n")
	dst = AppendArray(dst, n)
	for range n {
		dst = appendRandom(t, dst, depth-1)
	}
	return dst
}

func TestSkipBoundsDepthAndKinds(t *testing.T) {
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0x01) }
	d := NewDecoder(deep(SkipDepthMax))
	if d.Skip(); d.End() != nil {
		t.Errorf("%d deep: %v", SkipDepthMax, d.End())
	}
	d = NewDecoder(deep(SkipDepthMax + 1))
	if d.Skip(); d.Err() == nil {
		t.Error("one deeper was accepted")
	}
	for name, value := range map[string]string{
		"map": "\x80", "map16": "\xde\x00\x00", "map32": "\xdf\x00\x00\x00\x00", "never used": "\xc1", "float32": "\xca\x00\x00\x00\x00",
		"float64": "\xcb\x00\x00\x00\x00\x00\x00\x00\x00", "fixext": "\xd4\x01\x00", "ext8": "\xc7\x00\x01", "ext32": "\xc9\x00\x00\x00\x00\x01",
	} {
		d := NewDecoder([]byte(value))
		if d.Skip(); d.Err() == nil {
			t.Errorf("a %s was accepted", name)
		}
	}
}

func TestPatchedListHoldsUpTo16Bits(t *testing.T) {
	dst, mark := BeginList([]byte("in front"))
	dst = AppendUint(dst, 7)
	dst = EndList(dst, mark, 1)
	d := NewDecoder(dst[len("in front"):])
	if d.Array(1, 1) != 1 || d.Uint() != 7 || d.End() != nil {
		t.Error(d.End())
	}
	defer func() {
		if recover() == nil {
			t.Error("a list of 65536 entries was closed")
		}
	}()
	EndList(dst, mark, listLengthMax+1)
}
