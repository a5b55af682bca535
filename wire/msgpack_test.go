package wire

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// The format is msgpack, not something that resembles it: a library that we have not written must read our bytes as the
// same values, and what it writes for these values must decode to the same message.

// generic reads one value of the subset into nil, bool, int64, uint64 (above 63 bits), string, []byte or []any.
func generic(d *Decoder) any {
	if d.Nil() {
		return nil
	}
	if d.arrayNext() {
		n, _ := d.arrayLength()
		list := make([]any, 0, n)
		for range n {
			list = append(list, generic(d))
		}
		return list
	}
	switch b := d.in[d.off]; {
	case b == tagTrue || b == tagFalse:
		return d.Bool()
	case b == tagUint64 && d.in[d.off+1] >= 0x80:
		return d.Uint()
	case b&0xe0 == tagFixStr || b >= tagStr8 && b <= tagStr32:
		return d.String()
	case b >= tagBin8 && b <= tagBin32:
		return append([]byte{}, d.Bytes()...)
	}
	return d.Int()
}

// normal gives the library's integers the types of generic.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			list = append(list, normal(e))
		}
		return list
	case []byte:
		return append([]byte{}, v...)
	case nil, bool, string:
		return v
	}
	if n := reflect.ValueOf(v); n.CanInt() {
		return n.Int()
	} else if n.Uint() > 1<<63-1 {
		return n.Uint()
	} else {
		return int64(n.Uint())
	}
}

func byLibrary(v any) ([]byte, error) {
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	err := e.Encode(v)
	return b.Bytes(), err
}

func TestTheLibraryReadsOurBytesAndWeReadTheLibrarys(t *testing.T) {
	for _, m := range messages() {
		d := NewDecoder(m.body())
		ours := generic(&d)
		if err := d.End(); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		var theirs any
		if err := msgpack.Unmarshal(m.body(), &theirs); err != nil {
			t.Fatalf("%s: the library: %v", m.name, err)
		}
		if !reflect.DeepEqual(ours, normal(theirs)) {
			t.Errorf("%s: the library reads\n%v\nwe read\n%v", m.name, theirs, ours)
		}
		body, err := byLibrary(theirs)
		if err != nil {
			t.Fatalf("%s: the library: %v", m.name, err)
		}
		value, err := m.decode(body)
		if err != nil {
			t.Errorf("%s as the library writes it: %v", m.name, err)
			continue
		}
		sameValue(t, m.name+" as the library writes it", value, m.value)
	}
}

func TestRequestsHaveTheBytesThatTheLibraryWrites(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRequest(rt)
		body := AppendRequest(nil, &r)[frameHeadBytes:]
		var value any
		if err := msgpack.Unmarshal(body, &value); err != nil {
			rt.Fatal(err)
		}
		if again, err := byLibrary(value); err != nil || !bytes.Equal(again, body) {
			rt.Fatalf("%+v: the library writes\n% x\nwe write\n% x\n%v", r, again, body, err)
		}
	})
}
