package client

import (
	"net"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// echo answers everything at once over TCP, as fast as a server could, so that what is measured is the client, the
// protocol and the loopback.
func echo(b testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go echoOn(nc)
		}
	}()
	return l.Addr().String()
}

func echoOn(nc net.Conn) {
	defer func() { _ = nc.Close() }()
	frames := wire.NewFrameReader(nc, wire.FrameMax)
	if _, err := frames.Next(); err != nil {
		return
	}
	out := wire.AppendWelcome(nil, &wire.Welcome{
		Version: wire.ProtocolVersion, Server: 1, SessionID: 1, Password: wire.Password{1}, TimeoutMS: 10_000, Limits: wire.DefaultLimits(),
	})
	data, stat := make([]byte, 100), znode.Stat{Czxid: 1, Mzxid: 1, DataLength: 100, MtimeMS: 1_700_000_000_000}
	results := []znode.Result{{Path: "/a", Stat: stat, Kind: znode.OpSet}}
	var outcome []byte
	var r wire.Request
	for {
		if !frames.Complete() {
			if _, err := nc.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		body, err := frames.Next()
		if err != nil || wire.DecodeRequest(body, &r) != nil {
			return
		}
		switch r.Kind {
		case wire.Get:
			out = wire.AppendGetReply(out, r.Xid, 1, data, &stat)
		case wire.Set, wire.CloseSession:
			outcome = wire.AppendOutcome(outcome[:0], r.Kind, 1, results)
			out = wire.AppendReply(out, r.Xid, outcome)
		default:
			out = wire.AppendEmptyReply(out, r.Xid, 1)
		}
	}
}

func benchmark(b *testing.B, callers int, op func(c *Client) error) {
	c, err := Dial(b.Context(), Config{Servers: []string{echo(b)}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(callers)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := op(c); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	if err := c.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

func BenchmarkGet(b *testing.B) {
	get := func(c *Client) error { _, err := c.Get(b.Context(), "/services/web/node-17"); return err }
	b.Run("few callers", func(b *testing.B) { benchmark(b, 1, get) })
	b.Run("many callers", func(b *testing.B) { benchmark(b, 64, get) })
}

func BenchmarkSet(b *testing.B) {
	data := make([]byte, 100)
	set := func(c *Client) error { _, err := c.Set(b.Context(), "/services/web/node-17", data); return err }
	b.Run("few callers", func(b *testing.B) { benchmark(b, 1, set) })
	b.Run("many callers", func(b *testing.B) { benchmark(b, 64, set) })
}

// storm tells its only watch of n changes as fast as it can.
func storm(b *testing.B, n int) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		frames := wire.NewFrameReader(nc, wire.FrameMax)
		if _, err := frames.Next(); err != nil {
			return
		}
		out := wire.AppendWelcome(nil, &wire.Welcome{
			Version: wire.ProtocolVersion, Server: 1, SessionID: 1, Password: wire.Password{1}, TimeoutMS: 10_000, Limits: wire.DefaultLimits(),
		})
		data, stat := make([]byte, 100), znode.Stat{Czxid: 1, Mzxid: 1, DataLength: 100, MtimeMS: 1_700_000_000_000}
		var r wire.Request
		for {
			if _, err := nc.Write(out); err != nil {
				return
			}
			body, err := frames.Next()
			if err != nil || wire.DecodeRequest(body, &r) != nil {
				return
			}
			out = wire.AppendEmptyReply(out[:0], r.Xid, 1)
			for i := 0; r.Kind == wire.AddWatches && i < n; i++ {
				event := wire.Event{Zxid: Zxid(2 + i), Type: wire.EventDataChanged, Path: "/a", Watch: r.WatchList[0].ID, Stat: &stat, Data: data}
				if out = wire.AppendEvent(out, &event); len(out) > 64<<10 {
					if _, err := nc.Write(out); err != nil {
						return
					}
					out = out[:0]
				}
			}
		}
	}()
	return l.Addr().String()
}

func BenchmarkEvents(b *testing.B) {
	b.ReportAllocs()
	c, err := Dial(b.Context(), Config{Servers: []string{storm(b, b.N)}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(b.Context()) })
	b.ResetTimer()
	w, err := c.AddWatch(b.Context(), "/a", WithNode())
	if err != nil {
		b.Fatal(err)
	}
	gaps := 0
	for e := range w.C() {
		if e.Type == EventGap {
			gaps++
		}
		if e.Zxid == Zxid(b.N+1) {
			break
		}
	}
	b.ReportMetric(float64(gaps), "gaps")
}
