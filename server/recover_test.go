package server

import (
	"bytes"
	"testing"

	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// TestSnapshotInstalledWhileServing: a server that fell behind gets another's snapshot in place of the entries between. Its
// watches learn what they have missed, sessions that ended or moved meanwhile are told, the others stay.
func TestSnapshotInstalledWhileServing(t *testing.T) {
	s := startOne(t)
	stays, moves, ends := open(t, s), open(t, s), open(t, s)
	stays.ask(create("/set"))
	stays.ask(create("/gone"))
	stays.ask(create("/same"))
	stays.ask(get("/set", wire.Session, true))
	stays.ask(get("/gone", wire.Session, true))
	stays.ask(get("/same", wire.Session, true))
	stays.ask(wire.Request{Kind: wire.Exists, Path: "/new", Watch: true})
	stays.want("1 OK", "2 OK", "3 OK", "4 OK", "5 OK", "6 OK", "7 NoNode /new")

	ahead, err := state.Restore(bytes.NewReader(saved(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	var b state.Batch
	op := func(kind wire.Kind, seq session.Seq, op znode.Op) {
		b.Write(stays.welcome.SessionID, wire.CodeOK, wire.AppendRequest(nil, &wire.Request{Kind: kind, Seq: seq, Ops: []znode.Op{op}})[4:])
	}
	op(wire.Set, 4, znode.Op{Kind: znode.OpSet, Path: "/set"})
	op(wire.Delete, 5, znode.Op{Kind: znode.OpDelete, Path: "/gone"})
	op(wire.Create, 6, znode.Op{Kind: znode.OpCreate, Path: "/new"})
	b.Expire(ends.welcome.SessionID, 1)
	step(ahead, b.Entry(nil, state.Header{Server: 1, Boot: s.boot}))
	b.Reset(1 << 20)
	b.Beat(1, false)
	b.Attach(moves.welcome.SessionID, secretOf(moves.welcome.Password), 2)
	step(ahead, b.Entry(nil, state.Header{Server: 2, Boot: 1}))

	snapshot := ahead.Snapshot()
	var bytesAhead bytes.Buffer
	if err := snapshot.WriteTo(&bytesAhead, s.mu.RLocker(), nil); err != nil {
		t.Fatal(err)
	}
	snapshot.Close()
	if err := s.Recover(&bytesAhead); err != nil {
		t.Fatal(err)
	}
	moves.want("goodbye SessionMoved", "closed")
	ends.want("goodbye SessionExpired", "closed")
	stays.want("event Deleted /gone", "event DataChanged /set", "event Created /new")
	stays.ask(get("/set", wire.Session, false))
	stays.want("8 OK")
	stays.seq = 6
	stays.ask(set("/same")) // the watch that had missed nothing is still there
	stays.want("event DataChanged /same", "9 OK")
}

// TestDamagedSnapshotChangesNothing: the server goes on with what it has, and the log stops the process.
func TestDamagedSnapshotChangesNothing(t *testing.T) {
	s := startOne(t)
	p := open(t, s)
	p.ask(create("/a"))
	p.want("1 OK")
	good := saved(t, s)
	good[len(good)/2] ^= 1
	if err := s.Recover(bytes.NewReader(good)); err == nil {
		t.Fatal("a damaged snapshot was installed")
	}
	p.ask(get("/a", wire.Session, false))
	p.want("2 OK")
}

// saved is a snapshot of s as the log would store it.
func saved(t *testing.T, s *Server) []byte {
	t.Helper()
	n, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var out bytes.Buffer
	if err := n.WriteTo(&out, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func step(st *state.State, entry []byte) {
	_, n := st.Begin(entry)
	for range n {
		st.Step()
	}
}
