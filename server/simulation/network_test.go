package simulation

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inNetwork calls f in a bubble, with a network and the two ends of a connection of client 0 to server 1.
func inNetwork(t *testing.T, f func(t *testing.T, n *network, client, server net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(rand.New(rand.NewPCG(1, 2)), newTrace(nil))
		l := n.listen(1, "server-1:1")
		client, err := n.dial(t.Context(), 0, 1, "server-1:1")
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		f(t, n, client, server)
		n.close()
	})
}

func TestBytesArriveInOrderAndTakeTime(t *testing.T) {
	inNetwork(t, func(t *testing.T, _ *network, client, server net.Conn) {
		begun, text := time.Now(), ""
		for i := range 100 {
			part := strings.Repeat(string(rune('a'+i%26)), 1+i)
			text += part
			if _, err := client.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(server)
		if err != nil || string(got) != text {
			t.Errorf("got %d bytes, %v, of %d that were sent before the end", len(got), err, len(text))
		}
		if time.Since(begun) == 0 {
			t.Error("it took no time")
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading from what was closed here: %v", err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	inNetwork(t, func(t *testing.T, _ *network, client, server net.Conn) {
		begun := time.Now()
		_ = client.SetReadDeadline(begun.Add(3 * time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		_ = client.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := client.Write(make([]byte, 2*windowBytes)); n != windowBytes || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nobody reads: %d bytes were taken, %v", n, err)
		}
		_ = client.SetDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, server) }()
		if n, err := client.Write(make([]byte, 3*windowBytes)); err != nil {
			t.Errorf("somebody reads now: %d bytes were taken, %v", n, err)
		}
	})
}

func TestCutLosesWhatIsUnderWay(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network, client, server net.Conn) {
		_, _ = client.Write([]byte("lost"))
		if broken := n.cut(func(client int, _ uint64) bool { return client == 0 }); broken != 1 {
			t.Errorf("%d connections were cut", broken)
		}
		if k, err := server.Read(make([]byte, 9)); k != 0 || err == nil || err == io.EOF {
			t.Errorf("read %d bytes, %v", k, err)
		}
		if _, err := client.Write([]byte("more")); err == nil {
			t.Error("the client does not notice")
		}
	})
}

func TestStallKeepsOneDirection(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network, client, server net.Conn) {
		up := path{0, 1, true}
		n.stall(up)
		_, _ = client.Write([]byte("up"))
		_, _ = server.Write([]byte("down"))
		b := make([]byte, 9)
		if k, err := client.Read(b); string(b[:k]) != "down" {
			t.Errorf("the other direction: %q, %v", b[:k], err)
		}
		_ = server.SetReadDeadline(time.Now().Add(time.Hour))
		if k, err := server.Read(b); k != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the stalled direction: %q, %v", b[:k], err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.dial(ctx, 0, 1, "server-1:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a connection came about: %v", err)
		}
		n.release(up)
		_ = server.SetReadDeadline(time.Time{})
		if k, err := server.Read(b); string(b[:k]) != "up" {
			t.Errorf("after the stall: %q, %v", b[:k], err)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network, _, _ net.Conn) {
		if _, err := n.dial(t.Context(), 0, 2, "server-2:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v", err)
		}
	})
}
