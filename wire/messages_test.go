package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// message is a value of one of the protocol's messages, with the functions that write and read it. The golden bytes, the
// comparison with the msgpack library and the seeds of the fuzz targets all come from the list below.
type message struct {
	name   string
	frame  []byte                    // with its length
	value  any                       // what decode must give
	decode func([]byte) (any, error) // of the body
}

func (m message) body() []byte { return m.frame[frameHeadBytes:] }

var sampleStat = znode.Stat{
	Czxid: 0x11, Mzxid: 0x2222, Pzxid: 0x33333333, CtimeMS: 1_700_000_000_000, MtimeMS: 1_700_000_000_001,
	Version: 3, Cversion: 40, Aversion: -1, Owner: 0xfedcba9876543210, DataLength: 5, NumChildren: 130,
	Kind: znode.Ephemeral, TTLMS: 60_000,
}

var samplePassword = Password{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func requestMessage(name string, r Request) message {
	return message{name, AppendRequest(nil, &r), r, func(b []byte) (any, error) {
		var got Request
		err := DecodeRequest(b, &got)
		return got, err
	}}
}

func helloMessage(name string, h Hello) message {
	return message{name, AppendHello(nil, &h), h, func(b []byte) (any, error) { return DecodeHello(b) }}
}

func welcomeMessage(name string, w Welcome) message {
	return message{name, AppendWelcome(nil, &w), w, func(b []byte) (any, error) { return DecodeWelcome(b) }}
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
	Stats        []znode.Stat
	Results      []znode.Result
	Codes        []Code
	More         bool
	N            int64
}

func messages() []message {
	const zxid, xid = znode.Zxid(0x1234), Xid(9)
	list := []message{
		helloMessage("hello-open", Hello{Version: 1, TimeoutMS: 10_000, Attempt: 1, Name: "cox"}),
		helloMessage("hello-attach", Hello{Version: 1, Capabilities: 1 << 40, SessionID: 0x1122, Password: samplePassword, TimeoutMS: 4000, Attempt: 7, LastZxid: 0x10000, Name: strings.Repeat("n", NameBytesMax)}),
		welcomeMessage("welcome-open", Welcome{Version: 1, Server: 2, SessionID: 0x1122, Password: samplePassword, TimeoutMS: 10_000, Zxid: 99, Limits: DefaultLimits()}),
		welcomeMessage("welcome-attach", Welcome{Version: 1, Server: 3, SessionID: 0x1122, TimeoutMS: 10_000, Zxid: 99, LastSeq: 4711, Limits: DefaultLimits()}),
		welcomeMessage("welcome-refused", Welcome{Code: CodeZxidAhead, Version: 1, Server: 1, Zxid: 5, Detail: "this cluster is at 0x5, the client has seen 0x9"}),

		requestMessage("create", Request{Kind: Create, Xid: 1, Seq: 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/a", Data: []byte("data"), Mode: znode.ModePersistentSequentialTTL, TTLMS: 1000}}}),
		requestMessage("create-empty", Request{Kind: Create, Xid: 2, Seq: 2, Ack: 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/b"}}}),
		requestMessage("delete", Request{Kind: Delete, Xid: 3, Seq: 3, Ack: 2, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a"}}}),
		requestMessage("delete-guarded", Request{Kind: Delete, Xid: 300, Seq: 70_000, Ack: 69_999, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a", Guard: znode.IfVersion(0)}}}),
		requestMessage("set", Request{Kind: Set, Xid: 1 << 33, Seq: 1 << 32, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a", Data: bytes.Repeat([]byte{0xff}, 300), Guard: znode.IfVersion(1 << 40)}}}),
		requestMessage("multi", Request{Kind: Multi, Xid: 5, Seq: 5, Ack: 4, Ops: []znode.Op{
			{Kind: znode.OpCheck, Path: "/lock", Guard: znode.IfVersion(7)},
			{Kind: znode.OpCreate, Path: "/x", Data: []byte{0}, Mode: znode.ModeEphemeral},
			{Kind: znode.OpSet, Path: "/x", Data: []byte{1}},
			{Kind: znode.OpDelete, Path: "/x"},
		}}),
		requestMessage("close-session", Request{Kind: CloseSession, Xid: 6, Seq: 6, Ack: 5}),
		requestMessage("get", Request{Kind: Get, Xid: 7, Ack: 6, Path: "/a/b/c", Watch: true}),
		requestMessage("exists", Request{Kind: Exists, Xid: 8, Ack: 6, Level: Session, Path: "/日本"}),
		requestMessage("children", Request{Kind: Children, Xid: 9, Path: "/", Watch: true, After: "m", Limit: 1000, WithStat: true}),
		requestMessage("descendants", Request{Kind: Descendants, Xid: 10, Level: Session, Path: "/a"}),
		requestMessage("ephemerals", Request{Kind: Ephemerals, Xid: 11, Path: "/", After: "/a/b", Limit: 10_000}),
		requestMessage("multi-read", Request{Kind: MultiRead, Xid: 12, Level: Session, Reads: []Read{{Get, "/a"}, {Exists, "/b"}, {Children, "/"}}}),
		requestMessage("sync", Request{Kind: Sync, Xid: 13}),
		requestMessage("ping", Request{Kind: Ping, Xid: 14, Ack: 6}),
		requestMessage("set-watches", Request{Kind: SetWatches, Xid: 15, Since: 0x99, DataPaths: []string{"/a", "/b"}, ExistPaths: []string{"/c"}, ChildPaths: []string{"/"}}),
		requestMessage("remove-watch", Request{Kind: RemoveWatch, Xid: 16, WatchKind: WatchChild, Path: "/"}),
	}

	created := AppendOutcome(nil, Create, zxid, []znode.Result{{Path: "/a-0000000003", Stat: sampleStat, Kind: znode.OpCreate}})
	set := AppendOutcome(nil, Set, zxid, []znode.Result{{Path: "/a", Stat: sampleStat, Kind: znode.OpSet}})
	multi := []znode.Result{
		{Path: "/x", Stat: sampleStat, Kind: znode.OpCreate}, {Path: "/x", Stat: sampleStat, Kind: znode.OpSet},
		{Path: "/x", Kind: znode.OpDelete}, {Path: "/y", Kind: znode.OpCheck},
	}
	failure := znode.Error{Code: znode.CodeBadVersion, Path: "/a", Index: 3, Actual: 17, Detail: "read it again"}

	children := func(stats bool) []byte {
		dst, mark := BeginReply(nil, xid, zxid)
		dst, entries := BeginChildrenResult(dst)
		for _, name := range []string{"a", "b"} {
			if stats {
				dst = AppendChildStat(dst, name, &sampleStat)
			} else {
				dst = AppendChild(dst, name)
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
	return append(list,
		replyMessage("reply-create", AppendReply(nil, xid, created), got{Path: "/a-0000000003", Stat: sampleStat}, gotCreated),
		replyMessage("reply-set", AppendReply(nil, xid, set), got{Stat: sampleStat}, gotStat),
		replyMessage("reply-delete", AppendReply(nil, xid, AppendOutcome(nil, Delete, zxid, nil)), nil, gotEmpty),
		replyMessage("reply-multi", AppendReply(nil, xid, AppendOutcome(nil, Multi, zxid, multi)), got{Results: multi}, gotMulti),
		replyMessage("reply-close", AppendReply(nil, xid, AppendOutcome(nil, CloseSession, zxid, nil)), nil, gotEmpty),
		replyMessage("reply-failure", AppendFailureReply(nil, xid, CodeBadVersion, zxid, &failure), Failure{Path: "/a", Index: 3, Actual: 17, Detail: "read it again"}, gotFailure),
		replyMessage("reply-gap", AppendReply(nil, xid, AppendGap(nil, zxid, 41)), Failure{Actual: 41}, gotFailure),
		replyMessage("reply-get", AppendGetReply(nil, xid, zxid, []byte("hello"), &sampleStat), got{Data: []byte("hello"), Stat: sampleStat}, gotGot),
		replyMessage("reply-exists", AppendExistsReply(nil, xid, zxid, &sampleStat), got{Stat: sampleStat}, gotStat),
		replyMessage("reply-children", children(false), got{Names: []string{"a", "b"}, Stats: make([]znode.Stat, 2), More: true, Stat: sampleStat}, gotChildren),
		replyMessage("reply-children-stat", children(true), got{Names: []string{"a", "b"}, Stats: []znode.Stat{sampleStat, sampleStat}, More: true, Stat: sampleStat}, gotChildren),
		replyMessage("reply-descendants", AppendDescendantsReply(nil, xid, zxid, 1<<40), got{N: 1 << 40}, gotDescendants),
		replyMessage("reply-ephemerals", ephemerals(), got{Names: []string{"/a", "/b/c"}}, gotEphemerals),
		replyMessage("reply-multi-read", multiRead(), got{Codes: []Code{0, CodeNoNode, 0}, Data: []byte("v"), Path: "/b", Stat: sampleStat}, gotMultiRead),
		replyMessage("reply-empty", AppendEmptyReply(nil, xid, zxid), nil, gotEmpty),
		message{"event", AppendEvent(nil, Event{Zxid: zxid, Type: EventChildrenChanged, Path: "/p"}),
			ServerFrame{Kind: EventFrame, Zxid: zxid, Event: Event{zxid, EventChildrenChanged, "/p"}}, gotServerFrame},
		message{"goodbye", AppendGoodbye(nil, CodeDraining, "move to another server"),
			ServerFrame{Kind: Goodbye, Code: CodeDraining, Detail: "move to another server"}, gotServerFrame},
	)
}

func gotCreated(r []byte) (any, error) {
	path, stat, err := DecodeCreated(r)
	return got{Path: path, Stat: stat}, err
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

func gotFailure(r []byte) (any, error) { return DecodeFailure(r) }

func gotGot(r []byte) (any, error) {
	data, stat, err := DecodeGot(r)
	return got{Data: data, Stat: stat}, err
}

func gotChildren(r []byte) (any, error) {
	var g got
	var err error
	g.More, g.Stat, err = DecodeChildren(r, func(name string, stat znode.Stat) {
		g.Names, g.Stats = append(g.Names, name), append(g.Stats, stat)
	})
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

// sameValue compares decoded values; in requests an empty list is as good as a missing one.
func sameValue(t *testing.T, name string, got, want any) {
	t.Helper()
	if g, ok := got.(Request); ok {
		got = withoutEmptyLists(g)
		want = withoutEmptyLists(want.(Request))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, want)
	}
}

func withoutEmptyLists(r Request) Request {
	if len(r.Ops) == 0 {
		r.Ops = nil
	}
	if len(r.Reads) == 0 {
		r.Reads = nil
	}
	for _, list := range []*[]string{&r.DataPaths, &r.ExistPaths, &r.ChildPaths} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return r
}

func TestEveryMessageDecodesToItself(t *testing.T) {
	for _, m := range messages() {
		value, err := m.decode(m.body())
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		sameValue(t, m.name, value, m.value)
	}
}

// Fields are only ever added at the end: a peer that sends fewer, or more, than this version knows is understood.
func TestOlderAndNewerPeersAreUnderstood(t *testing.T) {
	for _, m := range messages() {
		body := m.body()
		if body[0]&0xf0 != tagFixArray {
			t.Fatalf("%s: a message of more than 15 fields", m.name)
		}
		longer := append([]byte{body[0] + 1}, body[1:]...)
		longer = AppendUint(AppendArray(AppendArray(longer, 2), 0), 1<<50) // a new field [[], 2^50]
		value, err := m.decode(longer)
		if err != nil {
			t.Errorf("%s with a field that this version does not know: %v", m.name, err)
			continue
		}
		sameValue(t, m.name+" of a newer peer", value, m.value)
	}

	var older Request
	body := AppendUint(AppendUint(AppendUint(AppendUint(AppendArray(nil, 4), uint64(Ping)), 5), 0), 3)
	if err := DecodeRequest(body, &older); err != nil || older.Kind != Ping || older.Xid != 5 || older.Ack != 3 {
		t.Errorf("a ping without a body: %+v, %v", older, err)
	}
	body = AppendString(AppendArray(append([]byte{0x95}, body[1:]...), 1), "/only-a-path")
	body[1] = byte(Create)
	if err := DecodeRequest(body, &older); err != nil || older.Ops[0].Path != "/only-a-path" || older.Ops[0].Mode != znode.ModePersistent {
		t.Errorf("a create with only a path: %+v, %v", older, err)
	}
	if w, err := DecodeWelcome([]byte{0x92, 0xd1, 0xff, 0x26, 1}); err != nil || w.Code != -218 || w.Version != 1 {
		t.Errorf("a welcome of two fields: %+v, %v", w, err)
	}
}

func TestHelloOfAnotherVersionIsStillRecognised(t *testing.T) {
	body := AppendBool(AppendUint(AppendString(AppendArray(nil, 3), Magic), 2), true) // a boolean where version 1 has capabilities
	if h, err := DecodeHello(body); err != nil || h.Version != 2 {
		t.Errorf("got %+v, %v", h, err)
	}
	body = AppendUint(AppendString(AppendArray(nil, 2), "GET / HTTP/1.1"), 1)
	var malformed *Malformed
	if _, err := DecodeHello(body); !errors.As(err, &malformed) {
		t.Errorf("a hello without the magic word: %v", err)
	}
}

func TestPeekHeaderReadsTheFirstBytesOfAFrame(t *testing.T) {
	r := Request{Kind: Create, Xid: 1 << 60, Seq: 1 << 61, Ack: 1 << 62, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/a", Data: make([]byte, 3<<20)}}}
	frame := AppendRequest(nil, &r)
	kind, xid, seq, ack, ok := PeekHeader(frame[frameHeadBytes : frameHeadBytes+FrameHeadBytes])
	if !ok || kind != Create || xid != r.Xid || seq != r.Seq || ack != r.Ack {
		t.Errorf("got %v %v %v %v %v", kind, xid, seq, ack, ok)
	}
	if _, _, _, _, ok := PeekHeader([]byte("GET / HTTP/1.1\r\n")); ok {
		t.Error("text passed for a header")
	}
}

func TestRefusedRequestsKeepTheirHeader(t *testing.T) {
	header := func(kind Kind) []byte {
		return AppendUint(AppendUint(AppendUint(AppendUint(AppendArray(nil, 5), uint64(kind)), 77), 5), 4)
	}
	var unknown *UnknownKind
	for name, c := range map[string]struct {
		body []byte
		code Code // 0: an unknown kind
	}{
		"unknown request":     {append(header(200), 0xdf, 1, 2, 3, 4), 0}, // whatever it holds
		"unknown operation":   {append(AppendUint(AppendArray(AppendArray(header(Multi), 1), 2), 9), 0x92, 0xc0, 0xc0), 0},
		"unknown read":        {AppendString(AppendUint(AppendArray(AppendArray(AppendUint(AppendArray(header(MultiRead), 2), 0), 1), 2), uint64(Sync)), "/"), 0},
		"unknown level":       {AppendString(AppendUint(AppendArray(header(Get), 2), 7), "/"), CodeBadArguments},
		"unknown watch kind":  {AppendString(AppendUint(AppendArray(header(RemoveWatch), 2), 3), "/"), CodeBadArguments},
		"too many operations": {append(AppendArray(header(Multi), OpsMax+1), make([]byte, OpsMax+1)...), CodeTooMany},
		"too many reads":      {append(AppendArray(AppendUint(AppendArray(header(MultiRead), 2), 0), ReadsMax+1), make([]byte, ReadsMax+1)...), CodeTooMany},
		"too many watches":    {append(AppendArray(AppendUint(AppendArray(header(SetWatches), 2), 0), WatchPathsPerFrameMax+1), make([]byte, WatchPathsPerFrameMax+1)...), CodeTooMany},
	} {
		var r Request
		err := DecodeRequest(c.body, &r)
		if c.code == 0 && !errors.As(err, &unknown) || c.code != 0 && !errors.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
		if r.Xid != 77 || r.Seq != 5 || r.Ack != 4 {
			t.Errorf("%s: the header is lost: %+v", name, r)
		}
	}
}

func TestACLIsNoticed(t *testing.T) {
	for acl, want := range map[string]bool{"\xc0": false, "\x90": false, "\x91\xc0": true} {
		r := Request{Kind: Create, Seq: 1, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/a"}}}
		body := AppendRequest(nil, &r)[frameHeadBytes:]
		body = append(body[:len(body)-1], acl...)
		var got Request
		if err := DecodeRequest(body, &got); err != nil || got.HasACL != want {
			t.Errorf("acl % x: HasACL %v, %v", acl, got.HasACL, err)
		}
	}
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	name := strings.Repeat("é", NameBytesMax) // two bytes each
	h, err := DecodeHello(AppendHello(nil, &Hello{Version: 1, Name: name})[frameHeadBytes:])
	if err != nil || h.Name != name[:NameBytesMax] {
		t.Errorf("name %q, %v", h.Name, err)
	}
	detail := "x" + strings.Repeat("é", DetailBytesMax)
	f, err := DecodeServerFrame(AppendGoodbye(nil, CodeBusy, detail)[frameHeadBytes:])
	if err != nil || f.Detail != detail[:DetailBytesMax-1] {
		t.Errorf("detail of %d bytes, %v", len(f.Detail), err)
	}
	long := AppendString(AppendUint(AppendUint(AppendInt(AppendNil(AppendUint(AppendUint(AppendUint(AppendString(AppendArray(nil, 9), Magic), 1), 0), 0)), 0), 1), 0), name)
	if _, err := DecodeHello(long); !errors.Is(err, CodeBadArguments) {
		t.Errorf("a name of %d bytes: %v", len(name), err)
	}
}

func TestDecodedRequestOwnsItsMemory(t *testing.T) {
	for _, m := range messages() {
		if _, ok := m.value.(Request); !ok {
			continue
		}
		body := append([]byte(nil), m.body()...)
		var r Request
		if err := DecodeRequest(body, &r); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		for i := range body {
			body[i] ^= 0xff
		}
		sameValue(t, m.name+" after its frame was overwritten", r, m.value)
	}
}

func TestReusedRequestForgetsTheOneBefore(t *testing.T) {
	var r Request
	list := messages()
	for range 2 {
		for _, m := range list {
			if _, ok := m.value.(Request); !ok {
				continue
			}
			if err := DecodeRequest(m.body(), &r); err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			sameValue(t, m.name, r, m.value)
		}
	}
	big := Request{Kind: Multi, Ops: make([]znode.Op, OpsMax)}
	for i := range big.Ops {
		big.Ops[i] = znode.Op{Kind: znode.OpDelete, Path: "/a"}
	}
	if err := DecodeRequest(AppendRequest(nil, &big)[frameHeadBytes:], &r); err != nil || len(r.Ops) != OpsMax {
		t.Fatalf("%d operations, %v", len(r.Ops), err)
	}
	r.Reset()
	if cap(r.Ops) != 0 {
		t.Errorf("a request that was reset keeps room for %d operations", cap(r.Ops))
	}
}

func TestLimitsAreThoseOfTheTreeAndTheSessions(t *testing.T) {
	if DataMax != znode.MaxDataBytes || OpsMax != znode.MaxOps {
		t.Errorf("data %d and %d bytes, %d and %d operations", DataMax, znode.MaxDataBytes, OpsMax, znode.MaxOps)
	}
	if WindowDefault != session.Window {
		t.Errorf("the window is %d here and %d in the session table", WindowDefault, session.Window)
	}
}
