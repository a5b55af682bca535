package session

// beats numbers a server's Beats and remembers when each was first proposed.
type beats struct {
	last    uint64 // number of the newest Beat proposed; 0: none
	lastAt  Mono
	applied uint64 // number of the newest Beat applied
	at      [beatsRemembered]Mono
}

func (b *beats) propose(now Mono) uint64 {
	b.last++
	b.lastAt = now
	b.at[b.last%beatsRemembered] = now
	return b.last
}

func (b *beats) dueAt(now Mono) bool { return b.last == 0 || now-b.lastAt >= BeatEveryMS }

// apply returns when a Beat that is now applied was proposed; false if it is no news, not of this server's making, or
// forgotten, which is as if it had not been applied.
func (b *beats) apply(number uint64) (Mono, bool) {
	if number <= b.applied || number > b.last {
		return 0, false
	}
	b.applied = number
	return b.at[number%beatsRemembered], b.last-number < beatsRemembered
}
