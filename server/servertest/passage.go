package servertest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// kitXid is the xid of the kit's own pings; no client counts so far.
const kitXid wire.Xid = 1 << 63

// passage is one client's connection through the kit. Each direction has two goroutines, one that receives and one that
// passes on, so that what is delayed does not delay what comes behind it any more than it is delayed itself.
type passage struct {
	front          *front
	client, server net.Conn
	closed         chan struct{}
	once           sync.Once
	pong           chan struct{} // capacity 1: the server has answered the kit's ping
	sending        sync.Mutex    // to the server: a frame at a time

	// guarded by front.net.mu
	asked   client.SessionID // whose session the client attaches; 0: a new one, or not known yet
	session client.SessionID // attached; 0: not yet
	writes  map[wire.Xid]struct{}
}

// piece is a frame on its way, or, from a peer that does not speak in frames, what came at once.
type piece struct {
	bytes []byte
	frame bool
	at    time.Time // when it came
	end   bool      // the sender has closed; there are no bytes
}

func newPassage(f *front, client, server net.Conn) *passage {
	return &passage{
		front: f, client: client, server: server, closed: make(chan struct{}), pong: make(chan struct{}, 1), writes: map[wire.Xid]struct{}{},
	}
}

func (p *passage) start() {
	up, down := make(chan piece, framesWaitingMax), make(chan piece, framesWaitingMax)
	running := &p.front.net.running
	running.Go(func() { p.receive(p.client, up, func([]byte) bool { return true }) })
	running.Go(func() { p.receive(p.server, down, p.notPong) })
	running.Go(func() { p.pass(up, p.toServer) })
	running.Go(func() { p.pass(down, p.toClient) })
}

// close ends the connection on both sides, with what is on its way.
func (p *passage) close() {
	p.once.Do(func() {
		close(p.closed)
		p.client.Close()
		p.server.Close()
		p.front.net.mu.Lock()
		delete(p.front.passages, p)
		p.front.net.mu.Unlock()
	})
}

// stalled reports whether nothing passes now. The caller holds the net's mu.
func (p *passage) stalled() bool {
	held := p.front.net.held
	return p.front.paused || held[p.session] || held[p.asked]
}

// receive cuts what src sends into frames and puts those that keep wants into to.
func (p *passage) receive(src io.Reader, to chan<- piece, keep func(body []byte) bool) {
	buffered, framed := bufio.NewReader(src), true
	for {
		var next piece
		next, framed = readPiece(buffered, framed)
		next.at = time.Now()
		if next.frame && !keep(next.bytes[4:]) {
			continue
		}
		select {
		case to <- next:
		case <-p.closed:
			return
		}
		if next.end {
			return
		}
	}
}

// readPiece reads the next frame, or, once framed is false, whatever comes. What follows a length that no frame has is not
// framed any more.
func readPiece(src io.Reader, framed bool) (piece, bool) {
	if !framed {
		some := make([]byte, wire.FrameBufferBytes)
		n, err := src.Read(some)
		return piece{bytes: some[:n], end: n == 0 && err != nil}, false
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(src, head)
	if length := binary.BigEndian.Uint32(head); err == nil && length > 0 && length <= wire.DiscardMax {
		body, err := io.ReadAll(io.LimitReader(src, int64(length)))
		return piece{bytes: append(head, body...), frame: err == nil && len(body) == int(length)}, true
	}
	return piece{bytes: head[:n], end: n == 0 && err != nil}, false
}

// pass hands on what comes, in order: not before its delay is over, and not while the passage is stalled.
func (p *passage) pass(from <-chan piece, deliver func(piece, int) error) {
	defer p.close()
	for count := 0; ; count++ {
		var next piece
		select {
		case next = <-from:
		case <-p.closed:
			return
		}
		if !p.delay(next.at) {
			return
		}
		if err := deliver(next, count); err != nil {
			return
		}
	}
}

// delay waits until what came at a time may be passed on; false if the passage is closed before.
func (p *passage) delay(at time.Time) bool {
	for {
		p.front.net.mu.Lock()
		wait, changed := p.front.delay-time.Since(at), p.front.net.changed
		p.front.net.mu.Unlock()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-p.closed:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// await waits until the passage is not stalled.
func (p *passage) await() error {
	for {
		p.front.net.mu.Lock()
		stalled, changed := p.stalled(), p.front.net.changed
		p.front.net.mu.Unlock()
		if !stalled {
			return nil
		}
		select {
		case <-changed:
		case <-p.closed:
			return net.ErrClosed
		}
	}
}

// toServer delivers what the client has sent, and notes whose session it is and which requests are writes.
func (p *passage) toServer(next piece, count int) error {
	p.front.net.mu.Lock()
	if next.frame && count == 0 {
		if hello, err := wire.DecodeHello(next.bytes[4:]); err == nil {
			p.asked = hello.SessionID
		}
	} else if next.frame {
		if kind, xid, _, _, ok := wire.PeekHeader(next.bytes[4:]); ok && kind.Write() {
			p.writes[xid] = struct{}{}
		}
	}
	p.front.net.mu.Unlock()
	if err := p.await(); err != nil {
		return err
	}
	if next.end {
		return io.EOF
	}
	p.sending.Lock()
	defer p.sending.Unlock()
	_, err := p.server.Write(next.bytes)
	return err
}

// toClient delivers what the server has sent, but the reply that is to be dropped: it ends the connection.
func (p *passage) toClient(next piece, count int) error {
	if err := p.await(); err != nil {
		return err
	}
	if next.end {
		return io.EOF
	}
	if next.frame && count == 0 {
		p.welcomed(next.bytes[4:])
	} else if next.frame {
		if d := p.dropped(next.bytes[4:]); d != nil {
			p.close()
			close(d.done)
			return net.ErrClosed
		}
	}
	_, err := p.client.Write(next.bytes)
	return err
}

func (p *passage) welcomed(body []byte) {
	if w, err := wire.DecodeWelcome(body); err == nil && w.Code == wire.CodeOK {
		p.front.net.mu.Lock()
		p.session = w.SessionID
		p.front.net.mu.Unlock()
	}
}

// dropped returns the order to drop the frame, if it is the reply to a write that has taken effect and there is one.
func (p *passage) dropped(body []byte) *drop {
	f, err := wire.DecodeServerFrame(body)
	if err != nil || f.Kind != wire.Reply {
		return nil
	}
	p.front.net.mu.Lock()
	defer p.front.net.mu.Unlock()
	if _, write := p.writes[f.Xid]; !write {
		return nil
	}
	delete(p.writes, f.Xid)
	if !f.Code.UsesNumber() {
		return nil
	}
	return p.front.net.swallow(p)
}

// ping lets the server hear the session and waits until it has answered, or for a while: a server that is held up answers
// later, and one that may not speak for the session closes the connection.
func (p *passage) ping() {
	select {
	case <-p.pong: // of a ping that was not waited for
	default:
	}
	frame := wire.AppendRequest(nil, &wire.Request{Kind: wire.Ping, Xid: kitXid})
	p.front.net.running.Go(func() {
		p.sending.Lock()
		defer p.sending.Unlock()
		if _, err := p.server.Write(frame); err != nil {
			p.close()
		}
	})
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case <-p.pong:
	case <-p.closed:
	case <-timer.C:
	}
}

// notPong keeps the answers to the kit's own pings from the client.
func (p *passage) notPong(body []byte) bool {
	f, err := wire.DecodeServerFrame(body)
	if err != nil || f.Kind != wire.Reply || f.Xid != kitXid {
		return true
	}
	select {
	case p.pong <- struct{}{}:
	default:
	}
	return false
}
