package consensus

import "io"

// Entry is one committed command at its place in the log.
type Entry struct {
	// Index is the place in the log; it grows from entry to entry, with holes where the library put entries of its own.
	Index uint64
	// Cmd is what was given to [Log.Submit], on whichever replica. It is valid only during Apply. If the log holds an
	// entry that no Submit of this version wrote, Cmd is all of that entry, and the machine must treat it like any other
	// command that it cannot decode.
	Cmd []byte
}

// Machine is the replicated state. All replicas apply the same entries in the same order.
//
// Apply, Recover and Snapshot are never called at the same time. Booted is called at any time, concurrently with all.
type Machine interface {
	// Apply applies entries in order. It cannot fail: what to do with a command that makes no sense is a function of
	// the command and the state, the same on every replica. It must not block: everybody waits for it. Neither the
	// slice nor the commands may be retained. After a restart entries since the newest snapshot are applied again, to a
	// state recovered from that snapshot or, if there is none, to the empty one.
	Apply(entries []Entry)
	// Snapshot captures the state at one point in time. It must be short, because nothing is applied meanwhile.
	Snapshot() (Snapshot, error)
	// Recover replaces the state by the one that a [Snapshot] wrote. r is not retained. After an error the process
	// stops, see [Config.Fatal].
	Recover(r io.Reader) error
	// Booted reports whether the state knows that a replica of this id has run before. It decides whether a server that
	// comes with an empty data directory is new or has lost its memory; so a server must not serve before the state
	// knows of it.
	Booted(replica uint64) bool
}

// Snapshot is a state captured at one point in time.
type Snapshot interface {
	// WriteTo writes the state, concurrently with Apply. When stop closes, the log is closing: it may return any error
	// at once.
	WriteTo(w io.Writer, stop <-chan struct{}) error
	// Close releases the capture. It is called exactly once, after WriteTo if that is called at all.
	Close()
}
