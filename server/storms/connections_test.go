//go:build linux

package storms

import (
	"fmt"
	"testing"
	"time"
)

// connectionBytes is what a connection may cost a server: 30 kB at rest, and half of it once more until it is collected.
const connectionBytes = 64 * kib

// roomBytes is what a server may take besides: its heap may double before it is collected, and there is the storm's own traffic.
const roomBytes = 64 * mib

// TestConnectionStorm: thousands of sessions are opened in a few seconds. All of them are, the steady clients go on, memory is
// bounded, and when they have left their places are free.
func TestConnectionStorm(t *testing.T) {
	c := start(t, 3)
	n, over := size(300, 10_000), time.Duration(size(1, 10))*time.Second
	s := startSteady(t, c.Addrs()...)
	m := c.watchMemory()
	s.storms()
	begin := time.Now()
	crowd := gather(t, n, over, c.Addrs(), open)
	took := time.Since(begin)
	if err := some(crowd.errs); err != nil {
		t.Fatal(err)
	}
	if _, err := crowd.each((*guest).answered); err != nil {
		t.Fatal(err)
	}
	if got := c.connections(); got != n+steadyClients {
		t.Errorf("the servers have %d connections, want %d", got, n+steadyClients)
	}
	t.Logf("%d sessions were opened in %v, all are answered", n, took.Round(time.Millisecond))
	m.within(int64(n)*connectionBytes/int64(c.Len())+roomBytes, fmt.Sprintf("%d connections of %d KiB on each", n/c.Len(), connectionBytes/kib))
	s.goOn()
	s.judge()
	crowd.leave()
	eventually(t, "the places are free", func() bool { return c.connections() <= steadyClients })
	c.agreed()
}
