//go:build linux

package storms

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// guest is one connection of a crowd, which says what the test wants.
type guest struct {
	socket net.Conn
	frames *wire.FrameReader
	xid    wire.Xid
}

// enter connects and says nothing yet.
func enter(addr string) (*guest, error) {
	socket, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &guest{socket: socket, frames: wire.NewFrameReader(socket, wire.ReplyFrameMax)}, socket.SetDeadline(time.Now().Add(patience))
}

// hello is what a guest says first: it opens a session that nobody has to keep alive for as long as a test.
func hello() []byte {
	return wire.AppendHello(nil, &wire.Hello{Version: wire.ProtocolVersion, TimeoutMS: session.MaxTimeoutMS, Attempt: 1})
}

// open connects and opens a session. A server that refuses it says so with a code, which is the error then.
func open(addr string) (*guest, error) {
	g, err := enter(addr)
	if err != nil {
		return nil, err
	}
	if _, err := g.socket.Write(hello()); err != nil {
		return nil, errors.Join(err, g.socket.Close())
	}
	w, err := g.welcome()
	if err == nil && w.Code != wire.CodeOK {
		err = w.Code
	}
	if err != nil {
		return nil, errors.Join(err, g.socket.Close())
	}
	return g, nil
}

func (g *guest) welcome() (wire.Welcome, error) {
	body, err := g.frames.Next()
	if err != nil {
		return wire.Welcome{}, err
	}
	return wire.DecodeWelcome(body)
}

// ask sends a request and returns the number that its answer will have.
func (g *guest) ask(r wire.Request) (wire.Xid, error) {
	g.xid++
	r.Xid = g.xid
	_, err := g.socket.Write(wire.AppendRequest(nil, &r))
	return g.xid, err
}

// next returns the next frame from the server.
func (g *guest) next() (wire.ServerFrame, error) {
	body, err := g.frames.Next()
	if err != nil {
		return wire.ServerFrame{}, err
	}
	return wire.DecodeServerFrame(body)
}

// answered asks the server for a sign of life.
func (g *guest) answered() error {
	xid, err := g.ask(wire.Request{Kind: wire.Ping})
	if err != nil {
		return err
	}
	f, err := g.next()
	switch {
	case err != nil:
		return err
	case f.Kind != wire.Reply || f.Xid != xid || f.Code != wire.CodeOK:
		return fmt.Errorf("a ping was answered with %+v", f)
	}
	return nil
}

// crowd is many guests.
type crowd struct {
	t      *testing.T
	guests []*guest
	errs   []error // by guest
}

// gather lets n guests come, evenly over a time, to the servers in turn; come is called for each, with its address.
func gather(t *testing.T, n int, over time.Duration, addrs []string, come func(addr string) (*guest, error)) *crowd {
	t.Helper()
	c := &crowd{t: t, guests: make([]*guest, n), errs: make([]error, n)}
	var coming sync.WaitGroup
	begin := time.Now()
	for i := range n {
		if wait := time.Until(begin.Add(over * time.Duration(i) / time.Duration(n))); wait > 0 {
			pass(t, wait)
		}
		coming.Go(func() { c.guests[i], c.errs[i] = come(addrs[i%len(addrs)]) })
	}
	coming.Wait()
	t.Cleanup(c.leave)
	return c
}

// each calls f for all guests at once, and returns how many there were that could come, and some of the errors.
func (c *crowd) each(f func(g *guest) error) (n int, err error) {
	errs := make([]error, len(c.guests))
	var all sync.WaitGroup
	for i, g := range c.guests {
		if g != nil {
			n++
			all.Go(func() { errs[i] = f(g) })
		}
	}
	all.Wait()
	return n, some(errs)
}

// some is the first few of many errors: a crowd has the same one thousands of times.
func some(errs []error) error {
	errs = slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(errs) > 3 {
		errs = append(errs[:3], fmt.Errorf("and %d more", len(errs)-3))
	}
	return errors.Join(errs...)
}

// leave closes all connections, without a word.
func (c *crowd) leave() {
	for _, g := range c.guests {
		if g != nil {
			g.socket.Close()
		}
	}
}
