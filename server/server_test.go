package server

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/internal/ports"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

const (
	// patience is how long anything may take, on a slow machine that is busy; it is the end of a test that hangs.
	patience = 2 * time.Minute

	// sessionMS is the timeout of sessions in tests that are not about it: a client that is busy with long answers is silent.
	sessionMS = 60_000
)

// startOne starts a cluster of one with its data in a directory of the test.
func startOne(t *testing.T, change ...func(*Config)) *Server {
	t.Helper()
	return startIn(t, t.TempDir(), change...)
}

func startIn(t *testing.T, dir string, change ...func(*Config)) *Server {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	c := Config{DataDir: filepath.Join(dir, "data"), ClientAddr: "127.0.0.1:0", RaftAddr: freeAddr(t), Log: &log}
	for _, f := range change {
		f(&c)
	}
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addrs, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	return addrs[0]
}

// peer is a client that says exactly what the test wants, right or wrong.
type peer struct {
	t       *testing.T
	socket  net.Conn
	frames  *wire.FrameReader
	welcome wire.Welcome
	xid     wire.Xid
	seq     session.Seq
}

func connect(t *testing.T, s *Server) *peer {
	t.Helper()
	socket, err := net.Dial("tcp", s.ClientAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	if err := socket.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, socket: socket, frames: wire.NewFrameReader(socket, wire.FrameMax)}
}

// hello sends a Hello and returns the Welcome.
func (p *peer) hello(h wire.Hello) wire.Welcome {
	p.t.Helper()
	h.Version = wire.ProtocolVersion
	p.send(wire.AppendHello(nil, &h))
	body, err := p.frames.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.welcome, err = wire.DecodeWelcome(body); err != nil {
		p.t.Fatal(err)
	}
	return p.welcome
}

// open connects and opens a session.
func open(t *testing.T, s *Server) *peer {
	t.Helper()
	p := connect(t, s)
	if w := p.hello(wire.Hello{TimeoutMS: sessionMS, Attempt: 1}); w.Code != wire.CodeOK {
		t.Fatalf("the session was not opened: %v %s", w.Code, w.Detail)
	}
	return p
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.socket.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// ask sends a request, numbered if it is a write.
func (p *peer) ask(r wire.Request) {
	p.t.Helper()
	p.xid++
	r.Xid = p.xid
	if r.Kind.Write() {
		p.seq++
		r.Seq, r.Ack = p.seq, p.seq-1
	}
	p.send(wire.AppendRequest(nil, &r))
}

// next returns the next frame from the server, as a line.
func (p *peer) next() string {
	p.t.Helper()
	body, err := p.frames.Next()
	if err != nil {
		return "closed"
	}
	f, err := wire.DecodeServerFrame(body)
	if err != nil {
		p.t.Fatal(err)
	}
	switch f.Kind {
	case wire.EventFrame:
		return fmt.Sprintf("event %v %s", f.Event.Type, f.Event.Path)
	case wire.Goodbye:
		p.t.Log("goodbye:", f.Detail)
		return fmt.Sprintf("goodbye %s", f.Code.Name())
	}
	if f.Code != wire.CodeOK {
		failure, err := wire.DecodeFailure(f.Result)
		if err != nil {
			p.t.Fatal(err)
		}
		return strings.TrimSpace(fmt.Sprintf("%d %s %s", f.Xid, f.Code.Name(), failure.Path))
	}
	return fmt.Sprintf("%d OK", f.Xid)
}

func (p *peer) want(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		if got := p.next(); got != want {
			p.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func create(path string, data ...byte) wire.Request {
	return wire.Request{Kind: wire.Create, Ops: []znode.Op{{Kind: znode.OpCreate, Path: path, Data: data}}}
}

func set(path string) wire.Request {
	return wire.Request{Kind: wire.Set, Ops: []znode.Op{{Kind: znode.OpSet, Path: path}}}
}

func get(path string, level wire.Level, watch bool) wire.Request {
	return wire.Request{Kind: wire.Get, Path: path, Level: level, Watch: watch}
}

func TestRepliesComeInOrderOfRequests(t *testing.T) {
	p := open(t, startOne(t))
	p.ask(create("/a"))                       // 1
	p.ask(get("/a", wire.Session, false))     // 2 waits for 1
	p.ask(create("/b"))                       // 3
	p.ask(get("/b", wire.Linearizable, true)) // 4
	p.ask(set("/b"))                          // 5: its event comes after the reply to 4, which does not show it
	p.ask(get("/nope", wire.Session, false))  // 6
	p.ask(wire.Request{Kind: wire.Sync})      // 7
	p.want("1 OK", "2 OK", "3 OK", "4 OK", "event DataChanged /b", "5 OK", "6 NoNode /nope", "7 OK")
}

// TestEventComesBeforeItsChangeIsSeen: a reader of another connection gets the event before any reply that shows the change
// (W-9), for as many changes as it likes.
func TestEventComesBeforeItsChangeIsSeen(t *testing.T) {
	s := startOne(t)
	writer, reader := open(t, s), open(t, s)
	writer.ask(create("/n"))
	writer.want("1 OK")
	version := int64(0)
	for round := range 200 {
		reader.ask(get("/n", wire.Session, true))
		reader.next()
		writer.ask(set("/n"))
		event := false
		for seen := version; seen == version; {
			reader.ask(get("/n", wire.Session, false))
			for {
				body, err := reader.frames.Next()
				if err != nil {
					t.Fatal(err)
				}
				f, err := wire.DecodeServerFrame(body)
				if err != nil {
					t.Fatal(err)
				}
				if f.Kind == wire.EventFrame {
					event = true
					continue
				}
				_, stat, err := wire.DecodeGot(f.Result)
				if err != nil {
					t.Fatal(err)
				}
				seen = stat.Version
				break
			}
			if seen != version && !event {
				t.Fatalf("round %d: version %d was seen before the event about it", round, seen)
			}
		}
		version++
		writer.next()
	}
}

// TestBadFrames: each kind of nonsense gets an answer that says what is wrong, and the server goes on.
func TestBadFrames(t *testing.T) {
	s := startOne(t)
	frame := func(body ...byte) []byte {
		b, mark := wire.BeginFrame(nil)
		return wire.EndFrame(append(b, body...), mark)
	}
	unknown := func(kind uint64, seq uint64) []byte {
		b, mark := wire.BeginFrame(nil)
		b = wire.AppendArray(b, 4)
		for _, v := range []uint64{kind, 77, seq, 0} {
			b = wire.AppendUint(b, v)
		}
		return wire.EndFrame(b, mark)
	}
	big := wire.AppendRequest(nil, &wire.Request{Kind: wire.Create, Xid: 78, Seq: 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/big", Data: make([]byte, wire.FrameMax)}}})
	data := wire.AppendRequest(nil, &wire.Request{Kind: wire.Create, Xid: 79, Seq: 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/big", Data: make([]byte, wire.DataMax+1)}}})
	for _, test := range []struct {
		name string
		send []byte
		want []string
	}{
		{"unknown read", unknown(50, 0), []string{"77 Unimplemented", "1 OK"}},
		{"unknown write uses up its number", unknown(30, 1), []string{"77 Unimplemented"}},
		{"frame over the limit", big, []string{"78 TooLarge"}},
		{"data over the limit", data, []string{"79 TooLarge /big"}},
		{"write without a number", wire.AppendRequest(nil, &wire.Request{Kind: wire.Delete, Xid: 80, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a"}}}), []string{"80 BadArguments", "1 OK"}},
		{"not msgpack", frame(0xc1), []string{"goodbye MarshallingError", "closed"}},
		{"array of 2^31 elements", frame(0xdd, 0x7f, 0xff, 0xff, 0xff), []string{"goodbye MarshallingError", "closed"}},
		{"binary of 2^32-1 bytes", frame(0x95, 1, 1, 1, 0, 0x92, 0xa1, '/', 0xc6, 0xff, 0xff, 0xff, 0xff), []string{"goodbye MarshallingError", "closed"}},
		{"a million nested arrays", frame([]byte(strings.Repeat("\x91", 1<<20))...), []string{"goodbye MarshallingError", "closed"}},
		{"length beyond all reason", []byte{0xff, 0xff, 0xff, 0xff}, []string{"closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := open(t, s)
			p.send(test.send)
			for i, want := range test.want {
				if i > 0 && want != "closed" {
					p.ask(wire.Request{Kind: wire.Ping}) // the connection is still good
				}
				p.want(want)
			}
		})
	}
}

// TestBadHello: what is no Hello, or asks for what cannot be, is told so.
func TestBadHello(t *testing.T) {
	s := startOne(t)
	good := open(t, s)
	id, password := good.welcome.SessionID, good.welcome.Password
	wrong := password
	wrong[0] ^= 1
	for _, test := range []struct {
		name  string
		hello wire.Hello
		want  wire.Code
	}{
		{"wrong password", wire.Hello{SessionID: id, Password: wrong, Attempt: 2}, wire.CodeSessionExpired},
		{"unknown session", wire.Hello{SessionID: id + 1000, Password: password, Attempt: 2}, wire.CodeSessionExpired},
		{"old attempt", wire.Hello{SessionID: id, Password: password, Attempt: 0}, wire.CodeLateAttempt},
		{"a client from the future", wire.Hello{SessionID: id, Password: password, Attempt: 2, LastZxid: 1 << 40}, wire.CodeZxidAhead},
	} {
		t.Run(test.name, func(t *testing.T) {
			if w := connect(t, s).hello(test.hello); w.Code != test.want || w.Detail == "" {
				t.Errorf("got %s %q, want %s and a reason", w.Code.Name(), w.Detail, test.want.Name())
			}
		})
	}
	for name, bytes := range map[string][]byte{
		"http":                []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a request":           wire.AppendRequest(nil, &wire.Request{Kind: wire.Ping, Xid: 1}),
		"more than a Hello":   append([]byte{0, 0, 0x20, 0}, make([]byte, 0x2000)...),
		"version of tomorrow": func() []byte { return wire.AppendHello(nil, &wire.Hello{Version: wire.ProtocolVersion + 1}) }(),
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, s)
			p.send(bytes)
			body, err := p.frames.Next()
			if err != nil {
				if name != "http" { // its first four bytes are a length beyond all reason
					t.Fatalf("closed without a word: %v", err)
				}
				return
			}
			w, err := wire.DecodeWelcome(body)
			if err != nil || w.Code == wire.CodeOK || w.Detail == "" {
				t.Errorf("got %+v, %v; want a refusal with a reason", w, err)
			}
		})
	}
}

// TestSecondAttachTakesOver: the session moves to the newer connection; the older one is told.
func TestSecondAttachTakesOver(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	p.ask(create("/a"))
	p.want("1 OK")
	q := connect(t, s)
	w := q.hello(wire.Hello{SessionID: p.welcome.SessionID, Password: p.welcome.Password, Attempt: 2, LastZxid: p.welcome.Zxid})
	if w.Code != wire.CodeOK || w.LastSeq != 1 {
		t.Fatalf("attached with %s, last write %d", w.Code.Name(), w.LastSeq)
	}
	p.want("goodbye SessionMoved", "closed")
	q.send(wire.AppendRequest(nil, &wire.Request{Kind: wire.Create, Xid: 5, Seq: 1, Ops: create("/a").Ops}))
	q.want("5 OK") // the original answer, not NodeExists
}

// TestMissedEventsAreDelivered is the catch-up of W-13 through a real connection.
func TestMissedEventsAreDelivered(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	for _, path := range []string{"/set", "/gone", "/same"} {
		p.ask(create(path))
	}
	p.want("1 OK", "2 OK", "3 OK")
	since := znode.Zxid(s.zxid.Load())
	p.ask(set("/set"))
	p.ask(wire.Request{Kind: wire.Delete, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/gone"}}})
	p.ask(create("/new"))
	p.want("4 OK", "5 OK", "6 OK")
	q := open(t, s)
	q.ask(wire.Request{Kind: wire.SetWatches, Since: since, DataPaths: []string{"/set", "/gone", "/same"}, ExistPaths: []string{"/new", "/later"}})
	q.want("event DataChanged /set", "event Deleted /gone", "event Created /new", "1 OK")
	p.ask(set("/same"))
	q.want("event DataChanged /same")
}

// TestDiskWatermark: short of disk, writes that need room are refused with a reason, reads and deletes go on, and it is
// over by itself when there is space again.
func TestDiskWatermark(t *testing.T) {
	var free atomic.Uint64
	free.Store(10 << 30)
	s := startOne(t, func(c *Config) { c.freeDisk = func(string) (uint64, error) { return free.Load(), nil } })
	p := open(t, s)
	p.ask(create("/a"))
	p.want("1 OK")
	until := func(want string, r wire.Request) {
		t.Helper()
		for {
			p.ask(r)
			got := p.next()
			if _, result, _ := strings.Cut(got, " "); result == want {
				return
			}
		}
	}
	free.Store(1 << 20)
	until("NoSpace /a", set("/a"))
	p.ask(get("/a", wire.Linearizable, false))
	_, result, _ := strings.Cut(p.next(), " ")
	if result != "OK" {
		t.Errorf("a read while short of disk: %s", result)
	}
	p.ask(wire.Request{Kind: wire.Delete, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a"}}})
	if _, result, _ := strings.Cut(p.next(), " "); result != "OK" {
		t.Errorf("a delete while short of disk: %s", result)
	}
	free.Store(10 << 30)
	until("OK", create("/b"))
}

// TestSilentSessionExpires: a session whose client is gone ends after its timeout, with its ephemerals.
func TestSilentSessionExpires(t *testing.T) {
	s := startOne(t)
	other := open(t, s)
	other.ask(watchNow(1, wire.Recursive, "/e", 0))
	other.want("1 OK")
	p := connect(t, s)
	const timeout = 2 * time.Second
	p.hello(wire.Hello{TimeoutMS: timeout.Milliseconds(), Attempt: 1})
	start := time.Now() // before it was heard for the last time
	p.ask(wire.Request{Kind: wire.Create, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/e", Mode: znode.ModeEphemeral}}})
	p.want("1 OK")
	p.socket.Close()
	other.want("event Created /e", "event Deleted /e")
	if d := time.Since(start); d < timeout*9/10 {
		t.Errorf("the session ended after %v, its timeout is %v", d, timeout)
	}
}

// TestRestartKeepsState: what was acknowledged is there after a restart, the session too.
func TestRestartKeepsState(t *testing.T) {
	dir, raft := t.TempDir(), freeAddr(t)
	config := func(c *Config) { c.RaftAddr, c.SnapshotEntries = raft, 20 }
	s := startIn(t, dir, config)
	p := open(t, s)
	for i := range 100 {
		p.ask(create(fmt.Sprintf("/n%d", i), byte(i)))
		p.want(fmt.Sprintf("%d OK", i+1))
	}
	before := s.Status()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = startIn(t, dir, config)
	if st := s.Status(); st.Znodes != 100 || st.Zxid != before.Zxid || st.Sessions != 1 {
		t.Errorf("after the restart: %d znodes, zxid %v, %d sessions; before: %d, %v, 1", st.Znodes, st.Zxid, st.Sessions, before.Znodes, before.Zxid)
	}
	q := connect(t, s)
	if w := q.hello(wire.Hello{SessionID: p.welcome.SessionID, Password: p.welcome.Password, Attempt: 2}); w.Code != wire.CodeOK || w.LastSeq != 100 {
		t.Errorf("the session after the restart: %s, last write %d", w.Code.Name(), w.LastSeq)
	}
}

func TestPortTaken(t *testing.T) {
	s := startOne(t)
	_, err := Start(Config{DataDir: t.TempDir(), ClientAddr: s.ClientAddr(), RaftAddr: freeAddr(t)})
	if err == nil || !strings.Contains(err.Error(), "--client-addr") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := startOne(t, func(c *Config) { c.ConnectionsMax = 2 })
	open(t, s)
	open(t, s)
	if w := connect(t, s).hello(wire.Hello{TimeoutMS: sessionMS, Attempt: 1}); w.Code != wire.CodeBusy {
		t.Errorf("the third of two connections got %s", w.Code.Name())
	}
}
