package state

import (
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// TestATTLIsNeverCutShort: the Advance that follows a create or a set may count MaxStepMS from long before it, so that much
// more must pass on the cluster clock before the node is due (M-9).
func TestATTLIsNeverCutShort(t *testing.T) {
	const ttl = 200
	r := newReplica(t)
	id := r.open(10_000)
	r.write(id, wire.Create, 1, znode.Op{Kind: znode.OpCreate, Path: "/t", Mode: znode.ModePersistentTTL, TTLMS: ttl})
	seq := session.Seq(2)
	due := func() bool { return len(r.s.Tree().Expired(int64(r.s.Sessions().Clock()), 1)) > 0 }
	for range 3 {
		r.advance(session.MaxStepMS) // counted from before the write
		r.advance(ttl)
		if due() {
			t.Fatal("due although no more than its TTL has passed, and perhaps less")
		}
		r.write(id, wire.Set, seq, znode.Op{Kind: znode.OpSet, Path: "/t"})
		seq++
	}
	r.advance(session.MaxStepMS)
	r.advance(ttl + 1)
	if !due() {
		t.Error("not due after its TTL and a step")
	}
}
