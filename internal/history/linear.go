package history

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/coxswain-io/coxswain/client"
)

// search looks for an order of operations that explains all answers.
type search struct {
	start  tree
	calls  []*call
	ranked []*call
	calm   calm

	// guarded by mu: porcupine leaves its goroutine behind when the time is over
	mu       sync.Mutex
	steps    int
	states   int
	gaveUp   bool
	furthest int        // the rank up to which some order explains everything
	why      comparison // why none goes on there
}

// model is the namespace as porcupine sees it.
func (s *search) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return &state{tree: s.start} },
		Step: func(from, input, _ any) (bool, any) {
			next := s.step(from.(*state), input.(*call))
			return next != nil, next
		},
		Equal:             func(a, b any) bool { return a.(*state).equal(b.(*state)) },
		Hash:              func(a any) uint64 { return a.(*state).hash() },
		DescribeOperation: func(input, _ any) string { return input.(*call).op.String() },
		DescribeState:     func(a any) string { return a.(*state).String() },
	}
}

// step returns the state behind an operation; nil if it cannot come here.
func (s *search) step(from *state, c *call) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steps++; s.steps > stepsMax || s.states > statesMax {
		s.gaveUp = true
		return nil
	}
	if c.rank >= 0 && c.rank != from.next {
		return nil
	}
	if c.op.Out.Fate == Unknown && c.rank < 0 && from.next == len(s.ranked) {
		return from // never carried out, or nobody has looked since
	}
	next, diff := s.attempt(from, c, reapsMax)
	if next == nil {
		if c.rank >= s.furthest && c.rank >= 0 {
			s.furthest, s.why = c.rank, diff
		}
		return nil
	}
	s.states++
	return next
}

// attempt carries out an operation, if need be after some containers have gone.
func (s *search) attempt(from *state, c *call, reaps int) (*state, comparison) {
	next, diff := s.carry(from, c)
	if next != nil || reaps == 0 {
		return next, diff
	}
	for _, other := range from.reaped() {
		if next, _ := s.attempt(other, c, reaps-1); next != nil {
			return next, diff
		}
	}
	return nil, diff
}

// carry carries out an operation, and compares the answer.
func (s *search) carry(from *state, c *call) (*state, comparison) {
	next := *from
	op := c.op
	write := !reads(op.In.Kind) && op.In.Kind != End
	if write && slices.Contains(from.ended, op.Session) {
		return nil, comparison{why: "its session had ended", prop: "P5"}
	}
	zxid := op.Out.Zxid
	switch {
	case c.rank < 0:
		zxid = unnamed | client.Zxid(c.index)
		if op.Out.Fate == Unknown && from.next > c.last {
			return nil, comparison{}
		}
	case c.wrote && zxid <= from.floor:
		return nil, comparison{why: "another transaction has its zxid, or there are more than zxids before it", prop: "P8"}
	case zxid < from.floor:
		return nil, comparison{why: "there are more transactions than zxids before it", prop: "P8"}
	default:
		next.floor = zxid
	}
	after, want, changes := carry(from.tree, &op.In, op.Session, zxid)
	if c.rank < 0 && len(changes) > 0 {
		hi := zxidMax
		if from.next < len(s.ranked) {
			r := s.ranked[from.next]
			if hi = r.op.Out.Zxid; r.wrote {
				hi--
			}
		}
		name, ok := next.begin(zxid, hi)
		if !ok || s.calm.forbids(changes, from.floor, hi) {
			return nil, comparison{}
		}
		if name != zxid {
			after, want, changes = carry(from.tree, &op.In, op.Session, name)
		}
	}
	if op.Out.Fate == Unknown {
		if want.Fate != Applied || len(changes) == 0 {
			return nil, comparison{why: "it was carried out, but changes nothing here"} // without a place: as good as never
		}
		if c.rank >= 0 {
			next.next++
		}
		next.end(op)
		next.tree = after
		return &next, comparison{}
	}
	if c.rank >= 0 {
		next.next++
	}
	next.end(op)
	next.tree = after
	if op.Out.Fate == Refused && op.Out.Code == codeNoSpace && !reads(op.In.Kind) {
		next.tree = from.tree
		return &next, comparison{}
	}
	diff := comparison{s: &next}
	if !diff.answer(&op.In, &want, &op.Out, from.tree) {
		return nil, diff
	}
	return &next, diff
}

// end notes the end of a session.
func (s *state) end(op *Operation) {
	if op.In.Kind == End {
		s.ended = append(slices.Clip(s.ended), op.Session)
	}
}

// run searches for at most limit and returns what it has found.
func (s *search) run(limit time.Duration) porcupine.CheckResult {
	result := porcupine.CheckOperationsTimeout(s.model(), s.operations(), limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if result == porcupine.Illegal && s.gaveUp {
		return porcupine.Unknown
	}
	return result
}

// checkLinear is the whole search. The operations are taken in the order of their zxids, so who breaks the order of time is
// found without it, and has an explanation that can be read.
func checkLinear(h *History, limit time.Duration) (violations []Violation, undecided bool) {
	all := newSearch(h, false)
	if v := all.checkTime(); len(v) > 0 {
		return v, false
	}
	switch all.run(limit) {
	case porcupine.Ok:
		return nil, false
	case porcupine.Unknown:
		return nil, true
	}
	property := "P2" // unless it is so without session reads too
	at := all
	if recent := newSearch(h, true); len(recent.calls) < len(all.calls) {
		switch recent.run(limit) {
		case porcupine.Illegal:
			property, at = "P1", recent
		case porcupine.Unknown:
			property = "P1"
		}
	} else {
		property = "P1"
	}
	return []Violation{at.culprit(h, property)}, false
}

// culprit returns the first operation at which no order goes on.
func (s *search) culprit(h *History, property string) Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why.prop != "" {
		property = s.why.prop
	}
	if s.furthest >= len(s.ranked) || s.why.why == "" {
		return Violation{Property: property, Detail: "no order of the operations explains all answers"}
	}
	op := s.ranked[s.furthest].op
	return Violation{
		Property: property, At: op.Call,
		Detail: "no order of the operations explains this answer: " + s.why.why + "\n  " + op.String(),
		Around: h.around(op),
	}
}

// checkTime finds operations whose zxids are the wrong way round: one that had returned before another was called must not
// have taken effect behind it.
func (s *search) checkTime() (violations []Violation) {
	var latest *call // the last one called, of those that took effect
	for _, c := range s.ranked {
		if latest != nil && c.op.Return < latest.op.Call && len(violations) < violationsMax {
			violations = append(violations, Violation{
				Property: "P1", At: latest.op.Call,
				Detail: "an operation took effect before one that had returned when it was called:\n  " + latest.op.String() +
					"\n  had returned: " + c.op.String(),
			})
		}
		if recent(&c.op.In) && (latest == nil || c.op.Call > latest.op.Call) {
			latest = c
		}
	}
	return violations
}

// Visualize writes a page that shows the operations in time and how far an order explains them. It takes up to limit.
func (h *History) Visualize(w io.Writer, limit time.Duration) error {
	s := newSearch(h, false)
	model := s.model()
	_, info := porcupine.CheckOperationsVerbose(model, s.operations(), limit)
	return porcupine.Visualize(model, info, w)
}
