package history

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// mutation makes a true history untrue in one place, and reports whether it found a place for that.
type mutation struct {
	name string
	// seen is false of what may go without a trace: nobody may have looked at what is changed.
	seen   bool
	mutate func(*rand.Rand, *History) bool
}

// pick returns a random operation of those that fit; nil if none does.
func pick(rng *rand.Rand, h *History, fits func(*Operation) bool) *Operation {
	for _, i := range rng.Perm(len(h.Operations)) {
		if fits(&h.Operations[i]) {
			return &h.Operations[i]
		}
	}
	return nil
}

// pickTold returns a stream and the place of one of its events that were due.
func pickTold(rng *rand.Rand, h *History, persistent bool, more int) (*Stream, int) {
	for _, i := range rng.Perm(len(h.Streams)) {
		if s := &h.Streams[i]; s.Persistent == persistent && len(s.Told) > more {
			return s, rng.IntN(len(s.Told) - more)
		}
	}
	return nil, 0
}

func applied(kinds ...Kind) func(*Operation) bool {
	return func(op *Operation) bool { return op.Out.Fate == Applied && slices.Contains(kinds, op.In.Kind) }
}

// changed makes a mutation of the answer to an operation.
func changed(fits func(*Operation) bool, change func(*Operation)) func(*rand.Rand, *History) bool {
	return func(rng *rand.Rand, h *History) bool {
		op := pick(rng, h, fits)
		if op != nil {
			change(op)
		}
		return op != nil
	}
}

var mutations = []mutation{
	{"data of a read", true, changed(applied(Get), func(op *Operation) { op.Out.Data = []byte("?") })},
	{"version that a read tells", true, changed(applied(Get, Children), func(op *Operation) { op.Out.Stat.Version++ })},
	{"version that a set tells", true, changed(applied(Set), func(op *Operation) { op.Out.Stat.Version++ })},
	{"cversion that a list tells", true, changed(applied(Children), func(op *Operation) { op.Out.Stat.Cversion-- })},
	{"owner that a read tells", true, changed(applied(Get), func(op *Operation) { op.Out.Stat.Owner += 1000 })},
	{"a name more in a list", true, changed(applied(Children), func(op *Operation) {
		op.Out.Children = append(op.Out.Children, "zz")
	})},
	{"absence told of a node", true, changed(applied(Get), func(op *Operation) {
		op.Out = Output{Fate: Refused, Code: codeNoNode, Zxid: op.Out.Zxid}
	})},
	{"another code", true, changed(func(op *Operation) bool { return op.Out.Fate == Refused }, func(op *Operation) {
		if op.Out.Code == codeNotEmpty {
			op.Out.Code = codeBadVersion
		} else {
			op.Out.Code = codeNotEmpty
		}
	})},
	{"success told of a refused delete", true, changed(func(op *Operation) bool {
		return op.Out.Fate == Refused && op.In.Kind == Delete
	}, func(op *Operation) { op.Out = Output{Fate: Applied, Zxid: op.Out.Zxid + 1} })},
	{"another name for a sequential node", true, changed(func(op *Operation) bool {
		return applied(Create)(op) && op.In.Sequential
	}, func(op *Operation) { op.Out.Path = op.In.Path + "0000000777" })},
	{"the other branch", true, changed(applied(Txn), func(op *Operation) { op.Out.Held = !op.Out.Held })},
	{"an answered set that is lost", false, changed(applied(Set), func(op *Operation) { op.Out = Output{Fate: NotApplied} })},
	{"an answered create that is lost", false, changed(applied(Create), func(op *Operation) { op.Out = Output{Fate: NotApplied} })},
	{"a read from before the last write", false, changed(func(op *Operation) bool {
		return applied(Get)(op) && op.In.Level == client.Linearizable && op.Out.Zxid == op.Out.Stat.Mzxid
	}, func(op *Operation) { op.Out.Zxid-- })},
	{"an event missing", true, func(rng *rand.Rand, h *History) bool {
		s, i := pickTold(rng, h, true, 0)
		if s != nil {
			s.Told = slices.Delete(slices.Clone(s.Told), i, i+1)
		}
		return s != nil
	}},
	{"an event twice", true, func(rng *rand.Rand, h *History) bool {
		s, i := pickTold(rng, h, true, 0)
		if s != nil {
			s.Told = slices.Insert(slices.Clone(s.Told), i, s.Told[i])
		}
		return s != nil
	}},
	{"two events in the wrong order", true, func(rng *rand.Rand, h *History) bool {
		s, i := pickTold(rng, h, true, 1)
		if s == nil || same(s.Told[i].Event, s.Told[i+1].Event) {
			return false
		}
		s.Told[i], s.Told[i+1] = s.Told[i+1], s.Told[i]
		return true
	}},
	{"an event of another type", true, func(rng *rand.Rand, h *History) bool {
		s, i := pickTold(rng, h, true, 0)
		if s == nil {
			return false
		}
		if e := &s.Told[i].Event; e.Type == client.EventDeleted {
			e.Type = client.EventCreated
		} else {
			e.Type = client.EventDeleted
		}
		return true
	}},
	{"a one-shot watch that is silent", false, func(rng *rand.Rand, h *History) bool {
		s, _ := pickTold(rng, h, false, 0)
		if s != nil {
			s.Told = nil
		}
		return s != nil
	}},
}

// TestUntrueHistories changes true histories in one place. All changes of what somebody has seen must be found in nine of ten
// cases at least: what is left are changes to events of unknown operations, which may be as the change says, and such as are
// within what an unknown operation may have done.
func TestUntrueHistories(t *testing.T) {
	var found, all int
	for _, m := range mutations {
		caught, tried := 0, 0
		for i := range *worlds / 6 {
			s := *seed + uint64(i)
			w := newWorld(s, 6, 0.02)
			h := w.run(200)
			if !m.mutate(rand.New(rand.NewPCG(s, 2)), h) {
				continue
			}
			tried++
			if r := CheckHistory(h, checkLimit); r.Err() != nil {
				caught++
			}
		}
		t.Logf("%-40s %d of %d found", m.name, caught, tried)
		if m.seen {
			found, all = found+caught, all+tried
		}
		if caught == 0 {
			t.Errorf("-history.seed %d: %s is never found", *seed, m.name)
		}
	}
	if found*10 < all*9 {
		t.Errorf("-history.seed %d: %d of %d changes were found", *seed, found, all)
	}
}
