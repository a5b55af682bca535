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
	if kind == znode.OpCreate || kind == znode.OpSet {
		op.Data = anyData.Draw(t, "data")
	}
	if kind == znode.OpCreate {
		op.Mode = znode.Mode(rapid.Uint8().Draw(t, "mode"))
		op.TTLMS = rapid.Int64().Draw(t, "ttl")
	} else if rapid.Bool().Draw(t, "guarded") {
		op.Guard = znode.IfVersion(rapid.Int64().Draw(t, "version"))
	}
	return op
}

var allKinds = []Kind{Create, Delete, Set, Multi, CloseSession, Get, Exists, Children, Descendants, Ephemerals, MultiRead, Sync, Ping, SetWatches, RemoveWatch}

func drawRequest(t *rapid.T) Request {
	r := Request{
		Kind: rapid.SampledFrom(allKinds).Draw(t, "kind"),
		Xid:  Xid(rapid.Uint64().Draw(t, "xid")),
		Seq:  session.Seq(rapid.Uint64().Draw(t, "seq")),
		Ack:  session.Seq(rapid.Uint64().Draw(t, "ack")),
	}
	if r.Kind.Read() && r.Kind != Sync {
		r.Level = Level(rapid.IntRange(0, 1).Draw(t, "level"))
		if r.Kind != MultiRead {
			r.Path = anyText.Draw(t, "path")
		}
	}
	if r.Kind == Children || r.Kind == Ephemerals {
		r.After = anyText.Draw(t, "after")
		r.Limit = rapid.IntRange(0, PageLimitMax).Draw(t, "limit")
	}
	switch r.Kind {
	case Create, Delete, Set:
		r.Ops = []znode.Op{drawOp(t, znode.OpKind(r.Kind))}
	case Multi:
		for range rapid.IntRange(0, 10).Draw(t, "ops") {
			op := drawOp(t, znode.OpKind(rapid.IntRange(1, 4).Draw(t, "op")))
			op.Path = "/" + op.Path // an empty path is refused when bytes run out
			r.Ops = append(r.Ops, op)
		}
	case Get, Exists, Children:
		r.Watch = rapid.Bool().Draw(t, "watch")
		r.WithStat = r.Kind == Children && rapid.Bool().Draw(t, "stat")
	case MultiRead:
		for range rapid.IntRange(0, 10).Draw(t, "reads") {
			r.Reads = append(r.Reads, Read{Kind(rapid.IntRange(32, 34).Draw(t, "read")), anyText.Draw(t, "path")})
		}
	case SetWatches:
		r.Since = znode.Zxid(rapid.Uint64().Draw(t, "since"))
		r.DataPaths, r.ExistPaths, r.ChildPaths = anyTexts.Draw(t, "data"), anyTexts.Draw(t, "exist"), anyTexts.Draw(t, "child")
	case RemoveWatch:
		r.WatchKind = WatchKind(rapid.IntRange(1, 2).Draw(t, "watch kind"))
		r.Path = anyText.Draw(t, "path")
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
			results[i] = znode.Result{Path: anyText.Draw(t, "path"), Kind: znode.OpKind(rapid.IntRange(1, 4).Draw(t, "op"))}
			if results[i].Kind == znode.OpCreate || results[i].Kind == znode.OpSet {
				results[i].Stat = drawStat(t)
			}
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
		path, stat, err := DecodeCreated(reply(AppendOutcome(nil, Create, zxid, results)))
		if err != nil || path != results[0].Path || stat != results[0].Stat {
			t.Fatalf("create: %q %+v, %v", path, stat, err)
		}
		e := znode.Error{Path: anyText.Draw(t, "path"), Index: rapid.IntRange(0, OpsMax).Draw(t, "index"), Actual: rapid.Int64().Draw(t, "actual"), Detail: anyText.Draw(t, "detail")}
		f, err := DecodeFailure(reply(AppendFailure(nil, CodeNoNode, zxid, &e)))
		if err != nil || f != (Failure{e.Path, e.Index, e.Actual, e.Detail}) {
			t.Fatalf("failure: %+v, %v", f, err)
		}
	})
}

func TestListsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := got{Names: anyTexts.Draw(t, "names"), More: rapid.Bool().Draw(t, "more"), Stat: drawStat(t)}
		withStat := rapid.Bool().Draw(t, "with stat")
		dst, mark := BeginChildrenResult(nil)
		for _, name := range want.Names {
			var stat znode.Stat
			if withStat {
				stat = drawStat(t)
				dst = AppendChildStat(dst, name, &stat)
			} else {
				dst = AppendChild(dst, name)
			}
			want.Stats = append(want.Stats, stat)
		}
		dst = EndChildrenResult(dst, mark, len(want.Names), want.More, &want.Stat)
		if len(want.Names) == 0 {
			want.Names = nil
		}
		if g, err := gotChildren(dst); err != nil || !reflect.DeepEqual(g, want) {
			t.Fatalf("got %+v, %v; want %+v", g, err, want)
		}

		dst, mark = BeginEphemeralsResult(nil)
		for _, name := range want.Names {
			dst = AppendString(dst, name)
		}
		dst = EndEphemeralsResult(dst, mark, len(want.Names), want.More)
		g, err := gotEphemerals(dst)
		if err != nil || !reflect.DeepEqual(g, got{Names: want.Names, More: want.More}) {
			t.Fatalf("got %+v, %v", g, err)
		}
	})
}
