//go:build linux

package storms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

var seed = flag.Uint64("storms.seed", 0, "seed of the malformed frames (0: a random one, which is printed)")

// frameBytes is what one malformed frame may cost a server while it is there: the largest that is read, doubled as it grows.
const frameBytes = 4 * wire.FrameMax

// strangers is how many connections with malformed frames there are at a time.
const strangers = 8

const huge = 1<<31 - 1

func declare(tag byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tag}, n) }

func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// bombs are values that make a careless decoder allocate, recurse or loop beyond any bound. Package wire has the full list in all
// places; these are the ones that have ended processes, in the places that a client reaches first.
func bombs() map[string][]byte {
	values := map[string][]byte{
		"2 GiB of data":         declare(0xc6, huge),
		"4 GiB of data":         declare(0xc6, 1<<32-1),
		"2 GiB of text":         declare(0xdb, huge),
		"2^31 elements":         declare(0xdd, huge),
		"2^32 elements":         declare(0xdd, 1<<32-1),
		"65535 elements":        {0xdc, 0xff, 0xff},
		"a map of 2^31":         declare(0xdf, huge),
		"an extension of 2 GiB": append(declare(0xc9, huge), 1),
		"131072 nils":           append(declare(0xdd, 1<<17), bytes.Repeat([]byte{0xc0}, 1<<17)...),
		"131072 empty arrays":   append(declare(0xdd, 1<<17), bytes.Repeat([]byte{0x90}, 1<<17)...),
		"a million deep":        bytes.Repeat([]byte{0x91}, 1<<20),
		"16 million deep":       bytes.Repeat([]byte{0x91}, 16<<20),
		"maps a million deep":   bytes.Repeat([]byte{0x81, 0xa1, 'n'}, 1<<19),
	}
	header := func(kind wire.Kind) []byte {
		return wire.AppendUint(wire.AppendUint(wire.AppendUint(wire.AppendUint(wire.AppendArray(nil, 5), uint64(kind)), 1), 1), 0)
	}
	all := map[string][]byte{}
	for name, value := range values {
		all[name] = framed(value)
		for kind := range wire.Kind(128) {
			if kind.Known() && len(value) < 1<<18 {
				all[name+" as the body of "+kind.String()] = framed(append(header(kind), value...))
			}
		}
		all[name+" as the operations of a multi"] = framed(append(append(header(wire.Multi), 0x91), value...))
	}
	return all
}

// malformed is what no client of ours sends: the bombs, lengths that nothing stands behind, noise, and right frames that were cut
// off or of which bits were turned.
func malformed(r *rand.Rand, times int) map[string][]byte {
	all := bombs()
	for _, length := range []uint32{0, 1, wire.HelloFrameMax + 1, wire.FrameMax, wire.FrameMax + 1, wire.DiscardMax, wire.DiscardMax + 1, huge, 1<<32 - 1} {
		all[fmt.Sprintf("a frame that says %d bytes", length)] = append(binary.BigEndian.AppendUint32(nil, length), "a few"...)
	}
	for i := range times {
		noise := make([]byte, 1+r.IntN(4*kib))
		for j := range noise {
			noise[j] = byte(r.Uint32())
		}
		all[fmt.Sprint("noise ", i)] = noise
		all[fmt.Sprint("a frame of noise ", i)] = framed(noise)
	}
	for name, frame := range rightFrames() {
		for i := range times {
			all[fmt.Sprint(name, " cut off ", i)] = frame[:r.IntN(len(frame))]
			turned := bytes.Clone(frame)
			for range 1 + r.IntN(4) {
				bit := r.IntN(8 * len(turned))
				turned[bit/8] ^= 1 << (bit % 8)
			}
			all[fmt.Sprint(name, " with turned bits ", i)] = turned
		}
	}
	return all
}

// rightFrames are requests that a server understands, on nodes that nobody else uses.
func rightFrames() map[string][]byte {
	const path = "/strange/node"
	set := znode.Op{Kind: znode.OpSet, Path: path, Data: []byte("data")}
	frames := map[string][]byte{"hello": hello()}
	for name, r := range map[string]wire.Request{
		"get":         {Kind: wire.Get, Path: path, Watch: true},
		"children":    {Kind: wire.Children, Path: path, Level: wire.Linearizable},
		"list":        {Kind: wire.List, Path: path, WithData: true},
		"multi-read":  {Kind: wire.MultiRead, Reads: []wire.Read{{Kind: wire.Get, Path: path}, {Kind: wire.Exists, Path: path}}},
		"set":         {Kind: wire.Set, Seq: 1, Ops: []znode.Op{set}},
		"multi":       {Kind: wire.Multi, Seq: 1, Ops: []znode.Op{set, set}},
		"txn":         {Kind: wire.Txn, Seq: 1, If: []znode.Op{{Kind: znode.OpCheck, Path: path}}, Ops: []znode.Op{set}, Else: []znode.Op{set}},
		"set watches": {Kind: wire.SetWatches, DataPaths: []string{path}, ChildPaths: []string{path}},
		"add watches": {Kind: wire.AddWatches, WatchList: []wire.WatchSpec{{ID: 1, Mode: wire.Persistent, Path: path}}},
	} {
		r.Xid = 1
		frames[name] = wire.AppendRequest(nil, &r)
	}
	return frames
}

// stormOf sends each of what at the same time as others, on a connection of its own that come opens, and demands that the
// server ends it when it has heard the last of it, whatever it answers before.
func stormOf(t *testing.T, what map[string][]byte, come func() (net.Conn, error)) {
	t.Helper()
	names := slices.Sorted(maps.Keys(what))
	errs := make(chan error, strangers)
	for worker := range strangers {
		go func() {
			var all []error
			for i := worker; i < len(names); i += strangers {
				if err := sendStrange(what[names[i]], come); err != nil {
					all = append(all, fmt.Errorf("%s: %w", names[i], err))
				}
			}
			errs <- errors.Join(all...)
		}()
	}
	for range strangers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func sendStrange(what []byte, come func() (net.Conn, error)) error {
	socket, err := come()
	if err != nil {
		return err
	}
	defer socket.Close()
	go func() {
		_, _ = socket.Write(what) // fails when the server has heard enough
		_ = socket.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(io.Discard, socket)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("neither answered nor cut off: %w", err)
	}
	return nil
}

// TestMalformedFrames: everything that is not the protocol, as the first message and after a right one, to the port for clients,
// and its like to the raft port. The servers go on, their memory is bounded, and whoever sent it is answered or cut off.
func TestMalformedFrames(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-storms.seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 0))
	c := start(t, 3)
	s := startSteady(t, c.Addrs()...)
	w := dial(t, c.Addrs()...)
	for _, path := range []string{"/strange", "/strange/node"} {
		if _, _, err := w.Create(t.Context(), path, []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
	m := c.watchMemory()
	s.storms()
	begin := time.Now()
	what := malformed(r, size(10, 1000))
	stormed := size(1, c.Len())
	for i := range stormed {
		addr := c.Addrs()[i]
		stormOf(t, what, func() (net.Conn, error) {
			g, err := enter(addr)
			if err != nil {
				return nil, err
			}
			return g.socket, nil
		})
		stormOf(t, what, func() (net.Conn, error) {
			g, err := open(addr)
			if err != nil {
				return nil, err
			}
			return g.socket, nil
		})
	}
	raft := malformedRaft(r, size(10, 1000))
	for i := range stormed {
		stormOf(t, raft, func() (net.Conn, error) {
			socket, err := net.Dial("tcp", c.RaftAddr(i))
			if err == nil {
				err = socket.SetDeadline(time.Now().Add(patience))
			}
			return socket, err
		})
	}
	t.Logf("%d malformed frames to each port for clients, %d to each raft port, in %v", 2*len(what), len(raft), time.Since(begin).Round(time.Millisecond))
	m.within(strangers*frameBytes+roomBytes, fmt.Sprintf("%d connections of %d MiB", strangers, frameBytes/mib))
	s.goOn()
	s.judge()
	if n := c.panics(); n != 0 {
		t.Errorf("%d panics were contained: see the servers' logs", n)
	}
	c.agreed()
}

// malformedRaft is what no server sends to another. A frame there has magic, version and kind, three zero bytes, a length and a
// checksum, little-endian.
func malformedRaft(r *rand.Rand, times int) map[string][]byte {
	all := map[string][]byte{}
	head := func(kind byte, length uint32) []byte {
		return binary.LittleEndian.AppendUint32([]byte{'C', 'X', 'R', 1, kind, 0, 0, 0}, length)
	}
	sealed := func(kind byte, payload []byte) []byte {
		frame := head(kind, uint32(len(payload)))
		sum := crc32.Checksum(append(bytes.Clone(frame), payload...), crc32.MakeTable(crc32.Castagnoli))
		return append(binary.LittleEndian.AppendUint32(frame, sum), payload...)
	}
	// One that ended the process of the library below, with its own header.
	all["the library's own header, 2^62 bytes"] = append([]byte{0xae, 0x7d, 0, 0, 0x40}, make([]byte, 15)...)
	for kind := range byte(6) {
		for _, length := range []uint32{0, 1, 1 << 10, 64 << 20, 72<<20 + 1, huge, 1<<32 - 1} {
			all[fmt.Sprintf("kind %d, %d bytes", kind, length)] = append(head(kind, length), "sum, and a few"...)
		}
		for i := range times {
			noise := make([]byte, r.IntN(4*kib))
			for j := range noise {
				noise[j] = byte(r.Uint32())
			}
			all[fmt.Sprintf("kind %d, noise %d", kind, i)] = sealed(kind, noise)
			all[fmt.Sprintf("kind %d, noise %d without a frame", kind, i)] = noise
			cut := sealed(kind, noise)
			all[fmt.Sprintf("kind %d, cut off %d", kind, i)] = cut[:r.IntN(len(cut))]
		}
		// Lengths inside of the payload that nothing stands behind: fields of the encoding that the messages have.
		for field := range byte(16) {
			all[fmt.Sprintf("kind %d, field %d of 2^63 bytes", kind, field)] = sealed(kind,
				[]byte{field<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
		}
	}
	return all
}
