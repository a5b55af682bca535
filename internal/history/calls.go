package history

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/anishathalye/porcupine"

	"github.com/coxswain-io/coxswain/client"
)

// call is one operation as the search takes it.
type call struct {
	op    *Operation
	index int  // in the history
	rank  int  // its place among the operations that have a zxid; -1 if it has none
	last  int  // Unknown: it cannot take effect behind the operation of this rank
	wrote bool // it is a transaction of its own
}

// wrote reports whether an operation that was carried out is a transaction: it changed something.
func wrote(in *Input, out *Output) bool {
	if out.Fate != Applied {
		return false
	}
	changes := func(ops []Input) bool {
		return slices.ContainsFunc(ops, func(op Input) bool { return op.Kind == Create || op.Kind == Set || op.Kind == Delete })
	}
	switch in.Kind {
	case Create, Set, Delete, End:
		return true
	case Multi:
		return changes(in.Ops)
	case Txn:
		if out.Held {
			return changes(in.Ops)
		}
		return changes(in.Else)
	}
	return false
}

// reads reports whether an operation only asks.
func reads(kind Kind) bool {
	switch kind {
	case Get, Exists, Children, Read, Sync:
		return true
	}
	return false
}

// recent reports whether an operation shows, or changes, the newest state there is while it runs.
func recent(in *Input) bool {
	switch in.Kind {
	case Get, Exists, Children, Read:
		return in.Level == client.Linearizable
	}
	return true
}

// newSearch takes the operations of h of which something is known; without session reads if only recent ones are wanted.
func newSearch(h *History, onlyRecent bool) *search {
	s := &search{start: h.start()}
	for i := range h.Operations {
		op := &h.Operations[i]
		switch {
		case op.Out.Fate == NotApplied, op.Out.Fate == Unknown && reads(op.In.Kind), onlyRecent && !recent(&op.In):
			continue
		case op.In.Kind == Sync && op.Out.Zxid == 0: // it tells nothing
			continue
		}
		c := &call{op: op, index: i, rank: -1, last: math.MaxInt, wrote: wrote(&op.In, &op.Out) || op.Out.Fate == Unknown && op.Out.Zxid != 0}
		s.calls = append(s.calls, c)
		if op.Out.Zxid != 0 {
			s.ranked = append(s.ranked, c)
		}
	}
	slices.SortStableFunc(s.ranked, inOrder)
	latest := make([]int64, len(s.ranked)) // the latest call up to each rank
	for i, c := range s.ranked {
		if c.rank = i; recent(&c.op.In) {
			latest[i] = c.op.Call
		}
		if i > 0 {
			latest[i] = max(latest[i], latest[i-1])
		}
	}
	s.calm = newCalm(s.ranked)
	for _, c := range s.calls {
		if c.op.Out.Fate == Unknown && c.op.Return != Never {
			c.last = sort.Search(len(latest), func(i int) bool { return latest[i] > c.op.Return })
		}
	}
	return s
}

// inOrder is the order in which operations with a zxid took effect: a transaction comes before what shows the state behind
// it, and among these the one that was called first.
func inOrder(a, b *call) int {
	if order := cmp.Compare(a.op.Out.Zxid, b.op.Out.Zxid); order != 0 {
		return order
	}
	if a.wrote != b.wrote {
		if a.wrote {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.op.Call, b.op.Call)
}

// operations returns the history as porcupine takes it. A session read may show any state that there was, so its call does
// not count; but as that state has not been there before its transaction was asked for, that call does, which saves trying.
func (s *search) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, 0, len(s.calls))
	since := make([]int64, len(s.ranked))
	newest := int64(math.MinInt64)
	for i, c := range s.ranked {
		if c.wrote {
			newest = c.op.Call
		}
		since[i] = newest
	}
	for _, c := range s.calls {
		op := porcupine.Operation{ClientId: c.op.Client, Input: c, Call: c.op.Call, Output: c, Return: c.op.Return}
		switch {
		case c.op.Out.Fate == Unknown:
			op.Return = Never // when it may be carried out at the latest is for the model to see
		case !recent(&c.op.In) && c.rank >= 0:
			op.Call = min(op.Call, since[c.rank])
		case !recent(&c.op.In):
			op.Call = math.MinInt64
		}
		ops = append(ops, op)
	}
	return ops
}
