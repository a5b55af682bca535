package modellog

import "math/rand/v2"

// entry is a place in the log. A leader begins its term with one that has no command.
type entry struct {
	term uint64
	cmd  []byte
	from origin
}

// origin says which Submit wrote an entry, so that it is told of the first copy that is applied.
type origin struct{ replica, boot, seq uint64 }

// tape is a replica's log: what it has in memory, and how that differs from what it has on disk. Guarded by Cluster.mu.
//
//	          base            durable           last
//	snapshot ──┤ entries …      │  not yet synced │      memory
//	snapshot ──┤ entries …      │  stale …             disk: what will be overwritten
type tape struct {
	base, baseTerm uint64  // everything up to here is in the snapshot alone
	entries        []entry // from base+1 on; an entry is never changed, only cut off
	durable        uint64  // the disk has the same entries up to here; base <= durable <= last
	stale          []entry // what the disk has after durable, which memory has other entries for or none
	cuts           uint64  // how often entries were cut off: a write that began before that writes nothing
}

func (t *tape) last() uint64 { return t.base + uint64(len(t.entries)) }

// term returns the term of an entry; false if this tape has none at index, or no longer.
func (t *tape) term(index uint64) (uint64, bool) {
	if index == t.base {
		return t.baseTerm, true
	}
	if index < t.base || index > t.last() {
		return 0, false
	}
	return t.entries[index-t.base-1].term, true
}

func (t *tape) lastTerm() uint64 {
	term, _ := t.term(t.last())
	return term
}

// atLeast reports whether t is as new as u in the sense of an election: later last term, or the same and as long.
func (t *tape) atLeast(u *tape) bool {
	if mine, its := t.lastTerm(), u.lastTerm(); mine != its {
		return mine > its
	}
	return t.last() >= u.last()
}

// part returns a copy of the entries after index, at most limit.
func (t *tape) part(after uint64, limit int) []entry {
	rest := t.entries[after-t.base:]
	return append([]entry(nil), rest[:min(len(rest), limit)]...)
}

// append adds an entry, which the disk does not have yet.
func (t *tape) append(e entry) { t.entries = append(t.entries, e) }

// cut removes the entries after index from memory. The disk keeps them until something is written in their place.
func (t *tape) cut(index uint64) {
	if index < t.durable {
		t.stale = append(append([]entry(nil), t.entries[index-t.base:t.durable-t.base]...), t.stale...)
		t.durable = index
	}
	t.entries = append([]entry(nil), t.entries[:index-t.base]...)
	t.cuts++
}

// synced notes that memory up to index is on disk.
func (t *tape) synced(index uint64) {
	if index > t.durable {
		t.durable, t.stale = index, nil
	}
}

// forget drops the entries up to index, of the given term, in favour of a snapshot that is on disk. If the tape does not
// have that entry, nothing after it can be used either.
func (t *tape) forget(index, term uint64) {
	if index <= t.base {
		return
	}
	if has, ok := t.term(index); ok && has == term {
		t.entries = append([]entry(nil), t.entries[index-t.base:]...)
	} else {
		t.entries = nil
	}
	if index > t.durable || len(t.entries) == 0 {
		t.stale = nil
		t.cuts++
	}
	t.base, t.baseTerm, t.durable = index, term, min(max(t.durable, index), index+uint64(len(t.entries)))
}

// crash leaves what the disk has. Of what was about to be written behind it, some may have got there.
func (t *tape) crash(rng *rand.Rand) {
	if len(t.stale) == 0 {
		t.durable += rng.Uint64N(t.last() - t.durable + 1)
	}
	t.entries = append(append([]entry(nil), t.entries[:t.durable-t.base]...), t.stale...)
	t.stale = nil
	t.durable = t.last()
	t.cuts++
}
