package znode

import "strconv"

// Guard is what an operation expects of its node. The zero value expects nothing
// but, for all operations, that the node is there; several expectations must all
// be met. There is no magic version (a guard of -1 never matches). Guards can be
// compared with ==.
type Guard struct {
	version      int64
	czxid, mzxid Zxid
	data         string
	has          guardParts
}

// guardParts says which of a guard's expectations there are.
type guardParts uint8

const (
	guardVersion guardParts = 1 << iota
	guardCzxid
	guardMzxid
	guardData
	guardAbsent
)

// IfVersion returns a guard for exactly the data version v.
func IfVersion(v int64) Guard { return Guard{}.AndVersion(v) }

// AndVersion returns g with the expectation of exactly the data version v.
func (g Guard) AndVersion(v int64) Guard {
	g.version, g.has = v, g.has|guardVersion
	return g
}

// AndCzxid returns g with the expectation that the node was created by
// transaction z: that it is this very node, not another one of the same path. It
// is how a write is fenced with a lock's token.
func (g Guard) AndCzxid(z Zxid) Guard {
	g.czxid, g.has = z, g.has|guardCzxid
	return g
}

// AndMzxid returns g with the expectation that the data were last set by
// transaction z.
func (g Guard) AndMzxid(z Zxid) Guard {
	g.mzxid, g.has = z, g.has|guardMzxid
	return g
}

// AndData returns g with the expectation of exactly these data, which it copies.
func (g Guard) AndData(data []byte) Guard {
	g.data, g.has = string(data), g.has|guardData
	return g
}

// AndAbsent returns g with the expectation that there is no node. It goes with
// OpCheck only, and with no other expectation.
func (g Guard) AndAbsent() Guard {
	g.has |= guardAbsent
	return g
}

// Version returns the expected version, and whether there is one.
func (g Guard) Version() (int64, bool) { return g.version, g.has&guardVersion != 0 }

// Czxid returns the expected czxid, and whether there is one.
func (g Guard) Czxid() (Zxid, bool) { return g.czxid, g.has&guardCzxid != 0 }

// Mzxid returns the expected mzxid, and whether there is one.
func (g Guard) Mzxid() (Zxid, bool) { return g.mzxid, g.has&guardMzxid != 0 }

// Data returns the expected data, and whether there are any.
func (g Guard) Data() (string, bool) { return g.data, g.has&guardData != 0 }

// Absent reports whether the guard expects that there is no node.
func (g Guard) Absent() bool { return g.has&guardAbsent != 0 }

// VersionOnly reports whether g expects nothing, or a data version and nothing else.
func (g Guard) VersionOnly() bool { return g.has&^guardVersion == 0 }

// validate checks what can be told from g and the kind of its operation alone.
func (g Guard) validate(op *Op) *Error {
	switch {
	case !g.Absent():
	case op.Kind != OpCheck:
		return &Error{Code: CodeBadArguments, Path: op.Path,
			Detail: "only a check can expect that the node is absent; put one in front of this operation"}
	case g != Guard{}.AndAbsent():
		return &Error{Code: CodeBadArguments, Path: op.Path,
			Detail: "a node that is expected to be absent has no version, zxids or data to expect"}
	}
	if len(g.data) > MaxDataBytes {
		return &Error{Code: CodeTooLarge, Path: op.Path, Detail: "the expected data have " + strconv.Itoa(len(g.data)) +
			" bytes, the limit of a node's is " + strconv.Itoa(MaxDataBytes) + "; compare the version instead"}
	}
	return nil
}

// holds checks what g expects of n, the node at path, nil if there is none. Errors,
// the first that applies: CodeNodeExists if it is to be absent; CodeNoNode;
// CodeBadVersion; CodeMismatch for czxid, mzxid and data, in this order.
func (g Guard) holds(path string, n *Node) *Error {
	switch {
	case g.Absent() && n != nil:
		return &Error{Code: CodeNodeExists, Path: path, Detail: "it was expected to be absent"}
	case g.Absent():
		return nil
	case n == nil:
		return &Error{Code: CodeNoNode, Path: path}
	case g.has == 0:
		return nil
	}
	if want, ok := g.Version(); ok && want != n.version {
		return &Error{Code: CodeBadVersion, Path: path, Actual: n.version,
			Detail: "its version is " + strconv.FormatInt(n.version, 10) + ", expected " +
				strconv.FormatInt(want, 10) + "; read it again"}
	}
	mismatch := func(detail string) *Error { return &Error{Code: CodeMismatch, Path: path, Detail: detail} }
	if want, ok := g.Czxid(); ok && want != n.czxid {
		detail := "its czxid is " + n.czxid.String() + ", expected " + want.String()
		if want < n.czxid {
			return mismatch(detail + ": it was deleted and created again")
		}
		return mismatch(detail + ": it is another node")
	}
	if want, ok := g.Mzxid(); ok && want != n.mzxid {
		return mismatch("its mzxid is " + n.mzxid.String() + ", expected " + want.String() + "; read it again")
	}
	if want, ok := g.Data(); ok && want != string(n.data) {
		return mismatch("its data, " + strconv.Itoa(len(n.data)) + " bytes, are not the " +
			strconv.Itoa(len(want)) + " bytes expected; read it again")
	}
	return nil
}
