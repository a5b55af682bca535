package znode

import (
	"slices"
	"strconv"
)

// budget is what the transaction in progress has used up of the limits that its
// operations share.
type budget struct {
	nodes int64 // of MaxTreeNodes
	bytes int64 // of MaxTreeBytes
	read  int64 // of MaxDataBytes: the data that its reads return
}

// spendNodes takes n nodes that op will create or delete off the transaction's
// budget. The error is CodeTooMany.
func (t *Tree) spendNodes(n int64, op *Op) *Error {
	t.spent.nodes += n
	if t.spent.nodes <= MaxTreeNodes {
		return nil
	}
	return &Error{Code: CodeTooMany, Path: op.Path, Detail: "the transaction would create or delete " +
		strconv.FormatInt(t.spent.nodes, 10) + " nodes along with others, the limit is " + strconv.Itoa(MaxTreeNodes) +
		"; do it part by part, the smaller trees inside first"}
}

// spendBytes takes n bytes of paths and data that op will copy off the
// transaction's budget. The error is CodeTooLarge.
func (t *Tree) spendBytes(n int64, op *Op) *Error {
	t.spent.bytes += n
	if t.spent.bytes <= MaxTreeBytes {
		return nil
	}
	return &Error{Code: CodeTooLarge, Path: op.Path, Detail: "the transaction would copy more than " +
		strconv.Itoa(MaxTreeBytes) + " bytes of paths and data; do it part by part"}
}

// deleteTree runs an OpDeleteTree of top, which is not the root.
func (t *Tree) deleteTree(txn Txn, op *Op, top *Node, changes []Change) (Result, []Change, *Error) {
	count := top.at.size()
	if err := t.spendNodes(count, op); err != nil {
		return Result{}, nil, err
	}
	changes = t.unlinkAll(txn.Zxid, top.at.tree(count), changes)
	return Result{Path: op.Path, Kind: op.Kind, Count: count}, changes, nil
}

// copyTree runs an OpCopyTree or OpMoveTree of top. The copy is made node by node,
// so that there is a change, with the versions of the parents around it, for each.
func (t *Tree) copyTree(txn Txn, op *Op, top *Node, changes []Change) (Result, []Change, *Error) {
	from, err := t.planCopy(op, top)
	if err != nil {
		return Result{}, nil, err
	}
	changes = slices.Grow(changes, len(from))
	for _, p := range from {
		n := p.node.copied(txn, op.copyOf(p))
		changes = append(changes, t.link(txn.Zxid, t.Get(parentOf(n.at.path)), n))
	}
	if op.Kind == OpMoveTree {
		changes = t.unlinkAll(txn.Zxid, from, changes)
	}
	return Result{Path: op.To, Kind: op.Kind, Stat: t.Get(op.To).Stat(), Count: int64(len(from))}, changes, nil
}

// planCopy checks all that a copy or move of top needs, and returns what is to be
// copied, a node before its children. What is too many is found before it is walked.
func (t *Tree) planCopy(op *Op, top *Node) ([]*place, *Error) {
	above := parentOf(op.To)
	parent := t.Get(above)
	switch {
	case parent == nil:
		return nil, &Error{Code: CodeNoNode, Path: above, Detail: "the parent of the copy is absent; create it first"}
	case t.Get(op.To) != nil:
		return nil, &Error{Code: CodeNodeExists, Path: op.To, Detail: "a tree is copied to where nothing is; choose another path"}
	case parent.Kind() == Ephemeral:
		return nil, &Error{Code: CodeNoChildrenForEphemerals, Path: above, Detail: "choose a path below a node that is not ephemeral"}
	}
	count := top.at.size()
	cost := count
	if op.Kind == OpMoveTree {
		cost *= 2 // made and deleted
	}
	if err := t.spendNodes(cost, op); err != nil {
		return nil, err
	}
	from, data := top.at.tree(count), int64(0)
	for _, p := range from {
		if err := t.checkCopy(op, p); err != nil {
			return nil, err
		}
		data += int64(len(p.node.data))
	}
	if op.Kind == OpCopyTree && (t.Len()+count > t.maxNodes || t.dataBytes+data > t.maxData) {
		return nil, &Error{Code: CodeTooMany, Path: op.Path, Detail: "with the copy the whole tree would have " +
			strconv.FormatInt(t.Len()+count, 10) + " nodes and " + strconv.FormatInt(t.dataBytes+data, 10) +
			" bytes of data; beyond " + strconv.FormatInt(t.maxNodes, 10) + " and " + strconv.FormatInt(t.maxData, 10) +
			" nothing is copied"}
	}
	return from, nil
}

// checkCopy checks one node of a tree to be copied or moved.
func (t *Tree) checkCopy(op *Op, p *place) *Error {
	if op.Kind == OpCopyTree && p.node.Kind() == Ephemeral {
		return &Error{Code: CodeBadArguments, Path: p.path,
			Detail: "it is ephemeral and lives with its own session, so it cannot be copied; copy the trees beside it, or move all"}
	}
	to := op.copyOf(p)
	if err := tooLong(to, MaxPathBytes); err != nil {
		return err
	}
	if err := tooDeep(to); err != nil {
		return err
	}
	return t.spendBytes(int64(len(to)+len(p.node.data)), op)
}

// copyOf returns the path that the node at p, in the tree at op.Path, has in op's copy.
func (op *Op) copyOf(p *place) string { return op.To + p.path[len(op.Path):] }

// unlinkAll deletes the nodes of a tree as tree returned them, the last first.
func (t *Tree) unlinkAll(zxid Zxid, all []*place, changes []Change) []Change {
	changes = slices.Grow(changes, len(all))
	for _, p := range slices.Backward(all) {
		changes = append(changes, t.unlink(zxid, p.node))
	}
	return changes
}

// size returns the number of nodes at and below p.
func (p *place) size() int64 {
	if p.dir == nil {
		return 1
	}
	return 1 + p.dir.descendants
}

// tree returns the places at and below p, which are count, in the order of ComparePaths.
func (p *place) tree(count int64) []*place {
	all := make([]*place, 0, count)
	p.walk(func(p *place) bool {
		all = append(all, p)
		return true
	})
	return all
}
