package wire

import "strconv"

// Kind is what a request asks for.
type Kind uint8

// Writes go through the log and are numbered; reads are answered from the server's tree; the others concern the
// connection only. 4 and 12 are operations inside a transaction (a check, a read) and no requests.
const (
	Create       Kind = 1
	Delete       Kind = 2
	Set          Kind = 3
	Multi        Kind = 5
	CloseSession Kind = 6
	DeleteTree   Kind = 7
	CopyTree     Kind = 8
	MoveTree     Kind = 9
	Txn          Kind = 10
	KillSession  Kind = 11

	Get         Kind = 32
	Exists      Kind = 33
	Children    Kind = 34
	Descendants Kind = 35
	Ephemerals  Kind = 36
	MultiRead   Kind = 37
	Sync        Kind = 38
	List        Kind = 39
	Sessions    Kind = 40
	Outcomes    Kind = 41

	Ping        Kind = 64
	SetWatches  Kind = 65
	RemoveWatch Kind = 66
	AddWatches  Kind = 67
)

var kindNames = [...]string{
	Create: "create", Delete: "delete", Set: "set", Multi: "multi", CloseSession: "close session",
	Get: "get", Exists: "exists", Children: "children", Descendants: "descendants", Ephemerals: "ephemerals",
	DeleteTree: "delete tree", CopyTree: "copy tree", MoveTree: "move tree", Txn: "transaction", KillSession: "kill session",
	MultiRead: "multi-read", Sync: "sync", List: "list", Sessions: "sessions", Outcomes: "outcomes",
	AddWatches: "add watches", Ping: "ping", SetWatches: "set watches", RemoveWatch: "remove watch",
}

// Known reports whether this version has the kind.
func (k Kind) Known() bool { return int(k) < len(kindNames) && kindNames[k] != "" }

// Single reports whether k is a write of exactly one operation, of the same number.
func (k Kind) Single() bool {
	return k == Create || k == Delete || k == Set || k == DeleteTree || k == CopyTree || k == MoveTree
}

// Write reports whether k is a kind that changes state, and is numbered.
func (k Kind) Write() bool { return k.Known() && k < Get }

// Read reports whether k is answered from the tree.
func (k Kind) Read() bool { return k.Known() && k >= Get && k < Ping }

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if k.Known() {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Level is how fresh a read must be.
type Level uint8

const (
	// Linearizable: the read sees every write that was acknowledged to anybody before it was sent.
	Linearizable Level = 0
	// Session: the read is answered from the server's tree at once. It sees the session's own writes and never goes back
	// in time, but may be behind others (C-2).
	Session Level = 1
	// AtLeast: the read sees the transaction whose zxid the request states, and all before it. It is answered like one at
	// level Session if the server has come that far, otherwise like a linearizable one.
	AtLeast Level = 2
)

// Valid reports whether l is one of the levels above.
func (l Level) Valid() bool { return l <= AtLeast }

// String returns the level's name in lower case.
func (l Level) String() string {
	switch l {
	case Linearizable:
		return "linearizable"
	case Session:
		return "session"
	case AtLeast:
		return "at-least"
	}
	return "level(" + strconv.Itoa(int(l)) + ")"
}

// WatchKind is which of the tables a watch is in (section 8 of the semantics).
type WatchKind uint8

const (
	// WatchData watches a node's data and its existence; Get and Exists set it.
	WatchData WatchKind = 1
	// WatchChild watches a node's list of children; Children sets it.
	WatchChild WatchKind = 2
	// WatchPersistent is a persistent or recursive watch, known by its id; AddWatches sets it.
	WatchPersistent WatchKind = 3
)

// Valid reports whether k is one of the kinds above.
func (k WatchKind) Valid() bool { return k >= WatchData && k <= WatchPersistent }

// String returns the kind's name in lower case.
func (k WatchKind) String() string {
	switch k {
	case WatchData:
		return "data"
	case WatchChild:
		return "child"
	case WatchPersistent:
		return "persistent"
	}
	return "watch(" + strconv.Itoa(int(k)) + ")"
}

// WatchMode is what a persistent watch sees.
type WatchMode uint8

const (
	// Persistent sees what both one-shot watches on its path would see, each time (W-1).
	Persistent WatchMode = 1
	// Recursive sees every node that is created, deleted or set at its path and below it; lists of children are told by
	// their members (W-2).
	Recursive WatchMode = 2
)

// Valid reports whether m is one of the modes above.
func (m WatchMode) Valid() bool { return m == Persistent || m == Recursive }

// String returns the mode's name in lower case.
func (m WatchMode) String() string {
	switch m {
	case Persistent:
		return "persistent"
	case Recursive:
		return "recursive"
	}
	return "mode(" + strconv.Itoa(int(m)) + ")"
}

// WatchOptions is what the events of a persistent watch bring along: a set of bits.
type WatchOptions uint8

const (
	// WithStat: the node's stat right after the change; not with Deleted, ChildrenChanged and Gap.
	WithStat WatchOptions = 1 << iota
	// WithData: the node's data right after the change; not with Deleted, ChildrenChanged and Gap.
	WithData
)

// Valid reports whether o has none but the options above.
func (o WatchOptions) Valid() bool { return o&^(WithStat|WithData) == 0 }

// WatchID is a client's number for a persistent watch, another one for each that it has on a connection; never 0.
type WatchID uint64
