package wire

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

var sampleSessions = []SessionEntry{
	{ID: 0x1122, Name: "cox@host/17", Server: 2, Attached: true, TimeoutMS: 10_000, Ephemerals: 3, LastSeq: 1 << 33},
	{ID: 0x1123, Server: 1, TimeoutMS: 4_000, LeftMS: 3_999},
}

// replyMessage is a reply whose result decode turns into value.
func replyMessage(name string, frame []byte, value any, decode func(result []byte) (any, error)) message {
	return message{name, frame, value, func(b []byte) (any, error) {
		s, err := DecodeServerFrame(b)
		if err != nil {
			return nil, err
		}
		if s.Kind != Reply || s.Xid != 9 || s.Zxid != 0x1234 {
			return nil, errors.New("not the reply that was sent")
		}
		return decode(s.Result)
	}}
}

// got collects what a decoder with several results returns.
type got struct {
	Path, Detail string
	Data         []byte
	Stat         znode.Stat
	Names        []string
	Entries      []Entry
	Sessions     []SessionEntry
	Head         OutcomesHead
	Results      []znode.Result
	Codes        []Code
	More, Flag   bool
	N            int64
	Zxid         znode.Zxid
}

func replyMessages() []message {
	const zxid, xid = znode.Zxid(0x1234), Xid(9)
	created := AppendOutcome(nil, Create, zxid, []znode.Result{{Path: "/a-0000000003", Stat: sampleStat, Kind: znode.OpCreate}})
	set := AppendOutcome(nil, Set, zxid, []znode.Result{{Path: "/a", Stat: sampleStat, Kind: znode.OpSet}})
	multi := []znode.Result{
		{Path: "/x", Stat: sampleStat, Kind: znode.OpCreate}, {Path: "/x", Stat: sampleStat, Kind: znode.OpSet},
		{Path: "/x", Kind: znode.OpDelete}, {Path: "/y", Kind: znode.OpCheck},
	}
	failure := znode.Error{Code: znode.CodeBadVersion, Path: "/a", Index: 3, Actual: 17, Detail: "read it again"}

	copied := []znode.Result{{Path: "/b", Stat: sampleStat, Count: 300}}
	branch := []znode.Result{
		{Path: "/x", Stat: sampleStat, Kind: znode.OpCreate, Existed: true},
		{Path: "/x", Stat: sampleStat, Kind: znode.OpRead, Existed: true, Data: []byte("v")},
		{Path: "/empty", Stat: sampleStat, Kind: znode.OpRead, Existed: true},
		{Path: "/absent", Kind: znode.OpRead},
		{Path: "/y", Kind: znode.OpDeleteTree, Count: 17},
		{Path: "/z", Stat: sampleStat, Kind: znode.OpMoveTree, Count: 18},
	}
	node := sampleNode()

	childrenData := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, entries := BeginChildrenResult(dst)
		dst = AppendNodeEntry(dst, "a", node, false, true)
		dst = AppendNodeEntry(dst, "b", node, true, true)
		return EndFrame(EndChildrenResult(dst, entries, 2, false, &sampleStat), mark)
	}
	listed := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, entries := BeginListResult(dst)
		dst = AppendNodeEntry(AppendEntry(dst, "/a"), "/a/b", node, true, false)
		return EndFrame(EndListResult(dst, entries, 2, true, 0x1233), mark)
	}
	sessions := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, entries := BeginSessionsResult(dst)
		for i := range sampleSessions {
			dst = AppendSessionEntry(dst, &sampleSessions[i])
		}
		return EndFrame(EndSessionsResult(dst, entries, len(sampleSessions), true), mark)
	}
	outcomes := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, replies := BeginOutcomesResult(dst, OutcomesHead{Ended: true, Acked: 40, Last: 42})
		dst = AppendRecordedOutcome(dst, 41, created)
		dst = AppendRecordedOutcome(dst, 42, AppendFailure(nil, CodeNoNode, zxid+1, &znode.Error{Path: "/gone"}))
		return EndFrame(EndOutcomesResult(dst, replies, 2, true), mark)
	}
	children := func(stats bool) []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, entries := BeginChildrenResult(dst)
		for _, name := range []string{"a", "b"} {
			if stats {
				dst = AppendStat(AppendString(AppendArray(dst, 2), name), &sampleStat)
			} else {
				dst = AppendEntry(dst, name)
			}
		}
		return EndFrame(EndChildrenResult(dst, entries, 2, true, &sampleStat), mark)
	}
	ephemerals := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, paths := BeginEphemeralsResult(dst)
		dst = AppendString(AppendString(dst, "/a"), "/b/c")
		return EndFrame(EndEphemeralsResult(dst, paths, 2, false), mark)
	}
	multiRead := func() []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst = BeginMultiReadResult(dst, 3)
		dst = AppendGetResult(AppendPart(dst), []byte("v"), &sampleStat)
		dst = AppendFailedPart(dst, CodeNoNode, &znode.Error{Path: "/b"})
		dst = AppendExistsResult(AppendPart(dst), &sampleStat)
		return EndFrame(dst, mark)
	}
	return []message{
		replyMessage("reply-create", AppendReply(nil, xid, created), got{Path: "/a-0000000003", Stat: sampleStat}, gotCreated),
		replyMessage("reply-set", AppendReply(nil, xid, set), got{Stat: sampleStat}, gotStat),
		replyMessage("reply-delete", AppendReply(nil, xid, AppendOutcome(nil, Delete, zxid, nil)), nil, gotEmpty),
		replyMessage("reply-multi", AppendReply(nil, xid, AppendOutcome(nil, Multi, zxid, multi)), got{Results: multi}, gotMulti),
		replyMessage("reply-close", AppendReply(nil, xid, AppendOutcome(nil, CloseSession, zxid, nil)), nil, gotEmpty),
		replyMessage("reply-failure", AppendFailureReply(nil, xid, CodeBadVersion, zxid, &failure), Failure{Path: "/a", Index: 3, Actual: 17, Detail: "read it again"}, gotFailure),
		replyMessage("reply-gap", AppendReply(nil, xid, AppendGap(nil, zxid, 41)), Failure{Actual: 41}, gotFailure),
		replyMessage("reply-get", AppendGetReply(nil, xid, zxid, []byte("hello"), &sampleStat), got{Data: []byte("hello"), Stat: sampleStat}, gotGot),
		replyMessage("reply-exists", AppendExistsReply(nil, xid, zxid, &sampleStat), got{Stat: sampleStat}, gotStat),
		replyMessage("reply-children", children(false), got{Entries: []Entry{{Name: "a"}, {Name: "b"}}, More: true, Stat: sampleStat}, gotChildren),
		replyMessage("reply-children-stat", children(true), got{Entries: []Entry{{Name: "a", Stat: sampleStat}, {Name: "b", Stat: sampleStat}}, More: true, Stat: sampleStat}, gotChildren),
		replyMessage("reply-descendants", AppendDescendantsReply(nil, xid, zxid, 1<<40), got{N: 1 << 40}, gotDescendants),
		replyMessage("reply-ephemerals", ephemerals(), got{Names: []string{"/a", "/b/c"}}, gotEphemerals),
		replyMessage("reply-multi-read", multiRead(), got{Codes: []Code{0, CodeNoNode, 0}, Data: []byte("v"), Path: "/b", Stat: sampleStat}, gotMultiRead),
		replyMessage("reply-empty", AppendEmptyReply(nil, xid, zxid), nil, gotEmpty),
		{"goodbye", AppendGoodbye(nil, CodeDraining, "move to another server"),
			ServerFrame{Kind: Goodbye, Code: CodeDraining, Detail: "move to another server"}, gotServerFrame},

		replyMessage("reply-create-existed", AppendReply(nil, xid, AppendOutcome(nil, Create, zxid, []znode.Result{{Path: "/a", Stat: sampleStat, Kind: znode.OpCreate, Existed: true}})),
			got{Path: "/a", Stat: sampleStat, Flag: true}, gotCreated),
		replyMessage("reply-delete-tree", AppendReply(nil, xid, AppendOutcome(nil, DeleteTree, zxid, []znode.Result{{Path: "/a", Kind: znode.OpDeleteTree, Count: 4711}})), got{N: 4711}, gotDeleted),
		replyMessage("reply-copy-tree", AppendReply(nil, xid, AppendOutcome(nil, CopyTree, zxid, copied)), got{Path: "/b", Stat: sampleStat, N: 300}, gotCopied),
		replyMessage("reply-move-tree", AppendReply(nil, xid, AppendOutcome(nil, MoveTree, zxid, copied)), got{Path: "/b", Stat: sampleStat, N: 300}, gotCopied),
		replyMessage("reply-kill-session", AppendReply(nil, xid, AppendOutcome(nil, KillSession, zxid, nil)), nil, gotEmpty),
		replyMessage("reply-txn", AppendReply(nil, xid, AppendTxnOutcome(nil, zxid, true, 0, branch)), got{Flag: true, Results: branch}, gotTxn),
		replyMessage("reply-txn-else", AppendReply(nil, xid, AppendTxnOutcome(nil, zxid, false, 2, nil)), got{N: 2}, gotTxn),
		replyMessage("reply-mismatch", AppendFailureReply(nil, xid, CodeMismatch, zxid, &znode.Error{Path: "/a", Detail: "its czxid is 0x5, expected 0x3: it was deleted and created again"}),
			Failure{Path: "/a", Detail: "its czxid is 0x5, expected 0x3: it was deleted and created again"}, gotFailure),
		replyMessage("reply-children-data", childrenData(), got{Entries: []Entry{{Name: "a", Data: []byte("data")}, {Name: "b", Stat: node.Stat(), Data: []byte("data")}}, Stat: sampleStat}, gotChildren),
		replyMessage("reply-list", listed(), got{Entries: []Entry{{Name: "/a"}, {Name: "/a/b", Stat: node.Stat()}}, More: true, Zxid: 0x1233}, gotList),
		replyMessage("reply-sessions", sessions(), got{Sessions: sampleSessions, More: true}, gotSessions),
		replyMessage("reply-outcomes", outcomes(), got{
			Head: OutcomesHead{Ended: true, Acked: 40, Last: 42, More: true}, Codes: []Code{CodeOK, CodeNoNode}, Path: "/a-0000000003", Stat: sampleStat, Detail: "/gone", N: 41 + 42, Zxid: zxid + zxid + 1,
		}, gotOutcomes),
	}
}

func eventMessages() []message {
	node := sampleNode()
	stat := node.Stat()
	list := []message{}
	for _, e := range []struct {
		name  string
		event Event
	}{
		{"event", Event{Zxid: 0x1234, Type: EventChildrenChanged, Path: "/p"}},
		{"event-persistent", Event{Zxid: 0x1234, Type: EventDeleted, Path: "/p", Watch: 7}},
		{"event-stat", Event{Zxid: 0x1234, Type: EventCreated, Path: "/p/q", Watch: 1 << 40, Stat: &stat}},
		{"event-data", Event{Zxid: 0x1234, Type: EventDataChanged, Path: "/p/q", Watch: 7, Data: node.Data()}},
		{"event-stat-data", Event{Zxid: 0x1234, Type: EventDataChanged, Path: "/p/q", Watch: 7, Stat: &stat, Data: node.Data()}},
		{"event-gap", Event{Zxid: 0x1234, Type: EventGap, Path: "/p", Watch: 7, From: 0x1000}},
		{"event-gap-since-0", Event{Zxid: 0x1234, Type: EventGap, Path: "/p", Watch: 7}},
	} {
		list = append(list, message{e.name, AppendEvent(nil, &e.event), ServerFrame{Kind: EventFrame, Zxid: e.event.Zxid, Event: e.event}, gotServerFrame})
	}
	return list
}

// sampleNode is a node with data, as a tree has it.
func sampleNode() *znode.Node {
	tree := znode.NewTree()
	create := []znode.Op{{Kind: znode.OpCreate, Path: "/b", Data: []byte("data")}}
	if _, _, err := tree.Apply(znode.Txn{Zxid: 0x11, TimeMS: 1_700_000_000_000}, create, nil, nil); err != nil {
		panic(err)
	}
	return tree.Get("/b")
}

func gotCreated(r []byte) (any, error) {
	path, stat, existed, err := DecodeCreated(r)
	return got{Path: path, Stat: stat, Flag: existed}, err
}

func gotDeleted(r []byte) (any, error) {
	n, err := DecodeDeleted(r)
	return got{N: n}, err
}

func gotCopied(r []byte) (any, error) {
	path, stat, n, err := DecodeCopied(r)
	return got{Path: path, Stat: stat, N: n}, err
}

func gotStat(r []byte) (any, error) {
	stat, err := DecodeStat(r)
	return got{Stat: stat}, err
}

func gotEmpty(r []byte) (any, error) { return nil, DecodeEmpty(r) }

func gotMulti(r []byte) (any, error) {
	var g got
	err := DecodeMulti(r, func(one znode.Result) { g.Results = append(g.Results, one) })
	return g, err
}

func gotTxn(r []byte) (any, error) {
	var g got
	held, failed, err := DecodeTxn(r, func(one znode.Result) { g.Results = append(g.Results, one) })
	g.Flag, g.N = held, int64(failed)
	return g, err
}

func gotFailure(r []byte) (any, error) { return DecodeFailure(r) }

func gotGot(r []byte) (any, error) {
	data, stat, err := DecodeGot(r)
	return got{Data: data, Stat: stat}, err
}

func gotChildren(r []byte) (any, error) {
	var g got
	var err error
	g.More, g.Stat, err = DecodeChildren(r, func(e Entry) { g.Entries = append(g.Entries, e) })
	return g, cmp.Or(err, sameNames(r, g))
}

// sameNames decodes the result of a Children for its names alone, and tells what is otherwise than in g.
func sameNames(r []byte, g got) error {
	names, more, stat, err := DecodeChildNames(r)
	same := slices.EqualFunc(names, g.Entries, func(name string, e Entry) bool { return name == e.Name })
	if err == nil && (!same || more != g.More || stat != g.Stat) {
		err = fmt.Errorf("the names alone are %q, %v, %+v", names, more, stat)
	}
	return err
}

func gotList(r []byte) (any, error) {
	var g got
	var err error
	g.More, g.Zxid, err = DecodeList(r, func(e Entry) { g.Entries = append(g.Entries, e) })
	return g, err
}

func gotSessions(r []byte) (any, error) {
	var g got
	var err error
	g.More, err = DecodeSessions(r, func(e SessionEntry) { g.Sessions = append(g.Sessions, e) })
	return g, err
}

// gotOutcomes adds up the numbers and the zxids of the replies, which are a created node and a failure.
func gotOutcomes(r []byte) (any, error) {
	var g got
	var inner error
	head, err := DecodeOutcomes(r, func(seq session.Seq, code Code, zxid znode.Zxid, result []byte) {
		g.Codes, g.N, g.Zxid = append(g.Codes, code), g.N+int64(seq), g.Zxid+zxid
		if code == CodeOK {
			g.Path, g.Stat, _, inner = DecodeCreated(result)
		} else {
			var f Failure
			f, inner = DecodeFailure(result)
			g.Detail = f.Path
		}
		if inner != nil {
			panic(inner)
		}
	})
	g.Head = head
	return g, err
}

func gotDescendants(r []byte) (any, error) {
	n, err := DecodeDescendants(r)
	return got{N: n}, err
}

func gotEphemerals(r []byte) (any, error) {
	var g got
	var err error
	g.More, err = DecodeEphemerals(r, func(path string) { g.Names = append(g.Names, path) })
	return g, err
}

func gotMultiRead(r []byte) (any, error) {
	var g got
	var inner error
	err := DecodeMultiRead(r, func(code Code, part []byte) {
		g.Codes = append(g.Codes, code)
		switch len(g.Codes) {
		case 1:
			g.Data, _, inner = DecodeGot(part)
		case 2:
			var f Failure
			f, inner = DecodeFailure(part)
			g.Path = f.Path
		case 3:
			g.Stat, inner = DecodeStat(part)
		}
		if inner != nil {
			panic(inner)
		}
	})
	return g, err
}

func gotServerFrame(b []byte) (any, error) {
	s, err := DecodeServerFrame(b)
	return s, err
}
