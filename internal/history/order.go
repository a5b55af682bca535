package history

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// CheckOrder checks what the answers to writes say by themselves and against each other: that each transaction has a zxid of
// its own (P8), that stats are those of their transactions and versions count the sets (P14), and that sequential names are
// unique and increase while their parent lives (P10).
func CheckOrder(h *History) []Violation {
	o := &order{sets: map[life]setSeen{}, loose: map[string]int{}, unsure: map[string]bool{}}
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Out.Fate == Unknown || op.Out.Zxid == 0 && wrote(&op.In, &op.Out) {
			o.uncertain(op)
		} else if op.Return < op.Call {
			o.violated("P8", op, "the record is wrong: it returned before it was called")
		}
	}
	writes := make([]*Operation, 0, len(h.Operations))
	for i := range h.Operations {
		if op := &h.Operations[i]; wrote(&op.In, &op.Out) && op.Out.Zxid != 0 {
			writes = append(writes, op)
		}
	}
	slices.SortStableFunc(writes, func(a, b *Operation) int { return cmp.Compare(a.Out.Zxid, b.Out.Zxid) })
	for i, op := range writes {
		if i > 0 && writes[i-1].Out.Zxid == op.Out.Zxid {
			o.violated("P8", op, fmt.Sprintf("another transaction has the zxid %v too: %v", op.Out.Zxid, writes[i-1]))
		}
		for part := range parts(op) {
			o.write(op, part.in, part.out)
		}
	}
	return o.violations
}

// order is what is known behind the writes that were looked at so far.
type order struct {
	violations []Violation
	sets       map[life]setSeen
	sequences  map[string]*sequence
	loose      map[string]int  // unknown sets by path: each may have made one version
	unsure     map[string]bool // paths that an unknown operation may have created
}

// life is one node from its creation to its deletion.
type life struct {
	path  string
	czxid client.Zxid
}

type setSeen struct {
	version int64
	op      *Operation
}

// sequence is what is known of the sequential children of one node.
type sequence struct {
	last  int64
	since client.Zxid // of the parent's creation
	op    *Operation
}

func (o *order) violated(property string, op *Operation, detail string) {
	if len(o.violations) < violationsMax {
		o.violations = append(o.violations, Violation{Property: property, At: op.Call, Detail: detail + "\n  " + op.String()})
	}
}

// uncertain notes what an unknown operation may have done.
func (o *order) uncertain(op *Operation) {
	for in := range inputs(&op.In) {
		switch in.Kind {
		case Set:
			o.loose[in.Path]++
		case Create:
			o.unsure[in.Path] = true
		}
	}
}

// write checks one part of a transaction, in the order of the zxids.
func (o *order) write(op *Operation, in *Input, out *Output) {
	zxid := op.Out.Zxid
	switch in.Kind {
	case Create:
		if out.Stat.Czxid != zxid || out.Stat.Mzxid != zxid || out.Stat.Pzxid != zxid || out.Stat.Version != 0 {
			o.violated("P14", op, fmt.Sprintf("the stat of a node created at %v is %+v", zxid, out.Stat))
		}
		if in.Sequential {
			o.sequential(op, in, out)
		}
		o.sets[life{out.Path, zxid}] = setSeen{0, op}
		if s := o.sequences[out.Path]; s != nil {
			*s = sequence{last: -1, since: zxid}
		}
	case Set:
		if out.Stat.Mzxid != zxid || out.Stat.Czxid > zxid {
			o.violated("P14", op, fmt.Sprintf("the stat of a node set at %v is %+v", zxid, out.Stat))
		}
		l := life{in.Path, out.Stat.Czxid}
		if before, ok := o.sets[l]; ok {
			steps := out.Stat.Version - before.version
			if steps < 1 || steps > 1+int64(o.loose[in.Path]) {
				o.violated("P14", op, fmt.Sprintf("version %d follows version %d of %v", out.Stat.Version, before.version, before.op))
			}
		}
		o.sets[l] = setSeen{out.Stat.Version, op}
	}
}

// sequential checks the number in the name of a sequential node.
func (o *order) sequential(op *Operation, in *Input, out *Output) {
	digits, ok := strings.CutPrefix(out.Path, in.Path)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || len(digits) < 10 {
		o.violated("P10", op, "the name is not the prefix and a number of at least ten digits")
		return
	}
	parent := parentOf(in.Path)
	if o.sequences == nil {
		o.sequences = map[string]*sequence{}
	}
	s := o.sequences[parent]
	if s == nil {
		s = &sequence{last: -1}
		o.sequences[parent] = s
	}
	if n <= s.last && !o.unsure[parent] {
		o.violated("P10", op, fmt.Sprintf("the number does not follow that of %v", s.op))
	}
	s.last, s.op = n, op
}
