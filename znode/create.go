package znode

import (
	"strconv"
	"strings"
)

// create runs an OpCreate that Validate has passed.
func (t *Tree) create(txn Txn, op *Op, changes []Change) (Result, []Change, *Error) {
	fail := func(code Code, path, detail string) (Result, []Change, *Error) {
		return Result{}, nil, &Error{Code: code, Path: path, Detail: detail}
	}
	if op.Path == "/" && !op.Mode.Sequential() {
		if op.Flags&CreateIfAbsent != 0 {
			return existed(t.Get(op.Path)), changes, nil
		}
		return fail(CodeNodeExists, op.Path, "the root always exists")
	}
	above := parentOf(op.Path)
	parent := t.Get(above)
	if parent == nil {
		if op.Flags&(CreateParents|CreateContainers) == 0 {
			return fail(CodeNoNode, above, "the parent is absent; create it first, or ask for the parents to be made")
		}
		var err *Error
		if parent, changes, err = t.makeParents(txn, op, above, changes); err != nil {
			return Result{}, nil, err
		}
	}
	path, taken := op.Path, ""
	if op.Mode.Sequential() {
		path, taken = withSuffix(op.Path, parent.created), "somebody chose the name with the next suffix; use another prefix"
	}
	if n := t.Get(path); n != nil {
		if op.Flags&CreateIfAbsent != 0 {
			return existed(n), changes, nil
		}
		return fail(CodeNodeExists, path, taken)
	}
	if parent.Kind() == Ephemeral {
		return fail(CodeNoChildrenForEphemerals, above, "create it below a node that is not ephemeral")
	}
	if op.Mode.Kind() == Ephemeral && t.EphemeralCount(txn.Owner) >= MaxEphemeralsPerOwner {
		return fail(CodeTooMany, path, "the session has "+strconv.Itoa(MaxEphemeralsPerOwner)+
			" ephemeral nodes, the limit; spread them over several sessions")
	}
	n := newNode(txn, path, op)
	changes = append(changes, t.link(txn.Zxid, parent, n))
	return Result{Path: path, Kind: OpCreate, Stat: n.Stat()}, changes, nil
}

// existed is the result of a create that found n there already.
func existed(n *Node) Result {
	return Result{Path: n.at.path, Kind: OpCreate, Stat: n.Stat(), Existed: true}
}

// makeParents makes the node at above, which is absent, and those of its ancestors
// that are absent too, top first. It returns the node at above.
func (t *Tree) makeParents(txn Txn, op *Op, above string, changes []Change) (*Node, []Change, *Error) {
	var absent []string // bottom first
	parent, bytes := (*Node)(nil), 0
	for path := above; parent == nil; path = parentOf(path) {
		if parent = t.Get(path); parent == nil { // the root never is
			absent = append(absent, path)
			bytes += len(path)
		}
	}
	if parent.Kind() == Ephemeral {
		return nil, nil, &Error{Code: CodeNoChildrenForEphemerals, Path: parent.at.path,
			Detail: "create it below a node that is not ephemeral"}
	}
	if err := t.spendNodes(int64(len(absent)), op); err != nil {
		return nil, nil, err
	}
	if err := t.spendBytes(int64(bytes), op); err != nil {
		return nil, nil, err
	}
	made := Op{Kind: OpCreate, Mode: ModePersistent}
	if op.Flags&CreateContainers != 0 {
		made.Mode = ModeContainer
	}
	for i := len(absent) - 1; i >= 0; i-- {
		// A path of its own: the node may outlive the one it is made for.
		n := newNode(txn, strings.Clone(absent[i]), &made)
		changes = append(changes, t.link(txn.Zxid, parent, n))
		parent = n
	}
	return parent, changes, nil
}
