package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// tokens gives a target the texts of tokens, whole, cut, and of another kind.
func tokens(f *testing.F) {
	h, _ := Handover{id: 31, secret: secretOf(wire.Password{1}), timeout: time.Second, attempt: 9, lastZxid: 77, lastSeq: 3}.MarshalText()
	w, _ := WriteID{session: 31, secret: secretOf(wire.Password{2}), seq: 7, kind: wire.Create}.MarshalText()
	for _, text := range [][]byte{h, w, h[:len(h)-1], append(w[:len(w):len(w)], '='), {}, []byte("\n"), bytes.Repeat([]byte("A"), len(h))} {
		f.Add(text)
	}
}

// sealed gives a text that can be decoded the checksum of a token, because a fuzzer does not find one.
func sealed(text []byte) []byte {
	raw, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || len(raw) < tokenRim {
		return text
	}
	raw = raw[:len(raw)-4]
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	return base64.RawURLEncoding.AppendEncode(nil, raw)
}

// What is taken for a session to take over is written again as the same text.
func FuzzHandoverText(f *testing.F) {
	tokens(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, text := range [][]byte{text, sealed(text)} {
			h, err := ParseHandover(string(text))
			if err != nil {
				if !h.IsZero() {
					t.Errorf("%q is refused and gives %v", text, h)
				}
				continue
			}
			if again, err := h.MarshalText(); err != nil || !bytes.Equal(again, text) {
				t.Errorf("%q came back as %q, %v", text, again, err)
			}
		}
	})
}

// What is taken for the name of a write is written again as the same text.
func FuzzWriteIDText(f *testing.F) {
	tokens(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, text := range [][]byte{text, sealed(text)} {
			var w WriteID
			if err := w.UnmarshalText(text); err != nil {
				if w != (WriteID{}) {
					t.Errorf("%q is refused and gives %v", text, w)
				}
				continue
			}
			if again, err := w.MarshalText(); err != nil || !bytes.Equal(again, text) {
				t.Errorf("%q came back as %q, %v", text, again, err)
			}
		}
	})
}

// asked is the calls whose answers FuzzFromServer makes up, in the order of their numbers.
var asked = []func(context.Context, *Client){
	func(ctx context.Context, c *Client) {
		var w *Watch
		_, _ = c.Get(ctx, "/a", WithWatch(&w))
	},
	func(ctx context.Context, c *Client) { _, _, _ = c.Create(ctx, "/a/b", []byte("x"), Sequential()) },
	func(ctx context.Context, c *Client) { _, _ = c.Multi(ctx, SetOp("/a", nil), DeleteOp("/b")) },
	func(ctx context.Context, c *Client) { _, _, _ = c.Children(ctx, "/a") },
	func(ctx context.Context, c *Client) {
		if w, err := c.AddWatch(ctx, "/a", Recursive()); err == nil {
			w.Close()
		}
	},
	func(ctx context.Context, c *Client) {
		for range c.List(ctx, "/a", WithData()) {
		}
	},
	func(ctx context.Context, c *Client) {
		_, _ = c.Txn(ctx, If(AbsentOp("/a")).Then(CreateOp("/a", nil)).Else(GetOp("/a")))
	},
	func(ctx context.Context, c *Client) {
		for range c.Sessions(ctx) {
		}
	},
	func(ctx context.Context, c *Client) {
		_, _, _ = c.MultiRead(ctx, []ReadOp{GetOf("/a"), ChildrenOf("/a")})
	},
	func(ctx context.Context, c *Client) { _, _, _ = c.CopyTree(ctx, "/a", "/c") },
	func(ctx context.Context, c *Client) { _, _ = c.Ephemerals(ctx, "/") },
}

// FuzzFromServer: whatever a server sends, in answer to calls of all kinds, the client goes on or ends the connection;
// its calls return.
func FuzzFromServer(f *testing.F) {
	stat := znode.Stat{Czxid: 1, Mzxid: 2, Pzxid: 3, DataLength: 1}
	reply := func(xid wire.Xid, result []byte) []byte {
		return wire.AppendReply(nil, xid, append(wire.AppendUint(wire.AppendInt(nil, 0), 9), result...))
	}
	got := reply(1, wire.AppendGetResult(nil, []byte("x"), &stat))
	created := wire.AppendReply(nil, 2, wire.AppendOutcome(nil, wire.Create, 9, []znode.Result{{Kind: znode.OpCreate, Path: "/a/b0000000001", Stat: stat}}))
	refused := wire.AppendReply(nil, 3, wire.AppendFailure(nil, wire.CodeBadVersion, 9, &znode.Error{Path: "/a", Index: 1}))
	dst, mark := wire.BeginChildrenResult(nil)
	children := reply(4, wire.EndChildrenResult(dst, mark, 0, false, &stat))
	event := wire.AppendEvent(nil, &wire.Event{Zxid: 10, Type: EventDataChanged, Path: "/a"})
	told := wire.AppendEvent(nil, &wire.Event{Zxid: 11, Type: EventCreated, Path: "/a/c", Watch: 1})
	goodbye := wire.AppendGoodbye(nil, wire.CodeSessionMoved, "elsewhere")
	expired := wire.AppendReply(nil, 1, wire.AppendFailure(nil, wire.CodeSessionExpired, 9, &znode.Error{}))
	gap := wire.AppendReply(nil, 2, wire.AppendFailure(nil, wire.CodeGap, 9, &znode.Error{Actual: 0}))
	for _, frames := range [][][]byte{
		{got, event, created, refused, children}, {event, told}, {goodbye}, {got, goodbye}, {expired}, {got, gap},
		{created}, {got, got}, {got[:len(got)-3]}, {{0xff, 0xff, 0xff, 0xff}}, {reply(1, nil)}, {told, got, told, created},
	} {
		f.Add(bytes.Join(frames, nil))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		near, far := net.Pipe()
		wanted := make(chan struct{}, 2*len(asked)) // one element for each request that was sent
		var serving sync.WaitGroup
		serving.Go(func() { serveOnce(far, stream, wanted) })
		dials := 0
		c, err := Dial(t.Context(), Config{Servers: []string{"a:1"}, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if dials++; dials > 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return near, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for _, call := range asked {
			calls.Go(func() { call(ctx, c) })
			<-wanted
		}
		serving.Wait() // everything was sent, and the connection is over
		cancel()
		calls.Wait()
		_ = c.Close(ctx)
	})
}

// serveOnce is the server's end of the one connection of FuzzFromServer: it takes all requests and then sends the stream.
func serveOnce(conn net.Conn, stream []byte, wanted chan<- struct{}) {
	frames := wire.NewFrameReader(conn, wire.FrameMax)
	if _, err := frames.Next(); err != nil {
		return
	}
	welcome := wire.Welcome{
		Version: wire.ProtocolVersion, Server: 1, SessionID: 5, Password: wire.Password{1}, TimeoutMS: 10_000, Zxid: 8, Limits: wire.DefaultLimits(),
	}
	if _, err := conn.Write(wire.AppendWelcome(nil, &welcome)); err != nil {
		return
	}
	for range asked {
		if _, err := frames.Next(); err != nil {
			break
		}
		wanted <- struct{}{}
	}
	var draining sync.WaitGroup
	draining.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	_, _ = conn.Write(stream) // fails if the client has had enough
	_ = conn.Close()
	draining.Wait()
}
