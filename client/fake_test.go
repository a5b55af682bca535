package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// service is a coxswain of several servers in one process, as simple as it can be: the real session table and the real tree
// behind one mutex, no log, no time. Every connection is a net.Pipe. What goes wrong is scripted by the tests.
type service struct {
	mu    sync.Mutex
	table *session.Table
	tree  *znode.Tree
	zxid  znode.Zxid
	past  map[znode.Zxid][]*znode.Node // the trees at which recursive lists have begun
	peers map[*peer]bool

	// script; guarded by mu
	onDial    func(addr string) error                 // nil error: go on
	onHello   func(addr string, h *wire.Hello) answer // before the session table sees it
	onRequest func(p *peer, r *wire.Request) answer   // before anything else sees it
	reply     func(r *wire.Request) []byte            // answers instead of the service; nil: it does not
	onFrame   func(p *peer, frame []byte) answer      // before it is sent: proceed or hangUp
	horizon   znode.Zxid                              // persistent watches cannot be resumed from before it
	limits    wire.Limits
	servers   map[string]session.Server
	boot      session.Boot // of all servers

	// what happened
	hellos   []wire.Hello
	dialed   []string
	requests []wire.Request // every request of every connection, in order
	applied  []string       // the paths of carried out writes, in order
	history  []happened     // all changes
}

// answer is what a script makes of a hello or a request.
type answer uint8

const (
	proceed   answer = iota // as a server does
	hangUp                  // close the connection at once
	loseReply               // carry it out, then close the connection without a reply
	ignore                  // neither carry it out nor answer
)

// peer is the server's end of one connection.
type peer struct {
	service *service
	conn    net.Conn
	addr    string
	id      session.ID
	attempt session.Attempt
	watches map[watchKey]bool // guarded by service.mu

	persistent []wire.WatchSpec // guarded by service.mu

	out  chan []byte // frames for the writer; closed when the reader ends
	gone chan struct{}
}

func newService(servers ...string) *service {
	s := &service{
		table: session.NewTable(), tree: znode.NewTree(), peers: map[*peer]bool{}, limits: wire.DefaultLimits(),
		servers: map[string]session.Server{}, boot: 1, past: map[znode.Zxid][]*znode.Node{},
	}
	for i, addr := range servers {
		id := session.Server(i + 1)
		s.servers[addr] = id
		s.table.Beat(session.Beat{Server: id, Boot: 1, Number: 1})
	}
	return s
}

// config is for a client of all servers.
func (s *service) config() Config {
	cfg := Config{Name: "test", DialContext: s.dial}
	for addr := range s.servers {
		cfg.Servers = append(cfg.Servers, addr)
	}
	slices.Sort(cfg.Servers)
	return cfg
}

func (s *service) script(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

var errRefused = errors.New("connection refused")

func (s *service) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	s.mu.Lock()
	s.dialed = append(s.dialed, addr)
	var err error
	if s.onDial != nil {
		err = s.onDial(addr)
	}
	s.mu.Unlock()
	if errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done() // a host that does not answer
		return nil, ctx.Err()
	} else if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	p := &peer{service: s, conn: far, addr: addr, watches: map[watchKey]bool{}, out: make(chan []byte, 1<<16), gone: make(chan struct{})}
	go p.write()
	go p.read()
	return near, nil
}

func (p *peer) write() {
	for frame := range p.out {
		todo := proceed
		p.service.script(func() {
			if p.service.onFrame != nil {
				todo = p.service.onFrame(p, frame)
			}
		})
		if todo == hangUp {
			break
		}
		if _, err := p.conn.Write(frame); err != nil {
			break
		}
	}
	_ = p.conn.Close()
	for range p.out { // until the reader closes it
	}
}

func (p *peer) read() {
	defer close(p.gone)
	defer close(p.out)
	defer p.service.forget(p)
	frames := wire.NewFrameReader(p.conn, wire.HelloFrameMax)
	body, err := frames.Next()
	if err != nil {
		return
	}
	hello, err := wire.DecodeHello(body)
	if err != nil || !p.service.welcome(p, &hello) {
		return
	}
	frames.SetLimit(wire.FrameMax)
	for {
		body, err := frames.Next()
		if err != nil {
			return
		}
		var r wire.Request
		if err := wire.DecodeRequest(body, &r); err != nil {
			panic(err) // the client sends what no server understands
		}
		if !p.service.request(p, r) {
			return
		}
	}
}

func (s *service) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
}

// welcome handles a hello and reports whether the connection goes on.
func (s *service) welcome(p *peer, h *wire.Hello) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hellos = append(s.hellos, *h)
	if s.onHello != nil {
		switch s.onHello(p.addr, h) {
		case hangUp:
			return false
		case ignore:
			return true
		}
	}
	w := wire.Welcome{Version: wire.ProtocolVersion, Server: s.servers[p.addr], SessionID: h.SessionID, Limits: s.limits, Zxid: s.zxid}
	switch {
	case h.Version != wire.ProtocolVersion:
		w.Code = wire.CodeVersionMismatch
	case h.LastZxid > s.zxid:
		w.Code = wire.CodeZxidAhead
	case h.SessionID == 0:
		s.zxid++
		w.SessionID, w.Zxid = session.ID(s.zxid), s.zxid
		w.Password = wire.Password{1, 15: byte(s.zxid)}
		number := uint64(len(s.hellos))
		w.Code = wire.Code(s.table.Open(w.SessionID, session.Open{Secret: sha256.Sum256(w.Password[:]), TimeoutMS: h.TimeoutMS, Server: w.Server, Boot: s.boot, Number: number, Name: h.Name}))
	default:
		w.Code = wire.Code(s.table.Attach(h.SessionID, sha256.Sum256(h.Password[:]), h.Attempt, w.Server, s.boot))
	}
	if w.Code == wire.CodeOK {
		info, _ := s.table.Get(w.SessionID)
		w.TimeoutMS, w.LastSeq = info.TimeoutMS, info.Last
		p.id, p.attempt = w.SessionID, info.Attempt
		s.peers[p] = true
	}
	p.out <- wire.AppendWelcome(nil, &w)
	return w.Code == wire.CodeOK
}

// request handles a request and reports whether the connection goes on.
func (s *service) request(p *peer, r wire.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	todo := proceed
	if s.onRequest != nil {
		todo = s.onRequest(p, &r)
	}
	switch todo {
	case hangUp:
		return false
	case ignore:
		return true
	}
	reply := s.carryOut(p, &r)
	if todo == loseReply {
		return false
	}
	p.out <- reply
	return r.Kind != wire.CloseSession
}

func (s *service) carryOut(p *peer, r *wire.Request) []byte {
	if info, ok := s.table.Get(p.id); !ok {
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeSessionExpired, s.zxid, nil)
	} else if info.Attempt != p.attempt {
		return wire.AppendGoodbye(nil, wire.CodeSessionMoved, "")
	}
	if s.reply != nil {
		if frame := s.reply(r); frame != nil {
			return frame
		}
	}
	switch {
	case r.Kind.Write():
		return wire.AppendReply(nil, r.Xid, s.write(p, r))
	case r.Kind == wire.SetWatches:
		s.setWatches(p, r)
	case r.Kind == wire.AddWatches:
		return s.addWatches(p, r)
	case r.Kind == wire.RemoveWatch && r.WatchID != 0:
		if !p.removeWatch(r.WatchID) {
			return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoWatcher, s.zxid, nil)
		}
	case r.Kind == wire.RemoveWatch:
		if key := (watchKey{r.WatchKind, r.Path}); !p.watches[key] {
			return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoWatcher, s.zxid, nil)
		}
		delete(p.watches, watchKey{r.WatchKind, r.Path})
	case r.AtLeast > s.zxid:
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeNotReached, s.zxid, &znode.Error{Path: r.Path})
	case r.Kind == wire.Outcomes:
		return s.outcomes(r)
	case r.Kind == wire.List:
		return s.list(r)
	case r.Kind == wire.Sessions:
		return s.sessions(r)
	case r.Kind.Read() && r.Kind != wire.Sync:
		return s.read(p, r)
	}
	return wire.AppendEmptyReply(nil, r.Xid, s.zxid)
}

// write carries out a numbered write under the sequence rule.
func (s *service) write(p *peer, r *wire.Request) []byte {
	verdict, recorded, code := s.table.Admit(p.id, r.Seq, r.Ack)
	switch verdict {
	case session.Replay:
		return recorded
	case session.Refuse:
		info, _ := s.table.Get(p.id)
		return wire.AppendFailure(nil, wire.Code(code), s.zxid, &znode.Error{Actual: int64(info.Last)})
	}
	var changes []znode.Change
	var outcome []byte
	switch r.Kind {
	case wire.CloseSession:
		s.zxid++
		changes = s.tree.CloseOwner(znode.Txn{Zxid: s.zxid, Owner: uint64(p.id)}, uint64(p.id), nil)
		outcome = wire.AppendOutcome(nil, r.Kind, s.zxid, nil)
		s.table.Close(p.id)
	case wire.KillSession:
		outcome, changes = s.kill(p, r)
	default:
		outcome, changes = s.operate(p, r)
	}
	if r.Kind != wire.CloseSession {
		s.table.Record(p.id, r.Seq, outcome)
	}
	s.fire(changes)
	return outcome
}

// fire sends the events of changes to whoever watches.
func (s *service) fire(changes []znode.Change) {
	s.history = append(s.history, happened{s.zxid, changes})
	for p := range s.peers {
		for _, c := range changes {
			event := wire.Event{Zxid: s.zxid, Type: wire.EventType(c.Type), Path: c.Path}
			data, child := watchKey{wire.WatchData, c.Path}, watchKey{wire.WatchChild, c.Path}
			if p.watches[data] || c.Type == znode.Deleted && p.watches[child] {
				delete(p.watches, data)
				if c.Type == znode.Deleted {
					delete(p.watches, child)
				}
				p.out <- wire.AppendEvent(nil, &event)
			}
			parent := watchKey{wire.WatchChild, parentOf(c.Path)}
			if c.Type != znode.DataChanged && p.watches[parent] {
				delete(p.watches, parent)
				p.out <- wire.AppendEvent(nil, &wire.Event{Zxid: s.zxid, Type: wire.EventChildrenChanged, Path: parent.path})
			}
			p.tell(p.persistent, s.zxid, &c)
		}
	}
}

func parentOf(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}

// setWatches sets watches again, or sends the event of what has changed (W-13).
func (s *service) setWatches(p *peer, r *wire.Request) {
	one := func(key watchKey, event wire.EventType) {
		if event == 0 {
			p.watches[key] = true
			return
		}
		p.out <- wire.AppendEvent(nil, &wire.Event{Zxid: s.zxid, Type: event, Path: key.path})
	}
	for _, path := range r.DataPaths {
		n := s.tree.Get(path)
		switch {
		case n == nil:
			one(watchKey{wire.WatchData, path}, wire.EventDeleted)
		case n.Stat().Mzxid > r.Since:
			one(watchKey{wire.WatchData, path}, wire.EventDataChanged)
		default:
			one(watchKey{wire.WatchData, path}, 0)
		}
	}
	for _, path := range r.ExistPaths {
		if s.tree.Get(path) != nil {
			one(watchKey{wire.WatchData, path}, wire.EventCreated)
		} else {
			one(watchKey{wire.WatchData, path}, 0)
		}
	}
	for _, path := range r.ChildPaths {
		n := s.tree.Get(path)
		switch {
		case n == nil:
			one(watchKey{wire.WatchChild, path}, wire.EventDeleted)
		case n.Stat().Pzxid > r.Since:
			one(watchKey{wire.WatchChild, path}, wire.EventChildrenChanged)
		default:
			one(watchKey{wire.WatchChild, path}, 0)
		}
	}
}

// read answers a read and sets its watch.
func (s *service) read(p *peer, r *wire.Request) []byte {
	dst, mark := wire.BeginReply(nil, r.Xid, s.zxid)
	if r.Kind == wire.MultiRead {
		dst = wire.BeginMultiReadResult(dst, len(r.Reads))
		for _, one := range r.Reads {
			part := &wire.Request{Kind: one.Kind, Path: one.Path}
			if s.tree.Get(one.Path) == nil {
				dst = wire.AppendFailedPart(dst, wire.CodeNoNode, &znode.Error{Path: one.Path})
			} else {
				dst = s.result(wire.AppendPart(dst), p, part)
			}
		}
		return wire.EndFrame(dst, mark)
	}
	if n := s.tree.Get(r.Path); n == nil && r.Kind != wire.Ephemerals {
		if r.Watch && r.Kind == wire.Exists {
			p.watches[watchKey{wire.WatchData, r.Path}] = true
		}
		return wire.AppendFailureReply(nil, r.Xid, wire.CodeNoNode, s.zxid, &znode.Error{Path: r.Path})
	}
	return wire.EndFrame(s.result(dst, p, r), mark)
}

// result appends the result of a read of a node that is there.
func (s *service) result(dst []byte, p *peer, r *wire.Request) []byte {
	var stat znode.Stat
	n := s.tree.Get(r.Path)
	if n != nil {
		stat = n.Stat()
	}
	kind := wire.WatchData
	count, more := 0, false
	switch r.Kind {
	case wire.Get:
		dst = wire.AppendGetResult(dst, n.Data(), &stat)
	case wire.Exists:
		dst = wire.AppendExistsResult(dst, &stat)
	case wire.Descendants:
		below, _ := s.tree.Descendants(r.Path)
		dst = wire.AppendInt(wire.AppendArray(dst, 1), below)
	case wire.Children:
		kind = wire.WatchChild
		out, list := wire.BeginChildrenResult(dst)
		s.tree.Children(r.Path, r.After, func(name string, child *znode.Node) bool {
			if more = count == s.pageLimit(r.Limit); more {
				return false
			}
			count++
			if r.WithStat || r.WithData {
				out = wire.AppendNodeEntry(out, name, child, r.WithStat, r.WithData)
			} else {
				out = wire.AppendEntry(out, name)
			}
			return true
		})
		dst = wire.EndChildrenResult(out, list, count, more, &stat)
	case wire.Ephemerals:
		out, list := wire.BeginEphemeralsResult(dst)
		s.tree.Ephemerals(uint64(p.id), r.Path, r.After, func(path string) bool {
			if more = count == s.pageLimit(r.Limit); more {
				return false
			}
			count++
			out = wire.AppendString(out, path)
			return true
		})
		dst = wire.EndEphemeralsResult(out, list, count, more)
	}
	if r.Watch {
		p.watches[watchKey{kind, r.Path}] = true
	}
	return dst
}

func (s *service) pageLimit(asked int) int {
	if asked == 0 || asked > int(s.limits.Page) {
		return int(s.limits.Page)
	}
	return asked
}

// set changes a node from outside of any session, and creates it if need be.
func (s *service) set(path, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := znode.Op{Kind: znode.OpSet, Path: path, Data: []byte(data)}
	if s.tree.Get(path) == nil {
		op.Kind = znode.OpCreate
	}
	s.outside(op)
}

// remove deletes a node from outside of any session.
func (s *service) remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outside(znode.Op{Kind: znode.OpDelete, Path: path})
}

func (s *service) outside(ops ...znode.Op) {
	s.zxid++
	_, changes, err := s.tree.Apply(znode.Txn{Zxid: s.zxid, Owner: 1 << 60}, ops, nil, nil)
	if err != nil {
		panic(err)
	}
	s.fire(changes)
}

// expire ends a session as the service does when nothing was heard from it.
func (s *service) expire(id session.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, ok := s.table.Get(id)
	if !ok || !s.table.Expire(id, info.Attempt) {
		panic("no such session")
	}
	s.zxid++
	s.fire(s.tree.CloseOwner(znode.Txn{Zxid: s.zxid}, uint64(id), nil))
}

// cut closes all connections.
func (s *service) cut() {
	s.mu.Lock()
	peers := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	s.mu.Unlock()
	for _, p := range peers {
		_ = p.conn.Close()
		<-p.gone
	}
}

// say sends raw bytes to all clients.
func (s *service) say(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.peers {
		p.out <- frame
	}
}

// connect dials a client of the service and closes it at the end of the test.
func connect(t *testing.T, s *service) *Client {
	t.Helper()
	c, err := Dial(t.Context(), s.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
	})
	return c
}

// pass lets the time of a bubble go by.
func pass(d time.Duration) { <-time.After(d) }
