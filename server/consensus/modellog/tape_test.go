package modellog

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/server/consensus"
)

// terms lists the terms of entries, which tell them apart here.
func terms(entries []entry) (list []uint64) {
	for _, e := range entries {
		list = append(list, e.term)
	}
	return list
}

func TestWhatACrashLeavesOnTheDisk(t *testing.T) {
	write := func(t *tape, terms ...uint64) {
		for _, term := range terms {
			t.append(entry{term: term})
		}
	}
	for name, c := range map[string]struct {
		do   func(t *tape)
		want [][]uint64 // any of them
		base uint64
	}{
		"what was synced, and any part of what was not": {
			do:   func(t *tape) { write(t, 1, 2, 3); t.synced(1) },
			want: [][]uint64{{1}, {1, 2}, {1, 2, 3}},
		},
		"what was cut off and not yet overwritten": {
			do:   func(t *tape) { write(t, 1, 2, 3); t.synced(3); t.cut(1); write(t, 4) },
			want: [][]uint64{{1, 2, 3}},
		},
		"the same, cut off twice": {
			do: func(t *tape) {
				write(t, 1, 2, 3)
				t.synced(3)
				t.cut(2)
				write(t, 4)
				t.cut(1)
				write(t, 5)
			},
			want: [][]uint64{{1, 2, 3}},
		},
		"what was written in its place": {
			do:   func(t *tape) { write(t, 1, 2, 3); t.synced(3); t.cut(1); write(t, 4); t.synced(2) },
			want: [][]uint64{{1, 4}},
		},
		"what follows a snapshot": {
			do:   func(t *tape) { write(t, 1, 2, 3); t.synced(3); t.forget(2, 2) },
			want: [][]uint64{{3}}, base: 2,
		},
		"nothing that does not fit a snapshot": {
			do:   func(t *tape) { write(t, 1, 2, 3); t.synced(3); t.forget(2, 9) },
			want: [][]uint64{nil}, base: 2,
		},
		"a snapshot that is newer than all entries": {
			do:   func(t *tape) { write(t, 1, 2); t.synced(2); t.cut(1); t.forget(7, 3) },
			want: [][]uint64{nil}, base: 7,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				var tape tape
				c.do(&tape)
				tape.crash(rand.New(rand.NewPCG(seed, 1)))
				got := terms(tape.entries)
				ok := slices.ContainsFunc(c.want, func(want []uint64) bool { return slices.Equal(got, want) })
				if !ok || tape.base != c.base || tape.durable != tape.last() {
					t.Errorf("seed %d: terms %v after %d, %d durable; want one of %v after %d", seed, got, tape.base, tape.durable, c.want, c.base)
				}
			}
		})
	}
}

// damaged is a machine that can recover nothing.
type damaged struct{ *ledger }

func (damaged) Recover(io.Reader) error { return errors.New("damaged") }

func TestAStateThatCannotBeRecoveredIsFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(rand.New(rand.NewPCG(1, 1)), 3, Rates{})
		defer c.Close()
		fatal := make(chan error, 1)
		logs := make([]*Log, 4)
		for id := uint64(1); id <= 2; id++ {
			logs[id], _ = c.Open(consensus.Config{ReplicaID: id}, newLedger())
		}
		for range 20 {
			if err := logs[1].Submit(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		c.Snapshot(1)
		c.Snapshot(2)
		<-time.After(time.Second)
		late, err := c.Open(consensus.Config{ReplicaID: 3, Fatal: func(err error) { fatal <- err }}, damaged{newLedger()})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-fatal; !errors.Is(err, consensus.ReasonSnapshot) {
			t.Errorf("the snapshot of the leader: %v", err)
		}
		if err := late.Submit(t.Context(), []byte("x")); !errors.Is(err, consensus.ErrClosed) {
			t.Errorf("submit afterwards: %v", err)
		}
		late.Close()
		if _, err := c.Open(consensus.Config{ReplicaID: 3, Fatal: func(err error) { fatal <- err }}, damaged{newLedger()}); !errors.Is(err, consensus.ReasonSnapshot) {
			t.Errorf("the snapshot of its own disk: %v", err)
		}
		<-fatal
	})
}
