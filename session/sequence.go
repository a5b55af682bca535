package session

import "fmt"

// Verdict says what to do with a numbered write.
type Verdict uint8

// The verdicts.
const (
	Refuse Verdict = iota // no effect; the code says why
	Apply                 // carry it out and Record its reply
	Replay                // it was carried out before; this is its reply
)

// String names the verdict.
func (v Verdict) String() string {
	switch v {
	case Apply:
		return "apply"
	case Replay:
		return "replay"
	}
	return "refuse"
}

// Admit decides about write seq of a session, whose client has the replies of all writes up to ack: the sequence rule.
// Replies that are acknowledged are dropped first, whatever the verdict. The reply of a Replay is shared and immutable.
//
// Refusals: [CodeExpired] for an unknown session; [CodeGap] if seq is not the next; [CodeForgotten] if its reply was
// acknowledged; [CodeWindowFull] if the replies kept have reached [Window] or [WindowBytes], or those of all sessions
// [WindowsBytes] and its own [WindowShareBytes].
func (t *Table) Admit(id ID, seq, ack Seq) (Verdict, []byte, Code) {
	e := t.sessions[id]
	if e == nil {
		return Refuse, nil, CodeExpired
	}
	if upTo := min(ack, e.last); upTo > e.acked {
		t.replyBytes -= e.replies.bytes
		for ; e.acked < upTo; e.acked++ {
			e.replies.dropOldest()
		}
		t.replyBytes += e.replies.bytes
		t.seal(e)
	}
	switch {
	case seq <= e.acked:
		return Refuse, nil, CodeForgotten
	case seq <= e.last:
		return Replay, e.replies.at(int(seq - e.acked - 1)), CodeOK
	case seq != e.last+1:
		return Refuse, nil, CodeGap
	case e.replies.full(), t.replyBytes >= t.replyBytesMax && e.replies.bytes >= WindowShareBytes:
		return Refuse, nil, CodeWindowFull
	}
	return Apply, nil, CodeOK
}

// Record keeps the reply of write seq, which Admit has just let through; reply is retained and must not be modified. That
// of the write that closes the session is recorded before [Table.Close]; of a session that is gone nothing is kept. It panics if seq is not the next: what was carried out was
// not what was admitted.
func (t *Table) Record(id ID, seq Seq, reply []byte) {
	e := t.sessions[id]
	if e == nil {
		return
	}
	if seq != e.last+1 {
		panic(fmt.Sprintf("session %v: reply of write %d recorded, the last one is %d", id, seq, e.last))
	}
	e.last = seq
	e.replies.add(seq, reply)
	t.replyBytes += len(reply)
	t.seal(e)
}
