package history

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// CheckSessions checks each session by itself: that it goes forward only (P2), that nothing is done for it once it is over
// (P5), and that nobody who reads the newest state later finds an ephemeral node of it (P4).
func CheckSessions(h *History) []Violation {
	sessions := map[client.SessionID][]*Operation{}
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Session != 0 {
			sessions[op.Session] = append(sessions[op.Session], op)
		}
	}
	ids := make([]client.SessionID, 0, len(sessions))
	over := map[client.SessionID]*Operation{} // sessions that are known to have ended
	for id, ops := range sessions {
		ids = append(ids, id)
		for _, op := range ops {
			if op.In.Kind == End && op.Out.Fate == Applied && (over[id] == nil || op.Return < over[id].Return) {
				over[id] = op
			}
		}
	}
	slices.Sort(ids)
	var violations []Violation
	for _, id := range ids {
		violations = append(violations, forward(sessions[id])...)
		if end := over[id]; end != nil {
			violations = append(violations, silent(sessions[id], end)...)
		}
	}
	violations = append(violations, orphans(h, over)...)
	return violations[:min(len(violations), violationsMax)]
}

// forward checks that what was called behind an answer never shows less than the answer did. Calls of one session that were
// under way together may be told in any order.
func forward(ops []*Operation) (violations []Violation) {
	byCall, byReturn := slices.Clone(ops), slices.Clone(ops)
	slices.SortStableFunc(byCall, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(byReturn, func(a, b *Operation) int { return cmp.Compare(a.Return, b.Return) })
	var newest *Operation
	for _, op := range byCall {
		for len(byReturn) > 0 && byReturn[0].Return < op.Call {
			if seen := byReturn[0]; newest == nil || seen.Out.Zxid > newest.Out.Zxid {
				newest = seen
			}
			byReturn = byReturn[1:]
		}
		if newest != nil && op.Out.Zxid != 0 && op.Out.Zxid < newest.Out.Zxid && op.Out.Fate != Unknown {
			violations = append(violations, Violation{Property: "P2", At: op.Call,
				Detail: "the session went back:\n  " + op.String() + "\n  after " + newest.String()})
		}
	}
	return violations
}

// silent checks that nothing was called after a session was over and carried out nevertheless, and that nothing was carried
// out behind the transaction of its end, if that is known.
func silent(ops []*Operation, end *Operation) (violations []Violation) {
	for _, op := range ops {
		answered := op.Out.Fate == Applied || op.Out.Fate == Refused
		late := op.Call > end.Return || end.Out.Zxid != 0 && wrote(&op.In, &op.Out) && op.Out.Zxid > end.Out.Zxid
		if op.In.Kind != End && answered && late {
			violations = append(violations, Violation{Property: "P5", At: op.Call,
				Detail: "something was done for a session that was over:\n  " + op.String() + "\n  " + end.String()})
		}
	}
	return violations
}

// orphans checks that ephemeral nodes go with their sessions.
func orphans(h *History, over map[client.SessionID]*Operation) (violations []Violation) {
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Out.Fate != Applied {
			continue
		}
		outs := op.Out.Results
		if len(outs) == 0 {
			outs = []Output{op.Out}
		}
		for j := range outs {
			owner := client.SessionID(outs[j].Stat.Owner)
			end := over[owner]
			if owner == 0 || end == nil || op.In.Kind == End {
				continue
			}
			if recent(&op.In) && op.Call > end.Return || end.Out.Zxid != 0 && op.Out.Zxid >= end.Out.Zxid {
				violations = append(violations, Violation{Property: "P4", At: op.Call,
					Detail: fmt.Sprintf("an ephemeral node of session %v was there after its end:\n  %v\n  %v", owner, op, end)})
			}
		}
	}
	return violations
}
