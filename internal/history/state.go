package history

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// unnamed is the bit of a zxid that stands for one which is not known yet: that of a transaction whose place is known, and
// which nobody has read so far. The other bits tell whose it is.
const unnamed client.Zxid = 1 << 63

// zxidMax is higher than any zxid of a history.
const zxidMax client.Zxid = math.MaxInt64

// window is the bounds of an unknown zxid: above lo, at most hi.
type window struct {
	name, lo, hi client.Zxid
	loose        bool        // its place among the others is not known either
	or           client.Zxid // it may be this one too
}

// state is the namespace at one place of the order that is searched. It never changes.
type state struct {
	next  int         // which of the operations with a zxid comes next
	floor client.Zxid // the newest transaction is this one, or a later one of an unknown zxid
	tree  tree
	ended []client.SessionID
	open  []window // unknown zxids, in the order of their transactions
}

// begin notes a transaction whose zxid is not known but to be at most hi, and returns the name under which it goes; false if
// there is no zxid left for it.
func (s *state) begin(name, hi client.Zxid) (client.Zxid, bool) {
	if s.floor >= hi {
		return 0, false
	}
	lo := s.floor
	s.floor++
	if lo+1 == hi {
		return hi, true
	}
	s.open = append(slices.Clip(s.open), window{name: name, lo: lo, hi: hi})
	return name, true
}

// name fixes an unknown zxid, and reports whether that is possible.
func (s *state) name(name, zxid client.Zxid) bool {
	i := slices.IndexFunc(s.open, func(w window) bool { return w.name == name })
	if i < 0 || zxid != s.open[i].or && (zxid <= s.open[i].lo || zxid > s.open[i].hi) {
		return false
	}
	open, later := slices.Clone(s.open), client.Zxid(0)
	for j := range open {
		w := &open[j]
		switch {
		case open[i].loose || w.loose:
			continue
		case j < i:
			w.hi = min(w.hi, zxid-1)
		case j > i:
			later++
			w.lo = max(w.lo, zxid)
		}
		if w.lo >= w.hi && j != i {
			return false
		}
	}
	if !open[i].loose {
		s.floor = max(s.floor, zxid+later)
	}
	s.open = slices.Delete(open, i, i+1)
	named := func(z *client.Zxid) bool {
		if *z == name {
			*z = zxid
			return true
		}
		return false
	}
	s.tree = slices.Clone(s.tree)
	for j, n := range s.tree {
		next := *n
		c, m, p := named(&next.czxid), named(&next.mzxid), named(&next.pzxid)
		if c || m || p {
			s.tree[j] = &next
		}
	}
	return true
}

// reaped returns what the state may be if the service has removed one more container that has no children: at what time is
// not recorded, nor whether other children of its parent came or went later.
func (s *state) reaped() []*state {
	var states []*state
	for _, n := range s.tree {
		parent := s.tree.get(parentOf(n.path))
		if n.kind != client.KindContainer || n.children > 0 || parent == nil {
			continue
		}
		after, next := *parent, *s
		after.children--
		after.pzxid = unnamed | unnamed>>1 | n.czxid&^unnamed
		next.tree = s.tree.without(n.path).with(&after)
		w := window{name: after.pzxid, hi: zxidMax, loose: true, or: parent.pzxid}
		if n.pzxid&unnamed == 0 {
			w.lo = n.pzxid
		}
		next.open = append(slices.Clip(s.open), w)
		states = append(states, &next)
	}
	return states
}

// String returns the nodes and how far it is.
func (s *state) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "from %v on:", s.floor)
	for _, n := range s.tree {
		fmt.Fprintf(&b, " %s=%q v%d", n.path, n.data, n.version)
	}
	return b.String()
}

// start returns the tree in which the operations of h begin.
func (h *History) start() tree {
	var t tree
	if len(h.Start) == 0 {
		return t.with(&node{path: "/"}).with(&node{path: h.root()})
	}
	for i := range h.Start {
		n := &h.Start[i]
		t = t.with(&node{
			path: n.Path, data: string(n.Data), kind: n.Stat.Kind, owner: client.SessionID(n.Stat.Owner),
			czxid: n.Stat.Czxid, mzxid: n.Stat.Mzxid, pzxid: n.Stat.Pzxid, version: n.Stat.Version,
			created: (n.Stat.Cversion + n.Stat.NumChildren) / 2, children: n.Stat.NumChildren,
		})
	}
	return t
}

// root returns the parent of the first node that was created: if nobody can have made it, it was there.
func (h *History) root() string {
	root, first := "/", zxidMax
	for i := range h.Operations {
		op := &h.Operations[i]
		for p := range parts(op) {
			if op.Out.Fate == Applied && p.in.Kind == Create && op.Out.Zxid != 0 && op.Out.Zxid < first {
				root, first = parentOf(p.out.Path), op.Out.Zxid
			}
		}
	}
	for i := range h.Operations {
		op := &h.Operations[i]
		for in := range inputs(&op.In) {
			if in.Kind == Create && creates(in, root) && (op.Out.Fate == Unknown || op.Out.Fate == Applied && op.Out.Zxid == 0) {
				return "/"
			}
		}
	}
	return root
}

// equal reports whether two states are the same for all that may follow.
func (s *state) equal(o *state) bool {
	return s == o || s.next == o.next && s.floor == o.floor && slices.Equal(s.ended, o.ended) && slices.Equal(s.open, o.open) &&
		slices.EqualFunc(s.tree, o.tree, func(a, b *node) bool { return a == b || *a == *b })
}

// hash is equal for states that are equal.
func (s *state) hash() uint64 {
	h := uint64(s.next)*0x9e3779b97f4a7c15 ^ uint64(s.floor)
	for _, n := range s.tree {
		h = (h ^ uint64(n.mzxid) ^ uint64(n.pzxid)<<20) * 0x100000001b3
	}
	return h
}
