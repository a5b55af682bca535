package servertest_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// tap lies between a client and the network: each frame that passes is shown to a function, and what that returns passes
// instead of it.
type tap struct {
	net.Conn
	up, down frames
	unsent   []byte // of the client: the beginning of a frame
	unread   []byte // for the client
}

// frames turns the body of a frame into the frames, complete with their lengths, that pass in its place. It must not keep
// the body. Of one connection and direction it is called by one goroutine.
type frames func(body []byte) []byte

// asItIs is the frame of a body.
func asItIs(body []byte) []byte {
	frame, mark := wire.BeginFrame(nil)
	return wire.EndFrame(append(frame, body...), mark)
}

// tapped puts a tap into each connection of a client.
func tapped(open func() (up, down frames)) func(*client.Config) {
	return func(config *client.Config) {
		config.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			up, down := open()
			return &tap{Conn: conn, up: up, down: down}, nil
		}
	}
}

// Write implements net.Conn.
func (p *tap) Write(b []byte) (int, error) {
	p.unsent = append(p.unsent, b...)
	var out []byte
	for len(p.unsent) >= 4 {
		end := 4 + int(binary.BigEndian.Uint32(p.unsent))
		if len(p.unsent) < end {
			break
		}
		out = append(out, p.up(p.unsent[4:end])...)
		p.unsent = p.unsent[end:]
	}
	if _, err := p.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read implements net.Conn.
func (p *tap) Read(b []byte) (int, error) {
	for len(p.unread) == 0 {
		var head [4]byte
		if _, err := io.ReadFull(p.Conn, head[:]); err != nil {
			return 0, err
		}
		length := binary.BigEndian.Uint32(head[:])
		if length > wire.DiscardMax {
			return 0, fmt.Errorf("a frame of %d bytes", length)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(p.Conn, body); err != nil {
			return 0, err
		}
		p.unread = p.down(body)
	}
	n := copy(b, p.unread)
	p.unread = p.unread[n:]
	return n, nil
}
