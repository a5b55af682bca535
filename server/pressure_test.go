package server

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// eventually waits until ready, and fails the test if that takes too long.
func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// openBig opens a session on s and makes /big, a node of the largest size.
func openBig(t *testing.T, s *Server) *peer {
	t.Helper()
	p := open(t, s)
	p.frames = wire.NewFrameReader(p.socket, wire.ReplyFrameMax)
	p.ask(create("/big", make([]byte, znode.MaxDataBytes)...))
	p.want("1 OK")
	return p
}

// theConn returns the server's one connection.
func theConn(s *Server) *conn {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	for c := range s.conns {
		return c
	}
	return nil
}

func waiting(c *conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out)
}

// TestClientThatDiesUnreadIsForgotten: a client that has asked for more than it reads, and is killed, leaves nothing behind
// and does not keep the server from stopping. (The reader waited for room that nobody would make any more.)
func TestClientThatDiesUnreadIsForgotten(t *testing.T) {
	s := startOne(t)
	p := openBig(t, s)
	for range 2 * pendingMax {
		p.ask(get("/big", wire.Session, false))
	}
	c := theConn(s)
	eventually(t, "the reader is held back", c.held.Load)
	if err := p.socket.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	p.socket.Close()
	eventually(t, "the connection is forgotten", func() bool { return s.connections() == 0 })
}

// TestOnlyPingsOvertake: whatever is asked is answered in turn, also what needs no log and what is refused.
func TestOnlyPingsOvertake(t *testing.T) {
	p := open(t, startOne(t))
	p.ask(create("/a"))
	p.want("1 OK")
	var all []byte
	for i, r := range []wire.Request{
		get("/a", wire.Linearizable, true),
		{Kind: wire.RemoveWatch, WatchKind: wire.WatchData, Path: "/a"},
		get("/a", wire.Linearizable, false),
		{Kind: wire.SetWatches, DataPaths: []string{"/a"}, Since: 1 << 20},
		get("/a", wire.Linearizable, false),
		{Kind: wire.Delete, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a"}}}, // without a number
		get("/a", wire.Linearizable, false),
		{Kind: wire.SetWatches, ExistPaths: []string{"no/path"}},
	} {
		r.Xid = wire.Xid(2 + i)
		all = wire.AppendRequest(all, &r)
	}
	p.send(all)
	p.want("2 OK", "3 OK", "4 OK", "5 OK", "6 OK", "7 BadArguments", "8 OK", "9 BadArguments no/path")
}

// TestManyLargeReadsBeforeAWrite: a client that reads as fast as it can gets everything, however much it has asked for in
// front of writes, in groups or all at once. (All of it was put into the out-queue when the writes were applied, under one
// lock, and the client thrown out for that.)
func TestManyLargeReadsBeforeAWrite(t *testing.T) {
	for _, test := range []struct{ groups, reads int }{{1, 100}, {12, 12}} {
		t.Run(fmt.Sprintf("%d groups of %d reads", test.groups, test.reads), func(t *testing.T) {
			s := startOne(t)
			p := openBig(t, s)
			var all []byte
			for range test.groups {
				for range test.reads {
					p.xid++
					r := get("/big", wire.Linearizable, false)
					r.Xid = p.xid
					all = wire.AppendRequest(all, &r)
				}
				p.xid, p.seq = p.xid+1, p.seq+1
				w := set("/")
				w.Xid, w.Seq = p.xid, p.seq
				all = wire.AppendRequest(all, &w)
			}
			p.send(all)
			for range test.groups * (test.reads + 1) {
				if got := p.next(); !strings.HasSuffix(got, " OK") {
					t.Fatal(got)
				}
			}
		})
	}
}

// TestManySmallReadsBeforeAWrite: small reads do not hold a write back.
func TestManySmallReadsBeforeAWrite(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	p.ask(create("/n"))
	p.want("1 OK")
	for range 20 {
		for range 200 {
			p.ask(get("/n", wire.Linearizable, false))
		}
		p.ask(set("/n"))
	}
	for i := range 20 * 201 {
		p.want(fmt.Sprintf("%d OK", i+2))
	}
}

// TestPingsOfADeafClient: a client that sends and does not read is not read from; what waits for it stays small.
func TestPingsOfADeafClient(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	c := theConn(s)
	var pings []byte
	for range 1000 {
		pings = wire.AppendRequest(pings, &wire.Request{Kind: wire.Ping, Xid: 1 << 60})
	}
	go func() {
		for {
			if _, err := p.socket.Write(pings); err != nil {
				return // the test is over
			}
		}
	}()
	small := func() {
		t.Helper()
		if n := waiting(c); n > outHighBytes+wire.FrameMax {
			t.Fatalf("%d bytes wait for a client that does not read", n)
		}
	}
	eventually(t, "the reader is held back with much to say", func() bool {
		small()
		return c.held.Load() && waiting(c) >= outHighBytes
	})
	small()
}

// TestHelloWhileNothingIsCommitted: with the open batch full and nothing going on, a client is told in time.
func TestHelloWhileNothingIsCommitted(t *testing.T) {
	s := startOne(t)
	p, q := openBig(t, s), connect(t, s)
	s.mu.Lock() // nothing is applied, as without a quorum
	p.ask(create("/b", make([]byte, znode.MaxDataBytes)...))
	p.ask(create("/c", make([]byte, znode.MaxDataBytes)...))
	p.ask(create("/d", make([]byte, znode.MaxDataBytes)...))
	w := q.hello(wire.Hello{TimeoutMS: sessionMS, Attempt: 1})
	s.mu.Unlock()
	if w.Code != wire.CodeNoQuorum || w.Detail == "" {
		t.Errorf("told %s %q, want NoQuorum and why", w.Code.Name(), w.Detail)
	}
}

// TestDrainWithADeafClient: a client that does not take its goodbye delays the stop of the server a little, and no more.
func TestDrainWithADeafClient(t *testing.T) {
	s := startOne(t)
	p := openBig(t, s)
	for range 2 * pendingMax { // so that the reader, which is held back, fills out whenever the writer has taken it
		p.ask(get("/big", wire.Session, false))
	}
	c := theConn(s)
	eventually(t, "replies wait for the client", func() bool { return waiting(c) >= outHighBytes })
	start := time.Now()
	if err := s.Drain(t.Context()); err != nil {
		t.Log(err) // it may not have been in time; then it is cut off
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > drainTimeout+3*goodbyeTimeout {
		t.Errorf("draining and closing took %v", d)
	}
}
