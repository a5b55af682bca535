package history

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/znode"
)

// world makes histories that are true: a tree of the service's own, to which one thing happens after the other, and clients
// whose calls overlap, who are left without answers, and whose sessions end. What the checks know of the service they do not
// have from its code, so that they accept these histories says that both mean the same.
type world struct {
	rng     *rand.Rand
	now     int64
	tree    *znode.Tree
	zxid    client.Zxid
	h       History
	changes []Change
	actors  []*actor
	loose   []*Operation // unknown, and may still take effect
	dead    map[client.SessionID]bool
	number  int // of the next client
	written int
	unknown float64
}

// actor is one client with a call at a time.
type actor struct {
	client  int
	session client.SessionID
	op      *Operation
	done    bool // it took effect
	late    bool // the answer is there, and the call is still to be made: a read of an old state
}

func newWorld(seed uint64, clients int, unknown float64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), tree: znode.NewTree(), dead: map[client.SessionID]bool{}, unknown: unknown}
	for range clients {
		a := &actor{client: w.number}
		w.number++
		w.open(a)
		w.actors = append(w.actors, a)
	}
	return w
}

func (w *world) open(a *actor) {
	w.zxid++
	a.session = client.SessionID(w.zxid)
}

var hot = []string{"/a", "/b", "/a/x", "/a/y", "/a/x/k", "/e", "/e/z", "/c"}

func (w *world) path() string { return hot[w.rng.IntN(len(hot))] }

func (w *world) data() []byte {
	w.written++
	return []byte{byte(w.written >> 16), byte(w.written >> 8), byte(w.written)}
}

func (w *world) version() *int64 {
	if w.rng.IntN(2) == 0 {
		return nil
	}
	v := int64(w.rng.IntN(3))
	return &v
}

func (w *world) write() Input {
	switch n := w.rng.IntN(20); {
	case n < 5:
		in := Input{Kind: Create, Path: w.path(), Data: w.data()}
		if w.rng.IntN(3) == 0 {
			in.Mode = client.KindEphemeral
		}
		return in
	case n < 8:
		in := Input{Kind: Create, Path: w.path() + "/s-", Data: w.data(), Sequential: true}
		if w.rng.IntN(2) == 0 {
			in.Mode = client.KindEphemeral
		}
		return in
	case n < 15:
		return Input{Kind: Set, Path: w.path(), Data: w.data(), Version: w.version()}
	default:
		return Input{Kind: Delete, Path: w.path(), Version: w.version()}
	}
}

func (w *world) read() Input {
	return Input{Kind: []Kind{Get, Exists, Children}[w.rng.IntN(3)], Path: w.path()}
}

func (w *world) some(one func() Input) (ops []Input) {
	for range 1 + w.rng.IntN(3) {
		ops = append(ops, one())
	}
	return ops
}

// draw chooses what is called next.
func (w *world) draw() Input {
	condition := func() Input {
		if w.rng.IntN(2) == 0 {
			return Input{Kind: Absent, Path: w.path()}
		}
		return Input{Kind: Check, Path: w.path(), Version: w.version()}
	}
	switch n := w.rng.IntN(100); {
	case n < 45:
		return w.write()
	case n < 50:
		return Input{Kind: Multi, Ops: append(w.some(w.write), condition())}
	case n < 55:
		get := Input{Kind: Get, Path: w.path()}
		return Input{Kind: Txn, If: w.some(condition), Ops: append(w.some(w.write), get), Else: w.some(w.write)}
	case n < 60:
		return Input{Kind: Read, Ops: w.some(w.read)}
	case n < 62:
		return Input{Kind: Sync}
	case n < 65:
		return Input{Kind: End}
	default:
		in := w.read()
		if w.rng.IntN(3) == 0 {
			in.Level = client.Session
		}
		return in
	}
}

func plain(in Input) znode.Op {
	op := znode.Op{Path: in.Path, Data: in.Data}
	if in.Version != nil {
		op.Guard = znode.IfVersion(*in.Version)
	}
	switch in.Kind {
	case Create:
		op.Kind = znode.OpCreate
		op.Mode = map[bool]znode.Mode{true: znode.ModePersistentSequential}[in.Sequential]
		if in.Mode == client.KindEphemeral {
			op.Mode = map[bool]znode.Mode{true: znode.ModeEphemeralSequential, false: znode.ModeEphemeral}[in.Sequential]
		}
	case Set:
		op.Kind = znode.OpSet
	case Delete:
		op.Kind = znode.OpDelete
	case Absent:
		op.Kind, op.Guard = znode.OpCheck, znode.Guard{}.AndAbsent()
	case Check:
		op.Kind = znode.OpCheck
	case Get:
		op.Kind = znode.OpRead
	}
	return op
}

func (w *world) txn(session client.SessionID) znode.Txn {
	return znode.Txn{Zxid: w.zxid + 1, TimeMS: w.now, Owner: uint64(session)}
}

func (w *world) commit(changes []znode.Change) {
	w.zxid++
	for _, c := range changes {
		w.changes = append(w.changes, Change{w.zxid, client.EventType(c.Type), c.Path})
	}
}

// effect lets an operation take effect now.
func (w *world) effect(session client.SessionID, in Input) Output {
	switch in.Kind {
	case Sync:
		return Output{Fate: Applied, Zxid: w.zxid}
	case End:
		w.commit(w.tree.CloseOwner(w.txn(session), uint64(session), nil))
		w.dead[session] = true
		return Output{Fate: Applied}
	case Get, Exists, Children:
		return w.look(in)
	case Read:
		out := Output{Fate: Applied, Zxid: w.zxid}
		for _, part := range in.Ops {
			result := w.look(part)
			result.Zxid = 0
			out.Results = append(out.Results, result)
		}
		return out
	}
	ops, out, before := in.Ops, Output{Fate: Applied}, client.Branch("")
	switch in.Kind {
	case Txn:
		out.Held, before = true, client.BranchThen
		for _, c := range in.If {
			op := plain(c)
			if w.tree.Holds(&op) != nil {
				out.Held, before, ops = false, client.BranchElse, in.Else
				break
			}
		}
	case Multi:
	default:
		ops = []Input{in}
	}
	var plains []znode.Op
	for _, op := range ops {
		plains = append(plains, plain(op))
	}
	results, changes, err := w.tree.Apply(w.txn(session), plains, nil, nil)
	if err != nil {
		return Output{Fate: Refused, Code: client.Code(err.Code), Index: err.Index, Branch: before, Zxid: w.zxid}
	}
	if len(changes) > 0 {
		w.commit(changes)
	}
	for i, r := range results {
		part := Output{Fate: Applied, Stat: r.Stat, Exists: r.Kind == znode.OpRead && r.Existed, Data: r.Data}
		if ops[i].Kind == Create {
			part.Path = r.Path
		}
		out.Results = append(out.Results, part)
	}
	if in.Kind != Multi && in.Kind != Txn {
		out = out.Results[0]
	}
	out.Zxid = w.zxid
	return out
}

func (w *world) look(in Input) Output {
	n := w.tree.Get(in.Path)
	out := Output{Fate: Applied, Zxid: w.zxid}
	switch {
	case n == nil && in.Kind != Exists:
		return Output{Fate: Refused, Code: codeNoNode, Zxid: w.zxid}
	case n == nil:
		return out
	}
	out.Stat = n.Stat()
	switch in.Kind {
	case Get:
		out.Data = n.Data()
	case Exists:
		out.Exists = true
	case Children:
		for _, child := range hot {
			if w.tree.Get(child) != nil && parentOf(child) == in.Path {
				out.Children = append(out.Children, child[len(in.Path)+1:])
			}
		}
		for i := range n.Created() {
			child := znode.Op{Path: in.Path + "/s-"}
			if path := numbered(child.Path, i); w.tree.Get(path) != nil {
				out.Children = append(out.Children, path[len(in.Path)+1:])
			}
		}
		slices.Sort(out.Children)
	}
	return out
}

func numbered(prefix string, n int64) string {
	digits := make([]byte, 10)
	for i := range digits {
		digits[9-i] = '0' + byte(n%10)
		n /= 10
	}
	return prefix + string(digits)
}

// step lets one thing happen.
func (w *world) step() {
	w.now += 1 + w.rng.Int64N(9)
	if len(w.loose) > 0 && w.rng.IntN(20) == 0 {
		i := w.rng.IntN(len(w.loose))
		if op := w.loose[i]; !w.dead[op.Session] && w.rng.IntN(2) == 0 {
			w.effect(op.Session, op.In)
		}
		w.loose = slices.Delete(w.loose, i, i+1)
		return
	}
	a := w.actors[w.rng.IntN(len(w.actors))]
	switch {
	case a.op == nil:
		a.op = &Operation{Client: a.client, Session: a.session, Call: w.now, In: w.draw()}
		a.done = false
		if a.late = a.op.In.Level == client.Session; a.late {
			a.op.Out = w.effect(a.session, a.op.In)
		}
	case a.late:
		a.op.Call, a.late, a.done = w.now, false, true
	case w.rng.Float64() < w.unknown && !reads(a.op.In.Kind):
		if !a.done {
			w.loose = append(w.loose, a.op)
		}
		op := *a.op
		op.Return, op.Out = Never, Output{Fate: Unknown}
		w.record(a, op)
		a.client = w.number
		w.number++
	case !a.done:
		a.op.Out, a.done = w.effect(a.session, a.op.In), true
	default:
		a.op.Return = w.now
		w.record(a, *a.op)
	}
}

func (w *world) record(a *actor, op Operation) {
	w.h.Operations = append(w.h.Operations, op)
	a.op = nil
	if op.In.Kind == End {
		w.open(a)
	}
}

// run makes a history of so many operations, with streams.
func (w *world) run(operations int) *History {
	for len(w.h.Operations) < operations {
		w.step()
	}
	for _, a := range w.actors { // nobody waits for the answers of the rest
		if a.op != nil && !a.late && !reads(a.op.In.Kind) {
			op := *a.op
			op.Return, op.Out = Never, Output{Fate: Unknown}
			w.h.Operations = append(w.h.Operations, op)
		}
	}
	slices.SortStableFunc(w.h.Operations, func(a, b Operation) int { return cmp.Compare(a.Call, b.Call) })
	for i := range 6 {
		s := Stream{Client: i, Path: w.path(), Persistent: true, Recursive: i%2 == 0, Upto: w.zxid}
		if i == 0 {
			s.Path = "/"
		}
		s.From = 1 + client.Zxid(w.rng.Uint64N(uint64(w.zxid)))
		w.h.Streams = append(w.h.Streams, w.told(s))
	}
	for i := range w.h.Operations {
		op := &w.h.Operations[i]
		watched := op.In.Kind == Get || op.In.Kind == Exists || op.In.Kind == Children
		if there := op.Out.Fate == Applied; watched && there && op.In.Level == client.Linearizable && w.rng.IntN(4) == 0 {
			w.h.Streams = append(w.h.Streams, w.told(Stream{Path: op.In.Path, Kind: op.In.Kind, From: op.Out.Zxid, Upto: w.zxid}))
		}
	}
	return &w.h
}

// told fills a stream with what has happened.
func (w *world) told(s Stream) Stream {
	for _, c := range w.changes {
		switch {
		case c.Zxid <= s.From:
		case s.Persistent:
			for _, e := range s.concerns([]Change{c}) {
				s.Told = append(s.Told, Told{At: w.now, Event: e})
			}
		case len(s.Told) == 0 && s.watches(c):
			e := client.Event{Zxid: c.Zxid, Type: c.Type, Path: s.Path}
			if c.Path != s.Path {
				e.Type = client.EventChildrenChanged
			}
			s.Told = append(s.Told, Told{At: w.now, Event: e})
		}
	}
	return s
}
