package server

import (
	"fmt"
	"net"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// frame returns the next frame from the server.
func (p *peer) frame() wire.ServerFrame {
	p.t.Helper()
	body, err := p.frames.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := wire.DecodeServerFrame(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// done sends a request, waits for its reply, which must be OK, and returns it.
func (p *peer) done(r wire.Request) wire.ServerFrame {
	p.t.Helper()
	p.ask(r)
	f := p.frame()
	if f.Kind != wire.Reply || f.Code != wire.CodeOK {
		p.t.Fatalf("%v: frame of kind %d with code %s instead of a reply", r.Kind, f.Kind, f.Code.Name())
	}
	return f
}

// watchFrom asks for one persistent watch and what it has missed since.
func watchFrom(id wire.WatchID, mode wire.WatchMode, path string, since znode.Zxid) wire.Request {
	return wire.Request{Kind: wire.AddWatches, WatchList: []wire.WatchSpec{{ID: id, Mode: mode, Path: path, Since: since}}}
}

func watchNow(id wire.WatchID, mode wire.WatchMode, path string, options wire.WatchOptions) wire.Request {
	return wire.Request{Kind: wire.AddWatches, WatchList: []wire.WatchSpec{{ID: id, Mode: mode, Path: path, Options: options, FromNow: true}}}
}

// TestPersistentWatchStays: it is told each change, in order with the replies, with what it asks for, until it is removed.
func TestPersistentWatchStays(t *testing.T) {
	p := open(t, startOne(t))
	p.ask(create("/a"))
	p.ask(watchNow(7, wire.Recursive, "/a", wire.WithStat|wire.WithData))
	p.ask(watchNow(8, wire.Persistent, "/a", 0))
	p.want("1 OK", "2 OK", "3 OK")
	p.ask(create("/a/b", 'x'))
	created := p.frame()
	if e := created.Event; e.Watch != 7 || e.Type != wire.EventCreated || string(e.Data) != "x" || e.Stat == nil || e.Stat.Czxid != created.Zxid {
		t.Fatalf("the recursive watch was told %+v", e)
	}
	if e := p.frame().Event; e.Watch != 8 || e.Type != wire.EventChildrenChanged || e.Stat != nil {
		t.Fatalf("the persistent watch was told %+v", e)
	}
	p.want("4 OK")
	p.ask(set("/a"))
	p.want("event DataChanged /a", "event DataChanged /a", "5 OK")
	p.ask(wire.Request{Kind: wire.RemoveWatch, WatchKind: wire.WatchPersistent, WatchID: 8, Path: "/a"})
	p.ask(set("/a"))
	p.want("6 OK", "event DataChanged /a", "7 OK")
	p.ask(wire.Request{Kind: wire.RemoveWatch, WatchKind: wire.WatchPersistent, WatchID: 8, Path: "/a"})
	p.ask(watchNow(7, wire.Recursive, "/b", 0))
	p.ask(watchNow(9, wire.Recursive, "no path", 0))
	p.want("8 NoWatcher /a", "9 BadArguments", "10 BadArguments no path")
}

// TestWatchResumes: what has happened between two connections is told on the second one, before anything that is asked
// there; also on a server that was started again in between, which has read it from its log.
func TestWatchResumes(t *testing.T) {
	dir, raft := t.TempDir(), freeAddr(t)
	same := func(c *Config) { c.RaftAddr = raft }
	s := startIn(t, dir, same)
	p := open(t, s)
	p.done(create("/a"))
	from := p.done(create("/a/b")).Zxid
	p.done(set("/a/b"))
	p.done(wire.Request{Kind: wire.Multi, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a"}, {Kind: znode.OpDelete, Path: "/a/b"}}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	q := open(t, startIn(t, dir, same))
	q.ask(watchFrom(1, wire.Recursive, "/a", from))
	q.ask(get("/a", wire.Session, false))
	q.ask(set("/a"))
	q.want("event DataChanged /a/b", "event DataChanged /a", "event Deleted /a/b", "1 OK", "2 OK", "event DataChanged /a", "3 OK")
}

// TestGapIsTold: what the history does not reach is told to be missing, with its bounds, and the watch goes on.
func TestGapIsTold(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	from := p.done(create("/a")).Zxid
	p.done(set("/a"))
	s.mu.Lock()
	s.ring.Reset(s.st.Zxid())
	s.mu.Unlock()
	to := p.done(wire.Request{Kind: wire.Sync}).Zxid
	p.ask(watchFrom(1, wire.Persistent, "/a", from))
	gap := p.frame().Event
	if gap.Type != wire.EventGap || gap.From != from || gap.Zxid != to || gap.Watch != 1 || gap.Path != "/a" {
		t.Fatalf("told %+v, want a gap from %v to %v", gap, from, to)
	}
	p.ask(set("/a"))
	p.want("4 OK", "event DataChanged /a", "5 OK")
}

// TestWatchFromTheFutureIsRefused: a place that the service has not come to is of another one, or a mistake. It is told
// so: until it is reached the watch would be silent about what happens.
func TestWatchFromTheFutureIsRefused(t *testing.T) {
	p := open(t, startOne(t))
	zxid := p.done(create("/a")).Zxid
	p.ask(watchFrom(1, wire.Persistent, "/a", zxid+1))
	p.ask(watchFrom(1, wire.Persistent, "/a", zxid))
	p.ask(set("/a"))
	p.want("2 NotReached", "3 OK", "event DataChanged /a", "4 OK")
}

// TestLongReplay: a watch that has missed more than goes into the connection at once is told in parts, while others write
// and the client itself waits with its next write; nothing is lost, doubled or out of order.
func TestLongReplay(t *testing.T) {
	s := startOne(t)
	writer := open(t, s)
	from := writer.done(create("/a")).Zxid
	data := make([]byte, 50<<10)
	const sets = 200 // ten megabytes
	setLarge := wire.Request{Kind: wire.Set, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a", Data: data}}}
	for range sets {
		writer.done(setLarge)
	}
	p := open(t, s)
	if err := p.socket.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil { // whatever the system's own size
		t.Fatal(err)
	}
	spec := watchFrom(1, wire.Persistent, "/a", from)
	spec.WatchList[0].Options = wire.WithStat | wire.WithData
	p.ask(spec)
	p.ask(create("/b")) // may be proposed only when the watch is in place
	c := s.bound(p.welcome.SessionID)
	eventually(t, "the replay has stopped for want of room", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.replay != nil && c.stalled
	})
	for range 10 {
		writer.done(setLarge)
	}
	version := int64(0)
	for version < sets+10 {
		f := p.frame()
		if f.Kind == wire.Reply {
			continue // to the AddWatches, after what it has missed and before the rest
		}
		if version++; f.Event.Stat.Version != version || len(f.Event.Data) != len(data) {
			t.Fatalf("event %d shows version %d with %d bytes", version, f.Event.Stat.Version, len(f.Event.Data))
		}
	}
	p.ask(get("/b", wire.Session, false))
	for got := ""; got != "3 OK"; {
		if got = p.next(); got == "closed" {
			t.Fatal("the connection was closed")
		}
	}
}

// TestListOfOnePointInTime: the pages of a recursive list show one point in time, whatever is written between them.
func TestListOfOnePointInTime(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	for _, path := range []string{"/a", "/a/b", "/a/c", "/a/c/d", "/a-b"} {
		p.done(create(path))
	}
	var got []string
	page := wire.Request{Kind: wire.List, Path: "/", Limit: 2, WithStat: true}
	for more := true; more; {
		var err error
		f := p.done(page)
		var asOf znode.Zxid
		more, asOf, err = wire.DecodeList(f.Result, func(e wire.Entry) {
			got = append(got, fmt.Sprintf("%s/%d/%d", e.Name, e.Stat.Version, e.Stat.NumChildren))
			page.After = e.Name
		})
		if err != nil || page.AsOf != 0 && asOf != page.AsOf {
			t.Fatalf("as of %v instead of %v: %v", asOf, page.AsOf, err)
		}
		page.AsOf = asOf
		// Everything that is still to be listed changes between the pages.
		p.done(create(fmt.Sprintf("/a/c/new-%d", len(got))))
		p.done(set("/a/c"))
		if len(got) == 2 {
			p.done(wire.Request{Kind: wire.Delete, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a-b"}}})
		}
	}
	want := []string{"//0/2", "/a/0/2", "/a/b/0/0", "/a/c/0/1", "/a/c/d/0/0", "/a-b/0/0"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	s.mu.Lock()
	s.ring.Reset(s.st.Zxid())
	s.mu.Unlock()
	p.ask(page)
	if f := p.frame(); f.Code != wire.CodeCompacted {
		t.Errorf("a page that the history does not reach: %s, want Compacted", f.Code.Name())
	}
}

// TestReadAtLeast: a read that states a zxid sees it, or is told that there is none.
func TestReadAtLeast(t *testing.T) {
	p := open(t, startOne(t))
	zxid := p.done(create("/a")).Zxid
	p.done(wire.Request{Kind: wire.Get, Path: "/a", Level: wire.AtLeast, AtLeast: zxid})
	p.ask(wire.Request{Kind: wire.Get, Path: "/a", Level: wire.AtLeast, AtLeast: zxid + 100})
	p.want("3 NotReached")
}

// TestOutcomesOfAnEndedSession: another session is told what became of the writes of one that was ended, by its password
// only.
func TestOutcomesOfAnEndedSession(t *testing.T) {
	s := startOne(t)
	dead, p := open(t, s), open(t, s)
	dead.done(create("/a"))
	dead.ask(create("/a"))
	dead.want("2 NodeExists /a")
	kill := p.done(wire.Request{Kind: wire.KillSession, Target: dead.welcome.SessionID})
	if got := dead.next(); got != "goodbye SessionExpired" {
		t.Fatalf("the session that was ended was told %q", got)
	}
	ask := wire.Request{Kind: wire.Outcomes, Target: dead.welcome.SessionID, Password: dead.welcome.Password, FromSeq: 1}
	var told []string
	head, err := wire.DecodeOutcomes(p.done(ask).Result, func(seq session.Seq, code wire.Code, zxid znode.Zxid, _ []byte) {
		told = append(told, fmt.Sprintf("%d %s", seq, code.Name()))
		if zxid >= kill.Zxid {
			t.Errorf("write %d was carried out at %v, after the session's end at %v", seq, zxid, kill.Zxid)
		}
	})
	if err != nil || !head.Ended || head.Last != 2 || head.Acked != 1 || fmt.Sprint(told) != "[2 NodeExists]" {
		t.Errorf("told %+v %v (%v), want the recorded reply of write 2, the others acknowledged", head, told, err)
	}
	ask.Password[0]++
	p.ask(ask)
	p.want("3 NoSession")
	p.ask(wire.Request{Kind: wire.KillSession, Target: dead.welcome.SessionID})
	p.want("4 NoSession")
	p.ask(wire.Request{Kind: wire.KillSession, Target: p.welcome.SessionID})
	p.want("5 BadArguments")
}

// TestSessionsAreListed in order, a page at a time, with what operators ask first.
func TestSessionsAreListed(t *testing.T) {
	s := startOne(t)
	names := []string{"first", "second", "third"}
	var peers []*peer
	for _, name := range names {
		p := connect(t, s)
		p.hello(wire.Hello{TimeoutMS: sessionMS, Attempt: 1, Name: name})
		peers = append(peers, p)
	}
	peers[1].done(wire.Request{Kind: wire.Create, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/e", Mode: znode.ModeEphemeral}}})
	var got []wire.SessionEntry
	page := wire.Request{Kind: wire.Sessions, Limit: 2}
	for more := true; more; {
		var err error
		more, err = wire.DecodeSessions(peers[0].done(page).Result, func(e wire.SessionEntry) {
			got = append(got, e)
			page.AfterID = e.ID
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != len(names) {
		t.Fatalf("%d sessions are listed, want %d", len(got), len(names))
	}
	for i, e := range got {
		want := wire.SessionEntry{ID: peers[i].welcome.SessionID, Name: names[i], Server: 1, Attached: true, TimeoutMS: sessionMS}
		if i == 1 {
			want.Ephemerals, want.LastSeq = 1, 1
		}
		if e != want {
			t.Errorf("session %d: %+v, want %+v", i, e, want)
		}
	}
}

// TestSlowConsumerIsCutOffAndResumes: a client that does not take its events is told so and disconnected, when too much
// waits for it; nothing of what it has missed is skipped when it comes back. Others are not held up meanwhile.
func TestSlowConsumerIsCutOffAndResumes(t *testing.T) {
	s := startOne(t)
	writer, slow := openBig(t, s), open(t, s)
	spec := watchNow(1, wire.Persistent, "/big", wire.WithStat|wire.WithData)
	from := slow.done(spec).Zxid
	large := wire.Request{Kind: wire.Set, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/big", Data: make([]byte, znode.MaxDataBytes)}}}
	sets, c := int64(0), s.bound(slow.welcome.SessionID)
	for !c.over.Load() {
		writer.done(large)
		if sets++; sets > 4*outMaxBytes/znode.MaxDataBytes {
			t.Fatalf("%d MiB wait for a client that takes nothing, and it is still connected", sets)
		}
	}
	version := int64(0)
	for {
		body, err := slow.frames.Next()
		if err != nil {
			break // the reason comes last, and only to those who have taken the rest in time
		}
		f, err := wire.DecodeServerFrame(body)
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == wire.Goodbye {
			if f.Code != wire.CodeSlowConsumer {
				t.Fatalf("goodbye with %s", f.Code.Name())
			}
			break
		}
		version++
		from = f.Zxid // one event a transaction: it is complete
	}
	again := connect(t, s)
	if w := again.hello(wire.Hello{SessionID: slow.welcome.SessionID, Password: slow.welcome.Password, Attempt: 2}); w.Code != wire.CodeOK {
		t.Fatalf("the session after the cut: %s", w.Code.Name())
	}
	spec.WatchList[0].FromNow, spec.WatchList[0].Since = false, from
	again.ask(spec)
	for {
		f := again.frame()
		if f.Kind == wire.Reply {
			break
		}
		if f.Event.Type == wire.EventGap {
			// The history is bounded, too, and these are large; what it has lost is told, with its bounds.
			if f.Event.From != from {
				t.Fatalf("a gap from %v, everything up to %v had come", f.Event.From, from)
			}
			version = sets
			continue
		}
		if version++; f.Event.Stat.Version != version {
			t.Fatalf("version %d is told after %d", f.Event.Stat.Version, version-1)
		}
	}
	if version != sets {
		t.Errorf("told up to version %d of %d", version, sets)
	}
}
