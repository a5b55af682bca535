package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
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

func messages() []message {
	return slices.Concat(handshakeMessages(), requestMessages(), replyMessages(), eventMessages())
}

func handshakeMessages() []message {
	return []message{
		helloMessage("hello-open", Hello{Version: 1, TimeoutMS: 10_000, Attempt: 1, Name: "cox"}),
		helloMessage("hello-attach", Hello{Version: 1, Capabilities: 1 << 40, SessionID: 0x1122, Password: samplePassword, TimeoutMS: 4000, Attempt: 7, LastZxid: 0x10000, Name: strings.Repeat("n", NameBytesMax)}),
		welcomeMessage("welcome-open", Welcome{Version: 1, Server: 2, SessionID: 0x1122, Password: samplePassword, TimeoutMS: 10_000, Zxid: 99, Limits: DefaultLimits()}),
		welcomeMessage("welcome-attach", Welcome{Version: 1, Server: 3, SessionID: 0x1122, TimeoutMS: 10_000, Zxid: 99, LastSeq: 4711, Limits: DefaultLimits()}),
		welcomeMessage("welcome-refused", Welcome{Code: CodeZxidAhead, Version: 1, Server: 1, Zxid: 5, Detail: "this cluster is at 0x5, the client has seen 0x9"}),
	}
}

func requestMessages() []message {
	everything := znode.IfVersion(7).AndCzxid(0x11).AndMzxid(0x2222).AndData([]byte("old"))
	absent := znode.Guard{}.AndAbsent()
	return []message{
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

		requestMessage("create-flags", Request{Kind: Create, Xid: 17, Seq: 7, Ack: 6, Ops: []znode.Op{{Kind: znode.OpCreate, Path: "/a/b/c", Flags: znode.CreateParents | znode.CreateIfAbsent}}}),
		requestMessage("delete-everything-guarded", Request{Kind: Delete, Xid: 18, Seq: 8, Ack: 6, Ops: []znode.Op{{Kind: znode.OpDelete, Path: "/a", Guard: everything}}}),
		requestMessage("set-if-empty", Request{Kind: Set, Xid: 19, Seq: 9, Ack: 6, Ops: []znode.Op{{Kind: znode.OpSet, Path: "/a", Data: []byte("new"), Guard: znode.Guard{}.AndData(nil)}}}),
		requestMessage("delete-tree", Request{Kind: DeleteTree, Xid: 20, Seq: 10, Ops: []znode.Op{{Kind: znode.OpDeleteTree, Path: "/a", Guard: znode.Guard{}.AndCzxid(0x11)}}}),
		requestMessage("copy-tree", Request{Kind: CopyTree, Xid: 21, Seq: 11, Ops: []znode.Op{{Kind: znode.OpCopyTree, Path: "/a", To: "/b"}}}),
		requestMessage("move-tree", Request{Kind: MoveTree, Xid: 22, Seq: 12, Ops: []znode.Op{{Kind: znode.OpMoveTree, Path: "/a", To: "/b", Guard: znode.IfVersion(3)}}}),
		requestMessage("txn", Request{Kind: Txn, Xid: 23, Seq: 13, Ack: 12,
			If: []znode.Op{{Kind: znode.OpCheck, Path: "/lock", Guard: znode.Guard{}.AndCzxid(0x1100)}, {Kind: znode.OpCheck, Path: "/"}, {Kind: znode.OpCheck, Path: "/new", Guard: absent}},
			Ops: []znode.Op{
				{Kind: znode.OpCreate, Path: "/new", Data: []byte{1}, Flags: znode.CreateContainers},
				{Kind: znode.OpSet, Path: "/a", Guard: everything},
				{Kind: znode.OpRead, Path: "/a"},
			},
			Else: []znode.Op{
				{Kind: znode.OpDeleteTree, Path: "/x"},
				{Kind: znode.OpCopyTree, Path: "/y", To: "/x"},
				{Kind: znode.OpMoveTree, Path: "/z", To: "/x/z"},
				{Kind: znode.OpCheck, Path: "/w", Guard: absent},
			},
		}),
		requestMessage("txn-of-one-read", Request{Kind: Txn, Xid: 24, Seq: 14, Ops: []znode.Op{{Kind: znode.OpRead, Path: "/"}}}),
		requestMessage("kill-session", Request{Kind: KillSession, Xid: 25, Seq: 15, Target: 0xabcdef}),
		requestMessage("get-at-least", Request{Kind: Get, Xid: 26, Level: AtLeast, Path: "/a", AtLeast: 0x1234}),
		requestMessage("children-at-least", Request{Kind: Children, Xid: 27, Level: AtLeast, Path: "/a", AtLeast: 0x1234}),
		requestMessage("children-data", Request{Kind: Children, Xid: 28, Path: "/a", Limit: 100, WithStat: true, WithData: true}),
		requestMessage("descendants-at-least", Request{Kind: Descendants, Xid: 29, Level: AtLeast, Path: "/a", AtLeast: 0x1234}),
		requestMessage("ephemerals-at-least", Request{Kind: Ephemerals, Xid: 30, Level: AtLeast, Path: "/a", AtLeast: 0x1234}),
		requestMessage("multi-read-at-least", Request{Kind: MultiRead, Xid: 31, Level: AtLeast, Reads: []Read{{Get, "/a"}}, AtLeast: 0x1234}),
		requestMessage("list", Request{Kind: List, Xid: 32, Path: "/a", WithStat: true, WithData: true}),
		requestMessage("list-next", Request{Kind: List, Xid: 33, Level: AtLeast, Path: "/a", After: "/a/b", Limit: 500, AtLeast: 0x1234, AsOf: 0x1233}),
		requestMessage("sessions", Request{Kind: Sessions, Xid: 34, Level: AtLeast, AfterID: 0x1122, Limit: 50, AtLeast: 0x1234}),
		requestMessage("outcomes", Request{Kind: Outcomes, Xid: 35, Target: 0x1122, Password: samplePassword, FromSeq: 4711}),
		requestMessage("add-watches", Request{Kind: AddWatches, Xid: 36, WatchList: []WatchSpec{
			{ID: 1, Mode: Persistent, Path: "/a", FromNow: true},
			{ID: 1 << 40, Mode: Recursive, Options: WithStat | WithData, Path: "/", Since: 0x1234},
			{ID: 3, Mode: Recursive, Options: WithData, Path: "/b"}, // since the beginning
		}}),
		requestMessage("remove-persistent-watch", Request{Kind: RemoveWatch, Xid: 37, WatchKind: WatchPersistent, WatchID: 1 << 40}),
	}
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
	r.Ops, r.If, r.Else, r.Reads, r.WatchList = nilIfEmpty(r.Ops), nilIfEmpty(r.If), nilIfEmpty(r.Else), nilIfEmpty(r.Reads), nilIfEmpty(r.WatchList)
	r.DataPaths, r.ExistPaths, r.ChildPaths = nilIfEmpty(r.DataPaths), nilIfEmpty(r.ExistPaths), nilIfEmpty(r.ChildPaths)
	return r
}

func nilIfEmpty[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return s
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
		if s, ok := m.value.(ServerFrame); ok && s.Kind == EventFrame && body[0] != tagFixArray|8 {
			continue // a newer peer leaves out no field in front of its own
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
	watch := func(id, mode, options uint64) []byte {
		body := AppendUint(AppendUint(AppendUint(AppendArray(AppendArray(header(AddWatches), 1), 4), id), mode), options)
		return AppendString(body, "/")
	}
	var unknown *UnknownKind
	for name, c := range map[string]struct {
		body []byte
		code Code // 0: an unknown kind
	}{
		"unknown request":     {append(header(200), 0xdf, 1, 2, 3, 4), 0}, // whatever it holds
		"unknown operation":   {append(AppendUint(AppendArray(AppendArray(header(Multi), 1), 2), 11), 0x92, 0xc0, 0xc0), 0},
		"unknown read":        {AppendString(AppendUint(AppendArray(AppendArray(AppendUint(AppendArray(header(MultiRead), 2), 0), 1), 2), uint64(Sync)), "/"), 0},
		"unknown level":       {AppendString(AppendUint(AppendArray(header(Get), 2), 7), "/"), CodeBadArguments},
		"unknown watch kind":  {AppendString(AppendUint(AppendArray(header(RemoveWatch), 2), 4), "/"), CodeBadArguments},
		"watch without id":    {watch(0, 1, 0), CodeBadArguments},
		"watch without mode":  {watch(1, 0, 0), CodeBadArguments},
		"unknown watch mode":  {watch(1, 3, 0), CodeBadArguments},
		"unknown option":      {watch(1, 1, 4), CodeUnimplemented},
		"unknown op in then":  {append(AppendUint(AppendArray(AppendArray(AppendArray(AppendArray(header(Txn), 2), 0), 1), 2), 11), 0x92, 0xc0, 0xc0), 0},
		"unknown op in else":  {append(AppendUint(AppendArray(AppendArray(AppendArray(AppendArray(AppendArray(header(Txn), 3), 0), 0), 1), 2), 11), 0x92, 0xc0, 0xc0), 0},
		"unknown sessions":    {AppendUint(AppendArray(header(Sessions), 1), 3), CodeBadArguments},
		"too many conditions": {append(AppendArray(AppendArray(header(Txn), 1), OpsMax+1), make([]byte, OpsMax+1)...), CodeTooMany},
		"too many to add":     {append(AppendArray(header(AddWatches), WatchPathsPerFrameMax+1), make([]byte, WatchPathsPerFrameMax+1)...), CodeTooMany},
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
	for _, m := range list {
		if _, ok := m.value.(Request); !ok {
			continue
		}
		if err := DecodeRequest(m.body(), &r); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		r.Reset()
		if left := withoutEmptyLists(r); !reflect.DeepEqual(left, Request{}) {
			t.Fatalf("%s leaves behind %+v", m.name, left)
		}
		for _, list := range [...]reflect.Value{
			reflect.ValueOf(r.Ops), reflect.ValueOf(r.If), reflect.ValueOf(r.Else), reflect.ValueOf(r.Reads), reflect.ValueOf(r.WatchList),
			reflect.ValueOf(r.DataPaths), reflect.ValueOf(r.ExistPaths), reflect.ValueOf(r.ChildPaths),
		} {
			for i, room := 0, list.Slice(0, list.Cap()); i < room.Len(); i++ {
				if !room.Index(i).IsZero() {
					t.Errorf("%s is held on to: %+v", m.name, room.Index(i))
				}
			}
		}
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
