package session

import "strings"

// Open asks for a new session.
type Open struct {
	Secret    Secret
	TimeoutMS int64 // clamped to [MinTimeoutMS, MaxTimeoutMS]; Info tells what it became (Z-3)
	Server    Server
	Boot      Boot
	Number    uint64 // the server's own count of its Opens in this boot, from 1: an Open applied again is void
	Name      string // what the client calls the session, for the operators' eyes; cut to NameBytesMax, any bytes will do
}

// Open opens the session id, attached to o.Server by attempt 1. id must never have been used before.
//
// [CodeNoLease]: the server has no live lease of that boot. [CodeLateAttempt]: this Open, or a later one of the same boot,
// was applied before. [CodeTooMany]: there are SessionsMax sessions. None of these opens anything, now or when the Open is
// applied once more, unless its boot was not yet known.
func (t *Table) Open(id ID, o Open) Code {
	h := t.servers[o.Server]
	switch {
	case h == nil || h.boot != o.Boot:
		return CodeNoLease
	case o.Number <= h.opens, id == 0, t.sessions[id] != nil, t.graves[id] != nil:
		return CodeLateAttempt
	}
	// A refused Open is spent too: nobody waits for a copy of it that comes when the lease is back.
	h.opens = o.Number
	t.sealReplica(h)
	switch {
	case !h.live:
		return CodeNoLease
	case len(t.sessions) >= SessionsMax:
		return CodeTooMany
	}
	e := &entry{
		id: id, secret: o.Secret, timeoutMS: min(max(o.TimeoutMS, MinTimeoutMS), MaxTimeoutMS),
		name:   strings.Clone(o.Name[:min(len(o.Name), NameBytesMax)]),
		server: o.Server, boot: o.Boot, attempt: 1, attached: true,
	}
	t.sessions[id] = e
	t.order.Set(e)
	h.attached.Set(e)
	t.seal(e)
	return CodeOK
}

// Attach attaches a session to a server as the client's attempt a.
//
// [CodeExpired]: the session is unknown or the secret is not its own; the answer does not tell which (Z-5). [CodeNoLease]:
// the server has no live lease of that boot. [CodeLateAttempt]: a later attempt is known, or this one was attached and has
// been detached since; a late one must not take the session back. An attempt that is attached right there, applied again,
// is OK and changes nothing: whoever applies it must not take the session for heard.
func (t *Table) Attach(id ID, secret Secret, a Attempt, s Server, b Boot) Code {
	e := t.sessions[id]
	if e == nil || !e.secret.Equal(secret) {
		return CodeExpired
	}
	h := t.servers[s]
	switch {
	case h == nil || h.boot != b || !h.live:
		return CodeNoLease
	case a == e.attempt && e.attached && e.server == s && e.boot == b:
		return CodeOK
	case a <= e.attempt:
		return CodeLateAttempt
	}
	t.unlink(e)
	e.server, e.boot, e.attempt, e.attached, e.deadline = s, b, a, true, 0
	h.attached.Set(e)
	t.seal(e)
	return CodeOK
}

// Expire removes a session that its server has not heard for its timeout, and reports whether it did. It is void unless
// the session is attached by this very attempt: the client that came back elsewhere has won.
func (t *Table) Expire(id ID, a Attempt) bool {
	e := t.sessions[id]
	if e == nil || !e.attached || e.attempt != a {
		return false
	}
	t.remove(e)
	t.bury(e)
	return true
}

// Kill removes a session at once, whoever is attached, and reports whether there was one. It is a tool for operators: its
// client may believe in it until its own deadline, and nothing but fencing keeps what that client does in the meantime
// from others. The rules of the package comment protect from the end of a session, not from this.
func (t *Table) Kill(id ID) bool {
	e := t.sessions[id]
	if e == nil {
		return false
	}
	t.remove(e)
	t.bury(e)
	return true
}

// Close removes a session at its own wish (Z-12) and reports whether there was one. The reply of the write that closes it
// is recorded before. Unless that is the only one kept, the session gets a grave: its client may have missed the others.
func (t *Table) Close(id ID) bool {
	e := t.sessions[id]
	if e == nil {
		return false
	}
	t.remove(e)
	if e.replies.count > 1 {
		t.bury(e)
	}
	return true
}

func (t *Table) remove(e *entry) {
	t.unlink(e)
	delete(t.sessions, e.id)
	t.order.Delete(e)
	t.replyBytes -= e.replies.bytes
	t.sum -= e.hash
}

// unlink takes a session out of the index that holds it.
func (t *Table) unlink(e *entry) {
	if e.attached {
		t.servers[e.server].attached.Delete(e)
	} else {
		t.deadlines.Delete(e)
	}
}
