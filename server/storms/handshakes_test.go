//go:build linux

package storms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// handshakeTimeout is how long a server waits for a Hello.
const handshakeTimeout = 5 * time.Second

// slowAgainAfter is how long one that was cut off waits before it comes again: the storm is of connections, not of the CPU.
const slowAgainAfter = 200 * time.Millisecond

// drip sends a Hello of which a byte comes per second, or nothing at all, until the server has had enough, and returns how long
// that took.
func (g *guest) drip(silent bool) (time.Duration, error) {
	begin, done := time.Now(), make(chan error, 1)
	go func() {
		_, err := g.welcome()
		done <- err
	}()
	tick, hello := time.NewTicker(time.Second), hello()
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !silent && len(hello) > 1 { // never the whole of it
				_, _ = g.socket.Write(hello[:1]) // fails when it is cut
				hello = hello[1:]
			}
		case err := <-done:
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				return 0, fmt.Errorf("not cut off: %w", err)
			}
			return time.Since(begin), nil
		}
	}
}

// TestSlowHandshakes: thousands of connections whose first message comes byte by byte, or never. All of them are cut off in time,
// and meanwhile the others are served and further ones come.
func TestSlowHandshakes(t *testing.T) {
	c := start(t, 1)
	s := startSteady(t, c.Addrs()...)
	m := c.watchMemory()
	s.storms()
	n := size(200, 5000)
	crowd := gather(t, n, time.Second, c.Addrs(), enter)
	if err := some(crowd.errs); err != nil {
		t.Fatal(err)
	}
	var turn, longest atomic.Int64
	honest := make(chan error, 1)
	go func() {
		g, err := open(c.Addrs()[0])
		if err == nil {
			err = errors.Join(g.answered(), g.socket.Close())
		}
		honest <- err
	}()
	if _, err := crowd.each(func(g *guest) error {
		took, err := g.drip(turn.Add(1)%2 == 0)
		for old := longest.Load(); int64(took) > old && !longest.CompareAndSwap(old, int64(took)); old = longest.Load() {
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	t.Logf("%d slow handshakes, the last was cut off after %v of %v", n, time.Duration(longest.Load()).Round(time.Millisecond), handshakeTimeout)
	if err := <-honest; err != nil {
		t.Errorf("a client that came meanwhile: %v", err)
	}
	eventually(t, "their places are free", func() bool { return c.connections() <= steadyClients })
	m.within(int64(n)*connectionBytes+roomBytes, fmt.Sprintf("%d connections", n))
	s.goOn()
	s.judge()
}

// TestSlowHandshakesInAllPlaces: more slow ones than the server takes connections, and whoever is cut off comes again.
// Whoever has something to say gets in all the same, every time.
func TestSlowHandshakesInAllPlaces(t *testing.T) {
	places, slow, honest := size(100, 2_000), size(200, 4_000), size(20, 200)
	c := start(t, 1, "--max-connections", fmt.Sprint(places))
	addr := c.Addrs()[0]
	s := startSteady(t, addr)
	s.storms()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var cut atomic.Int64
	stormed := make(chan error, 1)
	go func() {
		crowd := gather(t, slow, time.Second, c.Addrs(), enter)
		_, err := crowd.each(func(g *guest) error {
			defer context.AfterFunc(ctx, func() { g.socket.Close() })()
			_, _ = g.welcome() // when it is cut off
			for again := time.NewTicker(slowAgainAfter); ; {
				cut.Add(1)
				select {
				case <-again.C:
				case <-ctx.Done():
					return nil
				}
				g, err := enter(addr)
				if err != nil {
					return err
				}
				stopping := context.AfterFunc(ctx, func() { g.socket.Close() })
				_, _ = io.Copy(io.Discard, g.socket)
				stopping()
				g.socket.Close()
			}
		})
		stormed <- errors.Join(some(crowd.errs), err)
	}()
	eventually(t, "all places are taken and fought for", func() bool { return cut.Load() > int64(places) })
	var longest time.Duration
	for range honest {
		begin := time.Now()
		limited, cancel := context.WithTimeout(t.Context(), patience)
		g, err := client.Dial(limited, client.Config{Servers: []string{addr}})
		if err == nil {
			_, err = g.Get(limited, "/steady-0")
			err = errors.Join(err, g.Close(limited))
		}
		cancel()
		if err != nil {
			t.Fatalf("an honest client: %v", err)
		}
		longest = max(longest, time.Since(begin))
	}
	t.Logf("%d places, %d slow ones, cut off %d times; %d honest clients got in, read and left, the slowest in %v",
		places, slow, cut.Load(), honest, longest.Round(time.Millisecond))
	s.goOn()
	stop()
	if err := <-stormed; err != nil {
		t.Error(err)
	}
	s.judge()
}

// TestFullOfSessions: a server whose places all have sessions says so at once to whoever else comes, and serves them.
func TestFullOfSessions(t *testing.T) {
	const places = 30
	c := start(t, 1, "--max-connections", fmt.Sprint(places))
	crowd := gather(t, places, 0, c.Addrs(), open)
	if err := some(crowd.errs); err != nil {
		t.Fatal(err)
	}
	late := gather(t, places, 0, c.Addrs(), enter)
	if _, err := late.each(func(g *guest) error {
		if w, err := g.welcome(); err != nil || w.Code != wire.CodeBusy {
			return fmt.Errorf("told %v, %v", w.Code, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := crowd.each((*guest).answered); err != nil {
		t.Error(err)
	}
}
