package state

import (
	"math/rand/v2"
	"strings"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// generator makes random entries of several sessions; most are sensible, some are repeated or out of order.
type generator struct {
	rng   *rand.Rand
	beat  uint64
	open  uint64
	seqs  map[session.ID]session.Seq
	ids   []session.ID
	older [][]byte
	n     uint64
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 7)), seqs: map[session.ID]session.Seq{}}
}

func (g *generator) next(s *State) []byte {
	if len(g.older) > 0 && g.rng.IntN(8) == 0 {
		return g.older[g.rng.IntN(len(g.older))]
	}
	var b Batch
	for range 1 + g.rng.IntN(6) {
		g.command(&b, s)
	}
	g.n++
	entry := b.Entry(nil, Header{Server: 1, Boot: 1, Number: g.n, TimeMS: int64(g.n)})
	if len(g.older) < 50 {
		g.older = append(g.older, entry)
	} else {
		g.older[g.rng.IntN(50)] = entry
	}
	return entry
}

func (g *generator) command(b *Batch, s *State) {
	paths := []string{"/a", "/b", "/a/x", "/a/y", "/b/z", "/a/x/deep"}
	path := paths[g.rng.IntN(len(paths))]
	if len(g.ids) == 0 || g.rng.IntN(20) == 0 {
		g.beat++
		g.open++
		b.Beat(g.beat, g.rng.IntN(10) == 0)
		b.Open(g.open, session.Secret{1}, 1000, strings.Repeat("n", g.rng.IntN(3)*g.rng.IntN(100)))
		g.ids = append(g.ids, session.ID(s.Zxid()+1))
		return
	}
	id := g.ids[len(g.ids)-1-g.rng.IntN(min(len(g.ids), 6))]
	switch g.rng.IntN(16) {
	case 0:
		b.Advance(s.Sessions().Clock(), s.Sessions().Clock()+session.Clock(g.rng.IntN(900)), s.Mark())
	case 1:
		b.Expire(id, session.Attempt(1+g.rng.IntN(2)))
	case 2:
		b.Attach(id, session.Secret{byte(g.rng.IntN(2))}, session.Attempt(g.rng.IntN(4)))
	case 3:
		for _, e := range s.Tree().Expired(int64(s.Sessions().Clock()), 3) {
			b.Reap(e)
		}
	default:
		g.seqs[id]++
		seq := g.seqs[id]
		if info, ok := s.Sessions().Get(id); ok && g.rng.IntN(3) > 0 {
			seq = info.Last + 1
			g.seqs[id] = seq
		}
		req := g.request(path)
		req.Xid, req.Seq, req.Ack = 1, seq, seq-min(seq, session.Seq(1+g.rng.IntN(4)))
		b.Write(id, wire.CodeOK, wire.AppendRequest(nil, &req)[4:])
	}
}

// request makes a write of any kind.
func (g *generator) request(path string) wire.Request {
	op := g.op(path)
	switch g.rng.IntN(14) {
	case 0:
		return wire.Request{Kind: wire.CloseSession}
	case 1:
		return wire.Request{Kind: wire.KillSession, Target: g.ids[g.rng.IntN(len(g.ids))]}
	case 2:
		return wire.Request{Kind: wire.Multi, Ops: []znode.Op{op, create(path+"-", znode.ModePersistentSequential)}}
	case 3, 4:
		guard := znode.IfVersion(int64(g.rng.IntN(3)))
		if g.rng.IntN(2) == 0 {
			guard = znode.Guard{}.AndAbsent()
		}
		read := znode.Op{Kind: znode.OpRead, Path: path}
		return wire.Request{Kind: wire.Txn, If: []znode.Op{check(path, guard)}, Ops: []znode.Op{op, read}, Else: []znode.Op{read, g.op(path)}}
	}
	return wire.Request{Kind: wire.Kind(op.Kind), Ops: []znode.Op{op}}
}

// op makes an operation that is a write by itself.
func (g *generator) op(path string) znode.Op {
	kinds := []znode.OpKind{
		znode.OpCreate, znode.OpCreate, znode.OpCreate, znode.OpDelete, znode.OpSet, znode.OpSet,
		znode.OpDeleteTree, znode.OpCopyTree, znode.OpMoveTree,
	}
	op := znode.Op{Kind: kinds[g.rng.IntN(len(kinds))], Path: path, To: path + "2", Data: []byte{byte(g.n)}}
	if op.Kind != znode.OpCreate {
		return op
	}
	op.Mode = znode.Mode(g.rng.IntN(7))
	if op.Mode >= znode.ModePersistentTTL {
		op.TTLMS = 100
	}
	if !op.Mode.Sequential() {
		op.Flags = znode.CreateFlags(g.rng.IntN(2)) * znode.CreateIfAbsent
	}
	return op
}
