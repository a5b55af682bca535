package wire

import (
	"bytes"
	"testing"

	"github.com/coxswain-io/coxswain/znode"
)

func BenchmarkDecodeRequest(b *testing.B) {
	data := bytes.Repeat([]byte{'x'}, 100)
	for _, r := range []Request{
		{Kind: Get, Xid: 1000, Ack: 900, Path: "/services/web/node-17"},
		{Kind: Set, Xid: 1000, Seq: 901, Ack: 900, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/services/web/node-17", Data: data}}},
		{Kind: Create, Xid: 1000, Seq: 901, Ack: 900, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/services/web/node-17", Data: data}}},
		{Kind: Ping, Xid: 1000, Ack: 900},
	} {
		body := AppendRequest(nil, &r)[frameHeadBytes:]
		b.Run(r.Kind.String(), func(b *testing.B) {
			var got Request
			b.ReportAllocs()
			for b.Loop() {
				if err := DecodeRequest(body, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	r := Request{Kind: Set, Xid: 1000, Seq: 901, Ack: 900, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/services/web/node-17", Data: make([]byte, 100)}}}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendRequest(dst[:0], &r)
	}
}

func BenchmarkAppendReply(b *testing.B) {
	stat, data := sampleStat, make([]byte, 100)
	created := []znode.Result{{Path: "/services/web/node-17", Stat: stat, Kind: znode.OpCreate}}
	var dst, outcome []byte
	for name, f := range map[string]func(){
		"get":    func() { dst = AppendGetReply(dst[:0], 1000, 0x1000, data, &stat) },
		"exists": func() { dst = AppendExistsReply(dst[:0], 1000, 0x1000, &stat) },
		"create": func() {
			outcome = AppendOutcome(outcome[:0], Create, 0x1000, created)
			dst = AppendReply(dst[:0], 1000, outcome)
		},
		"event": func() {
			dst = AppendEvent(dst[:0], &Event{Zxid: 0x1000, Type: EventDataChanged, Path: "/services/web/node-17"})
		},
		"children of 100": func() {
			var mark FrameMark
			var list ListMark
			dst, mark = BeginReply(dst[:0], 1000, 0x1000)
			dst, list = BeginChildrenResult(dst)
			for range 100 {
				dst = AppendEntry(dst, "node-0000000017")
			}
			dst = EndFrame(EndChildrenResult(dst, list, 100, false, &stat), mark)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkDecodeReply(b *testing.B) {
	body := AppendGetReply(nil, 1000, 0x1000, make([]byte, 100), &sampleStat)[frameHeadBytes:]
	b.ReportAllocs()
	for b.Loop() {
		f, err := DecodeServerFrame(body)
		if err == nil {
			_, _, err = DecodeGot(f.Result)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFrameReader(b *testing.B) {
	frame := AppendGetReply(nil, 1000, 0x1000, make([]byte, 100), &sampleStat)
	stream := &endless{frame: frame}
	r := NewFrameReader(stream, FrameMax)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// endless repeats one frame for ever.
type endless struct {
	frame []byte
	off   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		got := copy(p[n:], e.frame[e.off:])
		n += got
		e.off = (e.off + got) % len(e.frame)
	}
	return n, nil
}

// Replies and requests are encoded into buffers that are kept; nothing else may be allocated per message.
func TestHotMessagesAreEncodedWithoutAllocation(t *testing.T) {
	stat, data := sampleStat, make([]byte, 100)
	r := Request{Kind: Set, Xid: 1000, Seq: 901, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a", Data: data}}}
	results := []znode.Result{{Path: "/a", Stat: stat, Kind: znode.OpSet}}
	guarded := Request{Kind: Delete, Xid: 1000, Seq: 901, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a", Guard: znode.IfVersion(1).AndCzxid(2).AndData(data)}}}
	node := sampleNode()
	dst, outcome := make([]byte, 0, 2048), make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() {
		outcome = AppendOutcome(outcome[:0], Set, 5, results)
		dst = AppendReply(dst[:0], 7, outcome)
		dst = AppendGetReply(dst, 7, 5, data, &stat)
		dst = AppendExistsReply(dst, 7, 5, &stat)
		dst = AppendEmptyReply(dst, 7, 5)
		dst = AppendEvent(dst, &Event{Zxid: 5, Type: EventDeleted, Path: "/a"})
		dst = AppendEvent(dst, &Event{Zxid: 5, Type: EventDataChanged, Path: "/a", Watch: 1, Stat: &stat, Data: data})
		dst = AppendNodeEntry(dst, "a", node, true, true)
		dst = AppendRequest(dst, &guarded)
		dst = AppendRequest(dst[:0], &r)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var got Request
	ping := AppendRequest(nil, &Request{Kind: Ping, Xid: 5})[frameHeadBytes:]
	if n := testing.AllocsPerRun(100, func() { _ = DecodeRequest(ping, &got) }); n != 0 {
		t.Errorf("a ping takes %v allocations", n)
	}
	set := AppendRequest(nil, &r)[frameHeadBytes:]
	if n := testing.AllocsPerRun(100, func() { _ = DecodeRequest(set, &got) }); n != 2 {
		t.Errorf("a set takes %v allocations, want 2: its path and its data", n)
	}
}
