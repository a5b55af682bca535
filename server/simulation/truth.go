package simulation

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/server/consensus"
	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// truth is what really happened: a replica of its own that applies each entry at the moment at which the first server does,
// before that server shows it to anybody. So it knows at each moment what the service has decided, and what clients may still
// believe.
type truth struct {
	// expires is called, under mu, for each session whose end nobody has asked for.
	expires func(id session.ID, zxid znode.Zxid)
	// broken is called, under mu, when two servers apply different entries at one place.
	broken func(error)

	mu      sync.Mutex
	st      *state.State
	last    uint64            // index of the newest entry
	entries map[uint64]uint64 // hashes by index
	changes []history.Change
	fates   fates
	expired int // sessions whose end nobody has asked for
}

// hashSeed is the same for all runs of a process: the hashes are compared with each other alone.
var hashSeed = maphash.MakeSeed()

func newTruth() *truth {
	return &truth{st: state.New(), entries: map[uint64]uint64{}, fates: newFates()}
}

// see takes an entry that a server is about to apply.
func (t *truth) see(server uint64, e consensus.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := maphash.Bytes(hashSeed, e.Cmd)
	switch known, ok := t.entries[e.Index]; {
	case ok && known != sum:
		t.broken(fmt.Errorf("P9: server %d applies another entry at index %d than the server that applied it first", server, e.Index))
		return
	case ok:
		return
	case e.Index <= t.last:
		t.broken(fmt.Errorf("P9: server %d applies an entry at index %d, where others have none; they are at %d", server, e.Index, t.last))
		return
	}
	t.last, t.entries[e.Index] = e.Index, sum
	t.apply(e.Cmd)
}

func (t *truth) apply(cmd []byte) {
	_, commands := t.st.Begin(bytes.Clone(cmd))
	for range commands {
		effects := t.st.Step()
		asked := false // somebody has killed the session, or it has closed itself
		for i := range effects {
			asked = asked || effects[i].Kind == state.Replied
		}
		t.fates.note(t.st.Sessions(), effects)
		for i := range effects {
			switch e := &effects[i]; e.Kind {
			case state.Changed:
				for _, c := range e.Changes {
					t.changes = append(t.changes, history.Change{Zxid: e.Zxid, Type: client.EventType(c.Type), Path: c.Path})
				}
			case state.Ended:
				if e.Code == wire.CodeSessionExpired && !asked {
					t.expired++
					t.expires(e.Session, e.Zxid)
				}
			case state.Diverged:
				t.broken(fmt.Errorf("P9: %s", e.Detail))
			}
		}
	}
}

// now returns the newest zxid and the digest.
func (t *truth) now() (znode.Zxid, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.st.Zxid(), t.st.Digest()
}

// all returns all changes so far, and how many entries have made them.
func (t *truth) all() (changes []history.Change, entries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes, len(t.entries)
}

// sessions returns how many sessions are over, and how many of them expired.
func (t *truth) sessions() (over, expired int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.fates.ends), t.expired
}

// left returns what still is in the tables: sessions, and nodes that belong to one.
func (t *truth) left() (sessions int, ephemerals []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tree := t.st.Tree()
	below := []string{"/"}
	for len(below) > 0 {
		path := below[0]
		below = below[1:]
		if n := tree.Get(path); n != nil && n.Kind() == znode.Ephemeral {
			ephemerals = append(ephemerals, path)
		}
		tree.Children(path, "", func(name string, _ *znode.Node) bool {
			below = append(below, strings.TrimSuffix(path, "/")+"/"+name)
			return true
		})
	}
	return t.st.Sessions().Len(), ephemerals
}

// replay applies all entries to an empty state, and those behind the first cut of them to a state that was written and read as
// a snapshot there. It returns the digests of both.
func replay(entries []consensus.Entry, cut int) (whole, restored uint64, err error) {
	apply := func(st *state.State, part []consensus.Entry) {
		for _, e := range part {
			_, commands := st.Begin(bytes.Clone(e.Cmd))
			for range commands {
				st.Step()
			}
		}
	}
	st := state.New()
	apply(st, entries[:cut])
	var written bytes.Buffer
	point := st.Snapshot()
	err = point.WriteTo(&written, new(sync.Mutex), nil)
	point.Close()
	if err != nil {
		return 0, 0, err
	}
	apply(st, entries[cut:])
	second, err := state.Restore(&written)
	if err != nil {
		return 0, 0, err
	}
	apply(second, entries[cut:])
	return st.Digest(), second.Digest(), nil
}

// witness stands between the log and a server, and shows truth what the server applies.
type witness struct {
	consensus.Machine
	node  *node
	truth *truth
	trace *trace
}

// Apply implements consensus.Machine.
func (w *witness) Apply(entries []consensus.Entry) {
	if late := w.node.lag.Load(); late > 0 {
		time.Sleep(time.Duration(late))
	}
	for _, e := range entries {
		w.trace.add("apply", e.Cmd, w.node.id, e.Index)
		w.truth.see(w.node.id, e)
	}
	w.Machine.Apply(entries)
}

// Recover implements consensus.Machine.
func (w *witness) Recover(r io.Reader) error {
	w.trace.note("recover", w.node.id)
	return w.Machine.Recover(r)
}
