package znode

import "strconv"

// Validate checks what can be told from the operation alone, in the order of the
// rules' precedence: a server may refuse early what Apply would refuse later.
// The errors are CodeUnimplemented for an unknown kind or flag; CodeBadArguments
// for mode, TTL, path, and flags or a guard that contradict themselves; and
// CodeTooLarge for a path or data beyond their limits.
func (op *Op) Validate() *Error {
	switch op.Kind {
	case OpCreate:
		if err := op.validateMode(); err != nil {
			return err
		}
		if err := op.validateFlags(); err != nil {
			return err
		}
		if err := ValidateCreatePath(op.Path, op.Mode); err != nil {
			return err
		}
		return op.validateData()
	case OpDelete, OpDeleteTree:
		if err := validateChangePath(op.Path); err != nil {
			return err
		}
		if op.Path == "/" {
			return &Error{Code: CodeBadArguments, Path: op.Path, Detail: "the root cannot be deleted"}
		}
		return op.Guard.validate(op)
	case OpSet:
		if err := validateChangePath(op.Path); err != nil {
			return err
		}
		if err := op.validateData(); err != nil {
			return err
		}
		return op.Guard.validate(op)
	case OpCheck:
		if err := ValidatePath(op.Path); err != nil {
			return err
		}
		return op.Guard.validate(op)
	case OpCopyTree, OpMoveTree:
		if err := op.validateCopy(); err != nil {
			return err
		}
		return op.Guard.validate(op)
	case OpRead:
		return ValidatePath(op.Path)
	}
	return &Error{Code: CodeUnimplemented, Path: clip(op.Path), Detail: "unknown operation " +
		strconv.Itoa(int(op.Kind)) + "; upgrade the servers before using it"}
}

func (op *Op) validateMode() *Error {
	bad := func(detail string) *Error {
		return &Error{Code: CodeBadArguments, Path: clip(op.Path), Detail: detail}
	}
	switch {
	case !op.Mode.Valid():
		return bad("unknown create mode " + strconv.Itoa(int(op.Mode)))
	case op.Mode.Kind() != TTL && op.TTLMS != 0:
		return bad("mode " + op.Mode.String() + " takes no ttl; use a ttl mode")
	case op.Mode.Kind() == TTL && (op.TTLMS < 1 || op.TTLMS > MaxTTLMS):
		return bad("ttl " + strconv.FormatInt(op.TTLMS, 10) + " ms; it must be from 1 to " +
			strconv.FormatInt(MaxTTLMS, 10))
	}
	return nil
}

func (op *Op) validateFlags() *Error {
	if op.Flags == 0 {
		return nil
	}
	bad := func(code Code, detail string) *Error {
		return &Error{Code: code, Path: clip(op.Path), Detail: detail}
	}
	const parents = CreateParents | CreateContainers
	switch unknown := op.Flags &^ (parents | CreateIfAbsent); {
	case unknown != 0:
		return bad(CodeUnimplemented, "unknown create flags "+strconv.Itoa(int(unknown))+"; upgrade the servers before using them")
	case op.Flags&parents == parents:
		return bad(CodeBadArguments, "the parents are made either persistent or containers; choose one")
	case op.Flags&CreateIfAbsent != 0 && op.Mode.Sequential():
		return bad(CodeBadArguments, "a sequential name is always a new one; leave out the one or the other")
	}
	return nil
}

// validateCopy checks both paths of a copy or move. What is reserved can be neither
// end, and the root contains every path.
func (op *Op) validateCopy() *Error {
	if err := validateChangePath(op.Path); err != nil {
		return err
	}
	if err := validateChangePath(op.To); err != nil {
		return err
	}
	bad := func(path, detail string) *Error { return &Error{Code: CodeBadArguments, Path: path, Detail: detail} }
	switch {
	case op.Path == "/":
		return bad(op.Path, "the root cannot be copied or moved; choose a node below it")
	case op.To == "/":
		return bad(op.To, "the root always exists; choose the path of a new node")
	case op.To == op.Path, within(op.To, op.Path):
		return bad(op.To, "a tree cannot be put into itself; choose a path outside of it")
	}
	return nil
}

func (op *Op) validateData() *Error {
	if len(op.Data) <= MaxDataBytes {
		return nil
	}
	return &Error{Code: CodeTooLarge, Path: op.Path, Detail: "the data have " + strconv.Itoa(len(op.Data)) +
		" bytes, the limit is " + strconv.Itoa(MaxDataBytes) + "; split them over several nodes"}
}
