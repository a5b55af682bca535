package consensus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/lni/dragonboat/v4/raftpb"
)

// withinBound fails the test if f allocates more than four times the n bytes that it was given and base bytes. Other
// goroutines of the test binary allocate too, so f has several tries.
func withinBound(t *testing.T, n, base int, f func()) {
	t.Helper()
	least := uint64(1<<64 - 1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= uint64(4*n+base) {
			return
		}
	}
	t.Errorf("an input of %d bytes allocates %d bytes", n, least)
}

// FuzzFramesBounded: a stream of frames with the right checksums allocates at most four times its bytes and 64 KiB, besides the
// buffer that a connection has, whatever the frames declare.
func FuzzFramesBounded(f *testing.F) {
	f.Add(frame(frameMessages, []byte("x")))
	f.Add(hugeFrame(frameChunk, 1<<20))
	f.Add(libraryBomb(1 << 62))
	f.Add(bytes.Repeat(frame(frameQuestion, []byte("12345678c")), 20))
	f.Fuzz(func(t *testing.T, input []byte) {
		input = bytes.Clone(input)
		for at := 0; at+frameHeaderBytes <= len(input) && bytes.Equal(input[at:at+4], frameMagic[:]); {
			// Whoever makes frames on purpose makes their checksums right.
			end := min(uint64(len(input)), uint64(at+frameHeaderBytes)+uint64(binary.LittleEndian.Uint32(input[at+8:])))
			binary.LittleEndian.PutUint32(input[at+12:], frameSum(input[at:at+12], input[at+frameHeaderBytes:end]))
			at = int(end)
		}
		buffered := bufio.NewReader(bytes.NewReader(input))
		withinBound(t, len(input), growBytes+8<<10, func() {
			buffered.Reset(bytes.NewReader(input))
			reader := frameReader{r: buffered}
			for {
				kind, payload, err := reader.next()
				if err != nil {
					return
				}
				switch kind {
				case frameQuestion:
					_, _ = decodeQuestion(payload)
				case frameAnswer:
					_, _ = decodeAnswer(payload)
				}
			}
		})
	})
}

// What is taken for a question or an answer of the census is written again as the same bytes, and judged without a panic.
func FuzzCensus(f *testing.F) {
	f.Add(censusQuestion{replica: 3, cluster: "c"}.frame()[frameHeaderBytes:])
	for _, a := range []censusAnswer{
		{}, {replica: 1, cluster: "c", fresh: true, final: true}, {replica: 2, cluster: "other", knows: true, joins: true, standing: standingRemoved},
	} {
		f.Add(a.frame()[frameHeaderBytes:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if q, err := decodeQuestion(payload); err == nil && !bytes.Equal(q.frame(), frame(frameQuestion, payload)) {
			t.Errorf("question %x came back as %x", payload, q.frame())
		}
		a, err := decodeAnswer(payload)
		if err != nil {
			return
		}
		if !bytes.Equal(a.frame(), frame(frameAnswer, payload)) {
			t.Errorf("answer %x came back as %x", payload, a.frame())
		}
		again, giveUp := judge(censusQuestion{replica: 1, cluster: "c"}, 2, "a:1", a)
		if good := a.cluster == "c" && a.replica == 2 && a.final && !a.knows; again == "" && giveUp == nil && !good {
			t.Errorf("%+v lets a first start go on", a)
		}
	})
}

// What is taken for an entry of the log gives the same origin and command when it is written again.
func FuzzEntry(f *testing.F) {
	f.Add(appendEntry(nil, origin{replica: 3, boot: 1 << 40, seq: 77}, []byte("cmd")))
	f.Add(appendEntry(nil, origin{}, nil))
	f.Add([]byte{entryFormat, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 1})
	f.Add([]byte{entryFormat, 0x80, 0x00, 1, 1})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, cmd, ok := splitEntry(b)
		if !ok {
			return
		}
		if again, cmdAgain, ok := splitEntry(appendEntry(nil, o, cmd)); !ok || again != o || !bytes.Equal(cmdAgain, cmd) {
			t.Errorf("%x is %+v %x, which comes back as %+v %x, %v", b, o, cmd, again, cmdAgain, ok)
		}
	})
}

// chunks makes a segment of the log of chunks; each but the first byte of a part is the payload of one, that byte its kind.
func chunks(parts ...[]byte) []byte {
	var segment []byte
	for _, part := range parts {
		if room := blockBytes - len(segment)%blockBytes; room < chunkHeaderBytes+len(part) {
			segment = append(segment, make([]byte, room)...)
		}
		head := make([]byte, chunkHeaderBytes-1, chunkHeaderBytes+len(part))
		binary.LittleEndian.PutUint32(head, uint32(xxhash.Sum64(part)))
		binary.LittleEndian.PutUint16(head[4:], uint16(len(part)-1))
		segment = append(segment, append(head, part...)...)
	}
	return segment
}

// FuzzSegmentTail: wherever a log file is cut, the rest ends there: it is neither cut again nor refused. It allocates no more
// than a block and its buffer.
func FuzzSegmentTail(f *testing.F) {
	full, first, last := []byte("\x01a record"), []byte("\x02the first part"), []byte("\x04and the last")
	long := append([]byte{chunkFull}, make([]byte, blockBytes-200)...)
	for _, segment := range [][]byte{
		nil, chunks(full), chunks(full, full, first), chunks(full, first, last), chunks(first, full), chunks(last), chunks(long, full, full),
		append(chunks(full), make([]byte, 100)...), append(append(chunks(full), 1, 2, 3), chunks(full)...), chunks(full, full)[:20],
		append(append(chunks(full), chunks(full)[3:]...), chunks(full)...),
	} {
		f.Add(segment)
	}
	f.Fuzz(func(t *testing.T, segment []byte) {
		var end int64
		var err error
		withinBound(t, 0, 1<<20+blockBytes+64<<10, func() { end, err = intactLength(bytes.NewReader(segment)) })
		if err != nil {
			return
		}
		if end < 0 || end > int64(len(segment)) {
			t.Fatalf("%d of %d bytes are whole", end, len(segment))
		}
		if again, err := intactLength(bytes.NewReader(segment[:end])); again != end || err != nil {
			t.Errorf("cut at %d, %d bytes are whole, %v", end, again, err)
		}
		// One more record behind what is whole belongs to it, and does not change what is before.
		if room := blockBytes - end%blockBytes; room >= 100 {
			longer := append(segment[:end:end], chunks([]byte("\x01one more"))...)
			if again, err := intactLength(bytes.NewReader(longer)); again != int64(len(longer)) || err != nil {
				t.Errorf("of %d bytes that are whole and a record, %d of %d are whole, %v", end, again, len(longer), err)
			}
		}
	})
}

// snapshotHead makes the header of a snapshot file of a protobuf, with its checksum.
func snapshotHead(f *testing.F, h raftpb.SnapshotHeader) []byte {
	record := mustMarshal(f, &h)
	h.HeaderChecksum = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(record))
	record = mustMarshal(f, &h)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(record)))
	return append(append(b, record...), make([]byte, snapshotHeaderBytes-8-len(record))...)
}

// FuzzSnapshotHeader: a header of a snapshot file is refused, or gives the checksum that is in it, at a cost that does not
// grow with what it declares.
func FuzzSnapshotHeader(f *testing.F) {
	good := raftpb.SnapshotHeader{Version: snapshotVersion, ChecksumType: raftpb.CRC32IEEE, PayloadChecksum: []byte{1, 2, 3, 4}}
	f.Add(snapshotHead(f, good))
	f.Add(snapshotHead(f, good)[:100])
	f.Add(snapshotHead(f, raftpb.SnapshotHeader{Version: 1}))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Fuzz(func(t *testing.T, head []byte) {
		head = append(head, make([]byte, max(0, snapshotHeaderBytes-len(head)))...)
		withinBound(t, len(head), 64<<10, func() {
			if sum, err := readSnapshotHeader(bytes.NewReader(head)); err == nil && len(sum) > 0 && !bytes.Contains(head, sum) {
				t.Errorf("the checksum %x is not in the header", sum)
			}
		})
	})
}

// An address that others can be told to connect to can be split and joined again; and only an address that is on this
// machine is taken for one.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"127.0.0.1:7181", "[::1]:1", "localhost:65535", "0.0.0.0:1", "[::]:1", "a:0", "a:65536", ":1", "a", "[fe80::1%eth0]:1",
		"127.1:1", "a:+1", "a b:1", "a:http", "[a]:1", "\x00:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		if validAddr(addr) {
			host, port, err := net.SplitHostPort(addr)
			if err != nil || host == "" || port == "" {
				t.Errorf("%q is valid: %q, %q, %v", addr, host, port, err)
			}
		}
		if loopback(addr) {
			if host, _, err := net.SplitHostPort(addr); err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
				t.Errorf("%q is taken for an address of this machine: %v", addr, err)
			}
		}
	})
}
