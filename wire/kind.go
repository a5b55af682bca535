package wire

import "strconv"

// Kind is what a request asks for.
type Kind uint8

// Writes go through the log and are numbered; reads are answered from the server's tree; the others concern the
// connection only.
const (
	Create       Kind = 1
	Delete       Kind = 2
	Set          Kind = 3
	Multi        Kind = 5
	CloseSession Kind = 6

	Get         Kind = 32
	Exists      Kind = 33
	Children    Kind = 34
	Descendants Kind = 35
	Ephemerals  Kind = 36
	MultiRead   Kind = 37
	Sync        Kind = 38

	Ping        Kind = 64
	SetWatches  Kind = 65
	RemoveWatch Kind = 66
)

var kindNames = [...]string{
	Create: "create", Delete: "delete", Set: "set", Multi: "multi", CloseSession: "close session",
	Get: "get", Exists: "exists", Children: "children", Descendants: "descendants", Ephemerals: "ephemerals",
	MultiRead: "multi-read", Sync: "sync", Ping: "ping", SetWatches: "set watches", RemoveWatch: "remove watch",
}

// Known reports whether this version has the kind.
func (k Kind) Known() bool { return int(k) < len(kindNames) && kindNames[k] != "" }

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
)

// Valid reports whether l is one of the levels above.
func (l Level) Valid() bool { return l <= Session }

// String returns the level's name in lower case.
func (l Level) String() string {
	switch l {
	case Linearizable:
		return "linearizable"
	case Session:
		return "session"
	}
	return "level(" + strconv.Itoa(int(l)) + ")"
}

// WatchKind is which of the two tables a one-shot watch is in (section 8 of the semantics).
type WatchKind uint8

const (
	// WatchData watches a node's data and its existence; Get and Exists set it.
	WatchData WatchKind = 1
	// WatchChild watches a node's list of children; Children sets it.
	WatchChild WatchKind = 2
)

// Valid reports whether k is one of the kinds above.
func (k WatchKind) Valid() bool { return k == WatchData || k == WatchChild }

// String returns the kind's name in lower case.
func (k WatchKind) String() string {
	switch k {
	case WatchData:
		return "data"
	case WatchChild:
		return "child"
	}
	return "watch(" + strconv.Itoa(int(k)) + ")"
}
