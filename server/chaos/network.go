package chaos

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Network carries packets between hosts: servers, each in a network namespace of its own, from 0, and behind them the clients,
// which are all other processes of this machine, as one more host.
type Network struct {
	hosts []host
	wires [][]*wire // from, to; nil on the diagonal
	stop  chan struct{}
	wg    sync.WaitGroup
	undo  []func() error // in the order in which they were put there, done backwards
}

// host is one end of the network.
type host struct {
	device    io.ReadWriteCloser // a packet per Read and Write
	addr      netip.Addr
	namespace string // "": this process's own
}

// newNetwork carries packets between hosts until it is closed, which closes their devices.
func newNetwork(hosts []host, seed uint64) *Network {
	n := &Network{hosts: hosts, stop: make(chan struct{})}
	for from := range hosts {
		n.wires = append(n.wires, make([]*wire, len(hosts)))
		for to := range hosts {
			if from == to {
				continue
			}
			w := newWire(hosts[to].device, rand.New(rand.NewPCG(seed, uint64(from*len(hosts)+to))))
			n.wires[from][to] = w
			n.wg.Go(func() { w.run(n.stop) })
		}
	}
	for from := range hosts {
		n.wg.Go(func() { n.read(from) })
	}
	return n
}

// read takes what a host sends and puts it on the wire to whom it is for, until the device is closed.
func (n *Network) read(from int) {
	buf := make([]byte, packetMax)
	for {
		size, err := n.hosts[from].device.Read(buf)
		if err != nil {
			return
		}
		to, ok := n.receiver(buf[:size])
		if ok && to != from {
			n.wires[from][to].pass(buf[:size], time.Now())
		}
	}
}

// receiver is the host that an IPv4 packet is for.
func (n *Network) receiver(data []byte) (int, bool) {
	if len(data) < 20 || data[0]>>4 != 4 {
		return 0, false
	}
	to := netip.AddrFrom4([4]byte(data[16:20]))
	for i := range n.hosts {
		if n.hosts[i].addr == to {
			return i, true
		}
	}
	return 0, false
}

// Servers is the number of hosts but the clients.
func (n *Network) Servers() int { return len(n.hosts) - 1 }

// Clients is the number of the host that stands for the clients.
func (n *Network) Clients() int { return len(n.hosts) - 1 }

// Addr is the address of a host.
func (n *Network) Addr(i int) netip.Addr { return n.hosts[i].addr }

// Prefix is the command that runs another one on server i's host.
func (n *Network) Prefix(i int) []string {
	return []string{"ip", "netns", "exec", n.hosts[i].namespace}
}

// Set changes how one direction behaves from now on.
func (n *Network) Set(from, to int, l Link) { n.wires[from][to].set(l) }

// Between changes both directions between two hosts.
func (n *Network) Between(a, b int, l Link) {
	n.Set(a, b, l)
	n.Set(b, a, l)
}

// Heal makes every direction pass everything on at once.
func (n *Network) Heal() {
	for from := range n.hosts {
		for to := range n.hosts {
			if from != to {
				n.Set(from, to, Link{})
			}
		}
	}
}

// Close ends the network and removes the namespaces; no process must run in them any more.
func (n *Network) Close() error {
	var errs []error
	close(n.stop)
	for _, h := range n.hosts {
		errs = append(errs, h.device.Close())
	}
	n.wg.Wait()
	for i := len(n.undo) - 1; i >= 0; i-- {
		errs = append(errs, n.undo[i]())
	}
	return errors.Join(errs...)
}
