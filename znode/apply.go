package znode

import "strconv"

// Apply runs ops in order as one transaction (rules T-1 to T-6): each sees what
// those before it did, and either all of them happen or none. It appends one
// Result per operation to results and what happened, in order, to changes, and
// returns both. On an error the tree is as before, sequential suffixes included
// (M-3), and both slices come back as they were given.
//
// A single write is a transaction of one; no operations at all are fine and
// change nothing. The tree keeps the Data, Path and To of ops: the caller must not
// modify them afterwards, and should not hand over parts of larger buffers. The
// slice itself is not kept.
//
// Errors, the first that applies, of the first operation that fails:
//
//	create: CodeBadArguments ephemeral without owner, mode, TTL · CodeUnimplemented, CodeBadArguments flags ·
//	        CodeBadArguments, CodeTooLarge path · CodeTooLarge data · CodeNoNode parent · CodeNodeExists ·
//	        CodeNoChildrenForEphemerals · CodeTooMany, CodeTooLarge made parents · CodeTooMany ephemerals
//	delete: path · guard · CodeNoNode · CodeBadVersion · CodeMismatch · CodeNotEmpty
//	set:    path · CodeTooLarge data · guard · CodeNoNode · CodeBadVersion · CodeMismatch
//	check:  path · guard · CodeNodeExists if it is to be absent · CodeNoNode · CodeBadVersion · CodeMismatch
//	delete tree: as delete, and CodeTooMany instead of CodeNotEmpty
//	copy tree, move tree: both paths · guard · CodeNoNode, CodeBadVersion, CodeMismatch original ·
//	        CodeNoNode parent of the copy · CodeNodeExists · CodeNoChildrenForEphemerals · CodeTooMany ·
//	        CodeBadArguments ephemeral in a copy · CodeTooLarge
//	read:   path · CodeTooLarge
//	other:  CodeUnimplemented
//
// where path and guard stand for the CodeBadArguments and CodeTooLarge of
// [Op.Validate]. More than MaxOps operations give CodeTooMany at the first one too
// many.
func (t *Tree) Apply(txn Txn, ops []Op, results []Result, changes []Change) ([]Result, []Change, *Error) {
	if len(ops) > MaxOps {
		return results, changes, &Error{Code: CodeTooMany, Path: clip(ops[MaxOps].Path), Index: MaxOps,
			Detail: strconv.Itoa(len(ops)) + " operations in one transaction, the limit is " +
				strconv.Itoa(MaxOps) + "; split it"}
	}
	done, what := results, changes
	for i := range ops {
		result, more, err := t.apply(txn, &ops[i], what)
		if err != nil {
			t.rollBack()
			err.Index = i
			return results, changes, err
		}
		done, what = append(done, result), more
	}
	t.keep()
	return done, what, nil
}

// Holds evaluates an OpCheck without changing anything: nil if it holds, otherwise
// the error that Apply would return. CodeNoNode, CodeNodeExists, CodeBadVersion
// and CodeMismatch say that it does not hold; the errors of [Op.Validate], and
// CodeBadArguments for an operation of another kind, that it can never be asked.
func (t *Tree) Holds(op *Op) *Error {
	if op.Kind != OpCheck {
		return &Error{Code: CodeBadArguments, Path: clip(op.Path), Detail: "a condition is a check, not a " + op.Kind.String()}
	}
	if err := op.Validate(); err != nil {
		return err
	}
	return op.Guard.holds(op.Path, t.Get(op.Path))
}

// apply runs one operation and appends what it changed to changes. After an error
// the tree may be changed in part, to be rolled back.
func (t *Tree) apply(txn Txn, op *Op, changes []Change) (Result, []Change, *Error) {
	if op.Kind == OpCreate && op.Mode.Kind() == Ephemeral && txn.Owner == 0 {
		return Result{}, nil, &Error{Code: CodeBadArguments, Path: clip(op.Path),
			Detail: "an ephemeral node needs a session that owns it"}
	}
	if err := op.Validate(); err != nil {
		return Result{}, nil, err
	}
	if op.Kind == OpCreate {
		return t.create(txn, op, changes)
	}
	n := t.Get(op.Path)
	if op.Kind == OpRead {
		result, err := t.read(op, n)
		return result, changes, err
	}
	if err := op.Guard.holds(op.Path, n); err != nil {
		return Result{}, nil, err
	}
	result := Result{Path: op.Path, Kind: op.Kind}
	switch op.Kind {
	case OpDelete:
		if n.children > 0 {
			return Result{}, nil, &Error{Code: CodeNotEmpty, Path: op.Path,
				Detail: "its children come first, it has " + strconv.FormatInt(n.children, 10)}
		}
		return result, append(changes, t.unlink(txn.Zxid, n)), nil
	case OpSet:
		next := n.withData(txn, op.Data)
		t.do(step{old: n, new: next})
		result.Stat = next.Stat()
		return result, append(changes, Change{Type: DataChanged, Path: n.at.path, Old: n, New: next}), nil
	case OpDeleteTree:
		return t.deleteTree(txn, op, n, changes)
	case OpCopyTree, OpMoveTree:
		return t.copyTree(txn, op, n, changes)
	}
	return result, changes, nil // OpCheck
}

// read runs an OpRead of n, which is nil if there is no node.
func (t *Tree) read(op *Op, n *Node) (Result, *Error) {
	if n == nil {
		return Result{Path: op.Path, Kind: OpRead}, nil
	}
	t.spent.read += int64(len(n.data))
	if t.spent.read > MaxDataBytes {
		return Result{}, &Error{Code: CodeTooLarge, Path: op.Path, Detail: "the data read in one transaction exceed " +
			strconv.Itoa(MaxDataBytes) + " bytes; read them in several"}
	}
	return Result{Path: n.at.path, Kind: OpRead, Stat: n.Stat(), Existed: true, Data: n.data}, nil
}
