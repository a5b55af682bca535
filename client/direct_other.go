//go:build !unix

package client

import "net"

// direct is for systems whose sockets are known to take what they can without waiting.
type direct struct{}

func newDirect(net.Conn) *direct { return nil }

func (*direct) write([]byte) int { return 0 }
