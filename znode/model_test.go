package znode

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// model is the tree done slowly: a map that is copied for each transaction and
// searched for each question. Nothing in it is maintained, so nothing can be
// forgotten.
type model map[string]modelNode

type modelNode struct {
	data                  string
	czxid, mzxid, pzxid   Zxid
	ctimeMS, mtimeMS      int64
	touchMS, ttlMS        int64
	version, created, del int64
	owner                 uint64
	kind                  Kind
}

func newModel() model { return model{"/": {}} }

// parent returns the path above, by counting components.
func (modelNode) parent(path string) string {
	parts := strings.Split(path, "/")
	return cmp.Or(strings.Join(parts[:len(parts)-1], "/"), "/")
}

func (m model) under(path string) []string {
	var all []string
	for p := range m {
		if p != path && strings.HasPrefix(p, strings.TrimSuffix(path, "/")+"/") {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

func (m model) children(path string) []string {
	var names []string
	for _, p := range m.under(path) {
		if (modelNode{}).parent(p) == path {
			names = append(names, p[strings.LastIndex(p, "/")+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (m model) stat(path string) Stat {
	n := m[path]
	return Stat{Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid, CtimeMS: n.ctimeMS, MtimeMS: n.mtimeMS,
		Version: n.version, Cversion: n.created + n.del, Owner: n.owner, DataLength: int64(len(n.data)),
		NumChildren: int64(len(m.children(path))), Kind: n.kind, TTLMS: n.ttlMS}
}

func (m model) apply(txn Txn, ops []Op) (model, []Result, []Change, *Error) {
	next := maps.Clone(m)
	var results []Result
	var changes []Change
	for i, op := range ops {
		path, err := next.one(txn, op)
		if err != nil {
			err.Index = i
			return m, nil, nil, err
		}
		r := Result{Path: path, Kind: op.Kind}
		if op.Kind == OpCreate || op.Kind == OpSet {
			r.Stat = next.stat(path)
		}
		results = append(results, r)
		if change, ok := map[OpKind]ChangeType{OpCreate: Created, OpDelete: Deleted, OpSet: DataChanged}[op.Kind]; ok {
			changes = append(changes, Change{change, path})
		}
	}
	return next, results, changes, nil
}

// one applies an operation in place.
func (m model) one(txn Txn, op Op) (string, *Error) {
	fail := func(code Code, path string) (string, *Error) { return "", &Error{Code: code, Path: path} }
	n, exists := m[op.Path]
	want, guarded := op.Guard.Version()
	switch op.Kind {
	case OpCreate:
		ttl := op.Mode == ModePersistentTTL || op.Mode == ModePersistentSequentialTTL
		ephemeral := op.Mode == ModeEphemeral || op.Mode == ModeEphemeralSequential
		sequential := op.Mode == ModePersistentSequential || op.Mode == ModeEphemeralSequential || op.Mode == ModePersistentSequentialTTL
		final := op.Path
		if sequential {
			final += "1"
		}
		switch {
		case op.Mode > 6, ttl != (op.TTLMS != 0), op.TTLMS < 0, op.TTLMS >= 1<<40, ephemeral && txn.Owner == 0,
			!slowValid(final), slowReserved(final):
			return fail(CodeBadArguments, op.Path)
		case len(op.Data) > 1<<20:
			return fail(CodeTooLarge, op.Path)
		case final == "/":
			return fail(CodeNodeExists, "/")
		}
		above := n.parent(final)
		p, ok := m[above]
		if !ok {
			return fail(CodeNoNode, above)
		}
		if sequential {
			final = fmt.Sprintf("%s%010d", op.Path, p.created)
		}
		if _, ok := m[final]; ok {
			return fail(CodeNodeExists, final)
		}
		if p.kind == Ephemeral {
			return fail(CodeNoChildrenForEphemerals, above)
		}
		p.created++
		p.pzxid = txn.Zxid
		m[above] = p
		n = modelNode{data: string(op.Data), czxid: txn.Zxid, mzxid: txn.Zxid, pzxid: txn.Zxid,
			ctimeMS: txn.TimeMS, mtimeMS: txn.TimeMS}
		switch {
		case ephemeral:
			n.kind, n.owner = Ephemeral, txn.Owner
		case op.Mode == ModeContainer:
			n.kind, n.touchMS = Container, txn.ClockMS
		case ttl:
			n.kind, n.touchMS, n.ttlMS = TTL, txn.ClockMS, op.TTLMS
		}
		m[final] = n
		return final, nil
	case OpDelete, OpSet, OpCheck:
		switch {
		case !slowValid(op.Path), op.Kind != OpCheck && slowReserved(op.Path), op.Kind == OpDelete && op.Path == "/":
			return fail(CodeBadArguments, op.Path)
		case op.Kind == OpSet && len(op.Data) > 1<<20:
			return fail(CodeTooLarge, op.Path)
		case !exists:
			return fail(CodeNoNode, op.Path)
		case guarded && want != n.version:
			return "", &Error{Code: CodeBadVersion, Path: op.Path, Actual: n.version}
		case op.Kind == OpDelete && len(m.under(op.Path)) > 0:
			return fail(CodeNotEmpty, op.Path)
		}
		switch op.Kind {
		case OpDelete:
			m.remove(txn.Zxid, op.Path)
		case OpSet:
			n.data, n.mzxid, n.mtimeMS = string(op.Data), txn.Zxid, txn.TimeMS
			n.version++
			if n.kind == Container || n.kind == TTL {
				n.touchMS = txn.ClockMS
			}
			m[op.Path] = n
		}
		return op.Path, nil
	}
	return fail(CodeUnimplemented, op.Path)
}

func (m model) remove(zxid Zxid, path string) {
	above := m[path].parent(path)
	p := m[above]
	p.del++
	p.pzxid = zxid
	m[above] = p
	delete(m, path)
}

func (m model) ephemerals(owner uint64, prefix string) []string {
	var paths []string
	for p, n := range m {
		if n.kind == Ephemeral && n.owner == owner && (prefix == "/" || p == prefix || strings.HasPrefix(p, prefix+"/")) {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

func (m model) due(path string, clockMS int64) bool {
	n, ok := m[path]
	if !ok || len(m.under(path)) > 0 {
		return false
	}
	switch n.kind {
	case Container:
		return n.created > 0 || clockMS-n.touchMS > 300_000
	case TTL:
		return clockMS-n.touchMS > n.ttlMS
	}
	return false
}

func (m model) expired(clockMS int64) []Expiry {
	var due []Expiry
	for _, p := range append([]string{"/"}, m.under("/")...) {
		if n := m[p]; m.due(p, clockMS) {
			due = append(due, Expiry{Path: p, Czxid: n.czxid, Mzxid: n.mzxid, Created: n.created})
		}
	}
	return due
}

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
	for range 1 + g.IntN(3) {
		path += "/" + []string{"a", "b", "a-", "a.b", "c0000000001"}[g.IntN(5)]
	}
	return path
}

func (g *generator) op() Op {
	op := Op{Kind: OpKind(1 + g.IntN(4)), Path: g.path()}
	if g.IntN(3) == 0 {
		op.Kind = OpCreate
	}
	if g.IntN(200) == 0 {
		op.Kind = OpKind(g.IntN(7))
	}
	if g.IntN(3) > 0 {
		op.Data = []byte(strings.Repeat("x", g.IntN(9)))
	}
	if g.IntN(500) == 0 {
		op.Data = make([]byte, MaxDataBytes+g.IntN(2))
	}
	if g.IntN(3) == 0 {
		op.Guard = IfVersion(g.Int64N(4) - 1)
	}
	if op.Kind == OpCreate {
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

// TestModel runs random histories against the tree and the model, and asks both
// everything after each transaction.
func TestModel(t *testing.T) {
	seeds, steps := 60, 150
	if testing.Short() {
		seeds = 10
	}
	codes := map[Code]int{}
	reaped := 0
	for seed := range seeds {
		g, tree, m := newGenerator(uint64(seed)), NewTree(), newModel()
		var stale []Expiry
		for step := range steps {
			at := fmt.Sprintf("seed %d step %d", seed, step)
			txn := g.next()
			switch g.IntN(20) {
			case 0: // a session ends
				owner := g.Uint64N(4)
				var want []Change
				for _, p := range m.ephemerals(owner, "/") {
					m.remove(txn.Zxid, p)
					want = append(want, Change{Deleted, p})
				}
				if got := tree.CloseOwner(txn, owner, nil); !slices.Equal(got, want) {
					t.Fatalf("%s: close %d: %v, model %v", at, owner, got, want)
				}
			case 1: // commands to reap arrive, those of now and late ones
				stale = append(stale, m.expired(txn.ClockMS)...)
				g.Shuffle(len(stale), func(i, j int) { stale[i], stale[j] = stale[j], stale[i] })
				half := len(stale) / 2
				for _, e := range stale[half:] {
					n := m[e.Path]
					want := n.czxid == e.Czxid && n.mzxid == e.Mzxid && n.created == e.Created && m.due(e.Path, txn.ClockMS)
					changes, got := tree.Reap(txn, e, nil)
					if got != want || got != slices.Equal(changes, []Change{{Deleted, e.Path}}) {
						t.Fatalf("%s: reap %+v: %v %v, model %v", at, e, got, changes, want)
					}
					if want {
						m.remove(txn.Zxid, e.Path)
						reaped++
					}
				}
				stale = stale[:half]
			default:
				ops := g.ops()
				next, wantResults, wantChanges, wantErr := m.apply(txn, ops)
				before := tree.Digest()
				results, changes, err := tree.Apply(txn, ops, nil, nil)
				m = next
				if (err == nil) != (wantErr == nil) {
					t.Fatalf("%s: %+v: error %v, model %v", at, ops, err, wantErr)
				}
				if err != nil {
					codes[err.Code]++
					if err.Code != wantErr.Code || err.Path != wantErr.Path || err.Index != wantErr.Index || err.Actual != wantErr.Actual {
						t.Fatalf("%s: %+v: error %+v, model %+v", at, ops, err, wantErr)
					}
					if tree.Digest() != before {
						t.Fatalf("%s: a failed transaction changed the tree", at)
					}
				}
				if !slices.Equal(results, wantResults) || !slices.Equal(changes, wantChanges) {
					t.Fatalf("%s: %+v: %+v %v, model %+v %v", at, ops, results, changes, wantResults, wantChanges)
				}
			}
			compareModel(t, at, tree, m, txn.ClockMS)
		}
		checkTree(t, tree)
	}
	// The generator must reach what it is meant to reach.
	for _, c := range []Code{CodeUnimplemented, CodeBadArguments, CodeNoNode, CodeBadVersion,
		CodeNoChildrenForEphemerals, CodeNodeExists, CodeNotEmpty, CodeTooLarge} {
		if codes[c] == 0 && !testing.Short() {
			t.Errorf("no transaction failed with %v: %v", c, codes)
		}
	}
	if reaped == 0 {
		t.Error("nothing was reaped")
	}
}

// compareModel asks tree and model everything.
func compareModel(t *testing.T, at string, tree *Tree, m model, clockMS int64) {
	t.Helper()
	var digest uint64
	var bytes int64
	for path, want := range m {
		n := tree.Get(path)
		if n == nil {
			t.Fatalf("%s: %s is absent", at, path)
		}
		if got := n.Stat(); got != m.stat(path) || n.Created() != want.created || string(n.Data()) != want.data || n.Path() != path {
			t.Fatalf("%s: %s: %+v, model %+v", at, path, got, m.stat(path))
		}
		if got, want := children(tree, path), m.children(path); !slices.Equal(got, want) {
			t.Fatalf("%s: children of %s: %v, model %v", at, path, got, want)
		}
		if got, _ := tree.Descendants(path); got != int64(len(m.under(path))) {
			t.Fatalf("%s: %d below %s, model %d", at, got, path, len(m.under(path)))
		}
		r := n.Record()
		digest += nodeOf(&r).hash
		bytes += int64(len(want.data))
	}
	if tree.Len() != int64(len(m)-1) || tree.DataBytes() != bytes || tree.Digest() != digest {
		t.Fatalf("%s: len %d bytes %d digest %x, recomputed %d %d %x", at, tree.Len(), tree.DataBytes(), tree.Digest(), len(m)-1, bytes, digest)
	}
	for owner := range uint64(5) {
		for _, prefix := range []string{"/", "/a", "/a/a", "/b"} {
			var got []string
			tree.Ephemerals(owner, prefix, "", func(path string) bool { got = append(got, path); return true })
			want := m.ephemerals(owner, prefix)
			if !slices.Equal(got, want) || prefix == "/" && tree.EphemeralCount(owner) != int64(len(want)) {
				t.Fatalf("%s: ephemerals of %d below %s: %v, model %v", at, owner, prefix, got, want)
			}
		}
	}
	if got, want := tree.Expired(clockMS, len(m)), m.expired(clockMS); !slices.Equal(got, want) {
		t.Fatalf("%s: expired %v, model %v", at, got, want)
	}
}
