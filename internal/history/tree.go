package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// node is one version of a node. It never changes.
type node struct {
	path  string
	data  string
	kind  client.Kind
	owner client.SessionID // of an ephemeral

	czxid, mzxid, pzxid client.Zxid
	version             int64
	created             int64 // children ever created: the number of the next sequential name
	children            int64
}

// stat is the node's stat, as far as it can be predicted.
func (n *node) stat() client.Stat {
	return client.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid, Version: n.version, Cversion: 2*n.created - n.children,
		Owner: uint64(n.owner), DataLength: int64(len(n.data)), NumChildren: n.children, Kind: n.kind,
	}
}

// tree is a whole namespace, sorted by path. It never changes: what changes it returns another one.
type tree []*node

func (t tree) find(path string) (int, bool) {
	return slices.BinarySearchFunc(t, path, func(n *node, path string) int { return cmp.Compare(n.path, path) })
}

// get returns the node at path; nil if there is none.
func (t tree) get(path string) *node {
	if i, ok := t.find(path); ok {
		return t[i]
	}
	return nil
}

// with returns the tree with n in its place, instead of the version that may be there.
func (t tree) with(n *node) tree {
	i, ok := t.find(n.path)
	if !ok {
		return slices.Insert(slices.Clone(t), i, n)
	}
	t = slices.Clone(t)
	t[i] = n
	return t
}

func (t tree) without(path string) tree {
	if i, ok := t.find(path); ok {
		return slices.Concat(t[:i], t[i+1:])
	}
	return t
}

// names returns the names of the children of path, sorted.
func (t tree) names(path string) []string {
	var names []string
	for _, n := range t {
		if n.path != "/" && parentOf(n.path) == path {
			names = append(names, n.path[strings.LastIndexByte(n.path, '/')+1:])
		}
	}
	return names
}

// parentOf returns the path of the parent of a path other than the root.
func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// within reports whether path is root or below it.
func within(path, root string) bool {
	return path == root || root == "/" || strings.HasPrefix(path, root+"/")
}

// Change is one thing that happened to one node.
type Change struct {
	Zxid client.Zxid
	Type client.EventType // Created, Deleted or DataChanged
	Path string
}

// transaction is one transaction at work.
type transaction struct {
	tree    tree
	zxid    client.Zxid
	session client.SessionID
	changes []Change
}

func (x *transaction) changed(kind client.EventType, path string) {
	x.changes = append(x.changes, Change{x.zxid, kind, path})
}

// do carries out one operation; the code is 0 if it succeeds.
func (x *transaction) do(in *Input) (Output, client.Code) {
	n := x.tree.get(in.Path)
	switch in.Kind {
	case Create:
		return x.create(in)
	case Get, Exists:
		if n == nil {
			return Output{Fate: Applied}, 0
		}
		out := Output{Fate: Applied, Exists: true, Stat: n.stat()}
		if in.Kind == Get {
			out.Data = []byte(n.data)
		}
		return out, 0
	case Children:
		if n == nil {
			return Output{}, codeNoNode
		}
		return Output{Fate: Applied, Stat: n.stat(), Children: x.tree.names(in.Path)}, 0
	case Absent:
		if n != nil {
			return Output{}, codeNodeExists
		}
		return Output{Fate: Applied}, 0
	case Delete:
		if in.Path == "/" {
			return Output{}, codeBadArguments
		}
	}
	switch { // Set, Delete, Check
	case n == nil:
		return Output{}, codeNoNode
	case in.Version != nil && *in.Version != n.version:
		return Output{}, codeBadVersion
	case in.Kind == Delete && n.children > 0:
		return Output{}, codeNotEmpty
	case in.Kind == Delete:
		x.remove(n)
	case in.Kind == Set:
		next := *n
		next.data, next.mzxid = string(in.Data), x.zxid
		next.version++
		x.tree = x.tree.with(&next)
		x.changed(client.EventDataChanged, n.path)
		return Output{Fate: Applied, Stat: next.stat()}, 0
	}
	return Output{Fate: Applied}, 0
}

func (x *transaction) create(in *Input) (Output, client.Code) {
	if in.Path == "/" && !in.Sequential {
		return Output{}, codeNodeExists
	}
	parent := x.tree.get(parentOf(in.Path))
	if parent == nil {
		return Output{}, codeNoNode
	}
	path := in.Path
	if in.Sequential {
		path = fmt.Sprintf("%s%010d", path, parent.created)
	}
	switch {
	case x.tree.get(path) != nil:
		return Output{}, codeNodeExists
	case parent.kind == client.KindEphemeral:
		return Output{}, codeNoChildrenForEphemerals
	}
	n := &node{path: path, data: string(in.Data), kind: in.Mode, czxid: x.zxid, mzxid: x.zxid, pzxid: x.zxid}
	if in.Mode == client.KindEphemeral {
		n.owner = x.session
	}
	next := *parent
	next.pzxid = x.zxid
	next.created++
	next.children++
	x.tree = x.tree.with(&next).with(n)
	x.changed(client.EventCreated, path)
	return Output{Fate: Applied, Path: path, Stat: n.stat()}, 0
}

func (x *transaction) remove(n *node) {
	x.tree = x.tree.without(n.path)
	if parent := x.tree.get(parentOf(n.path)); parent != nil {
		next := *parent
		next.pzxid = x.zxid
		next.children--
		x.tree = x.tree.with(&next)
	}
	x.changed(client.EventDeleted, n.path)
}

// all carries out operations, each of which sees those before it; at the first that fails it stops.
func (x *transaction) all(ops []Input) (results []Output, failed int, code client.Code) {
	for i := range ops {
		out, code := x.do(&ops[i])
		if code != 0 {
			return nil, i, code
		}
		results = append(results, out)
	}
	return results, 0, 0
}

// carry carries out a whole operation of session on t, as transaction zxid if it changes anything, and returns the tree
// behind it, what the service has to answer, and what has changed.
func carry(t tree, in *Input, session client.SessionID, zxid client.Zxid) (tree, Output, []Change) {
	x := &transaction{tree: t, zxid: zxid, session: session}
	refused := func(code client.Code, branch client.Branch, index int) (tree, Output, []Change) {
		return t, Output{Fate: Refused, Code: code, Branch: branch, Index: index}, nil
	}
	switch in.Kind {
	case Sync:
		return t, Output{Fate: Applied}, nil
	case End:
		for _, n := range t {
			if n.kind == client.KindEphemeral && n.owner == session {
				x.remove(n)
			}
		}
		return x.tree, Output{Fate: Applied}, x.changes
	case Read:
		out := Output{Fate: Applied}
		for i := range in.Ops {
			part, code := x.do(&in.Ops[i])
			if code == 0 && !part.Exists && in.Ops[i].Kind != Children {
				code = codeNoNode
			}
			if code != 0 {
				part = Output{Fate: Refused, Code: code}
			}
			out.Results = append(out.Results, part)
		}
		return t, out, nil
	case Multi:
		results, failed, code := x.all(in.Ops)
		if code != 0 {
			return refused(code, "", failed)
		}
		return x.tree, Output{Fate: Applied, Results: results}, x.changes
	case Txn:
		branch, ops, held := client.BranchThen, in.Ops, true
		for i := range in.If {
			if _, code := x.do(&in.If[i]); code != 0 {
				branch, ops, held = client.BranchElse, in.Else, false
				break
			}
		}
		results, failed, code := x.all(ops)
		if code != 0 {
			return refused(code, branch, failed)
		}
		return x.tree, Output{Fate: Applied, Held: held, Results: results}, x.changes
	}
	out, code := x.do(in)
	if code == 0 && in.Kind == Get && !out.Exists {
		code = codeNoNode
	}
	if code != 0 {
		return refused(code, "", 0)
	}
	return x.tree, out, x.changes
}
