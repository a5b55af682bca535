package history

import (
	"cmp"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// calm is the times in which something is known not to have happened. Whoever has seen, in the state of zxid z, a node that was
// set last at m tells that nobody has set it in (m, z]; and so on. It saves the search from trying what will turn out to be
// wrong only much later.
type calm map[calmKey][]span

// calmKey is a sort of change to a path.
type calmKey struct {
	of   client.EventType // Created: neither created nor deleted; DataChanged: not set; ChildrenChanged: no child came or went
	path string
}

// span is the zxids above from and up to upto.
type span struct{ from, upto client.Zxid }

// newCalm takes what the operations with a zxid have seen.
func newCalm(ranked []*call) calm {
	c := calm{}
	see := func(z client.Zxid, path string, stat client.Stat) {
		if stat.Czxid == 0 {
			return
		}
		for of, since := range map[client.EventType]client.Zxid{
			client.EventCreated: stat.Czxid, client.EventDataChanged: stat.Mzxid, client.EventChildrenChanged: stat.Pzxid,
		} {
			if since < z {
				key := calmKey{of, path}
				c[key] = append(c[key], span{since, z})
			}
		}
	}
	for _, r := range ranked {
		op := r.op
		if op.In.Kind == Read {
			for i := range min(len(op.In.Ops), len(op.Out.Results)) {
				see(op.Out.Zxid, op.In.Ops[i].Path, op.Out.Results[i].Stat)
			}
			continue
		}
		for p := range parts(op) {
			if p.in.Kind != Create {
				see(op.Out.Zxid, p.in.Path, p.out.Stat)
			}
		}
	}
	for key, spans := range c {
		c[key] = merged(spans)
	}
	return c
}

// merged returns the union of spans, in ascending order.
func merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	union := spans[:1]
	for _, s := range spans[1:] {
		if last := &union[len(union)-1]; s.from <= last.upto {
			last.upto = max(last.upto, s.upto)
		} else {
			union = append(union, s)
		}
	}
	return union
}

// forbids reports whether one of the changes cannot have happened in (from, upto].
func (c calm) forbids(changes []Change, from, upto client.Zxid) bool {
	return slices.ContainsFunc(changes, func(change Change) bool {
		if change.Type == client.EventDataChanged {
			return c.covers(calmKey{change.Type, change.Path}, from, upto)
		}
		return c.covers(calmKey{client.EventCreated, change.Path}, from, upto) ||
			c.covers(calmKey{client.EventChildrenChanged, parentOf(change.Path)}, from, upto)
	})
}

func (c calm) covers(key calmKey, from, upto client.Zxid) bool {
	spans := c[key]
	i, _ := slices.BinarySearchFunc(spans, from, func(s span, z client.Zxid) int {
		if s.from <= z {
			return -1
		}
		return 1
	})
	return i > 0 && upto <= spans[i-1].upto
}
