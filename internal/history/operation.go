package history

import (
	"math"

	"github.com/coxswain-io/coxswain/client"
)

// Kind is what was called.
type Kind uint8

const (
	Create Kind = iota + 1
	Set
	Delete
	Check  // inside of Multi and Txn only
	Absent // inside of Txn's conditions only
	Get
	Exists
	Children // names of the children, sorted
	Multi    // all of Ops or none
	Txn      // Then if all of If hold, otherwise Else
	Read     // client.MultiRead: Ops are Gets, Exists and Children at one point
	Sync
	// End is the end of a session: by its client (Client.Close), by the service (expiry) or by an operator. Its ephemeral nodes
	// go with it, in one transaction. Of an expiry Call is the last moment at which the session is known to have lived, when
	// its newest answer had been sent, and Return when its client was told, or Never.
	End
)

// Never is the Return of an operation that may take effect at any time behind its Call, or never.
const Never = math.MaxInt64

// Input is what was asked for.
type Input struct {
	Kind Kind
	Path string
	Data []byte // Create, Set

	// Create. Mode is ephemeral, container or TTL, or persistent.
	Mode       client.Kind
	Sequential bool

	// Conditions of Set, Delete and Check; nil: none.
	Version *int64

	// Reads that stand alone, and Read. Session reads are checked against the session's view, the others by linearizability.
	Level client.Level

	If   []Input // Txn
	Ops  []Input // Multi, Read, and Txn's Then
	Else []Input // Txn
}

// Fate is what is known of an operation.
type Fate uint8

const (
	// Applied: it was carried out, with the results that stand in the Output.
	Applied Fate = iota + 1
	// Refused: the service answered with Code; it had no effect.
	Refused
	// Unknown: nobody knows. It takes effect at most once, at some time between Call and Return, which is usually Never.
	Unknown
	// NotApplied: it had no effect and will have none; nothing else is known.
	NotApplied
)

// Output is what came back. Fields that do not belong to the operation are zero.
type Output struct {
	Fate Fate
	Code client.Code // Refused
	// Index and Branch are where a Multi or Txn was refused; -1 if that is not known.
	Index  int
	Branch client.Branch

	// Zxid is what client.WithZxid tells, refusals included: of the transaction, if the operation changed something, else
	// of the newest one before it, whose state it has seen. 0: not known, which costs the checks much of their strength.
	// Of an Unknown operation: it is known from elsewhere that it was carried out as this transaction, but not what it said.
	Zxid client.Zxid

	Path     string      // Create: with the sequence number
	Stat     client.Stat // Create, Set, Get, Exists, Children
	Exists   bool        // Exists; of a Get inside of a Multi or Txn, where absence is no refusal
	Data     []byte      // Get
	Children []string    // Children

	Held bool // Txn: all conditions held
	// Results are of each operation of a Multi, of a Txn's branch or of a Read. The parts of a Read have a fate of their own:
	// Refused with NoNode, for instance; those of the others are Applied.
	Results []Output
}

// Operation is one call of one client, from the moment at which it was made to that at which it had returned, both in
// nanoseconds on the one monotonic clock of the recorder.
type Operation struct {
	Client  int              // the recorder's number of the caller: one caller has one call at a time
	Session client.SessionID // in which it was made; 0 for none
	Call    int64
	Return  int64 // Never if it may still take effect
	In      Input
	Out     Output
	// Write names a write whose outcome was unknown to its caller, as client.WriteID prints it: who knows the log can look there.
	Write string
}

// Told is one event that a watch has given, or its end.
type Told struct {
	At    int64 // when it was taken from the channel
	Event client.Event
	// Ended is set on the last one of a watch that has ended with an error (client's or service's); Event is zero then.
	Ended error
}

// Stream is all that one watch has told.
type Stream struct {
	Client     int
	Path       string
	Persistent bool // otherwise one-shot
	Recursive  bool
	// From is the zxid behind which it tells everything: of the read that set a one-shot watch, of the beginning of a
	// persistent one (0: from its first event on, not known better).
	From client.Zxid
	Kind Kind   // one-shot: the read that set it, Get, Exists or Children
	Told []Told // in the order in which they came
	// Upto is how far it was when the recording ended: everything up to it has been told (PersistentWatch.Zxid).
	Upto client.Zxid
}

// History is all that clients have seen in one run.
type History struct {
	Operations []Operation
	Streams    []Stream
	// Start is the tree as it was when the recording began, as far as the operations have to do with it: with the parents of
	// all paths. Nil: that of a new cluster, which is an empty root.
	Start []Node
}

// Node is one node at the beginning.
type Node struct {
	Path string
	Data []byte
	Stat client.Stat
}
