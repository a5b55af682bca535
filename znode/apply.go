package znode

import "strconv"

// Apply runs ops in order as one transaction (rules T-1 to T-6): each sees what
// those before it did, and either all of them happen or none. It appends one
// Result per operation to results and what happened, in order, to changes, and
// returns both. On an error the tree is as before, sequential suffixes included
// (M-3), and both slices come back as they were given.
//
// A single write is a transaction of one; no operations at all are fine and
// change nothing. The tree keeps the Data and Path of ops: the caller must not
// modify them afterwards, and should not hand over parts of larger buffers. The
// slice itself is not kept.
//
// Errors, the first that applies, of the first operation that fails:
//
//	create: CodeBadArguments mode, TTL, ephemeral without owner · CodeBadArguments, CodeTooLarge path ·
//	        CodeTooLarge data · CodeNoNode parent · CodeNodeExists · CodeNoChildrenForEphemerals · CodeTooMany
//	delete: CodeBadArguments, CodeTooLarge path · CodeNoNode · CodeBadVersion · CodeNotEmpty
//	set:    CodeBadArguments, CodeTooLarge path · CodeTooLarge data · CodeNoNode · CodeBadVersion
//	check:  CodeBadArguments, CodeTooLarge path · CodeNoNode · CodeBadVersion
//	other:  CodeUnimplemented
//
// More than MaxOps operations give CodeTooMany at the first one too many.
func (t *Tree) Apply(txn Txn, ops []Op, results []Result, changes []Change) ([]Result, []Change, *Error) {
	if len(ops) > MaxOps {
		return results, changes, &Error{Code: CodeTooMany, Path: clip(ops[MaxOps].Path), Index: MaxOps,
			Detail: strconv.Itoa(len(ops)) + " operations in one transaction, the limit is " +
				strconv.Itoa(MaxOps) + "; split it"}
	}
	done, what := results, changes
	for i := range ops {
		result, change, err := t.apply(txn, &ops[i])
		if err != nil {
			t.rollBack()
			err.Index = i
			return results, changes, err
		}
		done = append(done, result)
		if change != 0 {
			what = append(what, Change{Type: change, Path: result.Path})
		}
	}
	t.keep()
	return done, what, nil
}

// apply runs one operation: validates all of it, then changes the tree. The
// ChangeType is 0 if it only checked.
func (t *Tree) apply(txn Txn, op *Op) (Result, ChangeType, *Error) {
	if op.Kind == OpCreate && op.Mode.Kind() == Ephemeral && txn.Owner == 0 {
		return Result{}, 0, &Error{Code: CodeBadArguments, Path: clip(op.Path),
			Detail: "an ephemeral node needs a session that owns it"}
	}
	if err := op.Validate(); err != nil {
		return Result{}, 0, err
	}
	if op.Kind == OpCreate {
		return t.create(txn, op)
	}
	n := t.Get(op.Path)
	if n == nil {
		return Result{}, 0, &Error{Code: CodeNoNode, Path: op.Path}
	}
	if want, ok := op.Guard.Version(); ok && want != n.version {
		return Result{}, 0, badVersion(n, want)
	}
	result := Result{Path: n.at.path, Kind: op.Kind}
	switch op.Kind {
	case OpDelete:
		if n.children > 0 {
			return Result{}, 0, &Error{Code: CodeNotEmpty, Path: op.Path,
				Detail: "its children come first, it has " + strconv.FormatInt(n.children, 10)}
		}
		t.unlink(txn.Zxid, n)
		return result, Deleted, nil
	case OpSet:
		next := n.withData(txn, op.Data)
		t.do(step{old: n, new: next})
		result.Stat = next.Stat()
		return result, DataChanged, nil
	}
	return result, 0, nil // OpCheck
}

// create runs an OpCreate that Validate has passed.
func (t *Tree) create(txn Txn, op *Op) (Result, ChangeType, *Error) {
	fail := func(code Code, path, detail string) (Result, ChangeType, *Error) {
		return Result{}, 0, &Error{Code: code, Path: path, Detail: detail}
	}
	if op.Path == "/" && !op.Mode.Sequential() {
		return fail(CodeNodeExists, op.Path, "the root always exists")
	}
	above := parentOf(op.Path)
	parent := t.Get(above)
	if parent == nil {
		return fail(CodeNoNode, above, "the parent is absent; parents are not made automatically, create it first")
	}
	path, taken := op.Path, ""
	if op.Mode.Sequential() {
		path, taken = withSuffix(op.Path, parent.created), "somebody chose the name with the next suffix; use another prefix"
	}
	if t.Get(path) != nil {
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
	t.link(txn.Zxid, parent, n)
	return Result{Path: path, Kind: OpCreate, Stat: n.Stat()}, Created, nil
}

func badVersion(n *Node, want int64) *Error {
	return &Error{Code: CodeBadVersion, Path: n.at.path, Actual: n.version,
		Detail: "its version is " + strconv.FormatInt(n.version, 10) + ", expected " +
			strconv.FormatInt(want, 10) + "; read it again"}
}
