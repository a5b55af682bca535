package process_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// fact is one thing that happened to one node, as the writer knows it that made it happen: every write is answered exactly
// once, so all changes together are the truth.
type fact struct {
	zxid client.Zxid
	kind client.EventType // Created, Deleted or DataChanged
	path string
	stat *client.Stat // right after the change; nil: deleted, or not known
	data []byte       // likewise, always known
}

// history is all changes of a run. It is filled while the run lasts and asked when it is over.
type history struct {
	mu      sync.Mutex
	changes []fact // those of one transaction together, in their order

	// set by sort
	lines map[interest][]told
}

// interest is what a watch can be interested in.
type interest struct {
	scope scope
	path  string
}

type scope uint8

const (
	ofData       scope = iota // a one-shot watch on data and existence
	ofChildren                // a one-shot watch on the list of children
	ofNode                    // a persistent watch
	ofTree                    // a recursive watch
	ofMembership              // the list of children alone, whatever becomes of the node
)

func (s scope) String() string {
	return [...]string{"data", "children", "persistent", "recursive", "membership"}[s]
}

// told is one event that the truth has for an interest.
type told struct {
	zxid client.Zxid
	kind client.EventType
	path string
	of   *fact
}

func (t *told) is(e *client.Event, path string) bool {
	return t.zxid == e.Zxid && t.kind == e.Type && t.path == path
}

// add notes the changes of one transaction.
func (h *history) add(zxid client.Zxid, changes ...fact) {
	for i := range changes {
		changes[i].zxid = zxid
	}
	h.mu.Lock()
	h.changes = append(h.changes, changes...)
	h.mu.Unlock()
}

// sort ends the run: from here on lines can be asked for.
func (h *history) sort() {
	slices.SortStableFunc(h.changes, func(a, b fact) int { return cmp.Compare(a.zxid, b.zxid) })
	h.lines = map[interest][]told{}
	put := func(s scope, path string, t told) {
		k := interest{s, path}
		h.lines[k] = append(h.lines[k], t)
	}
	for i := range h.changes {
		c := &h.changes[i]
		own := told{c.zxid, c.kind, c.path, c}
		put(ofData, c.path, own)
		put(ofNode, c.path, own)
		if c.kind == client.EventDataChanged {
			continue
		}
		if c.kind == client.EventDeleted {
			put(ofChildren, c.path, own)
		}
		above := c.path[:strings.LastIndexByte(c.path, '/')]
		list := told{c.zxid, client.EventChildrenChanged, above, c}
		put(ofChildren, above, list)
		put(ofNode, above, list)
		put(ofMembership, above, list)
	}
}

// line is every event for an interest, from the beginning of the run. The rule is the trigger table W-1, written down as
// simply as it can be.
func (h *history) line(s scope, path string) []told {
	k := interest{s, path}
	if _, ok := h.lines[k]; !ok && s == ofTree {
		for i := range h.changes {
			if c := &h.changes[i]; c.path == path || strings.HasPrefix(c.path, path+"/") {
				h.lines[k] = append(h.lines[k], told{c.zxid, c.kind, c.path, c})
			}
		}
	}
	return h.lines[k]
}

// behind returns the part of a line that comes after transaction z.
func behind(line []told, z client.Zxid) []told {
	i, _ := slices.BinarySearchFunc(line, z, func(t told, z client.Zxid) int {
		if t.zxid <= z {
			return -1
		}
		return 1
	})
	return line[i:]
}

// has returns the place in a line of an event; -1 if it is not there.
func has(line []told, e *client.Event, path string) int {
	later := behind(line, e.Zxid-1)
	for i := range later {
		if later[i].zxid != e.Zxid {
			break
		}
		if later[i].is(e, path) {
			return len(line) - len(later) + i
		}
	}
	return -1
}

// state is what a node was like as of a transaction; czxid, mzxid and pzxid as in its stat.
type state struct {
	there               bool
	czxid, mzxid, pzxid client.Zxid
}

// at returns the state of a node right after transaction z.
func (h *history) at(path string, z client.Zxid) state {
	var s state
	all := h.line(ofData, path)
	for _, t := range slices.Backward(all[:len(all)-len(behind(all, z))]) {
		if t.kind == client.EventDeleted {
			break
		}
		s.there, s.mzxid = true, max(s.mzxid, t.zxid)
		if t.kind == client.EventCreated {
			s.czxid = t.zxid
			break
		}
	}
	if !s.there {
		return state{}
	}
	s.pzxid = s.czxid
	members := h.line(ofMembership, path)
	if n := len(members) - len(behind(members, z)); n > 0 {
		s.pzxid = max(s.pzxid, members[n-1].zxid)
	}
	return s
}
