package server

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
)

// TestWhoeverSendsTheOrderStays: what is put into out arrives in that order and once, whoever sends it, while a client that
// reads in starts and stops makes the attempts to send at once fail in the middle.
func TestWhoeverSendsTheOrderStays(t *testing.T) {
	server, client := socketPair(t)
	c := newConn(&Server{}, server)
	go c.write()

	const senders, each, record = 4, 200, 32 << 10 // far more than the kernel holds
	var next uint32
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			for range each {
				c.mu.Lock()
				for len(c.out) >= outHighBytes {
					c.signal()
					c.room.Wait()
				}
				c.out = append(binary.BigEndian.AppendUint32(c.out, next), make([]byte, record-4)...)
				next++
				c.mu.Unlock()
				if i%2 == 0 {
					c.flush()
				} else {
					c.signal()
				}
			}
		})
	}
	got := make([]byte, record)
	for want := range uint32(senders * each) {
		if _, err := io.ReadFull(client, got); err != nil {
			t.Fatal(err)
		}
		if n := binary.BigEndian.Uint32(got); n != want {
			t.Fatalf("record %d came in place of %d", n, want)
		}
	}
	sending.Wait()
	c.mu.Lock()
	c.refuseAll()
	c.mu.Unlock()
	c.flush() // leaves the end to the writer
	<-c.written
	if n, err := client.Read(got); err != io.EOF {
		t.Errorf("read %d bytes and %v behind the last record", n, err)
	}
}

// TestFlushDoesNotWait: a client that takes nothing holds up nobody but the writer.
func TestFlushDoesNotWait(t *testing.T) {
	server, client := socketPair(t)
	c := newConn(&Server{}, server)
	go c.write()
	const much = 32 << 20
	c.mu.Lock()
	c.out = make([]byte, much)
	c.mu.Unlock()
	c.flush()
	c.mu.Lock()
	c.out = append(c.out, 1)
	c.mu.Unlock()
	c.flush()
	if n, err := io.CopyN(io.Discard, client, much+1); err != nil {
		t.Errorf("%d of %d bytes: %v", n, much+1, err)
	}
	c.mu.Lock()
	c.refuseAll()
	c.mu.Unlock()
	c.signal()
	<-c.written
}

// TestLargeAnswersComeInTurn: a client that asks for more at once than a connection holds gets all of it, in turn, with the
// event of a change between the answers that do not show it and those that do.
func TestLargeAnswersComeInTurn(t *testing.T) {
	s := startOne(t)
	p := openBig(t, s)
	p.ask(get("/big", wire.Session, true))
	p.want("2 OK")
	const reads = 40
	var all []wire.Request
	for range reads {
		all = append(all, get("/big", wire.Session, false))
	}
	all = append(all, set("/big"))
	all = append(all, all[:reads]...)
	p.pipeline(0, all...)
	for i := range reads {
		p.want(fmt.Sprintf("%d OK", i+3))
	}
	p.want("event DataChanged /big")
	for i := range reads + 1 {
		p.want(fmt.Sprintf("%d OK", i+3+reads))
	}
}

// socketPair returns two ends of a TCP connection, which the test closes.
func socketPair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}
