package server

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
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

// TestLongListsAreWhole: answers that share buffers with those of other connections are right, alone and behind others.
func TestLongListsAreWhole(t *testing.T) {
	s := startOne(t)
	var asking sync.WaitGroup
	for _, dir := range []string{"/a", "/b"} {
		p := open(t, s)
		p.frames = wire.NewFrameReader(p.socket, wire.ReplyFrameMax)
		p.ask(create(dir))
		p.want("1 OK")
		children := wire.Request{Kind: wire.Multi}
		for i := range longListEntries {
			children.Ops = append(children.Ops, znode.Op{Kind: znode.OpCreate, Path: fmt.Sprintf("%s/of%s-%04d", dir, dir[1:], i)})
		}
		p.ask(children)
		p.want("2 OK")
		asking.Go(func() {
			const rounds = 50
			list := wire.Request{Kind: wire.Children, Path: dir, Level: wire.Session}
			for range rounds {
				p.pipeline(2, get(dir, wire.Session, false), list, get(dir, wire.Session, false), list)
				for i := range 4 {
					body, err := p.frames.Next()
					if err != nil {
						t.Error(err)
						return
					}
					f, err := wire.DecodeServerFrame(body)
					if err != nil || f.Code != wire.CodeOK {
						t.Errorf("%v, %v", f.Code, err)
						return
					}
					if i%2 == 0 {
						continue
					}
					names, more, _, err := wire.DecodeChildNames(f.Result)
					if err != nil || more || len(names) != longListEntries {
						t.Errorf("%d names, more: %v, %v", len(names), more, err)
						return
					}
					for n, name := range names {
						if want := fmt.Sprintf("of%s-%04d", dir[1:], n); name != want {
							t.Errorf("%q in place of %q", name, want)
							return
						}
					}
				}
			}
		})
	}
	asking.Wait()
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

// TestAnswersDoNotWaitForWhatIsToCome: what was asked is answered while the rest of the next request is still on its way.
func TestAnswersDoNotWaitForWhatIsToCome(t *testing.T) {
	p := open(t, startOne(t))
	p.done(create("/a"))
	noNumber := wire.Request{Kind: wire.Delete, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a"}}}
	for name, asked := range map[string][]wire.Request{
		"session reads":      {get("/a", wire.Session, false), get("/a", wire.Session, false)},
		"linearizable reads": {get("/a", wire.Linearizable, false), get("/a", wire.Linearizable, false)},
		"a read in turn":     {get("/a", wire.Linearizable, false), get("/a", wire.Session, false)},
		"a ping":             {{Kind: wire.Ping}},
		"a refusal":          {noNumber},
		"a refusal in turn":  {get("/a", wire.Linearizable, false), noNumber},
	} {
		t.Run(name, func(t *testing.T) {
			p.t = t
			var all []byte
			for i := range asked {
				p.xid++
				asked[i].Xid = p.xid
				all = wire.AppendRequest(all, &asked[i])
			}
			p.xid++
			last := get("/a", wire.Session, false)
			last.Xid = p.xid
			whole := len(all)
			all = wire.AppendRequest(all, &last)
			p.send(all[:whole+5])
			for range asked {
				p.frame()
			}
			p.send(all[whole+5:])
			p.want(fmt.Sprintf("%d OK", p.xid))
		})
	}
}

// TestAnswersDoNotWaitForTheLog: what stands in front of a write that finds no room in the open batch is sent while it waits.
func TestAnswersDoNotWaitForTheLog(t *testing.T) {
	s := startOne(t)
	p, q := open(t, s), open(t, s)
	s.mu.Lock() // nothing is applied, as without a quorum
	q.ask(create("/b", make([]byte, znode.MaxDataBytes)...))
	q.ask(create("/c", make([]byte, znode.MaxDataBytes)...))
	q.ask(create("/d", make([]byte, znode.MaxDataBytes)...))
	eventually(t, "the open batch is full", func() bool {
		s.proposer.mu.Lock()
		defer s.proposer.mu.Unlock()
		return s.proposer.open.commands.Bytes() >= batchBytesMax
	})
	p.pipeline(0, wire.Request{Kind: wire.Ping}, set("/"))
	p.want("1 OK")
	s.mu.Unlock()
	p.want("2 OK")
}

// TestGoodbyeInTheMiddleOfAFlush: what a flush has taken goes out first, all of it, also if the goodbye has woken the writer
// while the flush had the right to write.
func TestGoodbyeInTheMiddleOfAFlush(t *testing.T) {
	for _, much := range []int{100, 16 << 20} { // all of it is sent at once; far more than the kernel holds
		server, client := socketPair(t)
		c := newConn(&Server{}, server)
		c.welcome = true
		attempt := c.send.attempt
		var over sync.Once
		c.send.attempt = func(fd uintptr) bool {
			defer over.Do(func() {
				c.end(wire.CodeDraining, "over")
				for len(c.wake) > 0 { // until the writer has been woken
					runtime.Gosched()
				}
			})
			return attempt(fd)
		}
		c.out = make([]byte, much)
		go c.write()
		c.flush()
		if n, err := io.CopyN(io.Discard, client, int64(much)); err != nil {
			t.Fatalf("%d of %d bytes: %v", n, much, err)
		}
		got, err := io.ReadAll(client)
		if want := wire.AppendGoodbye(nil, wire.CodeDraining, "over"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes and %v behind %d bytes, want a goodbye of %d", len(got), err, much, len(want))
		}
		<-c.written
	}
}
