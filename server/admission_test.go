package server

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/wire"
)

// TestTheSilentMakeRoom: connections on which nothing is said keep nobody out, however many they are; the oldest goes first,
// and is told. Those that have a session stay, and when all places are theirs the next one is refused.
func TestTheSilentMakeRoom(t *testing.T) {
	const places = 10
	s := startOne(t, func(c *Config) { c.ConnectionsMax = places })
	var silent []*peer
	for range 3 * places {
		silent = append(silent, connect(t, s))
	}
	for i, p := range silent[:2*places] {
		if w := turnedAway(p); w.Code != wire.CodeBusy || w.Detail == "" {
			t.Fatalf("silent connection %d was told %s %q, want Busy and why", i, w.Code.Name(), w.Detail)
		}
	}
	var honest []*peer
	for range places {
		p := open(t, s)
		p.ask(wire.Request{Kind: wire.Ping})
		honest = append(honest, p)
	}
	for _, p := range silent[2*places:] {
		if w := turnedAway(p); w.Code != wire.CodeBusy {
			t.Fatalf("told %s, want Busy", w.Code.Name())
		}
	}
	for _, p := range honest {
		p.want("1 OK")
	}
	eventually(t, "those that made room are forgotten", func() bool { return s.connections() == places })
	if w := turnedAway(connect(t, s)); w.Code != wire.CodeBusy {
		t.Errorf("one too many was told %s, want Busy", w.Code.Name())
	}
	if got, want := s.metrics.ousted.Get(), uint64(3*places); got != want {
		t.Errorf("%d were ousted, want %d", got, want)
	}
	if s.connMu.Lock(); s.ousted != 0 || s.silent.Len() != 0 {
		t.Errorf("%d ousted and %d silent ones are left", s.ousted, s.silent.Len())
	}
	s.connMu.Unlock()
	honest[0].socket.Close()
	eventually(t, "a place is free", func() bool { return s.connections() < places })
	open(t, s)
}

// turnedAway reads the answer to a Hello that was not sent.
func turnedAway(p *peer) wire.Welcome {
	p.t.Helper()
	body, err := p.frames.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	w, err := wire.DecodeWelcome(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return w
}

// TestAHandshakeInDripsIsCut: whoever sends a byte now and then has no more time for it than others.
func TestAHandshakeInDripsIsCut(t *testing.T) {
	s := startOne(t)
	p := connect(t, s)
	hello := wire.AppendHello(nil, &wire.Hello{Version: wire.ProtocolVersion, TimeoutMS: sessionMS, Attempt: 1})
	start, drip, gone := time.Now(), time.NewTicker(helloTimeout/10), make(chan error, 1)
	defer drip.Stop()
	go func() {
		_, err := p.socket.Read(make([]byte, 1))
		gone <- err
	}()
	for i := 0; ; i++ {
		select {
		case <-drip.C:
			_, _ = p.socket.Write(hello[i : i+1]) // fails when it is cut
		case err := <-gone:
			if took := time.Since(start); err == nil || took < helloTimeout*9/10 {
				t.Errorf("after %v: %v, want the end after %v", took, err, helloTimeout)
			}
			return
		}
	}
}

// TestConnectionsLeaveDescriptorsForTheLog: however many are configured; and where there are too few, the server says so
// instead of dying of it later.
func TestConnectionsLeaveDescriptorsForTheLog(t *testing.T) {
	for _, test := range []struct {
		files            uint64
		configured, want int
		said             string
	}{
		{1 << 20, 0, connectionsMaxDefault, ""},
		{descriptorsReserved + connectionsMaxDefault, 0, connectionsMaxDefault, ""},
		{1024, 0, 1024 - descriptorsReserved, "640 instead of 20000"},
		{1024, 500, 500, ""},
		{descriptorsReserved + connectionsMin, 0, connectionsMin, "64 instead of 20000"},
	} {
		c := Config{ConnectionsMax: test.configured, openFiles: func() (uint64, error) { return test.files, nil }}
		if err := c.validate(); err != nil {
			t.Fatal(err)
		}
		said, err := c.boundConnections()
		if err != nil || c.ConnectionsMax != test.want || !strings.Contains(said, test.said) || (said == "") != (test.said == "") {
			t.Errorf("%d files, %d configured: %d connections, %q, %v; want %d", test.files, test.configured, c.ConnectionsMax, said, err, test.want)
		}
	}
	if err := (&Config{ConnectionsMax: -1}).validate(); err == nil || !strings.Contains(err.Error(), "-1 client connections") {
		t.Errorf("fewer than none: %v", err)
	}
	log := zerolog.New(io.Discard)
	_, err := Start(Config{
		DataDir: filepath.Join(t.TempDir(), "data"), ClientAddr: "127.0.0.1:0", RaftAddr: freeAddr(t), Log: &log,
		openFiles: func() (uint64, error) { return 256, nil },
		Listen: func(string, string) (net.Listener, error) {
			t.Error("the port was opened")
			return nil, net.ErrClosed
		},
	})
	if err == nil || !strings.Contains(err.Error(), "raise the limit") {
		t.Errorf("a server with 256 files: %v", err)
	}
}
