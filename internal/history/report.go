package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Violation is one thing that must not be.
type Violation struct {
	Property string // P1 to P14, as doc.go lists them
	Detail   string // what was seen, and what should have been
	At       int64  // when it was asked for or told, on the history's clock; 0 if there is no such time
	Around   string // the operations around it, in the order of their calls; may be empty
}

// Error returns all that is known about it, on several lines.
func (v Violation) Error() string {
	text := v.Property + ": " + v.Detail
	if v.Around != "" {
		text += "\naround it:\n" + v.Around
	}
	return text
}

// Report is what a check has found.
type Report struct {
	Violations []Violation
	// Undecided: the search for an order of the operations did not come to an end within its time or its memory. All other
	// checks were made.
	Undecided  bool
	Operations int
	Unknowns   int // operations of which nobody knows whether they took effect
	Reads      int // reads whose zxid is not known, which makes the search longer
	Events     int // told by all streams
	Unproven   int // events of transactions that no answered operation made: only checked to be possible
	Took       time.Duration
}

// Err returns nil if nothing was found, otherwise the first violation.
func (r Report) Err() error {
	if len(r.Violations) == 0 {
		return nil
	}
	return r.Violations[0]
}

// String returns the figures, and the violations in full.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d operations, %d unknown, %d reads without zxid, %d events, %d of them unproven, in %v",
		r.Operations, r.Unknowns, r.Reads, r.Events, r.Unproven, r.Took.Round(time.Millisecond))
	if r.Undecided {
		b.WriteString(", linearizability undecided")
	}
	for _, v := range r.Violations {
		b.WriteString("\n" + v.Error())
	}
	return b.String()
}

// CheckHistory checks everything that can be told from what clients have seen. limit is for the search for an order of the
// operations, which may be made twice, to tell whose fault it is.
func CheckHistory(h *History, limit time.Duration) Report {
	began := time.Now()
	r := Report{Operations: len(h.Operations)}
	for i := range h.Operations {
		op := &h.Operations[i]
		switch {
		case op.Out.Fate == Unknown:
			r.Unknowns++
		case reads(op.In.Kind) && op.In.Kind != Sync && op.Out.Zxid == 0 && op.Out.Fate != NotApplied:
			r.Reads++
		}
	}
	r.Violations = append(r.Violations, CheckOrder(h)...)
	r.Violations = append(r.Violations, CheckSessions(h)...)
	linear, undecided := checkLinear(h, limit)
	r.Violations, r.Undecided = append(r.Violations, linear...), undecided
	streams, told, unproven := checkStreams(h, newBook(h))
	r.Violations = append(r.Violations, streams...)
	r.Events, r.Unproven = told, unproven
	r.Took = time.Since(began)
	return r
}

// around returns the operations that ran near op, in the order of their calls.
func (h *History) around(op *Operation) string {
	near := make([]*Operation, 0, len(h.Operations))
	for i := range h.Operations {
		near = append(near, &h.Operations[i])
	}
	slices.SortStableFunc(near, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
	at := slices.Index(near, op)
	near = near[max(0, at-aroundMax):min(len(near), at+aroundMax+1)]
	var b strings.Builder
	for _, o := range near {
		mark := "   "
		if o == op {
			mark = " ► "
		}
		b.WriteString(mark + o.String() + "\n")
	}
	return b.String()
}
