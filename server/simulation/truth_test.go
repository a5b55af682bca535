package simulation

import (
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/server/consensus"
	"github.com/coxswain-io/coxswain/server/state"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// opened is an entry that renews the lease of a server and opens a session there; each has another number.
func opened(number uint64) []byte {
	var b state.Batch
	b.Beat(number, false)
	b.Open(number, session.Secret{1}, 4000, "")
	return b.Entry(nil, state.Header{Server: 1, Boot: 1, Number: number, TimeMS: 1})
}

func TestTruthComparesWhatServersApply(t *testing.T) {
	type step struct {
		server, index uint64
		cmd           []byte
	}
	for _, c := range []struct {
		name  string
		steps []step
		wrong string
	}{
		{"each server applies the same, with holes", []step{{1, 2, opened(1)}, {2, 2, opened(1)}, {1, 5, opened(2)}, {2, 5, opened(2)}}, ""},
		{"one starts again from the beginning", []step{{1, 2, opened(1)}, {1, 3, opened(2)}, {1, 2, opened(1)}, {1, 3, opened(2)}}, ""},
		{"one begins behind a snapshot", []step{{1, 2, opened(1)}, {1, 3, opened(2)}, {2, 3, opened(2)}}, ""},
		{"another entry at the same place", []step{{1, 2, opened(1)}, {2, 2, opened(2)}}, "another entry at index 2"},
		{"an entry where others have none", []step{{1, 2, opened(1)}, {1, 5, opened(2)}, {2, 3, opened(3)}}, "at index 3, where others have none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var wrong []string
			truth := newTruth()
			truth.broken = func(err error) { wrong = append(wrong, err.Error()) }
			for _, s := range c.steps {
				truth.see(s.server, consensus.Entry{Index: s.index, Cmd: s.cmd})
			}
			if got := strings.Join(wrong, "; "); (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
				t.Errorf("got %q, want %q", got, c.wrong)
			}
		})
	}
}

// TestTruthTellsExpiries: the end of a session is told at the entry that decides it, and only if nobody has asked for it.
func TestTruthTellsExpiries(t *testing.T) {
	var told []session.ID
	truth := newTruth()
	truth.broken = func(err error) { t.Error(err) }
	truth.expires = func(id session.ID, _ znode.Zxid) { told = append(told, id) }
	var end state.Batch
	end.Expire(1, 1)
	end.Expire(7, 1) // there is none
	truth.see(1, consensus.Entry{Index: 1, Cmd: opened(1)})
	truth.see(1, consensus.Entry{Index: 2, Cmd: end.Entry(nil, state.Header{Server: 1, Boot: 1, Number: 2, TimeMS: 2})})
	truth.see(2, consensus.Entry{Index: 1, Cmd: opened(1)})
	truth.see(2, consensus.Entry{Index: 2, Cmd: end.Entry(nil, state.Header{Server: 1, Boot: 1, Number: 2, TimeMS: 2})})
	if !slices.Equal(told, []session.ID{1}) {
		t.Errorf("the ends of %v were told, want that of 1, once", told)
	}
}

func TestReplay(t *testing.T) {
	var entries []consensus.Entry
	for i := range uint64(9) {
		entries = append(entries, consensus.Entry{Index: i + 1, Cmd: opened(i + 1)})
	}
	want, _, err := replay(entries, 0)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(entries) + 1 {
		whole, restored, err := replay(entries, cut)
		if err != nil || whole != want || restored != want {
			t.Errorf("cut after %d: %x, %x, %v, want %x", cut, whole, restored, err, want)
		}
	}
	if shorter, _, _ := replay(entries[1:], 0); shorter == want {
		t.Error("a log without its first entry gives the same digest")
	}
}
