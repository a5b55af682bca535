package state

import (
	"errors"
	"fmt"
	"io"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// ErrStopped is returned by WriteTo when it was told to stop.
var ErrStopped = errors.New("snapshot stopped")

// Locker is a lock that Snapshot.WriteTo takes while it looks at the tree: the caller's shared lock.
type Locker interface {
	Lock()
	Unlock()
}

// Snapshot is the state at one point in time, to be written while writes go on.
type Snapshot struct {
	tree     *znode.Snapshot
	zxid     znode.Zxid
	mark     Mark
	digest   uint64
	clock    session.Clock
	servers  []session.ServerRecord
	sessions []session.Record
	graves   []session.Grave
}

// Snapshot takes a snapshot. It copies the table of sessions, whose replies it shares, and nothing of the tree: its cost
// grows with the number of sessions and not with that of znodes. It must be closed.
func (s *State) Snapshot() *Snapshot {
	n := &Snapshot{tree: s.tree.Snapshot(), zxid: s.zxid, mark: s.mark, digest: s.Digest()}
	n.clock, n.servers, n.sessions, n.graves = s.sessions.Snapshot()
	return n
}

// Close lets the tree forget what it kept for the snapshot.
func (n *Snapshot) Close() { n.tree.Close() }

// The sections of a snapshot. Each value in the stream is an array that begins with one of these.
const (
	sectionHeader  = 1 // [1, version, zxid, mark clock, mark digest, cluster clock]
	sectionServer  = 2
	sectionSession = 3
	sectionZnode   = 4
	sectionTrailer = 5 // [5, servers, sessions, znodes, digest, graves]: the end; what comes after it is damage
	sectionGrave   = 6 // behind the sessions
)

// WriteTo streams the snapshot to w: see chunk.go for the bytes. shared is taken for each shard of the tree, for as long
// as copying its pointers takes. It returns [ErrStopped] soon after stop is closed, and w's errors.
func (n *Snapshot) WriteTo(w io.Writer, shared Locker, stop <-chan struct{}) error {
	out := newChunkWriter(w)
	b := out.begin(6, sectionHeader)
	b = wire.AppendUint(b, SnapshotVersion)
	b = wire.AppendUint(b, uint64(n.zxid))
	b = wire.AppendInt(b, int64(n.mark.Clock))
	b = wire.AppendUint(b, n.mark.Digest)
	out.end(wire.AppendInt(b, int64(n.clock)))
	for i := range n.servers {
		out.end(appendServer(out.begin(serverFields, sectionServer), &n.servers[i]))
	}
	for i := range n.sessions {
		fields := sessionFields
		if n.sessions[i].Name != "" {
			fields++
		}
		out.end(appendSession(out.begin(fields, sectionSession), &n.sessions[i]))
	}
	for i := range n.graves {
		out.end(appendGrave(out.begin(graveFields, sectionGrave), &n.graves[i]))
	}
	nodes := 0
	for shard := range n.tree.Shards() {
		select {
		case <-stop:
			return ErrStopped
		default:
		}
		shared.Lock()
		n.tree.Shard(shard)
		shared.Unlock()
		for _, node := range n.tree.Sort(shard) {
			r := node.Record()
			out.end(appendZnode(out.begin(znodeFields, sectionZnode), &r))
			nodes++
		}
		if out.err != nil {
			return out.err
		}
	}
	b = out.begin(6, sectionTrailer)
	b = wire.AppendUint(b, uint64(len(n.servers)))
	b = wire.AppendUint(b, uint64(len(n.sessions)))
	b = wire.AppendUint(b, uint64(nodes))
	b = wire.AppendUint(b, n.digest)
	out.end(wire.AppendUint(b, uint64(len(n.graves))))
	return out.close()
}

// Damaged reports a snapshot that cannot be used. Nothing of it has been taken over.
type Damaged struct{ Detail string }

func (d *Damaged) Error() string {
	return "the snapshot is damaged or of another release: " + d.Detail
}

// Restore reads a snapshot. It verifies every checksum, every record, the structure of the tree, and that the state's
// digest is the one that the writer had: whatever is not exactly as it was written gives [*Damaged], or r's error.
func Restore(r io.Reader) (*State, error) {
	l := restorer{nodes: znode.NewLoader()}
	if err := readChunks(r, l.value); err != nil {
		return nil, err
	}
	return l.finish()
}

// restorer takes in the values of a snapshot one by one.
type restorer struct {
	state    State
	clock    session.Clock
	servers  []session.ServerRecord
	sessions []session.Record
	graves   []session.Grave
	nodes    *znode.Loader
	count    uint64
	digest   uint64
	header   bool
	trailer  bool
}

func (l *restorer) value(d *wire.Decoder) error {
	fields := d.Array(1, wire.FieldsMax)
	section := d.Uint8()
	want := 0
	switch {
	case d.Err() != nil:
	case l.trailer:
		return &Damaged{"there is more behind its end"}
	case !l.header != (section == sectionHeader):
		return &Damaged{"its header is not at the beginning, and only there"}
	case section == sectionHeader:
		want = 6
		l.header = true
		if version := d.Uint(); version < 1 || version > SnapshotVersion {
			return &Damaged{fmt.Sprintf("it has format %d, this release reads 1 to %d", version, SnapshotVersion)}
		}
		l.state.zxid = znode.Zxid(d.Uint())
		l.state.mark = Mark{Clock: session.Clock(d.Int()), Digest: d.Uint()}
		l.clock = session.Clock(d.Int())
	case section == sectionServer:
		want = serverFields
		l.servers = append(l.servers, decodeServer(d))
	case section == sectionSession:
		want = min(max(fields, sessionFields), sessionFields+1)
		l.sessions = append(l.sessions, decodeSession(d, fields))
	case section == sectionGrave:
		want = graveFields
		l.graves = append(l.graves, decodeGrave(d))
	case section == sectionZnode:
		want = znodeFields
		r := decodeZnode(d)
		l.count++
		if d.Err() == nil {
			if e := l.nodes.Add(r); e != nil {
				return &Damaged{e.Error()}
			}
		}
	case section == sectionTrailer:
		want = 5
		l.trailer = true
		servers, sessions, nodes := d.Uint(), d.Uint(), d.Uint()
		l.digest = d.Uint()
		graves := uint64(0)
		if fields > want { // format 1 knew none
			want++
			graves = d.Uint()
		}
		if servers != uint64(len(l.servers)) || sessions != uint64(len(l.sessions)) || graves != uint64(len(l.graves)) || nodes != l.count {
			return &Damaged{"its end counts other records than there are"}
		}
	default:
		return &Damaged{fmt.Sprintf("a section of unknown kind %d", section)}
	}
	for range max(fields, want) - want {
		d.Skip()
	}
	if err := d.Err(); err != nil {
		return &Damaged{err.Error()}
	}
	return nil
}

func (l *restorer) finish() (*State, error) {
	if !l.trailer {
		return nil, &Damaged{"its end is missing"}
	}
	tree, e := l.nodes.Finish()
	if e != nil {
		return nil, &Damaged{e.Error()}
	}
	table, err := session.Restore(l.clock, l.servers, l.sessions, l.graves)
	if err != nil {
		return nil, &Damaged{err.Error()}
	}
	s := &l.state
	s.tree, s.sessions = tree, table
	if got := s.Digest(); got != l.digest {
		return nil, &Damaged{fmt.Sprintf("its digest is %016x, what was read has %016x", l.digest, got)}
	}
	return s, nil
}
