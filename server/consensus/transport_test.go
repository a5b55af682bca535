package consensus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftpb"
	"github.com/rs/zerolog"
)

func consoleLog() zerolog.Logger { return zerolog.New(os.Stderr).Level(zerolog.InfoLevel) }

// inbox is what a bare transport has received.
type inbox struct {
	batches chan raftpb.MessageBatch
	chunks  chan raftpb.Chunk
}

// bareTransport starts a transport without Dragonboat.
func bareTransport(t testing.TB, listener net.Listener, creds *credentials, replica uint64, members map[uint64]string, answer func(censusQuestion) censusAnswer) (*transport, inbox) {
	t.Helper()
	in := inbox{batches: make(chan raftpb.MessageBatch, 100), chunks: make(chan raftpb.Chunk, 100)}
	tr := newTransport(listener, creds, false, newVetting(replica, members), answer, zerolog.Nop(), newStats(&Log{leadership: newLeadership()}))
	tr.Create(config.NodeHostConfig{}, func(b raftpb.MessageBatch) { in.batches <- b }, func(c raftpb.Chunk) bool { in.chunks <- c; return true })
	if err := tr.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr, in
}

// freshMember answers a census like a member at its first start.
func freshMember(t testing.TB, cfg Config) *transport {
	t.Helper()
	if cfg.Cluster == "" {
		cfg.Cluster = "coxswain"
	}
	listener, err := net.Listen("tcp", cfg.RaftAddr)
	if err != nil {
		t.Fatal(err)
	}
	tr, _ := bareTransport(t, listener, nil, cfg.ReplicaID, cfg.Members, func(censusQuestion) censusAnswer {
		return censusAnswer{replica: cfg.ReplicaID, cluster: cfg.Cluster, fresh: true, final: true}
	})
	return tr
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// closedByPeer waits until the peer has closed c.
func closedByPeer(t testing.TB, c net.Conn, limit time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(limit))
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection was not closed")
	}
}

// message is a valid Raft message from replica 2 to replica 1.
func message(kind raftpb.MessageType, cmd string) raftpb.Message {
	m := raftpb.Message{Type: kind, ShardID: shardID, From: 2, To: 1, Term: 3}
	if cmd != "" {
		m.Entries = []raftpb.Entry{{Term: 3, Index: 9, Cmd: []byte(cmd)}}
	}
	return m
}

func TestMessagesAndSnapshotPiecesArriveWhole(t *testing.T) {
	members := map[uint64]string{1: "127.0.0.1:1", 2: "127.0.0.1:2"}
	to, in := bareTransport(t, listen(t), nil, 1, members, nil)
	from, _ := bareTransport(t, listen(t), nil, 2, members, nil)
	addr := to.listener.Addr().String()
	conn, err := from.GetConnection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	if !from.reachable(addr) {
		t.Error("an open connection does not count as reachable")
	}
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{1, 100, 1 << 10, 100 << 10, 3 << 20, 20 << 20, 7} {
		cmd := make([]byte, size)
		random.Read(cmd)
		if err := conn.SendMessageBatch(raftpb.MessageBatch{DeploymentId: 5, SourceAddress: members[2], Requests: []raftpb.Message{message(raftpb.Replicate, string(cmd))}}); err != nil {
			t.Fatal(err)
		}
		b := <-in.batches
		if b.DeploymentId != 5 || b.SourceAddress != members[2] || len(b.Requests) != 1 || !bytes.Equal(b.Requests[0].Entries[0].Cmd, cmd) {
			t.Errorf("a message of %d bytes came otherwise than it was sent", size)
		}
	}
	conn.Close()
	if from.reachable(addr) {
		t.Error("a closed connection counts as reachable")
	}
	if !to.hasHeard(2) || to.hasHeard(3) {
		t.Error("who was heard is not remembered")
	}

	pieces, err := from.GetSnapshotConnection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 2<<20)
	random.Read(data)
	for i := range uint64(5) {
		if err := pieces.SendChunk(raftpb.Chunk{ShardID: shardID, ReplicaID: 1, From: 2, ChunkId: i, FileChunkId: i, ChunkCount: 5, Index: 9, Filepath: "/x/snapshot-0000000000000009.gbsnap", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	pieces.Close() // returns when the peer has read everything
	for i := range uint64(5) {
		if c := <-in.chunks; c.ChunkId != i || !bytes.Equal(c.Data, data) {
			t.Errorf("piece %d came otherwise than it was sent", i)
		}
	}
}

// frame seals payload.
func frame(kind frameKind, payload []byte) []byte {
	b := append(make([]byte, frameHeaderBytes), payload...)
	sealFrame(b, kind)
	return b
}

// libraryBomb is a frame of Dragonboat's own transport that declares size bytes; its transport allocates them at once.
func libraryBomb(size uint64) []byte {
	h := make([]byte, 18)
	binary.BigEndian.PutUint16(h, 100)
	binary.BigEndian.PutUint64(h[2:], size)
	binary.BigEndian.PutUint32(h[10:], crc32.ChecksumIEEE(h))
	return append([]byte{0xAE, 0x7D}, h...)
}

// hugeFrame is a frame of ours that declares size bytes and brings none.
func hugeFrame(kind frameKind, size uint32) []byte {
	b := frame(kind, nil)
	binary.LittleEndian.PutUint32(b[8:], size)
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[:12], castagnoli))
	return b
}

func TestHostileBytesCloseTheirConnectionAndNothingElse(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	random := rand.NewChaCha8([32]byte{2})
	noise := make([]byte, 1<<20)
	random.Read(noise)
	broken := frame(frameMessages, []byte("payload"))
	broken[len(broken)-1] ^= 1
	valid, err := (&raftpb.MessageBatch{Requests: []raftpb.Message{message(raftpb.Heartbeat, "")}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	piece := func(c raftpb.Chunk) []byte { // in everything else one that Dragonboat would take
		c.ShardID, c.From, c.DeploymentId, c.BinVer, c.ChunkCount, c.FileChunkCount = shardID, 2, n.log.cfg.deploymentID(), 210, 2, 2
		return frame(frameChunk, mustMarshal(t, &c))
	}
	inputs := map[string][]byte{
		"library's frame of 2^62 bytes": libraryBomb(1 << 62),
		"library's frame of 2^36 bytes": libraryBomb(1 << 36),
		"frame of 2^32-1 bytes":         hugeFrame(frameMessages, 1<<32-1),
		"frame just over the limit":     hugeFrame(frameMessages, frameBytesMax+1),
		"huge piece of a snapshot":      hugeFrame(frameChunk, chunkBytesMax+1),
		"huge census question":          hugeFrame(frameQuestion, censusBytesMax+1),
		"frame without payload":         hugeFrame(frameMessages, 0),
		"unknown kind":                  frame(77, []byte("x")),
		"answer to no question":         censusAnswer{replica: 1}.frame(),
		"random bytes":                  noise,
		"zeros":                         make([]byte, 4096),
		"HTTP":                          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"wrong checksum":                broken,
		"undecodable messages":          frame(frameMessages, noise[:1000]),
		"undecodable piece":             frame(frameChunk, noise[:1000]),
		"negative length inside":        frame(frameMessages, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}),
		"first piece too small":         piece(raftpb.Chunk{ReplicaID: 1, Filepath: "snapshot-0000000000000000.gbsnap", Data: []byte("x")}),
		"piece of another file":         piece(raftpb.Chunk{ReplicaID: 1, Filepath: "/tmp/..", Data: noise[:2000]}),
		"piece for somebody else":       piece(raftpb.Chunk{ReplicaID: 3, Filepath: "snapshot-0000000000000000.gbsnap", Data: noise[:2000]}),
		"half a frame":                  frame(frameMessages, valid)[:20],
		"half a header":                 frame(frameMessages, valid)[:7],
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			c := dial(t, n.cfg.RaftAddr)
			c.Write(input) // fails if the peer has already closed
			c.(*net.TCPConn).CloseWrite()
			closedByPeer(t, c, 5*time.Second)
		})
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("hostile bytes made the process allocate %d MiB", used>>20)
	}
	submit(t, n, "undisturbed")
}

func mustMarshal(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages at which Dragonboat panics, in frames that are perfectly valid.
func TestMessagesThatDragonboatMustNotSeeAreDropped(t *testing.T) {
	n := newNode(t, 1, freeAddrs(t, 1))
	n.start(t)
	c := dial(t, n.cfg.RaftAddr)
	send := func(b raftpb.MessageBatch) {
		t.Helper()
		b.DeploymentId, b.BinVer = n.log.cfg.deploymentID(), 210
		if _, err := c.Write(frame(frameMessages, mustMarshal(t, &b))); err != nil {
			t.Fatal(err)
		}
	}
	noAddressee, strangeShard, toSelf, aimless, withSnapshot := message(raftpb.Heartbeat, ""), message(raftpb.Heartbeat, ""), message(raftpb.Heartbeat, ""), message(raftpb.LeaderTransfer, ""), message(raftpb.Replicate, "")
	noAddressee.To = 0
	strangeShard.ShardID = 2
	toSelf.From = 1
	withSnapshot.Snapshot = raftpb.Snapshot{Index: 5, Term: 1}
	bad := []raftpb.Message{noAddressee, strangeShard, toSelf, aimless, withSnapshot}
	for kind := range raftpb.MessageType(40) {
		if !foreign[kind] {
			bad = append(bad, message(kind, ""))
		}
	}
	for _, m := range bad {
		send(raftpb.MessageBatch{Requests: []raftpb.Message{m}})
	}
	for _, addr := range []string{"nonsense", "127.0.0.1:1", "127.0.0.1:2"} { // and each contradicts the one before
		send(raftpb.MessageBatch{SourceAddress: addr, Requests: []raftpb.Message{message(raftpb.NoOP, "")}})
	}
	waitFor(t, "the messages to be looked at", func() bool { return n.log.stats.messagesRefused.Get() == uint64(len(bad)) })
	submit(t, n, "undisturbed")
}

func TestAddressesAreLearntOnlyOfReplicasThatWereFoundThere(t *testing.T) {
	batch := func(from uint64, addr string) *raftpb.MessageBatch {
		m := message(raftpb.Heartbeat, "")
		m.From = from
		return &raftpb.MessageBatch{SourceAddress: addr, Requests: []raftpb.Message{m}}
	}
	founder := newVetting(1, map[uint64]string{1: "a:1", 2: "b:1"})
	founder.learn(2, "evil:1")
	joiner := newVetting(1, nil)
	joiner.learn(2, "b:1")
	for _, c := range []struct {
		who     string
		vetting *vetting
		from    uint64
		addr    string
		keeps   bool
	}{
		{"founder hears a member", founder, 2, "b:1", true},
		{"founder hears a member from elsewhere", founder, 2, "evil:1", false},
		{"founder hears a stranger", founder, 3, "c:1", false},
		{"joiner hears whom it has asked", joiner, 2, "b:1", true},
		{"joiner hears it from elsewhere", joiner, 2, "evil:1", false},
		{"joiner hears a stranger", joiner, 3, "c:1", false},
	} {
		b := batch(c.from, c.addr)
		if n := c.vetting.batch(b); n != 0 || len(b.Requests) != 1 {
			t.Errorf("%s: the message was dropped", c.who)
		}
		if kept := b.SourceAddress != ""; kept != c.keeps {
			t.Errorf("%s: address kept: %v", c.who, kept)
		}
	}
}

func TestASlowPeerIsDisconnected(t *testing.T) {
	tr, _ := bareTransport(t, listen(t), nil, 1, nil, nil)
	c := dial(t, tr.listener.Addr().String())
	start := time.Now()
	c.Write(frame(frameMessages, make([]byte, 1000))[:100])
	closedByPeer(t, c, 2*frameTimeout)
	if took := time.Since(start); took < frameTimeout/2 {
		t.Errorf("disconnected after %v already", took)
	}
}

func TestClosingDoesNotWaitForSilentPeers(t *testing.T) {
	tr, _ := bareTransport(t, listen(t), nil, 1, nil, nil)
	var conns []net.Conn
	for range 10 {
		conns = append(conns, dial(t, tr.listener.Addr().String()))
	}
	waitFor(t, "the connections", func() bool { tr.mu.Lock(); defer tr.mu.Unlock(); return len(tr.inbound) == 10 })
	start := time.Now()
	tr.Close()
	if took := time.Since(start); took > handshakeTimeout/2 { // for so long they may be silent, and it takes no time
		t.Errorf("closing took %v", took)
	}
	for _, c := range conns {
		closedByPeer(t, c, handshakeTimeout/2)
	}
}

func TestTooManyConnectionsAreClosedAtOnce(t *testing.T) {
	tr, _ := bareTransport(t, listen(t), nil, 1, nil, func(censusQuestion) censusAnswer { return censusAnswer{replica: 1} })
	addr := tr.listener.Addr().String()
	var conns []net.Conn
	for range inboundMax {
		conns = append(conns, dial(t, addr))
	}
	waitFor(t, "the connections", func() bool { tr.mu.Lock(); defer tr.mu.Unlock(); return len(tr.inbound) == inboundMax })
	closedByPeer(t, dial(t, addr), handshakeTimeout/2)
	for _, c := range conns {
		c.Close()
	}
	waitFor(t, "room", func() bool { tr.mu.Lock(); defer tr.mu.Unlock(); return len(tr.inbound) == 0 })
	if _, err := tr.ask(t.Context(), addr, censusQuestion{replica: 2}); err != nil {
		t.Errorf("after the others left: %v", err)
	}
}

// starved fails to accept a few times as if the process had no descriptors left.
type starved struct {
	net.Listener
	failures int
}

func (l *starved) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestAcceptingSurvivesALackOfDescriptors(t *testing.T) {
	tr, _ := bareTransport(t, &starved{listen(t), 4}, nil, 1, nil, func(censusQuestion) censusAnswer { return censusAnswer{replica: 1} })
	if _, err := tr.ask(t.Context(), tr.listener.Addr().String(), censusQuestion{replica: 2}); err != nil {
		t.Error(err)
	}
}

func TestALinkFindsItsMemberAgainAfterARestart(t *testing.T) {
	members := map[uint64]string{1: "127.0.0.1:1", 2: "127.0.0.1:2"}
	before, in := bareTransport(t, listen(t), nil, 1, members, nil)
	from, _ := bareTransport(t, listen(t), nil, 2, members, nil)
	addr := before.listener.Addr().String()
	conn, err := from.GetConnection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func() {
		t.Helper()
		if err := conn.SendMessageBatch(raftpb.MessageBatch{SourceAddress: members[2], Requests: []raftpb.Message{message(raftpb.Heartbeat, "")}}); err != nil {
			t.Fatal(err)
		}
	}
	send()
	<-in.batches
	before.Close()
	for from.reachable(addr) {
		send() // into nothing
		runtime.Gosched()
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, in = bareTransport(t, again, nil, 1, members, nil)
	tick := time.NewTicker(reconnectAfter)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); ; {
		send()
		select {
		case <-in.batches:
			if !from.reachable(addr) {
				t.Error("an open connection does not count as reachable")
			}
			return
		case <-tick.C:
		case <-deadline:
			t.Fatal("no message has come since the member is back")
		}
	}
}

func TestPlaintextDoesNotLeaveThisMachine(t *testing.T) {
	tr, _ := bareTransport(t, listen(t), nil, 1, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tr.GetConnection(ctx, "192.0.2.1:7182"); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connection to another machine: %v", err)
	}
}

func TestAFrameReaderAllocatesOnlyForWhatCame(t *testing.T) {
	for _, got := range []int{0, 1000, 100 << 10, 1 << 20} {
		input := append(hugeFrame(frameMessages, frameBytesMax), make([]byte, got)...)
		const runs = 10
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			f := frameReader{r: bufio.NewReaderSize(bytes.NewReader(input), 4096)}
			if _, _, err := f.next(); !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		perRun := (after.TotalAlloc - before.TotalAlloc) / runs
		if limit := uint64(4*len(input) + growBytes + 8192); perRun > limit {
			t.Errorf("%d bytes of a frame of %d: allocated %d, limit %d", got, frameBytesMax, perRun, limit)
		}
	}
}

func TestFramesRoundTripAndEveryFlippedBitIsNoticed(t *testing.T) {
	good := frame(frameMessages, []byte("some payload"))
	f := frameReader{r: bufio.NewReader(bytes.NewReader(slices.Concat(good, good)))}
	for range 2 {
		if kind, payload, err := f.next(); err != nil || kind != frameMessages || string(payload) != "some payload" {
			t.Fatalf("%v %q %v", kind, payload, err)
		}
	}
	if _, _, err := f.next(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	for bit := range 8 * len(good) {
		b := slices.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		f := frameReader{r: bufio.NewReader(bytes.NewReader(b))}
		if _, _, err := f.next(); err == nil {
			t.Errorf("flipped bit %d was not noticed", bit)
		}
	}
}

func TestEntriesRoundTrip(t *testing.T) {
	want := origin{replica: 3, boot: 1 << 40, seq: 77}
	b := appendEntry(nil, want, []byte("cmd"))
	if o, cmd, ok := splitEntry(b); !ok || o != want || string(cmd) != "cmd" {
		t.Errorf("%+v %q %v", o, cmd, ok)
	}
	for _, foreign := range [][]byte{nil, {2}, {1}, {1, 3, 0x80}, []byte("other")} {
		if _, _, ok := splitEntry(foreign); ok {
			t.Errorf("%x was taken for an entry", foreign)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add(frame(frameMessages, []byte("x")))
	f.Add(hugeFrame(frameChunk, 1<<20))
	f.Add(libraryBomb(1 << 62))
	f.Add(censusQuestion{replica: 1, cluster: "c"}.frame())
	f.Fuzz(func(t *testing.T, input []byte) {
		reader := frameReader{r: bufio.NewReader(bytes.NewReader(input))}
		for read := 0; ; {
			kind, payload, err := reader.next()
			if err != nil {
				return
			}
			if len(payload) == 0 || len(payload) > kind.bytesMax() {
				t.Fatalf("payload of %d bytes", len(payload))
			}
			again := frame(kind, payload)
			if !bytes.Equal(again, input[read:read+len(again)]) {
				t.Fatal("an accepted frame is not the one that its content gives")
			}
			read += len(again)
		}
	})
}

func FuzzPayloads(f *testing.F) {
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(mustMarshal(f, &raftpb.MessageBatch{SourceAddress: "a:1", Requests: []raftpb.Message{message(raftpb.Replicate, "cmd")}}))
	f.Add(mustMarshal(f, &raftpb.Chunk{ShardID: shardID, ReplicaID: 1, From: 2, Data: make([]byte, 1024)}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := newVetting(1, nil)
		if b, err := decodeBatch(payload); err == nil {
			v.batch(&b)
			for _, m := range b.Requests {
				if m.To != 1 || m.From == 0 || !foreign[m.Type] {
					t.Fatalf("let through: %+v", m)
				}
			}
		}
		if c, err := decodeChunk(payload); err == nil && v.chunk(&c) == nil && c.ReplicaID != 1 {
			t.Fatalf("let through: %+v", c)
		}
		decodeQuestion(payload)
		decodeAnswer(payload)
		splitEntry(payload)
	})
}
