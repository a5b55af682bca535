package simulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// fates is what the truth knows of each write and each session, also where its client does not.
type fates struct {
	newest map[session.ID]session.Seq
	writes map[string]znode.Zxid // by name: the transaction; only those that have changed something
	ends   map[session.ID]znode.Zxid
}

func newFates() fates {
	return fates{newest: map[session.ID]session.Seq{}, writes: map[string]znode.Zxid{}, ends: map[session.ID]znode.Zxid{}}
}

// note takes the effects of one command. A write that comes again has effects on nothing.
func (f *fates) note(table *session.Table, effects []state.Effect) {
	var zxid znode.Zxid // of the change of this command
	for i := range effects {
		switch e := &effects[i]; e.Kind {
		case state.Changed:
			zxid = e.Zxid
		case state.Ended:
			f.ends[e.Session] = e.Zxid
		case state.Replied:
			info, ok := table.Get(e.Session)
			if !ok || info.Last <= f.newest[e.Session] {
				continue
			}
			f.newest[e.Session] = info.Last
			if zxid != 0 {
				f.writes[fmt.Sprintf("%d of session %v", info.Last, e.Session)] = zxid
			}
		}
	}
}

// settle returns a history in which no fate is unknown that the truth knows: a search that takes too long without that help has
// it. The search without it comes first, because the truth is what is being tested.
func (f *fates) settle(h *history.History) *history.History {
	settled := *h
	settled.Operations = slices.Clone(h.Operations)
	for i := range settled.Operations {
		op := &settled.Operations[i]
		switch {
		case op.In.Kind == history.End && op.Out.Zxid == 0:
			op.Out.Fate, op.Out.Zxid = history.Applied, f.ends[op.Session]
			if op.Out.Zxid == 0 {
				op.Out.Fate = history.NotApplied
			}
		case op.Out.Fate == history.Unknown && op.Write != "":
			if op.Out.Zxid = f.writes[number(op.Write)]; op.Out.Zxid == 0 {
				op.Out.Fate = history.NotApplied
			}
		}
	}
	return &settled
}

// number is the end of a write's name, without its kind.
func number(write string) string {
	words := strings.Fields(write)
	return strings.Join(words[max(0, len(words)-4):], " ")
}
