package chaos

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// namespacePrefix begins the names of all namespaces of this package; the process id and the number of the host follow.
const namespacePrefix = "coxchaos-"

// OpenNetwork makes a network of n servers and the clients. It needs root, ip(8) and /dev/net/tun. seed decides which packets
// are lost, where they are lost at random.
func OpenNetwork(n int, seed uint64) (network *Network, err error) {
	if err := removeStale(); err != nil {
		return nil, err
	}
	subnet, err := freeSubnet()
	if err != nil {
		return nil, err
	}
	var hosts []host
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for _, h := range hosts {
			err = errors.Join(err, h.device.Close())
		}
		for _, f := range undo {
			err = errors.Join(err, f())
		}
	}()
	addr := subnet.Addr()
	for i := range n + 1 {
		addr = addr.Next()
		name := fmt.Sprintf("cx%d-%d", os.Getpid(), i)
		device, err := openTun(name)
		if err != nil {
			return nil, fmt.Errorf("TUN device: %w", err)
		}
		h := host{device: device, addr: addr}
		hosts = append(hosts, h)
		inside := []string{}
		if i < n {
			space := namespacePrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(i+1)
			hosts[i].namespace = space
			inside = []string{"-n", space}
			if err := ip("netns", "add", space); err != nil {
				return nil, err
			}
			undo = append(undo, func() error { return ip("netns", "del", space) })
			if err := ip("link", "set", name, "netns", space); err != nil {
				return nil, err
			}
			if err := ip("-n", space, "link", "set", "lo", "up"); err != nil {
				return nil, err
			}
		}
		if err := ip(append(inside, "addr", "add", netip.PrefixFrom(addr, subnet.Bits()).String(), "dev", name)...); err != nil {
			return nil, err
		}
		if err := ip(append(inside, "link", "set", name, "mtu", strconv.Itoa(mtu), "up")...); err != nil {
			return nil, err
		}
	}
	network = newNetwork(hosts, seed)
	network.undo = undo
	return network, nil
}

// openTun makes a device of which this process is the wire. It is gone when the file is closed, or the process ends.
func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// ip runs ip(8).
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// freeSubnet is a private /24 that no interface of this machine uses, another one for each process that asks.
func freeSubnet() (netip.Prefix, error) {
	out, err := exec.Command("ip", "-4", "route", "show", "table", "all").Output()
	if err != nil {
		return netip.Prefix{}, err
	}
	used := string(out)
	for i := range subnets {
		k := (os.Getpid() + i) % subnets
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(128 + k/256), byte(k % 256), 0}), 24)
		if !strings.Contains(used, strings.TrimSuffix(p.Addr().String(), "0")) {
			return p, nil
		}
	}
	return netip.Prefix{}, errors.New("no subnet below 10.128.0.0/9 is free")
}

// removeStale removes the namespaces of runs that were killed.
func removeStale() error {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, namespacePrefix)
		id, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(id)
		if !ours || err != nil || alive(pid) {
			continue
		}
		if err := ip("netns", "del", name); err != nil {
			return err
		}
	}
	return nil
}
