package consensus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// link is an outgoing connection: one for messages per member, one for each snapshot that is sent. Each is used by one
// goroutine.
type link struct {
	conn   net.Conn
	unhook func() bool // ends the watch on the context of whoever opened it
	buf    []byte
	once   sync.Once
}

// GetSnapshotConnection implements ITransport.
func (t *transport) GetSnapshotConnection(ctx context.Context, target string) (raftio.ISnapshotConnection, error) {
	l, err := t.link(ctx, target)
	if err != nil {
		return nil, err
	}
	return snapshotLink{l}, nil
}

// link connects. Dragonboat's ctx ends when it shuts down, before it waits for those who use connections: closing them
// then keeps a peer that does not read from delaying it.
func (t *transport) link(ctx context.Context, target string) (*link, error) {
	conn, err := t.dial(ctx, target)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	return &link{conn: conn, unhook: unhook}, nil
}

// plainDial is how connections are opened unless [Config].Dial says otherwise.
func plainDial(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{KeepAlive: keepAliveEvery}).DialContext(ctx, network, addr)
}

// dial connects to target's raft port. It ends early when ctx or the transport does.
func (t *transport) dial(ctx context.Context, target string) (net.Conn, error) {
	if t.creds == nil && !t.insecure && !loopback(target) {
		return nil, fmt.Errorf("no connection to %s: it is on another machine and the raft port has no TLS", target)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	defer context.AfterFunc(t.context, cancel)()
	conn, err := t.connect(ctx, "tcp", target)
	if err != nil || t.creds == nil {
		return conn, err
	}
	config, err := t.creds.clientConfig(target)
	if err != nil {
		conn.Close()
		return nil, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", target, err)
	}
	return secured, nil
}

// snapshotLink implements ISnapshotConnection.
type snapshotLink struct{ *link }

// SendChunk writes one piece of a snapshot. It is not retained.
func (l snapshotLink) SendChunk(chunk raftpb.Chunk) error {
	return l.send(frameChunk, chunk.Size(), &chunk)
}

// Close ends the sending side and waits until the peer has read all of it and closed, or drainTimeout. A connection that
// were simply closed could lose the last piece.
func (l snapshotLink) Close() {
	l.once.Do(func() {
		defer l.unhook()
		defer l.conn.Close()
		half, ok := l.conn.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
		l.conn.SetReadDeadline(time.Now().Add(drainTimeout))
		io.Copy(io.Discard, l.conn)
	})
}

var errTooLarge = errors.New("message is larger than a frame can be")

func (l *link) send(kind frameKind, payloadBytesMax int, m raftpb.Marshaler) error {
	if payloadBytesMax > kind.bytesMax() {
		return errTooLarge
	}
	if need := frameHeaderBytes + payloadBytesMax; cap(l.buf) < need || cap(l.buf) > keepBytes {
		l.buf = make([]byte, max(need, 4<<10))
	}
	payload := raftpb.MustMarshalTo(m, l.buf[frameHeaderBytes:cap(l.buf)])
	frame := l.buf[:frameHeaderBytes+len(payload)]
	sealFrame(frame, kind)
	l.conn.SetWriteDeadline(time.Now().Add(transferTime(len(frame))))
	_, err := l.conn.Write(frame)
	return err
}
