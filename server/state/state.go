package state

import (
	"github.com/cespare/xxhash/v2"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// State is one replica's copy of everything that is replicated.
type State struct {
	tree     *znode.Tree
	sessions *session.Table
	zxid     znode.Zxid
	mark     Mark

	// The entry being applied, and memory reused from one entry to the next.
	header  Header
	decoder wire.Decoder
	left    int // commands not yet applied
	request wire.Request
	results []znode.Result
	changes []znode.Change
	effects []Effect
	outcome []byte
}

// Mark is a replica's digest right after the step of the cluster clock that reached Clock. Equal clocks must have equal
// digests on every replica.
type Mark struct {
	Clock  session.Clock
	Digest uint64
}

// New returns the empty state that every replica of a new cluster starts from.
func New() *State {
	return &State{tree: znode.NewTree(), sessions: session.NewTable()}
}

// Tree is the tree of znodes, for reading.
func (s *State) Tree() *znode.Tree { return s.tree }

// Sessions is the table of sessions, for reading.
func (s *State) Sessions() *session.Table { return s.sessions }

// Zxid is the number of the last transaction that changed the state.
func (s *State) Zxid() znode.Zxid { return s.zxid }

// Mark is the digest at the newest step of the cluster clock; an Advance carries it.
func (s *State) Mark() Mark { return s.mark }

// NeedsClock reports whether anything waits for the cluster clock: a session, a container or a TTL node.
// While nothing does, the clock may stand still and an idle cluster writes nothing. Sessions that are over and remembered
// do not count: an idle cluster remembers them for longer than it must, within their other limits.
func (s *State) NeedsClock() bool { return s.sessions.Len() > 0 || s.tree.HasExpiring() }

// Digest is a hash of the whole replicated state, kept up to date by every change, independent of the order in which
// nodes and sessions are stored.
func (s *State) Digest() uint64 {
	var b []byte
	b = wire.AppendUint(b, uint64(s.zxid))
	b = wire.AppendUint(b, s.tree.Digest())
	b = wire.AppendUint(b, s.sessions.Digest())
	return xxhash.Sum64(b)
}
