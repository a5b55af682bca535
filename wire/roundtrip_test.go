package wire

import (
	"reflect"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
	"pgregory.net/rapid"
)

var (
	anyText = rapid.StringN(0, 60, 300)
	anyData = rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 400), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
	anyTexts = rapid.SliceOfN(anyText, 0, 20)
)

func drawStat(t *rapid.T) znode.Stat {
	i, u := rapid.Int64(), rapid.Uint64()
	return znode.Stat{
		Czxid: znode.Zxid(u.Draw(t, "czxid")), Mzxid: znode.Zxid(u.Draw(t, "mzxid")), Pzxid: znode.Zxid(u.Draw(t, "pzxid")),
		CtimeMS: i.Draw(t, "ctime"), MtimeMS: i.Draw(t, "mtime"), Version: i.Draw(t, "version"), Cversion: i.Draw(t, "cversion"),
		Aversion: i.Draw(t, "aversion"), Owner: u.Draw(t, "owner"), DataLength: i.Draw(t, "length"), NumChildren: i.Draw(t, "children"),
		Kind: znode.Kind(rapid.Uint8().Draw(t, "kind")), TTLMS: i.Draw(t, "ttl"),
	}
}

func drawOp(t *rapid.T, kind znode.OpKind) znode.Op {
	op := znode.Op{Kind: kind, Path: anyText.Draw(t, "path")}
	switch kind {
	case znode.OpCreate:
		op.Data = anyData.Draw(t, "data")
		op.Mode = znode.Mode(rapid.Uint8().Draw(t, "mode"))
		op.TTLMS = rapid.Int64().Draw(t, "ttl")
		op.Flags = znode.CreateFlags(rapid.Uint8().Draw(t, "flags"))
		return op
	case znode.OpRead:
		return op
	case znode.OpSet:
		op.Data = anyData.Draw(t, "data")
	case znode.OpCopyTree, znode.OpMoveTree:
		op.To = anyText.Draw(t, "to")
	}
	op.Guard = drawGuard(t)
	return op
}

func drawGuard(t *rapid.T) (g znode.Guard) {
	maybe := func(name string) bool { return rapid.Bool().Draw(t, name) }
	if maybe("version") {
		g = g.AndVersion(rapid.Int64().Draw(t, "expected version"))
	}
	if maybe("more") {
		return g
	}
	if maybe("czxid") {
		g = g.AndCzxid(znode.Zxid(rapid.Uint64().Draw(t, "expected czxid")))
	}
	if maybe("mzxid") {
		g = g.AndMzxid(znode.Zxid(rapid.Uint64().Draw(t, "expected mzxid")))
	}
	if maybe("data") {
		g = g.AndData(anyData.Draw(t, "expected data"))
	}
	if maybe("absent") {
		g = g.AndAbsent()
	}
	return g
}

var allOps = []znode.OpKind{znode.OpCreate, znode.OpDelete, znode.OpSet, znode.OpCheck, znode.OpDeleteTree, znode.OpCopyTree, znode.OpMoveTree, znode.OpRead}

func drawOps(t *rapid.T, kinds []znode.OpKind) []znode.Op {
	var ops []znode.Op
	for range rapid.IntRange(0, 8).Draw(t, "ops") {
		ops = append(ops, drawOp(t, rapid.SampledFrom(kinds).Draw(t, "op")))
	}
	return ops
}

// allKinds is every kind that there is, so that one that is added cannot be forgotten.
var allKinds = func() (all []Kind) {
	for k := range Kind(255) {
		if k.Known() {
			all = append(all, k)
		}
	}
	return all
}()

func drawRequest(t *rapid.T) Request {
	r := Request{
		Kind: rapid.SampledFrom(allKinds).Draw(t, "kind"),
		Xid:  Xid(rapid.Uint64().Draw(t, "xid")),
		Seq:  session.Seq(rapid.Uint64().Draw(t, "seq")),
		Ack:  session.Seq(rapid.Uint64().Draw(t, "ack")),
	}
	zxid := func(name string) znode.Zxid { return znode.Zxid(rapid.Uint64().Draw(t, name)) }
	if r.Kind.Read() && r.Kind != Sync && r.Kind != Outcomes {
		r.Level = Level(rapid.IntRange(0, 2).Draw(t, "level"))
		if r.Level == AtLeast {
			r.AtLeast = zxid("at least")
		}
		if r.Kind != MultiRead && r.Kind != Sessions {
			r.Path = anyText.Draw(t, "path")
		}
	}
	if r.Kind == Children || r.Kind == Ephemerals || r.Kind == List || r.Kind == Sessions {
		r.Limit = rapid.IntRange(0, PageLimitMax).Draw(t, "limit")
		if r.Kind != Sessions {
			r.After = anyText.Draw(t, "after")
		}
	}
	if r.Kind == Children || r.Kind == List {
		r.WithStat, r.WithData = rapid.Bool().Draw(t, "stat"), rapid.Bool().Draw(t, "data")
	}
	if r.Kind.Single() {
		r.Ops = []znode.Op{drawOp(t, znode.OpKind(r.Kind))}
	}
	switch r.Kind {
	case Multi:
		r.Ops = drawOps(t, allOps)
	case Txn:
		r.If, r.Ops, r.Else = drawOps(t, []znode.OpKind{znode.OpCheck}), drawOps(t, allOps), drawOps(t, allOps)
	case KillSession:
		r.Target = session.ID(rapid.Uint64().Draw(t, "target"))
	case List:
		r.AsOf = zxid("as of")
	case Sessions:
		r.AfterID = session.ID(rapid.Uint64().Draw(t, "after"))
	case Outcomes:
		r.Target = session.ID(rapid.Uint64().Draw(t, "target"))
		copy(r.Password[:], rapid.SliceOfN(rapid.Byte(), PasswordBytes, PasswordBytes).Draw(t, "password"))
		r.FromSeq = session.Seq(rapid.Uint64().Draw(t, "from"))
	case AddWatches:
		for range rapid.IntRange(0, 10).Draw(t, "watches") {
			w := WatchSpec{
				ID: WatchID(rapid.Uint64Min(1).Draw(t, "id")), Mode: WatchMode(rapid.IntRange(1, 2).Draw(t, "mode")),
				Options: WatchOptions(rapid.IntRange(0, 3).Draw(t, "options")), Path: anyText.Draw(t, "path"), FromNow: rapid.Bool().Draw(t, "from now"),
			}
			if !w.FromNow {
				w.Since = zxid("since")
			}
			r.WatchList = append(r.WatchList, w)
		}
	case Get, Exists, Children:
		r.Watch = rapid.Bool().Draw(t, "watch")
	case MultiRead:
		for range rapid.IntRange(0, 10).Draw(t, "reads") {
			r.Reads = append(r.Reads, Read{Kind(rapid.IntRange(32, 34).Draw(t, "read")), anyText.Draw(t, "path")})
		}
	case SetWatches:
		r.Since = znode.Zxid(rapid.Uint64().Draw(t, "since"))
		r.DataPaths, r.ExistPaths, r.ChildPaths = anyTexts.Draw(t, "data"), anyTexts.Draw(t, "exist"), anyTexts.Draw(t, "child")
	case RemoveWatch:
		r.WatchKind = WatchKind(rapid.IntRange(1, 3).Draw(t, "watch kind"))
		r.Path = anyText.Draw(t, "path")
		r.WatchID = WatchID(rapid.Uint64().Draw(t, "watch"))
	}
	return r
}

func TestRequestsRoundTrip(t *testing.T) {
	var reused Request
	rapid.Check(t, func(rt *rapid.T) {
		want := drawRequest(rt)
		frame := AppendRequest(nil, &want)
		if err := DecodeRequest(frame[frameHeadBytes:], &reused); err != nil {
			rt.Fatalf("%+v: %v", want, err)
		}
		if got := withoutEmptyLists(reused); !reflect.DeepEqual(got, withoutEmptyLists(want)) {
			rt.Fatalf("got\n%+v\nwant\n%+v", got, want)
		}
		if again := AppendRequest(nil, &reused); string(again) != string(frame) {
			rt.Fatalf("encoded again: % x, want % x", again, frame)
		}
		body := AppendRequestBody(nil, &want)
		if again := AppendEncodedRequest(nil, want.Kind, want.Xid, want.Seq, want.Ack, body); string(again) != string(frame) {
			rt.Fatalf("encoded in two steps: % x, want % x", again, frame)
		}
		if head := len(frame) - len(body); head > RequestHeadMax {
			rt.Fatalf("a head of %d bytes", head)
		}
	})
}

func TestHandshakesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint64(), rapid.Int64()
		var password Password
		copy(password[:], rapid.SliceOfN(rapid.Byte(), PasswordBytes, PasswordBytes).Draw(t, "password"))
		h := Hello{
			ProtocolVersion, Capabilities(u.Draw(t, "capabilities")), session.ID(u.Draw(t, "session")), password, i.Draw(t, "timeout"),
			session.Attempt(u.Draw(t, "attempt")), znode.Zxid(u.Draw(t, "zxid")), rapid.StringN(0, 30, NameBytesMax).Draw(t, "name"),
		}
		if got, err := DecodeHello(AppendHello(nil, &h)[frameHeadBytes:]); err != nil || got != h {
			t.Fatalf("got %+v, %v; want %+v", got, err, h)
		}
		w := Welcome{
			Code(rapid.Int32().Draw(t, "code")), Version(rapid.Uint32().Draw(t, "version")), Capabilities(u.Draw(t, "capabilities")),
			session.Server(u.Draw(t, "server")), session.ID(u.Draw(t, "session")), password, i.Draw(t, "timeout"), znode.Zxid(u.Draw(t, "zxid")),
			session.Seq(u.Draw(t, "seq")), Limits{i.Draw(t, "frame"), i.Draw(t, "data"), i.Draw(t, "ops"), i.Draw(t, "window"), i.Draw(t, "watches"), i.Draw(t, "page")},
			rapid.StringN(0, 100, DetailBytesMax).Draw(t, "detail"),
		}
		if got, err := DecodeWelcome(AppendWelcome(nil, &w)[frameHeadBytes:]); err != nil || got != w {
			t.Fatalf("got %+v, %v; want %+v", got, err, w)
		}
	})
}

func TestOutcomesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xid, zxid := Xid(rapid.Uint64().Draw(t, "xid")), znode.Zxid(rapid.Uint64().Draw(t, "zxid"))
		results := make([]znode.Result, rapid.IntRange(1, 8).Draw(t, "results"))
		for i := range results {
			results[i] = drawResult(t)
		}
		reply := func(outcome []byte) []byte {
			f, err := DecodeServerFrame(AppendReply(nil, xid, outcome)[frameHeadBytes:])
			if err != nil || f.Kind != Reply || f.Xid != xid || f.Zxid != zxid {
				t.Fatalf("reply %+v, %v", f, err)
			}
			return f.Result
		}
		if g, err := gotMulti(reply(AppendOutcome(nil, Multi, zxid, results))); err != nil || !reflect.DeepEqual(g.(got).Results, results) {
			t.Fatalf("multi: %+v, %v", g, err)
		}
		held, failed := rapid.Bool().Draw(t, "held"), rapid.IntRange(0, OpsMax-1).Draw(t, "failed")
		g, err := gotTxn(reply(AppendTxnOutcome(nil, zxid, held, failed, results)))
		if err != nil || !reflect.DeepEqual(g, got{Flag: held, N: int64(failed), Results: results}) {
			t.Fatalf("transaction: %+v, %v", g, err)
		}
		first := &results[0]
		path, stat, existed, err := DecodeCreated(reply(AppendOutcome(nil, Create, zxid, results)))
		if err != nil || path != first.Path || stat != first.Stat || existed != first.Existed {
			t.Fatalf("create: %q %+v %v, %v", path, stat, existed, err)
		}
		path, stat, count, err := DecodeCopied(reply(AppendOutcome(nil, CopyTree, zxid, results)))
		if err != nil || path != first.Path || stat != first.Stat || count != first.Count {
			t.Fatalf("copy: %q %+v %d, %v", path, stat, count, err)
		}
		if count, err = DecodeDeleted(reply(AppendOutcome(nil, DeleteTree, zxid, results))); err != nil || count != first.Count {
			t.Fatalf("delete: %d, %v", count, err)
		}
		e := znode.Error{Path: anyText.Draw(t, "path"), Index: rapid.IntRange(0, OpsMax).Draw(t, "index"), Actual: rapid.Int64().Draw(t, "actual"), Detail: anyText.Draw(t, "detail")}
		f, err := DecodeFailure(reply(AppendFailure(nil, CodeNoNode, zxid, &e)))
		if err != nil || f != (Failure{e.Path, e.Index, e.Actual, e.Detail}) {
			t.Fatalf("failure: %+v, %v", f, err)
		}
	})
}

// drawResult draws the result of any operation, with what that operation has.
func drawResult(t *rapid.T) znode.Result {
	r := znode.Result{Path: anyText.Draw(t, "path"), Kind: rapid.SampledFrom(allOps).Draw(t, "op")}
	switch r.Kind {
	case znode.OpCreate, znode.OpSet, znode.OpCopyTree, znode.OpMoveTree, znode.OpRead:
		r.Stat = drawStat(t)
	}
	switch r.Kind {
	case znode.OpCreate:
		r.Existed = rapid.Bool().Draw(t, "existed")
	case znode.OpRead:
		if r.Existed = rapid.Bool().Draw(t, "is there"); r.Existed {
			r.Data = anyData.Draw(t, "data")
		}
	case znode.OpDeleteTree, znode.OpCopyTree, znode.OpMoveTree:
		r.Count = rapid.Int64().Draw(t, "count")
	}
	return r
}

func TestListsRoundTrip(t *testing.T) {
	node := sampleNode()
	rapid.Check(t, func(t *rapid.T) {
		names, more, withStat, withData := anyTexts.Draw(t, "names"), rapid.Bool().Draw(t, "more"), rapid.Bool().Draw(t, "stat"), rapid.Bool().Draw(t, "data")
		var entries []Entry
		appendAll := func(dst []byte) []byte {
			entries = nil
			for _, name := range names {
				e := Entry{Name: name}
				if withStat || withData {
					dst = AppendNodeEntry(dst, name, node, withStat, withData)
				} else {
					dst = AppendEntry(dst, name)
				}
				if withStat {
					e.Stat = node.Stat()
				}
				if withData {
					e.Data = node.Data()
				}
				entries = append(entries, e)
			}
			return dst
		}
		same := func(what string, g any, err error, want got) {
			t.Helper()
			if err != nil || !reflect.DeepEqual(g, want) {
				t.Fatalf("%s: got %+v, %v; want %+v", what, g, err, want)
			}
		}

		stat := drawStat(t)
		dst, mark := BeginChildrenResult(nil)
		dst = EndChildrenResult(appendAll(dst), mark, len(names), more, &stat)
		g, err := gotChildren(dst)
		same("children", g, err, got{Entries: entries, More: more, Stat: stat})

		asOf := znode.Zxid(rapid.Uint64().Draw(t, "as of"))
		dst, mark = BeginListResult(nil)
		dst = EndListResult(appendAll(dst), mark, len(names), more, asOf)
		g, err = gotList(dst)
		same("list", g, err, got{Entries: entries, More: more, Zxid: asOf})

		dst, mark = BeginEphemeralsResult(nil)
		for _, name := range names {
			dst = AppendString(dst, name)
		}
		g, err = gotEphemerals(EndEphemeralsResult(dst, mark, len(names), more))
		same("ephemerals", g, err, got{Names: append([]string(nil), names...), More: more})

		var sessions []SessionEntry
		dst, mark = BeginSessionsResult(nil)
		for range names {
			u, i := rapid.Uint64(), rapid.Int64()
			e := SessionEntry{
				session.ID(u.Draw(t, "id")), rapid.StringN(0, 30, NameBytesMax).Draw(t, "name"), session.Server(u.Draw(t, "server")), rapid.Bool().Draw(t, "attached"),
				i.Draw(t, "timeout"), i.Draw(t, "left"), i.Draw(t, "ephemerals"), session.Seq(u.Draw(t, "seq")),
			}
			sessions = append(sessions, e)
			dst = AppendSessionEntry(dst, &e)
		}
		g, err = gotSessions(EndSessionsResult(dst, mark, len(sessions), more))
		same("sessions", g, err, got{Sessions: sessions, More: more})
	})
}

// Whatever is recorded comes back as it was recorded: an outcome inside a list is the same bytes as in its reply.
func TestRecordedOutcomesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64()
		want := OutcomesHead{rapid.Bool().Draw(t, "ended"), session.Seq(u.Draw(t, "acked")), session.Seq(u.Draw(t, "last")), rapid.Bool().Draw(t, "more")}
		dst, mark := BeginOutcomesResult(nil, want)
		first := session.Seq(u.Draw(t, "first")) >> 1
		var recorded [][]byte
		for range rapid.IntRange(0, 5).Draw(t, "replies") {
			var outcome []byte
			results := []znode.Result{drawResult(t)}
			switch zxid := znode.Zxid(u.Draw(t, "zxid")); rapid.IntRange(0, 2).Draw(t, "sort") {
			case 0:
				outcome = AppendTxnOutcome(nil, zxid, true, 0, results)
			case 1:
				outcome = AppendOutcome(nil, Multi, zxid, results)
			default:
				outcome = AppendFailure(nil, CodeNotEmpty, zxid, &znode.Error{Path: anyText.Draw(t, "path")})
			}
			dst = AppendRecordedOutcome(dst, first+session.Seq(len(recorded)), outcome)
			recorded = append(recorded, outcome)
		}
		dst = EndOutcomesResult(dst, mark, len(recorded), want.More)
		i := 0
		head, err := DecodeOutcomes(dst, func(seq session.Seq, code Code, zxid znode.Zxid, result []byte) {
			again := append(AppendUint(AppendInt(nil, int64(code)), uint64(zxid)), result...)
			if seq != first+session.Seq(i) || string(again) != string(recorded[i]) {
				t.Fatalf("write %d at index %d: % x, want % x", seq, i, again, recorded[i])
			}
			i++
		})
		if err != nil || head != want || i != len(recorded) {
			t.Fatalf("%+v, %d replies, %v; want %+v, %d", head, i, err, want, len(recorded))
		}
	})
}

func TestEventsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64()
		want := Event{
			Zxid: znode.Zxid(u.Draw(t, "zxid")), Type: EventType(rapid.Uint8().Draw(t, "type")), Path: anyText.Draw(t, "path"),
			Watch: WatchID(u.Draw(t, "watch")), From: znode.Zxid(rapid.Uint64Max(1).Draw(t, "from")),
		}
		if rapid.Bool().Draw(t, "stat") {
			stat := drawStat(t)
			want.Stat = &stat
		}
		if rapid.Bool().Draw(t, "data") {
			want.Data = anyData.Draw(t, "bytes")
		}
		f, err := DecodeServerFrame(AppendEvent(nil, &want)[frameHeadBytes:])
		if err != nil || f.Kind != EventFrame || f.Zxid != want.Zxid || !reflect.DeepEqual(f.Event, want) {
			t.Fatalf("got %+v, %v; want %+v", f.Event, err, want)
		}
	})
}

// The longest frames that a server may have to send fit: each is built from what is legal and largest.
func TestTheLargestRepliesFit(t *testing.T) {
	stat := znode.Stat{
		Czxid: 1<<64 - 1, Mzxid: 1<<64 - 1, Pzxid: 1<<64 - 1, CtimeMS: 1<<63 - 1, MtimeMS: 1<<63 - 1, Version: 1<<63 - 1, Cversion: 1<<63 - 1,
		Aversion: 1<<63 - 1, Owner: 1<<64 - 1, DataLength: DataMax, NumChildren: 1<<63 - 1, Kind: 255, TTLMS: 1<<63 - 1,
	}
	perOp := FrameMax / OpsMax // the request with all the paths is itself a frame
	results := make([]znode.Result, OpsMax)
	for i := range results {
		suffix := 19 // digits of a sequential node
		results[i] = znode.Result{Path: string(make([]byte, perOp+suffix)), Stat: stat, Kind: znode.OpCreate, Existed: true, Count: 1<<63 - 1}
	}
	results[0].Data = make([]byte, DataMax)
	outcome := AppendTxnOutcome(nil, 1<<64-1, true, OpsMax, results)
	if n := len(AppendReply(nil, 1<<64-1, outcome)) - frameHeadBytes; n > ReplyFrameMax {
		t.Errorf("a transaction: %d bytes", n)
	}

	frame, mark := BeginReply(nil, 1<<64-1, 1<<64-1)
	frame, list := BeginOutcomesResult(frame, OutcomesHead{true, 1<<64 - 1, 1<<64 - 1, false})
	frame = append(frame, make([]byte, PageBytesMax)...) // a page that is not full by one byte takes one reply more
	frame = AppendRecordedOutcome(frame, 1<<64-1, outcome)
	if n := FrameBytes(EndFrame(EndOutcomesResult(frame, list, 1, true), mark), mark); n > ReplyFrameMax {
		t.Errorf("a page of outcomes: %d bytes", n)
	}

	path := string(make([]byte, znode.MaxPathBytes))
	event := Event{Zxid: 1<<64 - 1, Type: EventDataChanged, Path: path, Watch: 1<<64 - 1, Stat: &stat, Data: make([]byte, DataMax), From: 1<<64 - 1}
	if n := len(AppendEvent(nil, &event)) - frameHeadBytes; n+PageBytesMax > ReplyFrameMax {
		t.Errorf("an event, as large as an entry of a list: %d bytes", n)
	}
}
