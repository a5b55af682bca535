package server

import (
	"fmt"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// pipeline sends requests at once, each write with the number behind the last one, acknowledging up to ack.
func (p *peer) pipeline(ack session.Seq, requests ...wire.Request) {
	p.t.Helper()
	var all []byte
	for _, r := range requests {
		p.xid++
		r.Xid = p.xid
		if r.Kind.Write() {
			p.seq++
			r.Seq, r.Ack = p.seq, ack
		}
		all = wire.AppendRequest(all, &r)
	}
	p.send(all)
}

// TestReadsBehindOwnLargeWrite: reads that stand between a session's write that makes a node large and its next write are
// answered with the large node, however many there are. They were estimated by the small one that was there when they came;
// then their answers were too much at once, and taking them out of the queue of the connection that had ended ended the server.
func TestReadsBehindOwnLargeWrite(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	p.frames = wire.NewFrameReader(p.socket, wire.ReplyFrameMax)
	p.done(create("/a"))
	requests := []wire.Request{set("/a"), {Kind: wire.Set, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a", Data: make([]byte, znode.MaxDataBytes-100)}}}}
	const reads = 100
	for range reads {
		requests = append(requests, get("/a", wire.Linearizable, false))
	}
	requests = append(requests, set("/a"))
	s.mu.Lock() // nothing is applied before all of it has come, or as much of it as is read
	p.pipeline(1, requests...)
	c := theConn(s)
	eventually(t, "the reads are queued", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.queue.reads > 10
	})
	s.mu.Unlock()
	for i := range requests {
		p.want(fmt.Sprintf("%d OK", i+2))
	}
}

// TestAnswersThatAreTooMuchEndTheConnection, and nothing else, when a node has become large behind the estimate's back.
func TestAnswersThatAreTooMuchEndTheConnection(t *testing.T) {
	s := startOne(t)
	p := openBig(t, s)
	c := theConn(s)
	s.mu.Lock()
	c.mu.Lock()
	for range 2 * outMaxBytes / znode.MaxDataBytes {
		read := get("/big", wire.Session, false)
		c.queue.push(pending{xid: 1, read: &read})
	}
	c.mu.Unlock()
	c.answerBefore()
	s.mu.Unlock()
	if !c.over.Load() {
		t.Error("the connection takes any number of answers")
	}
	c.signal()
	// The reason comes behind all that was answered, if the client takes that in time.
	for got := ""; got != "goodbye SlowConsumer" && got != "closed"; {
		got = p.next()
	}
}

// TestWatchThatIsAddedAgain: a client that sends everything again behind a refused write sends the same AddWatches again,
// which is then in place; another watch of the same id is a mistake.
func TestWatchThatIsAddedAgain(t *testing.T) {
	p := openBig(t, startOne(t))
	large := wire.Request{Kind: wire.Multi, Ops: []znode.Op{{Kind: znode.OpRead, Path: "/big"}, {Kind: znode.OpSet, Path: "/"}}}
	p.pipeline(1, large, large, watchNow(7, wire.Recursive, "/a", 0))
	p.want("2 OK", "3 WindowFull", "4 OK")
	p.seq-- // the number of the refused write is not used up
	p.pipeline(2, large, watchNow(7, wire.Recursive, "/a", 0), watchNow(7, wire.Recursive, "/b", 0))
	p.want("5 OK", "6 OK", "7 BadArguments")
	p.pipeline(3, create("/a"))
	p.want("event Created /a", "8 OK")
}

// TestRequestsThatAreRefusedKeepTheConnection: what this version does not know in a request, and numbers that it has no use
// for, are refused.
func TestRequestsThatAreRefusedKeepTheConnection(t *testing.T) {
	p := open(t, startOne(t))
	p.ask(watchNow(7, wire.Recursive, "/a", 0))
	p.ask(wire.Request{Kind: wire.RemoveWatch, WatchKind: wire.WatchPersistent, WatchID: 7}) // by its id, whatever the path
	p.want("1 OK", "2 OK")
	for i, test := range []struct {
		body []byte // [kind, xid, seq, ack, body]
		want string
	}{
		{[]byte{0x95, 67, 9, 0, 0, 0x91, 0x94, 8, 1, 0xcd, 1, 0, 0xa2, '/', 'a'}, "9 Unimplemented"},         // options 256
		{[]byte{0x95, 67, 9, 0, 0, 0x91, 0x94, 8, 0xcd, 1, 1, 0, 0xa2, '/', 'a'}, "9 BadArguments"},          // mode 257
		{[]byte{0x95, 32, 9, 0, 0, 0x92, 0xcd, 1, 0, 0xa2, '/', 'a'}, "9 BadArguments"},                      // level 256
		{[]byte{0x95, 0xcd, 1, 32, 9, 0, 0, 0x90}, "9 Unimplemented"},                                        // kind 288
		{[]byte{0x95, 1, 9, 1, 0, 0x96, 0xa2, '/', 'a', 0xc0, 0, 0, 0xc0, 0xcd, 1, 0}, "9 Unimplemented /a"}, // create flags 256
	} {
		p.send(append([]byte{0, 0, 0, byte(len(test.body))}, test.body...))
		if got := p.next(); got != test.want {
			t.Errorf("%d: got %q, want %q", i, got, test.want)
		}
	}
}
