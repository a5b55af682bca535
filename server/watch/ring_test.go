package watch

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/znode"
)

// sets is a transaction of n changes, each of which counts the same.
func sets(n int) []znode.Change {
	return slices.Repeat([]znode.Change{change(znode.DataChanged, "/a")}, n)
}

var setBytes = func() int64 {
	c := change(znode.DataChanged, "/a")
	e := entry{path: c.Path, old: c.Old, new: c.New}
	return e.weight()
}()

// wantRing checks everything that a ring tells about itself.
func wantRing(t *testing.T, r *Ring, floor znode.Zxid, changes int, oldestMS int64) {
	t.Helper()
	oldest, ok := r.OldestMS()
	if r.Floor() != floor || r.Len() != changes || r.Bytes() != int64(changes)*setBytes || ok != (changes > 0) || ok && oldest != oldestMS {
		t.Fatalf("%d changes with %d bytes behind %v, the oldest at %d (%v); want %d behind %v, the oldest at %d",
			r.Len(), r.Bytes(), r.Floor(), oldest, ok, changes, floor, oldestMS)
	}
}

func TestRingEvictsWholeTransactions(t *testing.T) {
	r := NewRing(5*setBytes, 100)
	wantRing(t, r, 0, 0, 0)
	r.Append(1, sets(3), 10)
	r.Append(2, sets(2), 11)
	wantRing(t, r, 0, 5, 10)
	r.Append(3, nil, 11) // a transaction without changes leaves nothing to tell
	r.Append(4, sets(1), 12)
	wantRing(t, r, 1, 3, 11) // all three of the first
	r.Append(5, sets(6), 13)
	wantRing(t, r, 5, 0, 0) // more than fits: a part of it would be a lie
	r.Append(6, sets(5), 14)
	wantRing(t, r, 5, 5, 14)
	r.Reset(20)
	wantRing(t, r, 20, 0, 0)
	r.Append(21, sets(1), 30)
	r.Append(22, sets(1), 40)
	r.Trim(130)
	wantRing(t, r, 20, 2, 30)
	r.Trim(131)
	wantRing(t, r, 21, 1, 40)
	r.Trim(1000) // the newest gets old, too
	wantRing(t, r, 22, 0, 0)
	defer func() {
		if recover() == nil {
			t.Error("a ring that is not in order was accepted")
		}
	}()
	r.Append(21, sets(1), 1000)
}

// TestRingModel compares a ring with a slice of transactions.
func TestRingModel(t *testing.T) {
	type txn struct {
		zxid    znode.Zxid
		changes int
		atMS    int64
	}
	const limit, age = 1000, 200
	rng := rand.New(rand.NewPCG(3, 4))
	r, model, floor := NewRing(limit*setBytes, age), []txn{}, znode.Zxid(0)
	zxid, nowMS := znode.Zxid(0), int64(0)
	for range 20_000 {
		nowMS += rng.Int64N(3)
		switch n := rng.IntN(1000); {
		case n == 0:
			zxid += 10
			r.Reset(zxid)
			model, floor = nil, zxid
		case n < 5:
			nowMS += rng.Int64N(150)
			r.Trim(nowMS)
		default:
			zxid += 1 + znode.Zxid(rng.IntN(3))
			changes := rng.IntN(20)
			if n < 8 {
				changes = rng.IntN(2 * limit)
			}
			r.Append(zxid, sets(changes), nowMS)
			if changes > 0 {
				model = append(model, txn{zxid, changes, nowMS})
			}
		}
		total := 0
		for _, t := range model {
			total += t.changes
		}
		for len(model) > 0 && (total > limit || nowMS-model[0].atMS > age) {
			total, floor, model = total-model[0].changes, model[0].zxid, model[1:]
		}
		oldest := int64(0)
		if len(model) > 0 {
			oldest = model[0].atMS
		}
		wantRing(t, r, floor, total, oldest)
		if len(r.chunks) > (r.Len()+2*chunkLen-2)/chunkLen+1 {
			t.Fatalf("%d chunks for %d changes", len(r.chunks), r.Len())
		}
		// Where the history behind any zxid begins.
		from := floor + znode.Zxid(rng.IntN(int(zxid-floor)+2))
		want := r.first
		for _, t := range model {
			if t.zxid <= from {
				want += uint64(t.changes)
			}
		}
		if got := r.behind(from); got != want {
			t.Fatalf("the history behind %v begins at %d, want %d", from, got, want)
		}
		if want < r.end && r.at(want).zxid <= from {
			t.Fatalf("position %d holds %v, which is not behind %v", want, r.at(want).zxid, from)
		}
	}
}
