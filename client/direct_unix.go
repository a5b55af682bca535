//go:build unix

package client

import (
	"net"
	"syscall"
)

// direct writes to a socket what it takes at once, and never waits.
type direct struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // made once, and not for each write

	// of the attempt
	p []byte
	n int
}

// newDirect returns nil for what is no plain TCP connection of the standard library: others may do something with what they
// are given to write.
func newDirect(nc net.Conn) *direct {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil // it is closed: whoever writes to it will be told
	}
	d := &direct{raw: raw}
	d.attempt = func(fd uintptr) bool {
		d.n, _ = syscall.Write(int(fd), d.p)
		return true // whatever it was: not to wait
	}
	return d
}

// write returns how many bytes of p the socket has taken. If those are not all, a usual write of the rest will wait, or tell
// what is wrong. p is not retained.
func (d *direct) write(p []byte) int {
	d.p, d.n = p, 0
	_ = d.raw.Write(d.attempt) // fails if the connection is closed
	d.p = nil
	return max(d.n, 0)
}
