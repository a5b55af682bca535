package state

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// trafficNodes and trafficSessions are about how much of the tree and of the table traffic fills: enough that shards, pages
// and deadlines hold many, and little enough that a snapshot takes milliseconds however long the traffic goes on.
const (
	trafficNodes    = 4000
	trafficSessions = 60
)

// traffic makes the entries of three servers with all kinds of commands, for as long as it is asked: most of them sensible,
// some refused, repeated, out of order, or damaged. Unlike [generator] it fills a tree of thousands of nodes and keeps it
// at that. What it makes is a function of its seed and of the state that it is shown.
type traffic struct {
	rng     *rand.Rand
	servers [3]proposer
	talkers []talker
	timeMS  int64
	older   [][]byte
	ahead   map[session.ID]session.Seq // writes of the entry that is being made
}

// proposer is one of the servers.
type proposer struct {
	boot                  session.Boot
	beats, opens, entries uint64
}

// talker is a session that was opened.
type talker struct {
	id      session.ID
	secret  session.Secret
	attempt session.Attempt
}

func newTraffic(seed uint64) *traffic {
	tr := &traffic{rng: rand.New(rand.NewPCG(seed, 11)), timeMS: 1_700_000_000_000, ahead: map[session.ID]session.Seq{}}
	for i := range tr.servers {
		tr.servers[i].boot = 1
	}
	return tr
}

// one reports whether something happens that happens once in n times.
func (tr *traffic) one(n int) bool { return tr.rng.IntN(n) == 0 }

// next makes the entry that comes after those that made s, and tells how many commands it has: 0 if it is damaged.
func (tr *traffic) next(s *State) (entry []byte, commands int) {
	if len(tr.older) > 0 && tr.one(16) {
		return tr.older[tr.rng.IntN(len(tr.older))], 1
	}
	tr.timeMS += tr.rng.Int64N(30) - 5 // the clocks of the servers differ
	i := tr.rng.IntN(len(tr.servers))
	from := &tr.servers[i]
	if tr.one(1000) || tr.one(50) && !leased(s, session.Server(i+1)) {
		*from = proposer{boot: nextBoot(s, session.Server(i+1))}
	}
	if len(tr.talkers) == 0 || tr.one(10) {
		tr.meet(s)
	}
	var b Batch
	if from.beats == 0 {
		from.beats++
		b.Beat(from.beats, false)
	}
	clear(tr.ahead)
	for range 1 + tr.rng.IntN(32) {
		tr.command(&b, s, from)
	}
	from.entries++
	entry = b.Entry(nil, Header{Server: session.Server(i + 1), Boot: from.boot, Number: from.entries, TimeMS: tr.timeMS})
	switch {
	case tr.one(200):
		return entry[:tr.rng.IntN(len(entry))], 0
	case tr.one(200):
		entry[tr.rng.IntN(len(entry))] ^= 1 << tr.rng.IntN(8)
		return entry, 0
	}
	if len(tr.older) < 50 {
		tr.older = append(tr.older, entry)
	} else {
		tr.older[tr.rng.IntN(50)] = entry
	}
	return entry, b.Len()
}

// leased reports whether a server has a lease. A damaged entry can have used up its numbers.
func leased(s *State, id session.Server) bool {
	_, servers, _, _ := s.Sessions().Snapshot()
	return slices.ContainsFunc(servers, func(r session.ServerRecord) bool { return r.Server == id && r.Live })
}

// nextBoot is the number of a server's next start.
func nextBoot(s *State, id session.Server) session.Boot {
	_, servers, _, _ := s.Sessions().Snapshot()
	for _, r := range servers {
		if r.Server == id {
			return r.Boot + 1
		}
	}
	return 1
}

func (tr *traffic) command(b *Batch, s *State, from *proposer) {
	clock := s.Sessions().Clock()
	switch roll := tr.rng.IntN(1000); {
	case roll < 40:
		from.beats++
		b.Beat(from.beats, tr.one(40))
	case roll < 70:
		b.Advance(clock, clock+session.Clock(tr.rng.IntN(1100)), s.Mark())
	case roll < 85 && s.Sessions().Len() < trafficSessions:
		from.opens++
		b.Open(from.opens, session.Secret{byte(from.opens)}, int64(1000+tr.rng.IntN(9000)), fmt.Sprintf("%.*s", tr.rng.IntN(9), "worker-1"))
	case roll < 105:
		t := tr.talker()
		t.attempt += session.Attempt(tr.rng.IntN(3))
		secret := t.secret
		if tr.one(10) {
			secret[15]++
		}
		b.Attach(t.id, secret, t.attempt)
	case roll < 108:
		if info, ok := s.Sessions().Get(tr.talker().id); ok {
			b.Expire(info.ID, info.Attempt-session.Attempt(tr.rng.IntN(2)))
		}
	case roll < 125:
		for _, e := range s.Tree().Expired(int64(clock)+tr.rng.Int64N(200), 5) {
			b.Reap(e)
		}
	case roll < 127:
		b.begin(commandReap+1+commandKind(tr.rng.IntN(200)), 2) // of a later release
		b.commands = wire.AppendUint(wire.AppendInt(b.commands, -1), 7)
	default:
		tr.write(b, s)
	}
}

// meet takes note of the sessions that there are; of those that are over it remembers a few, which go on sending.
func (tr *traffic) meet(s *State) {
	tr.talkers = slices.DeleteFunc(tr.talkers, func(t talker) bool {
		_, alive := s.Sessions().Get(t.id)
		return !alive && !tr.one(20)
	})
	last := session.ID(0)
	if n := len(tr.talkers); n > 0 {
		last = tr.talkers[n-1].id
	}
	_, _, all, _ := s.Sessions().Snapshot()
	for _, r := range all {
		if r.ID > last {
			tr.talkers = append(tr.talkers, talker{r.ID, r.Secret, r.Attempt})
		}
	}
	if len(tr.talkers) == 0 { // nobody yet: a stranger
		tr.talkers = append(tr.talkers, talker{id: 1})
	}
}

func (tr *traffic) talker() *talker { return &tr.talkers[tr.rng.IntN(len(tr.talkers))] }

// write adds a write of some session, usually its next one.
func (tr *traffic) write(b *Batch, s *State) {
	id := tr.talker().id
	info, _ := s.Sessions().Get(id)
	tr.ahead[id]++
	seq := info.Last + tr.ahead[id]
	if tr.one(12) {
		seq += session.Seq(tr.rng.IntN(3))
		seq -= min(seq, session.Seq(tr.rng.IntN(4)))
	}
	req := tr.request(s)
	req.Xid, req.Seq, req.Ack = 1, seq, info.Last-min(info.Last, session.Seq(tr.rng.IntN(3)))
	refusal := wire.CodeOK
	if tr.one(100) {
		refusal = wire.CodeTooLarge
	}
	b.Write(id, refusal, wire.AppendRequest(nil, &req)[4:])
}

func (tr *traffic) request(s *State) wire.Request {
	if s.Tree().Len() > trafficNodes && tr.one(10) {
		return wire.Request{Kind: wire.DeleteTree, Ops: []znode.Op{{Kind: znode.OpDeleteTree, Path: tr.top()}}}
	}
	op := tr.op()
	switch roll := tr.rng.IntN(200); {
	case roll == 0 && len(tr.talkers) > trafficSessions/2:
		return wire.Request{Kind: wire.CloseSession}
	case roll == 1 && tr.one(4):
		return wire.Request{Kind: wire.KillSession, Target: tr.talker().id}
	case roll < 20:
		ops := []znode.Op{op}
		for range tr.rng.IntN(4) {
			ops = append(ops, tr.op())
		}
		return wire.Request{Kind: wire.Multi, Ops: append(ops, create(tr.path()+"-", znode.ModePersistentSequential))}
	case roll < 50:
		path := tr.path()
		guard := znode.IfVersion(int64(tr.rng.IntN(3)))
		if tr.one(2) {
			guard = znode.Guard{}.AndAbsent()
		}
		read := znode.Op{Kind: znode.OpRead, Path: path}
		return wire.Request{Kind: wire.Txn, If: []znode.Op{check(path, guard)}, Ops: []znode.Op{op, read}, Else: []znode.Op{read, tr.op()}}
	}
	return wire.Request{Kind: wire.Kind(op.Kind), Ops: []znode.Op{op}}
}

// op makes an operation that is a write by itself.
func (tr *traffic) op() znode.Op {
	op := znode.Op{Path: tr.path()}
	switch roll := tr.rng.IntN(100); {
	case roll < 55:
		op.Kind, op.Data, op.Mode = znode.OpCreate, tr.data(), znode.Mode(tr.rng.IntN(7))
		if tr.one(2) {
			op.Mode = znode.ModePersistent
		}
		if op.Mode >= znode.ModePersistentTTL {
			op.TTLMS = 1 + tr.rng.Int64N(20_000)
		}
		if !op.Mode.Sequential() {
			op.Flags = znode.CreateFlags(tr.rng.IntN(8))
		}
	case roll < 85:
		op.Kind, op.Data = znode.OpSet, tr.data()
		if tr.one(4) {
			op.Guard = znode.IfVersion(int64(tr.rng.IntN(4)))
		}
	case roll < 94:
		op.Kind = znode.OpDelete
	case roll < 95:
		op.Kind = znode.OpDeleteTree
	case roll < 98:
		op.Kind, op.To = znode.OpCopyTree, tr.path()
	default:
		op.Kind, op.To = znode.OpMoveTree, tr.path()
	}
	return op
}

func (tr *traffic) data() []byte {
	n := tr.rng.IntN(40)
	if tr.one(50) {
		n = tr.rng.IntN(3000)
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(tr.rng.Uint32())
	}
	return data
}

func (tr *traffic) top() string { return fmt.Sprintf("/t-%d", tr.rng.IntN(16)) }

// path is one of some thousand paths in three levels, and now and then an illegal one.
func (tr *traffic) path() string {
	path := tr.top()
	if tr.one(12) {
		return path
	}
	path += fmt.Sprintf("/n-%d", tr.rng.IntN(24))
	if tr.one(3) {
		return path
	}
	if tr.one(500) {
		return path + "//"
	}
	return path + fmt.Sprintf("/leaf-%d", tr.rng.IntN(8))
}
