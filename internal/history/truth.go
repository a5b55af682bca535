package history

import (
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// CheckTruth checks a history against all changes that the log has made, in order: each answered write is there exactly as it
// was answered and nothing is there that nobody asked for (P3), and each watch was told exactly what has happened (P6).
func CheckTruth(h *History, changes []Change) []Violation {
	guess := newBook(h)
	truth := &book{changes: map[client.Zxid][]Change{}, whole: true}
	truth.enter(changes)
	truth.sort()
	var violations []Violation
	violated := func(at int64, format string, args ...any) {
		violations = append(violations, Violation{Property: "P3", At: at, Detail: fmt.Sprintf(format, args...)})
	}
	for i := 1; i < len(changes); i++ {
		if changes[i].Zxid < changes[i-1].Zxid {
			violations = append(violations, Violation{Property: "P8",
				Detail: fmt.Sprintf("the log has %v behind %v", changes[i].Zxid, changes[i-1].Zxid)})
		}
	}
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.In.Kind == End || op.Out.Zxid == 0 || !wrote(&op.In, &op.Out) {
			continue
		}
		if want, got := changesOf(op), truth.changes[op.Out.Zxid]; !slices.Equal(want, got) {
			violated(op.Call, "the log has %v at %v, the answer told of %v\n  %v", got, op.Out.Zxid, want, op)
		}
	}
	for _, z := range truth.zxids {
		if _, known := guess.changes[z]; known {
			continue
		}
		for _, c := range truth.changes[z] {
			if may, _ := guess.may(&client.Event{Type: c.Type, Path: c.Path}, Never); !may {
				violated(0, "the log has %v %s at %v: nobody has asked for that", c.Type, c.Path, z)
			} else if !guess.spend(c) {
				violated(0, "the log has %v %s at %v, which is more often than it was asked for", c.Type, c.Path, z)
			}
		}
	}
	streams, _, _ := checkStreams(h, truth)
	violations = append(violations[:min(len(violations), violationsMax)], streams...)
	return violations
}
