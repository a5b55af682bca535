package client

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
)

// sockets returns the two ends of a TCP connection with small buffers.
func sockets(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far = dialed.(*net.TCPConn), accepted.(*net.TCPConn)
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	if err := near.SetWriteBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if err := far.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestADirectWriteDoesNotWaitForRoom(t *testing.T) {
	near, far := sockets(t)
	d := newDirect(near)
	if d == nil {
		t.Skip("this system has no direct writes")
	}
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i >> 8)
	}
	taken := 0
	for {
		n := d.write(data[taken:])
		if n == 0 {
			break
		}
		taken += n
	}
	if taken == 0 || taken == len(data) {
		t.Fatalf("the socket has taken %d bytes of %d while nobody read", taken, len(data))
	}
	got := make([]byte, taken)
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, data[:taken]) {
		t.Errorf("what was taken did not arrive: %v", err)
	}
	_ = near.Close()
	if n := d.write(data); n != 0 {
		t.Errorf("a closed socket has taken %d bytes", n)
	}
}

// What somebody else's connection does with the bytes is not passed by.
func TestOnlyPlainSocketsAreWrittenDirectly(t *testing.T) {
	near, _ := sockets(t)
	if newDirect(struct{ net.Conn }{near}) != nil || newDirect(struct{ *net.TCPConn }{near}) != nil {
		t.Error("a wrapped connection is written to behind its wrapper's back")
	}
	pipe, other := net.Pipe()
	defer func() { _, _ = pipe.Close(), other.Close() }()
	if newDirect(pipe) != nil {
		t.Error("a pipe has no socket")
	}
}

// A request that the socket does not take at once goes on its way in one piece: the writer sends the rest, and what comes behind
// waits for that.
func TestWhatADirectWriteLeavesIsSentInOrder(t *testing.T) {
	near, far := sockets(t)
	conn := newConnection(near, nil)
	if conn.direct == nil {
		t.Skip("this system has no direct writes")
	}
	c := &core{conn: conn}
	var want []byte
	var next byte // what the next frame consists of
	post := func(n int, behind bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		frame := bytes.Repeat([]byte{next}, n)
		next++
		want = append(want, frame...)
		conn.out = append(conn.out, frame...)
		conn.post(behind)
	}
	post(bufferKeepMax, false)
	c.mu.Lock()
	left := len(conn.out)
	c.mu.Unlock()
	if left == 0 || left == bufferKeepMax {
		t.Fatalf("%d bytes are left of %d", left, bufferKeepMax)
	}
	post(100, true)
	ended := make(chan error)
	go func() { ended <- c.transmit(conn) }()
	for i := range 50 {
		post(1+i, i%3 > 1) // one in three is alone
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("something else has arrived than was sent: %v", err)
	}
	c.mu.Lock()
	conn.close()
	c.mu.Unlock()
	<-ended
}

// What is alone is written by its caller, and by nobody else beside the writer.
func TestWhoIsAloneWritesUnlessTheWriterDoes(t *testing.T) {
	near, _ := sockets(t)
	conn := newConnection(near, nil)
	if conn.direct == nil {
		t.Skip("this system has no direct writes")
	}
	for i, test := range []struct {
		behind, writing bool
		left            int
	}{
		{false, false, 0},
		{true, false, 1},
		{false, false, 2}, // those before it may still be on their way to the writer
		{false, true, 3},
		{false, false, 0}, // with what was left
	} {
		conn.out, conn.writing = append(conn.out, 'x'), test.writing
		conn.post(test.behind)
		if len(conn.out) != test.left {
			t.Errorf("%d: %d bytes are left to the writer, want %d", i, len(conn.out), test.left)
		}
		if test.left > 0 && len(conn.wake) == 0 {
			t.Errorf("%d: the writer was not woken", i)
		}
	}
}

// Calls of one goroutine, and of many, over a real socket.
func TestCallsOverPlainSockets(t *testing.T) {
	c, err := Dial(t.Context(), Config{Servers: []string{echo(t)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 100, bufferKeepMax, wire.DataMax} {
		if _, err := c.Set(t.Context(), "/a", make([]byte, size)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
