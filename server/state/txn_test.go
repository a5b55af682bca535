package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

func check(path string, g znode.Guard) znode.Op {
	return znode.Op{Kind: znode.OpCheck, Path: path, Guard: g}
}

func set(path, data string) znode.Op {
	return znode.Op{Kind: znode.OpSet, Path: path, Data: []byte(data)}
}

// reply is the recorded reply of a session's write.
func (r *replica) reply(id session.ID, seq session.Seq) wire.ServerFrame {
	r.t.Helper()
	var frame wire.ServerFrame
	_, ok := r.s.Sessions().Outcomes(id, session.Secret{1}, seq, func(_ session.Seq, outcome []byte) bool {
		var err error
		if frame, err = wire.DecodeServerFrame(wire.AppendReply(nil, 1, outcome)[4:]); err != nil {
			r.t.Fatal(err)
		}
		return false
	})
	if !ok {
		r.t.Fatalf("no reply of write %d of session %v", seq, id)
	}
	return frame
}

// txn tells the outcome of a Txn in words.
func (r *replica) txn(id session.ID, seq session.Seq) string {
	r.t.Helper()
	f := r.reply(id, seq)
	if f.Code != wire.CodeOK {
		failure, err := wire.DecodeFailure(f.Result)
		if err != nil {
			r.t.Fatal(err)
		}
		return fmt.Sprintf("%s %d %s: %s", f.Code.Name(), failure.Index, failure.Path, failure.Detail)
	}
	var results strings.Builder
	held, failed, err := wire.DecodeTxn(f.Result, func(res znode.Result) {
		fmt.Fprintf(&results, ", %v %s v%d %v %d %q", res.Kind, res.Path, res.Stat.Version, res.Existed, res.Count, res.Data)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("%v %d%s", held, failed, results.String())
}

func TestTxnCarriesOutOneBranch(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, create("/a", 0)) // zxid 2
	seq := session.Seq(1)
	for _, test := range []struct {
		conditions []znode.Op
		held       bool
		failed     int
	}{
		{nil, true, 0},
		{[]znode.Op{check("/a", znode.Guard{})}, true, 0},
		{[]znode.Op{check("/a", znode.Guard{}.AndCzxid(2).AndData(nil)), check("/x", znode.Guard{}.AndAbsent())}, true, 0},
		{[]znode.Op{check("/a", znode.Guard{}), check("/x", znode.Guard{})}, false, 1},
		{[]znode.Op{check("/a", znode.Guard{}), check("/", znode.Guard{}), check("/a", znode.Guard{}.AndAbsent())}, false, 2},
		{[]znode.Op{check("/a", znode.IfVersion(77))}, false, 0},
		{[]znode.Op{check("/a", znode.Guard{}.AndMzxid(77)), check("/x", znode.Guard{})}, false, 0},
		{[]znode.Op{check("/a", znode.Guard{}.AndData([]byte("other")))}, false, 0},
	} {
		seq++
		zxid := r.s.Zxid() + 1
		told := r.send(id, wire.Request{
			Kind: wire.Txn, Seq: seq, If: test.conditions,
			Ops: []znode.Op{create("/then-", znode.ModePersistentSequential)}, Else: []znode.Op{create("/else-", znode.ModePersistentSequential)},
		})
		branch := map[bool]string{true: "then", false: "else"}[test.held]
		path := fmt.Sprintf("/%s-%010d", branch, seq-1)
		r.want(told, fmt.Sprintf("%d: Created %s", zxid, path), fmt.Sprintf("reply ok %d", zxid))
		want := fmt.Sprintf("%v %d, create %s v0 false 0 \"\"", test.held, test.failed, path)
		if got := r.txn(id, seq); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTxnReadsAndChangesInOrder(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	read := znode.Op{Kind: znode.OpRead, Path: "/a"}
	ops := []znode.Op{read, create("/a", 0), set("/a", "x"), read, {Kind: znode.OpDeleteTree, Path: "/a"}}
	r.want(r.send(id, wire.Request{Kind: wire.Txn, Seq: 1, Ops: ops}), "2: Created /a DataChanged /a Deleted /a", "reply ok 2")
	want := `true 0, read /a v0 false 0 "", create /a v0 false 0 "", set /a v1 false 0 "", read /a v1 true 0 "x", delete tree /a v0 false 1 ""`
	if got := r.txn(id, 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What only reads, checks, or finds what it would create changes nothing: it shows the state, and is no transaction.
	r.write(id, wire.Create, 2, create("/b", 0))
	there := create("/b", 0)
	there.Flags = znode.CreateIfAbsent
	told := r.send(id, wire.Request{Kind: wire.Txn, Seq: 3, If: []znode.Op{check("/none", znode.Guard{})}, Else: []znode.Op{there, read}})
	r.want(told, "reply ok 3")
	if got, want := r.txn(id, 3), `false 0, create /b v0 true 0 "", read /a v0 false 0 ""`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.want(r.write(id, wire.Create, 4, there), "reply ok 3")
	if path, _, existed, err := wire.DecodeCreated(r.reply(id, 4).Result); path != "/b" || !existed || err != nil {
		t.Errorf("create if absent: %s %v %v", path, existed, err)
	}
}

func TestTxnRefusals(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, create("/a", 0))
	for i, test := range []struct {
		req  wire.Request
		want string
	}{
		// A branch happens as a whole or not at all.
		{wire.Request{Ops: []znode.Op{create("/b", 0), create("/a", 0)}}, "NodeExists 1 /a: "},
		{wire.Request{If: []znode.Op{check("/x", znode.Guard{})}, Else: []znode.Op{create("/b", 0), create("/x/y", 0)}}, "NoNode 2 /x: "},
		// The branch that is not carried out may be as wrong as it likes.
		{wire.Request{Else: []znode.Op{create("/a", 0), create("bad", 0)}}, "true 0"},
		// A condition that can never hold is an error also behind one that does not hold now.
		{wire.Request{If: []znode.Op{check("/x", znode.Guard{}), check("bad", znode.Guard{})}, Else: []znode.Op{create("/b", 0)}}, "BadArguments 1 bad: "},
	} {
		seq := session.Seq(i + 2)
		test.req.Kind, test.req.Seq = wire.Txn, seq
		told := r.send(id, test.req)
		if len(told) != 1 || r.s.Zxid() != 2 {
			t.Errorf("%d: told %q at zxid %d: it changed something", i, told, r.s.Zxid())
		}
		if got := r.txn(id, seq); !strings.HasPrefix(got, test.want) {
			t.Errorf("%d: got %s, want %s", i, got, test.want)
		}
	}
}

func TestSubtreesAreOneTransaction(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, create("/a", 0))
	r.write(id, wire.Create, 2, create("/a/b", 0))
	copied := znode.Op{Kind: znode.OpCopyTree, Path: "/a", To: "/c"}
	r.want(r.write(id, wire.CopyTree, 3, copied), "4: Created /c Created /c/b", "reply ok 4")
	if path, stat, count, err := wire.DecodeCopied(r.reply(id, 3).Result); path != "/c" || stat.Czxid != 4 || count != 2 || err != nil {
		t.Errorf("copied %s %+v %d %v", path, stat, count, err)
	}
	r.want(r.write(id, wire.CopyTree, 4, copied), "reply NodeExists /c")
	told := r.write(id, wire.MoveTree, 5, znode.Op{Kind: znode.OpMoveTree, Path: "/c", To: "/d"})
	if told[len(told)-1] != "reply ok 5" {
		t.Errorf("move: told %q", told)
	}
	if path, _, count, err := wire.DecodeCopied(r.reply(id, 5).Result); path != "/d" || count != 2 || err != nil {
		t.Errorf("moved %s %d %v", path, count, err)
	}
	told = r.write(id, wire.DeleteTree, 6, znode.Op{Kind: znode.OpDeleteTree, Path: "/d"})
	r.want(told, "6: Deleted /d/b Deleted /d", "reply ok 6")
	if count, err := wire.DecodeDeleted(r.reply(id, 6).Result); count != 2 || err != nil {
		t.Errorf("deleted %d %v", count, err)
	}
	r.want(r.write(id, wire.DeleteTree, 7, znode.Op{Kind: znode.OpDeleteTree, Path: "/d"}), "reply NoNode /d")
}

func TestKilledSession(t *testing.T) {
	r := newReplica(t)
	operator, victim := r.open(5000), r.open(5000)
	kill := func(seq session.Seq, target session.ID) []string {
		return r.send(operator, wire.Request{Kind: wire.KillSession, Seq: seq, Target: target})
	}
	r.want(r.write(victim, wire.Create, 1, create("/e", znode.ModeEphemeral)), "3: Created /e", "reply ok 3")
	r.want(kill(1, operator), "reply BadArguments")
	r.want(kill(2, 99), "reply NoSession")
	r.want(kill(3, victim), "4: Deleted /e", "ended 2 SessionExpired at 4 session 0x2 was ended by session 0x1", "reply ok 4")
	r.want(kill(3, victim), "reply ok 4") // again: once
	r.want(kill(4, victim), "reply NoSession")
	r.want(r.write(victim, wire.Create, 2, create("/x", 0)), "reply SessionExpired")
	r.want(r.do(func(b *Batch) { b.Attach(victim, session.Secret{1}, 2) }), "attached 2 to 1 last 0 SessionExpired")
	if f := r.reply(victim, 1); f.Code != wire.CodeOK || f.Zxid != 3 {
		t.Errorf("the killed session's write: %+v", f)
	}
}

func TestLowDiskRefusesTxnsOfWhichABranchGrows(t *testing.T) {
	r := newReplica(t)
	id := r.open(5000)
	r.write(id, wire.Create, 1, create("/a", 0))
	victim := r.open(5000)
	r.beats++
	r.do(func(b *Batch) { b.Beat(r.beats, true) })
	remove, none := znode.Op{Kind: znode.OpDelete, Path: "/a"}, []znode.Op(nil)
	txn := func(seq session.Seq, then, otherwise []znode.Op) wire.Request {
		return wire.Request{Kind: wire.Txn, Seq: seq, Ops: then, Else: otherwise}
	}
	r.want(r.send(id, txn(2, []znode.Op{set("/a", "x")}, none)), "reply NoSpace")
	r.want(r.send(id, txn(3, none, []znode.Op{create("/b", 0)})), "reply NoSpace")
	r.want(r.write(id, wire.CopyTree, 4, znode.Op{Kind: znode.OpCopyTree, Path: "/a", To: "/b"}), "reply NoSpace /a")
	moved := r.write(id, wire.MoveTree, 5, znode.Op{Kind: znode.OpMoveTree, Path: "/a", To: "/b"})
	if moved[len(moved)-1] != "reply ok 4" {
		t.Errorf("a move: %q", moved)
	}
	remove.Path = "/b"
	r.want(r.send(id, txn(6, []znode.Op{remove}, []znode.Op{check("/", znode.Guard{})})), "5: Deleted /b", "reply ok 5")
	r.want(r.send(id, wire.Request{Kind: wire.KillSession, Seq: 7, Target: victim}),
		"ended 3 SessionExpired at 6 session 0x3 was ended by session 0x1", "reply ok 6")
	r.want(r.send(id, txn(8, none, none)), "reply ok 6")
}
