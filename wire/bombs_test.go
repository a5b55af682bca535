package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// allocBase and allocPerByte bound what decoding may allocate: four times the input, and room for the largest lists of the
// smallest elements, OpsMax operations of 136 bytes or WatchPathsPerFrameMax watches of 48.
const (
	allocBase    = 192 << 10
	allocPerByte = 4
)

// withinBound fails the test if f allocates more than the bound for an input of n bytes. Other goroutines of the test
// binary allocate too, so f has several tries.
func withinBound(t *testing.T, n int, f func()) {
	t.Helper()
	least := uint64(1<<64 - 1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= uint64(allocPerByte*n+allocBase) {
			return
		}
	}
	t.Errorf("an input of %d bytes allocates %d bytes", n, least)
}

// decoders is every decoder of the package, with what it is applied to.
var decoders = map[string]func(body []byte) error{
	"hello":        func(b []byte) error { _, err := DecodeHello(b); return err },
	"welcome":      func(b []byte) error { _, err := DecodeWelcome(b); return err },
	"request":      func(b []byte) error { return DecodeRequest(b, new(Request)) },
	"server frame": func(b []byte) error { _, err := DecodeServerFrame(b); return err },
	"created":      func(b []byte) error { _, _, _, err := DecodeCreated(b); return err },
	"deleted":      func(b []byte) error { _, err := DecodeDeleted(b); return err },
	"copied":       func(b []byte) error { _, _, _, err := DecodeCopied(b); return err },
	"stat":         func(b []byte) error { _, err := DecodeStat(b); return err },
	"got":          func(b []byte) error { _, _, err := DecodeGot(b); return err },
	"multi result": func(b []byte) error { return DecodeMulti(b, func(znode.Result) {}) },
	"txn result":   func(b []byte) error { _, _, err := DecodeTxn(b, func(znode.Result) {}); return err },
	"children":     func(b []byte) error { _, _, err := DecodeChildren(b, func(Entry) {}); return err },
	"child names":  func(b []byte) error { _, _, _, err := DecodeChildNames(b); return err },
	"list":         func(b []byte) error { _, _, err := DecodeList(b, func(Entry) {}); return err },
	"sessions":     func(b []byte) error { _, err := DecodeSessions(b, func(SessionEntry) {}); return err },
	"outcomes": func(b []byte) error {
		_, err := DecodeOutcomes(b, func(session.Seq, Code, znode.Zxid, []byte) {})
		return err
	},
	"descendants":   func(b []byte) error { _, err := DecodeDescendants(b); return err },
	"ephemerals":    func(b []byte) error { _, err := DecodeEphemerals(b, func(string) {}); return err },
	"multi-read":    func(b []byte) error { return DecodeMultiRead(b, func(Code, []byte) {}) },
	"failure":       func(b []byte) error { _, err := DecodeFailure(b); return err },
	"empty":         DecodeEmpty,
	"skipped value": func(b []byte) error { d := NewDecoder(b); d.Skip(); return d.End() },
}

const huge = 1<<31 - 1

func declare(tag byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tag}, n) }

// bombs are values that make a careless decoder of msgpack allocate, recurse or loop beyond any bound: a length that
// nothing stands behind, many elements of one byte, deep nesting, kinds that have no place in the protocol.
func bombs() map[string][]byte {
	many := func(b byte) []byte { return append(declare(tagArray32, 1<<17), bytes.Repeat([]byte{b}, 1<<17)...) }
	return map[string][]byte{
		"2 GiB of data":              declare(tagBin32, huge),
		"4 GiB of data":              declare(tagBin32, 1<<32-1),
		"2 GiB of text":              declare(tagStr32, huge),
		"2 GiB of which 1 MiB comes": append(declare(tagBin32, huge), make([]byte, 1<<20)...),
		"2^31 elements":              declare(tagArray32, huge),
		"2^32 elements":              declare(tagArray32, 1<<32-1),
		"65535 elements":             {tagArray16, 0xff, 0xff},
		"a map of 2^31":              declare(0xdf, huge),
		"an extension of 2 GiB":      append(declare(0xc9, huge), 1),
		"131072 nils":                many(tagNil),
		"131072 empty maps":          many(0x80),
		"131072 empty arrays":        many(tagFixArray),
		"131072 empty strings":       many(tagFixStr),
		"a million deep":             bytes.Repeat([]byte{0x91}, 1<<20),
		"4 million deep":             bytes.Repeat([]byte{0x91}, 4<<20),
		"16 million deep":            bytes.Repeat([]byte{0x91}, 16<<20),
		"maps a million deep":        bytes.Repeat([]byte{0x81, 0xa1, 'n'}, 1<<20),
	}
}

// places puts a value where a decoder looks: alone, as each field of messages that are right up to it, inside lists.
func places(value []byte) map[string][]byte {
	header := func(kind Kind) []byte {
		return AppendUint(AppendUint(AppendUint(AppendUint(AppendArray(nil, 5), uint64(kind)), 1), 1), 0)
	}
	list := map[string][]byte{
		"alone":                    value,
		"as a first field":         append([]byte{0x91}, value...),
		"as a new last field":      append([]byte{0x96, byte(Sync), 1, 0, 0, 0x90}, value...),
		"in a reply":               append([]byte{0x95, byte(Reply), 1, 0, 1}, value...),
		"in a part of a multiread": append([]byte{0x91, 0x92, 0}, value...),
		"as an operation":          append(append(header(Multi), 0x91), value...),
		"as a multi's operations":  append(header(Multi), value...),
		"as an operation's body":   append(append(header(Multi), 0x91, 0x92, byte(znode.OpSet)), value...),
		"as data":                  append(AppendString(AppendArray(header(Set), 3), "/a"), value...),
		"as an acl":                append(AppendInt(AppendUint(AppendBytes(AppendString(AppendArray(header(Create), 5), "/a"), nil), 0), 0), value...),
		"as reads":                 append(AppendUint(AppendArray(header(MultiRead), 2), 0), value...),
		"as watches":               append(AppendUint(AppendArray(header(SetWatches), 4), 0), value...),
		"as conditions":            append(AppendArray(header(Txn), 3), value...),
		"as a condition":           append(AppendArray(AppendArray(header(Txn), 3), 1), value...),
		"as a branch":              append(AppendArray(AppendArray(header(Txn), 3), 0), value...),
		"as the other branch":      append(AppendArray(AppendArray(AppendArray(header(Txn), 3), 0), 0), value...),
		"as a guard":               append(AppendString(AppendArray(header(DeleteTree), 2), "/a"), value...),
		"as a guard's data":        append(append(AppendString(AppendArray(header(Delete), 2), "/a"), 0x95, tagNil, tagNil, tagNil), value...),
		"as a watch to add":        append(AppendArray(header(AddWatches), 1), value...),
		"as a password":            append(AppendUint(AppendArray(header(Outcomes), 3), 1), value...),
		"as an event's stat":       append([]byte{0x98, byte(EventFrame), 1, 1, 0xa1, '/', 1}, value...),
		"as an event's data":       append([]byte{0x98, byte(EventFrame), 1, 1, 0xa1, '/', 1, tagNil}, value...),
		"as recorded replies":      append([]byte{0x95, tagTrue, 1, 2}, value...),
		"as a recorded reply":      append([]byte{0x95, tagTrue, 1, 2, 0x91}, value...),
		"as a recorded result":     append([]byte{0x95, tagTrue, 1, 2, 0x91, 0x94, 2, 0, 1}, value...),
		"as a branch's results":    append([]byte{0x93, tagTrue, 0}, value...),
		"as an entry":              append([]byte{0x93, 0x91}, value...),
		"as an entry's data":       append([]byte{0x93, 0x91, 0x93, 0xa1, 'a', tagNil}, value...),
		"as limits":                append(AppendArray(nil, 11), append([]byte{0, 1, 0, 1, 1, tagNil, 0, 0, 0}, value...)...),
	}
	for kind := range Kind(128) {
		if kind.Known() {
			list["as the body of "+kind.String()] = append(header(kind), value...)
		}
	}
	return list
}

func TestBombsAreRefusedWithinBounds(t *testing.T) {
	for bomb, value := range bombs() {
		all := places(value)
		if len(value) > 1<<19 { // the deepest nesting takes time, and is met in few ways
			all = map[string][]byte{"alone": value, "as a new last field": all["as a new last field"], "in a reply": all["in a reply"]}
		}
		for place, input := range all {
			for name, decode := range decoders {
				withinBound(t, len(input), func() {
					if err := decode(input); err == nil && place == "alone" && name != "skipped value" {
						t.Errorf("%s, %s, to the decoder of %s: accepted", bomb, place, name)
					}
				})
				if t.Failed() {
					t.Fatalf("%s, %s, to the decoder of %s", bomb, place, name)
				}
			}
		}
	}
}

// The largest lists that are legal, of the smallest elements, are where the bound is closest.
func TestLegalListsOfTheSmallestElementsStayWithinBounds(t *testing.T) {
	ops := Request{Kind: Multi, Ops: make([]znode.Op, OpsMax)}
	for i := range ops.Ops {
		ops.Ops[i] = znode.Op{Kind: znode.OpDelete, Path: "/"}
	}
	reads := Request{Kind: MultiRead, Reads: make([]Read, ReadsMax)}
	for i := range reads.Reads {
		reads.Reads[i].Kind = Get
	}
	watches := Request{Kind: SetWatches, ExistPaths: make([]string, WatchPathsPerFrameMax)}
	smallest := append(AppendArray([]byte{0x95, byte(Multi), 1, 1, 0}, OpsMax), bytes.Repeat([]byte{0x92, byte(znode.OpRead), 0x91, 0xa0}, OpsMax)...)
	conditions := append(AppendArray([]byte{0x95, byte(Txn), 1, 1, 0, 0x91}, OpsMax), bytes.Repeat([]byte{0x91, 0xa0}, OpsMax)...)
	add := append(AppendArray([]byte{0x95, byte(AddWatches), 1, 0, 0}, WatchPathsPerFrameMax), bytes.Repeat([]byte{0x94, 1, 1, 0, 0xa0}, WatchPathsPerFrameMax)...)
	for name, body := range map[string][]byte{
		"operations":              AppendRequest(nil, &ops)[frameHeadBytes:],
		"operations of one field": smallest,
		"reads":                   AppendRequest(nil, &reads)[frameHeadBytes:],
		"watches":                 AppendRequest(nil, &watches)[frameHeadBytes:],
		"conditions":              conditions,
		"watches to add":          add,
	} {
		withinBound(t, len(body), func() {
			var r Request
			if err := DecodeRequest(body, &r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := len(r.Ops) + len(r.If) + len(r.Reads) + len(r.ExistPaths) + len(r.WatchList); n != OpsMax && n != WatchPathsPerFrameMax {
				t.Errorf("%s: %d elements", name, n)
			}
		})
	}
}

// Three lists of operations share one limit, and a list that announces more than the bytes left can hold is refused before
// there is room made for it.
func TestListsOfOperationsAreBoundedTogether(t *testing.T) {
	ops := func(n int) []znode.Op {
		list := make([]znode.Op, n)
		for i := range list {
			list[i] = znode.Op{Kind: znode.OpCheck, Path: "/"}
		}
		return list
	}
	for _, c := range []struct {
		conditions, then, other int
		want                    error
	}{
		{OpsMax, 0, 0, nil}, {0, OpsMax, 0, nil}, {0, 0, OpsMax, nil}, {333, 333, 334, nil},
		{OpsMax, 1, 0, CodeTooMany}, {OpsMax, 0, 1, CodeTooMany}, {1, OpsMax - 1, 1, CodeTooMany}, {0, 1, OpsMax, CodeTooMany},
	} {
		r := Request{Kind: Txn, Seq: 1, If: ops(c.conditions), Ops: ops(c.then), Else: ops(c.other)}
		var got Request
		if err := DecodeRequest(AppendRequest(nil, &r)[frameHeadBytes:], &got); !errors.Is(err, c.want) {
			t.Errorf("%d conditions, %d and %d operations: %v, want %v", c.conditions, c.then, c.other, err, c.want)
		}
	}
	for name, body := range map[string][]byte{
		"operations": append(AppendArray([]byte{0x95, byte(Multi), 1, 1, 0}, OpsMax), make([]byte, OpsMax*opBytesMin-1)...),
		"conditions": append(AppendArray([]byte{0x95, byte(Txn), 1, 1, 0, 0x91}, OpsMax), make([]byte, OpsMax*conditionBytesMin-1)...),
		"watches":    append(AppendArray([]byte{0x95, byte(AddWatches), 1, 0, 0}, WatchPathsPerFrameMax), make([]byte, WatchPathsPerFrameMax*watchBytesMin-1)...),
	} {
		var r Request
		var malformed *Malformed
		if err := DecodeRequest(body, &r); !errors.As(err, &malformed) || cap(r.Ops)+cap(r.If)+cap(r.WatchList) != 0 {
			t.Errorf("%s: %v, room for %d", name, err, cap(r.Ops)+cap(r.If)+cap(r.WatchList))
		}
	}
}

func TestHeadersOfBombsAreStillAnswerable(t *testing.T) {
	body := append([]byte{0x95, byte(Set), 9, 4, 3}, declare(tagBin32, huge)...)
	kind, xid, seq, ack, ok := PeekHeader(body)
	if !ok || kind != Set || xid != 9 || seq != session.Seq(4) || ack != 3 {
		t.Errorf("got %v %v %v %v %v", kind, xid, seq, ack, ok)
	}
}
