package znode

import (
	"strconv"
	"strings"
	"unicode"
)

// Code says why an operation failed. The numbers travel on the wire and stand
// in recorded replies: append, never renumber. Those from -200 down are our own,
// the others are ZooKeeper's. A Code is an error, so errors.Is(err, CodeNoNode)
// works on every error of this package.
type Code int32

const (
	CodeOK                      Code = 0
	CodeRuntimeInconsistency    Code = -2   // an op after the failing one; a damaged snapshot
	CodeUnimplemented           Code = -6   // an op of a kind, or with a flag, that this version does not know
	CodeBadArguments            Code = -8   // path, mode, TTL, flags or guard that can never be accepted; a copy of an ephemeral node
	CodeNoNode                  Code = -101 // the node, or the parent of a create, is absent
	CodeBadVersion              Code = -103 // the guard of the op expects another version
	CodeNoChildrenForEphemerals Code = -108 // the parent of a create is ephemeral
	CodeNodeExists              Code = -110 // the node to create, or checked to be absent, is there already
	CodeNotEmpty                Code = -111 // the node to delete has children
	CodeInvalidACL              Code = -114 // kept for access control; the tree does not return it
	CodeTooLarge                Code = -200 // data or path beyond its limit, or all that a transaction copies or reads
	CodeTooMany                 Code = -201 // too many operations, nodes of a tree at once, or ephemerals of one owner
	CodeMismatch                Code = -214 // the guard of the op expects another czxid, mzxid or other data
)

// Error returns the meaning of the code in a few words.
func (c Code) Error() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeRuntimeInconsistency:
		return "inconsistency"
	case CodeUnimplemented:
		return "unimplemented"
	case CodeBadArguments:
		return "bad arguments"
	case CodeNoNode:
		return "no node"
	case CodeBadVersion:
		return "bad version"
	case CodeNoChildrenForEphemerals:
		return "ephemeral nodes cannot have children"
	case CodeNodeExists:
		return "node exists"
	case CodeNotEmpty:
		return "not empty"
	case CodeInvalidACL:
		return "invalid acl"
	case CodeTooLarge:
		return "too large"
	case CodeTooMany:
		return "too many"
	case CodeMismatch:
		return "mismatch"
	}
	return "code " + strconv.Itoa(int(c))
}

// Error is the reason why a transaction or a snapshot was refused. It is a
// function of the state and the transaction alone, texts included, because
// replies are recorded in the replicated state.
//
// Functions of this package return *Error, not error: compare it with nil before
// converting it to the interface.
type Error struct {
	Code   Code
	Path   string // what is at fault; an illegal path may be cut short
	Index  int    // which operation of the transaction, from 0
	Actual int64  // CodeBadVersion: the version that the node has
	Detail string // one clause for humans: which rule or limit, and what to do
}

// Error returns "no node: /a/b (what to do)", after "op 3: " if the operation is
// not the first of its transaction. Unprintable paths are quoted.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Index > 0 {
		b.WriteString("op " + strconv.Itoa(e.Index) + ": ")
	}
	b.WriteString(e.Code.Error())
	b.WriteString(": " + printable(e.Path))
	if e.Detail != "" {
		b.WriteString(" (" + e.Detail + ")")
	}
	return b.String()
}

// Is reports whether target is e's code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// printable returns path as it is, or quoted if it is empty or a terminal could
// be harmed or deceived by it.
func printable(path string) string {
	odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
	if path == "" || strings.ContainsFunc(path, odd) {
		return strconv.Quote(path)
	}
	return path
}
