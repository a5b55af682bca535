package chaos

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// socket is a device of a host that sends what is put into out and keeps what comes.
type socket struct {
	out  chan []byte
	in   chan []byte
	done chan struct{}
}

func newSocket() *socket {
	return &socket{make(chan []byte), make(chan []byte, 100), make(chan struct{})}
}

func (s *socket) Read(p []byte) (int, error) {
	select {
	case data := <-s.out:
		return copy(p, data), nil
	case <-s.done:
		return 0, net.ErrClosed
	}
}

func (s *socket) Write(p []byte) (int, error) {
	s.in <- append([]byte(nil), p...)
	return len(p), nil
}

func (s *socket) Close() error { close(s.done); return nil }

// ipv4 is a packet for an address, of a host.
func ipv4(from byte, to netip.Addr) []byte {
	p := make([]byte, 20)
	p[0], p[1] = 0x45, from
	copy(p[16:], to.AsSlice())
	return p
}

func TestNetworkPassesPacketsToWhomTheyAreFor(t *testing.T) {
	var hosts []host
	var sockets []*socket
	for i := range 3 {
		sockets = append(sockets, newSocket())
		hosts = append(hosts, host{device: sockets[i], addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})})
	}
	n := newNetwork(hosts, 1)
	comes := func(to int, from byte) {
		t.Helper()
		select {
		case p := <-sockets[to].in:
			if p[1] != from {
				t.Errorf("host %d got a packet of %d, want %d", to, p[1], from)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("host %d got nothing of %d", to, from)
		}
	}
	sockets[0].out <- ipv4(0, n.Addr(1))
	sockets[0].out <- ipv4(0, n.Addr(2))
	sockets[0].out <- ipv4(0, netip.MustParseAddr("10.0.0.9")) // nobody
	sockets[0].out <- ipv4(0, n.Addr(0))                       // itself: the kernel never sends that
	sockets[0].out <- []byte{0x60}                             // not IPv4
	comes(1, 0)
	comes(2, 0)

	n.Set(0, 1, lost)
	sockets[0].out <- ipv4(0, n.Addr(1))
	sockets[0].out <- ipv4(0, n.Addr(2)) // the host's packets are taken one by one: when this one comes, the other one is lost
	comes(2, 0)
	sockets[1].out <- ipv4(1, n.Addr(0)) // the other direction
	comes(0, 1)
	n.Heal()
	sockets[2].out <- ipv4(2, n.Addr(1))
	comes(1, 2) // and nothing of 0 before
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for i, s := range sockets {
		if len(s.in) > 0 {
			t.Errorf("host %d got %d packets too many", i, len(s.in))
		}
	}
}

// TestNamespaces looks from outside whether a host's kernel answers: a closed port refuses at once, a lost packet is silence.
func TestNamespaces(t *testing.T) {
	if why := lacking(network); why != "" {
		t.Skip("network namespaces cannot be made here: " + why)
	}
	n, err := OpenNetwork(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	within := func(i int, patience time.Duration) bool {
		t.Helper()
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(n.Addr(i), 9).String(), patience)
		if err == nil {
			c.Close()
			t.Fatal("somebody listens there")
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	reaches := func(i int) bool { t.Helper(); return within(i, 10*time.Second) }
	silent := func(i int) bool { t.Helper(); return !within(i, 300*time.Millisecond) }
	if !reaches(0) || !reaches(1) {
		t.Error("the servers' hosts do not answer")
	}
	n.Set(0, n.Clients(), lost)
	if !silent(0) || !reaches(1) {
		t.Error("one direction is cut, but it answers; or the wrong one does not")
	}
	n.Heal()
	if !reaches(0) {
		t.Error("healed, but it does not answer")
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("ip", "netns", "list").Output(); err != nil || strings.Contains(string(out), n.hosts[0].namespace) {
		t.Errorf("the namespace is still there (%v): %s", err, out)
	}
}
