package znode

import "strconv"

// Txn is what a transaction brings along besides its operations. All of it was
// fixed by the proposer or by the replicated state, so every replica sees the same.
type Txn struct {
	Zxid    Zxid   // of all the operations; larger than any before
	TimeMS  int64  // wall clock of the proposer, ms since 1970, for Stat
	ClockMS int64  // cluster clock, ms; the only time that anything is decided by (M-11)
	Owner   uint64 // session that writes, and that ephemeral nodes will belong to
}

// OpKind is what an operation does. The numbers stand in the log.
type OpKind uint8

const (
	OpCreate OpKind = 1 // a node, below a parent that exists
	OpDelete OpKind = 2 // a node without children
	OpSet    OpKind = 3 // the data of a node
	OpCheck  OpKind = 4 // that a node exists, and matches the guard if there is one
)

// String returns the name of the operation in lower case.
func (k OpKind) String() string {
	switch k {
	case OpCreate:
		return "create"
	case OpDelete:
		return "delete"
	case OpSet:
		return "set"
	case OpCheck:
		return "check"
	}
	return "op(" + strconv.Itoa(int(k)) + ")"
}

// Guard is the data version that an operation expects. The zero value expects
// nothing; there is no magic version (a guard of -1 never matches).
type Guard struct {
	version int64
	set     bool
}

// IfVersion returns a guard for exactly version v.
func IfVersion(v int64) Guard { return Guard{version: v, set: true} }

// Version returns the expected version, and whether there is one.
func (g Guard) Version() (int64, bool) { return g.version, g.set }

// Op is one operation of a transaction. Fields that its kind does not use are
// ignored.
type Op struct {
	Kind  OpKind
	Path  string // of the node; for a sequential create, what the digits are appended to
	Data  []byte // OpCreate, OpSet; empty and nil are the same
	Mode  Mode   // OpCreate
	TTLMS int64  // OpCreate: for the TTL modes 1 to MaxTTLMS, else 0
	Guard Guard  // OpDelete, OpSet, OpCheck
}

// Result is the outcome of one operation of a transaction that was applied.
type Result struct {
	Path string // of the node; for a create the final one
	Stat Stat   // after this operation and before the next; zero for OpDelete and OpCheck (T-4)
	Kind OpKind
}

// ChangeType is what happened to a node. The numbers are those of ZooKeeper's
// events; 4, children changed, is for the watch package to derive.
type ChangeType uint8

const (
	Created     ChangeType = 1 // the node is there now
	Deleted     ChangeType = 2 // the node is no more
	DataChanged ChangeType = 3 // the node was set, perhaps to the same data
)

// String returns the type as one lower-case word.
func (c ChangeType) String() string {
	switch c {
	case Created:
		return "created"
	case Deleted:
		return "deleted"
	case DataChanged:
		return "changed"
	}
	return "change(" + strconv.Itoa(int(c)) + ")"
}

// Change is one thing that happened to one node. A created or deleted node also
// changed its parent's list of children.
type Change struct {
	Type ChangeType
	Path string
}

// Validate checks what can be told from the operation alone, in the order of the
// rules' precedence: a server may refuse early what Apply would refuse later.
// The errors are CodeUnimplemented for an unknown kind, CodeBadArguments for mode,
// TTL or path, and CodeTooLarge for path or data beyond their limits.
func (op *Op) Validate() *Error {
	switch op.Kind {
	case OpCreate:
		if err := op.validateMode(); err != nil {
			return err
		}
		if err := ValidateCreatePath(op.Path, op.Mode); err != nil {
			return err
		}
		return op.validateData()
	case OpDelete:
		if err := validateChangePath(op.Path); err != nil {
			return err
		}
		if op.Path == "/" {
			return &Error{Code: CodeBadArguments, Path: op.Path, Detail: "the root cannot be deleted"}
		}
		return nil
	case OpSet:
		if err := validateChangePath(op.Path); err != nil {
			return err
		}
		return op.validateData()
	case OpCheck:
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

func (op *Op) validateData() *Error {
	if len(op.Data) <= MaxDataBytes {
		return nil
	}
	return &Error{Code: CodeTooLarge, Path: op.Path, Detail: "the data have " + strconv.Itoa(len(op.Data)) +
		" bytes, the limit is " + strconv.Itoa(MaxDataBytes) + "; split them over several nodes"}
}
