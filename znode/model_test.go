package znode

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	var spent budget
	for i, op := range ops {
		r, what, err := next.one(txn, op, &spent)
		if err != nil {
			err.Index = i
			return m, nil, nil, err
		}
		results, changes = append(results, r), append(changes, what...)
	}
	return next, results, changes, nil
}

// one applies an operation in place.
func (m model) one(txn Txn, op Op, spent *budget) (Result, []Change, *Error) {
	fail := func(code Code, path string) (Result, []Change, *Error) {
		return Result{}, nil, &Error{Code: code, Path: path}
	}
	r := Result{Path: op.Path, Kind: op.Kind}
	n, exists := m[op.Path]
	switch op.Kind {
	case OpCreate:
		return m.create(txn, op, spent)
	case OpRead:
		if !slowValid(op.Path) {
			return fail(CodeBadArguments, op.Path)
		}
		if exists {
			if spent.read += int64(len(n.data)); spent.read > 1<<20 {
				return fail(CodeTooLarge, op.Path)
			}
			r.Existed, r.Stat = true, m.stat(op.Path)
			if n.data != "" {
				r.Data = []byte(n.data)
			}
		}
		return r, nil, nil
	case OpDelete, OpSet, OpCheck, OpDeleteTree, OpCopyTree, OpMoveTree:
	default:
		return fail(CodeUnimplemented, op.Path)
	}
	copies, deletes := op.Kind == OpCopyTree || op.Kind == OpMoveTree, op.Kind == OpDelete || op.Kind == OpDeleteTree
	data, _ := op.Guard.Data()
	switch {
	case !slowValid(op.Path), op.Kind != OpCheck && slowReserved(op.Path), deletes && op.Path == "/":
		return fail(CodeBadArguments, op.Path)
	case copies && (!slowValid(op.To) || slowReserved(op.To)):
		return fail(CodeBadArguments, op.To)
	case copies && op.Path == "/":
		return fail(CodeBadArguments, op.Path)
	case copies && (op.To == "/" || strings.HasPrefix(op.To+"/", op.Path+"/")):
		return fail(CodeBadArguments, op.To)
	case op.Kind == OpSet && len(op.Data) > 1<<20:
		return fail(CodeTooLarge, op.Path)
	case op.Guard.Absent() && (op.Kind != OpCheck || op.Guard != Guard{}.AndAbsent()):
		return fail(CodeBadArguments, op.Path)
	case len(data) > 1<<20:
		return fail(CodeTooLarge, op.Path)
	}
	if err := m.expect(op, n, exists); err != nil {
		return Result{}, nil, err
	}
	if op.Kind == OpDelete && len(m.under(op.Path)) > 0 {
		return fail(CodeNotEmpty, op.Path)
	}
	switch all := append([]string{op.Path}, slowSort(m.under(op.Path))...); op.Kind {
	case OpSet:
		n.data, n.mzxid, n.mtimeMS = string(op.Data), txn.Zxid, txn.TimeMS
		n.version++
		if n.kind == Container || n.kind == TTL {
			n.touchMS = txn.ClockMS
		}
		m[op.Path] = n
		r.Stat = m.stat(op.Path)
		return r, []Change{{Type: DataChanged, Path: op.Path}}, nil
	case OpDelete:
		return r, m.removeAll(txn.Zxid, all), nil
	case OpDeleteTree:
		r.Count = int64(len(all))
		return r, m.removeAll(txn.Zxid, all), nil
	case OpCopyTree, OpMoveTree:
		return m.copy(txn, op, all)
	}
	return r, nil, nil
}

// expect checks a guard.
func (m model) expect(op Op, n modelNode, exists bool) *Error {
	version, hasVersion := op.Guard.Version()
	czxid, hasCzxid := op.Guard.Czxid()
	mzxid, hasMzxid := op.Guard.Mzxid()
	data, hasData := op.Guard.Data()
	switch {
	case op.Guard.Absent() && !exists:
		return nil
	case op.Guard.Absent():
		return &Error{Code: CodeNodeExists, Path: op.Path}
	case !exists:
		return &Error{Code: CodeNoNode, Path: op.Path}
	case hasVersion && version != n.version:
		return &Error{Code: CodeBadVersion, Path: op.Path, Actual: n.version}
	case hasCzxid && czxid != n.czxid, hasMzxid && mzxid != n.mzxid, hasData && data != n.data:
		return &Error{Code: CodeMismatch, Path: op.Path}
	}
	return nil
}

func (m model) create(txn Txn, op Op, spent *budget) (Result, []Change, *Error) {
	fail := func(code Code, path string) (Result, []Change, *Error) {
		return Result{}, nil, &Error{Code: code, Path: path}
	}
	ttl := op.Mode == ModePersistentTTL || op.Mode == ModePersistentSequentialTTL
	ephemeral := op.Mode == ModeEphemeral || op.Mode == ModeEphemeralSequential
	sequential := op.Mode == ModePersistentSequential || op.Mode == ModeEphemeralSequential || op.Mode == ModePersistentSequentialTTL
	final := op.Path
	if sequential {
		final += "1"
	}
	switch {
	case op.Mode > 6, ttl != (op.TTLMS != 0), op.TTLMS < 0, op.TTLMS >= 1<<40, ephemeral && txn.Owner == 0:
		return fail(CodeBadArguments, op.Path)
	case op.Flags >= 8:
		return fail(CodeUnimplemented, op.Path)
	case op.Flags&3 == 3, op.Flags&4 != 0 && sequential, !slowValid(final), slowReserved(final):
		return fail(CodeBadArguments, op.Path)
	case len(op.Data) > 1<<20:
		return fail(CodeTooLarge, op.Path)
	}
	var changes []Change
	above := modelNode{}.parent(final)
	if _, ok := m[above]; !ok {
		parents := Op{Kind: OpCreate, Path: above, Mode: ModePersistent, Flags: op.Flags & 3}
		switch {
		case op.Flags&3 == 0:
			return fail(CodeNoNode, above)
		case op.Flags&2 != 0:
			parents.Mode = ModeContainer
		}
		var err *Error
		if _, changes, err = m.create(txn, parents, spent); err != nil { // which makes those above it
			return Result{}, nil, err
		}
	}
	p := m[above]
	if sequential {
		final = fmt.Sprintf("%s%010d", op.Path, p.created)
	}
	if _, ok := m[final]; ok {
		if op.Flags&4 != 0 {
			return Result{Path: final, Kind: OpCreate, Stat: m.stat(final), Existed: true}, nil, nil
		}
		return fail(CodeNodeExists, final)
	}
	if p.kind == Ephemeral {
		return fail(CodeNoChildrenForEphemerals, above)
	}
	n := modelNode{data: string(op.Data), czxid: txn.Zxid, mzxid: txn.Zxid, pzxid: txn.Zxid,
		ctimeMS: txn.TimeMS, mtimeMS: txn.TimeMS}
	switch {
	case ephemeral:
		n.kind, n.owner = Ephemeral, txn.Owner
	case op.Mode == ModeContainer:
		n.kind, n.touchMS = Container, txn.ClockMS
	case ttl:
		n.kind, n.touchMS, n.ttlMS = TTL, txn.ClockMS, op.TTLMS
	}
	m.add(txn.Zxid, final, n)
	return Result{Path: final, Kind: OpCreate, Stat: m.stat(final)}, append(changes, Change{Type: Created, Path: final}), nil
}

// copy copies or moves the nodes of a tree, which are all.
func (m model) copy(txn Txn, op Op, all []string) (Result, []Change, *Error) {
	fail := func(code Code, path string) (Result, []Change, *Error) {
		return Result{}, nil, &Error{Code: code, Path: path}
	}
	above := modelNode{}.parent(op.To)
	p, ok := m[above]
	_, taken := m[op.To]
	switch {
	case !ok:
		return fail(CodeNoNode, above)
	case taken:
		return fail(CodeNodeExists, op.To)
	case p.kind == Ephemeral:
		return fail(CodeNoChildrenForEphemerals, above)
	}
	var changes []Change
	for _, path := range all {
		n := m[path]
		if n.kind == Ephemeral && op.Kind == OpCopyTree {
			return fail(CodeBadArguments, path)
		}
		to := op.To + strings.TrimPrefix(path, op.Path)
		m.add(txn.Zxid, to, modelNode{data: n.data, kind: n.kind, owner: n.owner, ttlMS: n.ttlMS,
			czxid: txn.Zxid, mzxid: txn.Zxid, pzxid: txn.Zxid, ctimeMS: txn.TimeMS, mtimeMS: txn.TimeMS})
		changes = append(changes, Change{Type: Created, Path: to})
	}
	for _, path := range all { // after the copies were counted
		n, to := m[path], op.To+strings.TrimPrefix(path, op.Path)
		c := m[to]
		c.created, c.del = n.created, n.del
		if n.kind == Container || n.kind == TTL {
			c.touchMS = txn.ClockMS
		}
		m[to] = c
	}
	if op.Kind == OpMoveTree {
		changes = append(changes, m.removeAll(txn.Zxid, all)...)
	}
	return Result{Path: op.To, Kind: op.Kind, Stat: m.stat(op.To), Count: int64(len(all))}, changes, nil
}

func (m model) add(zxid Zxid, path string, n modelNode) {
	above := n.parent(path)
	p := m[above]
	p.created++
	p.pzxid = zxid
	m[above], m[path] = p, n
}

// removeAll removes a node and all below it, in the reverse of the given order.
func (m model) removeAll(zxid Zxid, all []string) []Change {
	var changes []Change
	for _, path := range slices.Backward(all) {
		m.remove(zxid, path)
		changes = append(changes, Change{Type: Deleted, Path: path})
	}
	return changes
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
