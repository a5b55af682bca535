package znode

import "strconv"

// Zxid numbers the transactions that changed the state. The caller assigns it;
// the tree only stores it and relies on it never going back.
type Zxid uint64

// String returns the zxid as "0x" and hexadecimal digits.
func (z Zxid) String() string { return "0x" + strconv.FormatUint(uint64(z), 16) }

// Kind is what a node is, and thereby when the service itself removes it. The
// numbers are part of the snapshot format.
type Kind uint8

const (
	Persistent Kind = 0 // stays until it is deleted
	Ephemeral  Kind = 1 // goes with its owner's session, has no children (M-7)
	Container  Kind = 2 // goes when it is empty after having had children (M-8)
	TTL        Kind = 3 // goes when childless and not set for its TTL (M-9)
)

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k <= TTL }

// Expires reports whether nodes of this kind are reaped by cluster time.
func (k Kind) Expires() bool { return k == Container || k == TTL }

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Persistent:
		return "persistent"
	case Ephemeral:
		return "ephemeral"
	case Container:
		return "container"
	case TTL:
		return "ttl"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Mode is how a node is to be created. The numbers are ZooKeeper's create flags.
type Mode uint8

const (
	ModePersistent              Mode = 0 // a Persistent node of the given name
	ModeEphemeral               Mode = 1 // an Ephemeral one, owned by the session that writes
	ModePersistentSequential    Mode = 2 // Persistent, with the parent's counter appended
	ModeEphemeralSequential     Mode = 3 // Ephemeral, with the parent's counter appended
	ModeContainer               Mode = 4 // a Container
	ModePersistentTTL           Mode = 5 // a TTL node; only the TTL modes take a lifetime
	ModePersistentSequentialTTL Mode = 6 // TTL, with the parent's counter appended
)

// Valid reports whether m is one of the modes above.
func (m Mode) Valid() bool { return m <= ModePersistentSequentialTTL }

// Kind returns the kind of node that m creates; Persistent if m is not valid.
func (m Mode) Kind() Kind {
	switch m {
	case ModeEphemeral, ModeEphemeralSequential:
		return Ephemeral
	case ModeContainer:
		return Container
	case ModePersistentTTL, ModePersistentSequentialTTL:
		return TTL
	}
	return Persistent
}

// Sequential reports whether the parent's counter is appended to the given path
// (rule M-1).
func (m Mode) Sequential() bool {
	switch m {
	case ModePersistentSequential, ModeEphemeralSequential, ModePersistentSequentialTTL:
		return true
	}
	return false
}

// String returns the name of the mode, words joined by hyphens.
func (m Mode) String() string {
	switch m {
	case ModePersistent:
		return "persistent"
	case ModeEphemeral:
		return "ephemeral"
	case ModePersistentSequential:
		return "persistent-sequential"
	case ModeEphemeralSequential:
		return "ephemeral-sequential"
	case ModeContainer:
		return "container"
	case ModePersistentTTL:
		return "persistent-ttl"
	case ModePersistentSequentialTTL:
		return "persistent-sequential-ttl"
	}
	return "mode(" + strconv.Itoa(int(m)) + ")"
}
