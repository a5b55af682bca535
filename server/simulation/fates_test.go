package simulation

import (
	"fmt"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// TestFatesAreSettled: the truth knows what became of writes and sessions, and leaves alone what is known.
func TestFatesAreSettled(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		cl, err := c.dial(t.Context(), 0, client.Config{SessionTimeout: sessionTimeout})
		if err != nil {
			t.Fatal(err)
		}
		id := cl.Session().ID
		var zxids [3]client.Zxid
		for i, path := range []string{"/a", "/a", "/b"} { // writes 1 to 3, of which the second is refused
			_, _, err := cl.Create(t.Context(), path, nil, client.WithZxid(&zxids[i]))
			if refused := i == 1; refused != (err != nil) {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			name string
			op   history.Operation
			fate history.Fate
			zxid client.Zxid
		}{
			{"first write", history.Operation{Write: name(1, id)}, history.Unknown, zxids[0]},
			{"refused write", history.Operation{Write: name(2, id)}, history.NotApplied, 0},
			{"third write", history.Operation{Write: name(3, id)}, history.Unknown, zxids[2]},
			{"write that never came", history.Operation{Write: name(4, id)}, history.NotApplied, 0},
			{"write without a name", history.Operation{}, history.Unknown, 0},
			{"end of a session that lives", history.Operation{In: history.Input{Kind: history.End}}, history.NotApplied, 0},
		} {
			step.op.Session, step.op.Out.Fate = id, history.Unknown
			settled := c.truth.fates.settle(&history.History{Operations: []history.Operation{step.op}}).Operations[0]
			if settled.Out.Fate != step.fate || settled.Out.Zxid != step.zxid {
				t.Errorf("%s: fate %v at %v, want %v at %v", step.name, settled.Out.Fate, settled.Out.Zxid, step.fate, step.zxid)
			}
		}
		if err := cl.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		end := history.Operation{Session: id, In: history.Input{Kind: history.End}, Out: history.Output{Fate: history.Unknown}}
		settled := c.truth.fates.settle(&history.History{Operations: []history.Operation{end}}).Operations[0]
		if settled.Out.Fate != history.Applied || settled.Out.Zxid <= zxids[2] {
			t.Errorf("end of a session that is over: %+v", settled.Out)
		}
	})
}

// name is the name of a create, as its client prints it.
func name(n int, id client.SessionID) string {
	return fmt.Sprintf("create %d of session %v", n, id)
}
