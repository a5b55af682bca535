package session

import "github.com/tidwall/btree"

// Table is the replicated table of sessions, servers and the cluster clock. Every replica applies the same calls in the
// same order and gets the same results. Make one with [NewTable] or [Restore].
type Table struct {
	clock    Clock
	sessions map[ID]*entry
	servers  map[Server]*replica
	graves   map[ID]*grave // of sessions that are over; none of them is in sessions

	// order holds all sessions, by id.
	order *btree.BTreeG[*entry]
	// deadlines holds exactly the detached sessions, by (deadline, id).
	deadlines *btree.BTreeG[*entry]
	// leases holds exactly the servers with a live lease, by (lease end, server).
	leases *btree.BTreeG[*replica]
	// burials holds all graves, by (burial, id): the oldest first.
	burials *btree.BTreeG[*grave]
	// lowDisk is the number of servers with a live lease that are short of disk space.
	lowDisk int

	// sum is the sum of the hashes of all sessions, servers and graves.
	sum uint64
	// slack is MaxStepMS: what the first Advance after an event may count from before it. A field, so that a test can
	// show that it is needed.
	slack Clock

	replyBytes    int // of all sessions
	replyBytesMax int // WindowsBytes. A field for the same reason

	graveBytes    int // of all graves, as GraveBytesMax counts; no part of replyBytes
	graveBytesMax int // GraveBytesMax, and
	gravesMax     int // GravesMax: fields so that a test can reach them
}

// entry is one session.
type entry struct {
	id        ID
	secret    Secret
	timeoutMS int64
	name      string

	// Where it is attached, or was last. attached implies that the server's lease is live and of this boot.
	server   Server
	boot     Boot
	attempt  Attempt
	attached bool
	deadline Clock // 0 while attached

	// Invariant: acked <= last, and the replies of (acked, last] are retained.
	last, acked Seq
	replies     replies

	hash uint64 // its share of Table.sum
}

// replica is what the table knows of a server.
type replica struct {
	server   Server
	boot     Boot
	beats    uint64 // number of the newest Beat of this boot
	opens    uint64 // number of the newest Open of this boot
	live     bool
	leaseEnd Clock // 0 unless live
	lowDisk  bool  // false unless live
	attached *btree.BTreeG[*entry]

	hash uint64 // its share of Table.sum
}

// NewTable returns an empty table whose clock stands at 0.
func NewTable() *Table {
	t := &Table{
		sessions: map[ID]*entry{}, servers: map[Server]*replica{}, graves: map[ID]*grave{}, slack: MaxStepMS,
		replyBytesMax: WindowsBytes, graveBytesMax: GraveBytesMax, gravesMax: GravesMax,
	}
	t.order = ordered(byID)
	t.deadlines = ordered(func(a, b *entry) bool {
		return a.deadline < b.deadline || a.deadline == b.deadline && a.id < b.id
	})
	t.leases = ordered(func(a, b *replica) bool {
		return a.leaseEnd < b.leaseEnd || a.leaseEnd == b.leaseEnd && a.server < b.server
	})
	t.burials = ordered(func(a, b *grave) bool {
		return a.Buried < b.Buried || a.Buried == b.Buried && a.ID < b.ID
	})
	return t
}

func ordered[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

func newReplica(s Server) *replica {
	return &replica{server: s, attached: ordered(byID)}
}

func byID(a, b *entry) bool { return a.id < b.id }

// Clock is the cluster time.
func (t *Table) Clock() Clock { return t.clock }

// Len is the number of sessions, attached and detached.
func (t *Table) Len() int { return len(t.sessions) }

// Booted reports whether the replica id has run before.
func (t *Table) Booted(s Server) bool { return t.servers[s] != nil }

// LowDisk reports whether a server with a live lease has said that it is short of disk space. What a server said ends with
// its lease, so that a dead one does not hold up writes.
func (t *Table) LowDisk() bool { return t.lowDisk > 0 }

// Info is what can be asked about a session.
type Info struct {
	ID         ID
	Name       string // what its client calls it; any bytes, at most NameBytesMax
	TimeoutMS  int64
	Server     Server // where it is attached, or was last
	Boot       Boot
	Attempt    Attempt
	Attached   bool
	Deadline   Clock // when it ends unless it is attached before; 0 while attached
	Last       Seq   // the newest write applied
	Acked      Seq   // replies up to this one were acknowledged and are not kept
	Replies    int   // replies kept
	ReplyBytes int   // their size
}

// Get returns what is known of a session, and false if it is unknown or over.
func (t *Table) Get(id ID) (Info, bool) {
	e := t.sessions[id]
	if e == nil {
		return Info{}, false
	}
	return e.info(), true
}

func (e *entry) info() Info {
	return Info{
		ID: e.id, Name: e.name, TimeoutMS: e.timeoutMS, Server: e.server, Boot: e.boot, Attempt: e.attempt, Attached: e.attached,
		Deadline: e.deadline, Last: e.last, Acked: e.acked, Replies: e.replies.count, ReplyBytes: e.replies.bytes,
	}
}

// Each visits the sessions with ids above after, attached and detached, by ascending id, until visit returns false. visit
// must not change the table.
func (t *Table) Each(after ID, visit func(Info) bool) {
	t.order.Ascend(&entry{id: after}, func(e *entry) bool { return e.id == after || visit(e.info()) })
}

// AttachedTo visits the sessions attached to a boot of a server, by ascending id. visit must not change the table.
func (t *Table) AttachedTo(s Server, b Boot, visit func(Info)) {
	h := t.servers[s]
	if h == nil || h.boot != b {
		return
	}
	h.attached.Scan(func(e *entry) bool {
		visit(e.info())
		return true
	})
}
