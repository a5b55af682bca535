package znode

import (
	"math/rand/v2"
	"strings"
)

// generator makes random input that hits: few names, few owners, guards near the
// versions that there are, and a little of everything that is refused.
type generator struct {
	*rand.Rand
	txn Txn
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 0))} }

func (g *generator) next() Txn {
	g.txn.Zxid += Zxid(1 + g.IntN(3))
	g.txn.TimeMS = g.Int64N(1 << 40) // wall clocks do as they like
	if g.IntN(4) == 0 {
		g.txn.ClockMS += g.Int64N(200_000)
	}
	g.txn.Owner = g.Uint64N(4)
	return g.txn
}

func (g *generator) path() string {
	switch g.IntN(60) {
	case 0:
		return "/"
	case 1:
		return []string{"", "a", "/a/", "//", "/a/../b", "/a\n", "/😀", "/zookeeper", "/zookeeper/a", "/coxswain/x"}[g.IntN(10)]
	}
	path := ""
	for range 1 + min(g.IntN(3), g.IntN(3)) {
		path += "/" + []string{"a", "b", "a-", "a.b", "c0000000001"}[g.IntN(5)]
	}
	return path
}

var opKinds = []OpKind{OpCreate, OpCreate, OpCreate, OpCreate, OpDelete, OpSet, OpSet, OpCheck, OpCheck,
	OpDeleteTree, OpCopyTree, OpCopyTree, OpMoveTree, OpRead}

func (g *generator) op() Op {
	op := Op{Kind: opKinds[g.IntN(len(opKinds))], Path: g.path()}
	if g.IntN(200) == 0 {
		op.Kind = OpKind(g.IntN(14))
	}
	if op.Kind == OpDeleteTree && g.IntN(3) > 0 {
		op.Kind = OpMoveTree
	}
	for op.To = g.path(); strings.Count(op.To, "/") > strings.Count(op.Path, "/"); { // else copies would grow without end
		op.To = g.path()
	}
	if g.IntN(3) > 0 {
		op.Data = []byte(strings.Repeat("x", g.IntN(9)))
	}
	if g.IntN(500) == 0 {
		op.Data = make([]byte, MaxDataBytes+g.IntN(2))
	}
	if g.IntN(3) == 0 {
		op.Guard = g.guard()
	}
	if op.Kind == OpCheck && g.IntN(3) == 0 {
		op.Guard = Guard{}.AndAbsent()
	}
	if op.Kind == OpCreate {
		if g.IntN(2) == 0 {
			op.Flags = []CreateFlags{CreateParents, CreateContainers}[g.IntN(2)]
		}
		if g.IntN(4) == 0 {
			op.Flags |= CreateFlags(g.IntN(8))
		}
		if g.IntN(200) == 0 {
			op.Flags = CreateFlags(g.IntN(256))
		}
		op.Mode = Mode(g.IntN(7))
		if op.Mode.Kind() == TTL || g.IntN(50) == 0 {
			op.TTLMS = 1 + g.Int64N(300_000)
		}
		switch g.IntN(100) {
		case 0:
			op.Mode = Mode(g.IntN(10))
		case 1:
			op.TTLMS = MaxTTLMS + g.Int64N(2)
		}
		if op.Mode.Sequential() && g.IntN(2) == 0 {
			op.Path = []string{"/", "/a/", "/b/c"}[g.IntN(3)]
		}
	}
	return op
}

func (g *generator) guard() Guard {
	guard := Guard{}
	if g.IntN(2) == 0 {
		guard = guard.AndVersion(g.Int64N(4) - 1)
	}
	if g.IntN(8) == 0 {
		guard = guard.AndCzxid(g.txn.Zxid - Zxid(g.Uint64N(20)))
	}
	if g.IntN(8) == 0 {
		guard = guard.AndMzxid(g.txn.Zxid - Zxid(g.Uint64N(20)))
	}
	if g.IntN(8) == 0 {
		guard = guard.AndData([]byte(strings.Repeat("x", g.IntN(4))))
	}
	if g.IntN(200) == 0 {
		guard = guard.AndData(make([]byte, MaxDataBytes+1))
	}
	if g.IntN(50) == 0 {
		guard = guard.AndAbsent()
	}
	return guard
}

func (g *generator) ops() []Op {
	ops := make([]Op, max(1, g.IntN(10)-4))
	if g.IntN(100) == 0 {
		ops = nil
	}
	for i := range ops {
		ops[i] = g.op()
	}
	return ops
}
