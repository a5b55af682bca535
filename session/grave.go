package session

// Grave is what is remembered of a session that is over, so that its client can still ask what became of its last writes.
// It is also its exact content, for a snapshot. A grave never changes.
type Grave struct {
	ID      ID
	Secret  Secret
	Acked   Seq
	Last    Seq // no later write took effect, and none will
	Buried  Clock
	Replies [][]byte // of the writes (Acked, Last], in order; shared and immutable
}

// grave is a Grave and what the table counts of it.
type grave struct {
	Grave
	bytes int    // its share of Table.graveBytes
	hash  uint64 // its share of Table.sum
}

// Tomb is what is left to tell of a session besides the recorded replies.
type Tomb struct {
	Ended bool // it is over: what has not taken effect never will
	Acked Seq  // the replies up to this one were acknowledged and are not kept
	Last  Seq  // the newest write that was carried out, or refused for good
}

// Outcomes visits the recorded replies of a session's writes from number from on, in order, until visit returns false. The
// session is one that is alive, or one that ended not long ago: against its will, or by its own when replies were not
// acknowledged. false: it is unknown, has been forgotten (see [GraveKeepMS]), or the secret is not its own; the answer
// does not tell which. The replies are shared and immutable; visit must not change the table.
//
// Of a session that ended, write n took effect, or was refused for good, iff n <= Last.
func (t *Table) Outcomes(id ID, secret Secret, from Seq, visit func(Seq, []byte) bool) (Tomb, bool) {
	if e := t.sessions[id]; e != nil {
		if !e.secret.Equal(secret) {
			return Tomb{}, false
		}
		for seq := max(from, e.acked+1); seq <= e.last; seq++ {
			if !visit(seq, e.replies.at(int(seq-e.acked-1))) {
				break
			}
		}
		return Tomb{Acked: e.acked, Last: e.last}, true
	}
	g := t.graves[id]
	if g == nil || !g.Secret.Equal(secret) {
		return Tomb{}, false
	}
	for seq := max(from, g.Acked+1); seq <= g.Last; seq++ {
		if !visit(seq, g.Replies[seq-g.Acked-1]) {
			break
		}
	}
	return Tomb{Ended: true, Acked: g.Acked, Last: g.Last}, true
}

// Graves is the number of sessions that are over and remembered.
func (t *Table) Graves() int { return len(t.graves) }

// bury remembers a session that has just been removed. The oldest graves make room.
func (t *Table) bury(e *entry) {
	g := &grave{Grave: Grave{ID: e.id, Secret: e.secret, Acked: e.acked, Last: e.last, Buried: t.clock, Replies: e.replies.all()}}
	t.addGrave(g)
	for len(t.graves) > t.gravesMax || t.graveBytes > t.graveBytesMax {
		oldest, _ := t.burials.Min()
		t.dropGrave(oldest)
	}
}

func (t *Table) addGrave(g *grave) {
	for _, reply := range g.Replies {
		g.bytes += len(reply) + graveReplyBytes
	}
	g.hash = hashGrave(&g.Grave)
	t.graves[g.ID] = g
	t.burials.Set(g)
	t.graveBytes += g.bytes
	t.sum += g.hash
}

func (t *Table) dropGrave(g *grave) {
	delete(t.graves, g.ID)
	t.burials.Delete(g)
	t.graveBytes -= g.bytes
	t.sum -= g.hash
}

// forget drops graves that have been kept for long enough, at most GravesPerAdvance of them.
func (t *Table) forget() {
	for range GravesPerAdvance {
		g, ok := t.burials.Min()
		if !ok || g.Buried+GraveKeepMS > t.clock {
			return
		}
		t.dropGrave(g)
	}
}
