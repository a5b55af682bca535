package session

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Digest is a hash of the whole table: equal tables have equal digests, whatever the order in which they came to hold what
// they hold. It is kept up to date by every call and costs nothing to read. It detects accidents, not adversaries.
func (t *Table) Digest() uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(t.clock))
	binary.LittleEndian.PutUint64(b[8:], t.sum)
	return xxhash.Sum64(b[:])
}

// seal brings the table's sum up to date with a session that was changed.
func (t *Table) seal(e *entry) {
	t.sum -= e.hash
	e.hash = hashEntry(e)
	t.sum += e.hash
}

func (t *Table) sealReplica(h *replica) {
	t.sum -= h.hash
	h.hash = hashReplica(h)
	t.sum += h.hash
}

// The first byte of what is hashed keeps sessions, servers, replies and graves apart.
const (
	hashedSession = 1
	hashedServer  = 2
	hashedReply   = 3
	hashedGrave   = 4
)

// hashedSessionBytes is what is hashed of a session besides its name, which follows. So the digest of sessions without a
// name is the one of releases that knew no names.
const hashedSessionBytes = 2 + 32 + 9*8

func hashEntry(e *entry) uint64 {
	var room [hashedSessionBytes + NameBytesMax]byte
	b := room[:hashedSessionBytes+copy(room[hashedSessionBytes:], e.name)]
	b[0], b[1] = hashedSession, bit(e.attached)
	copy(b[2:], e.secret[:])
	at := b[34:]
	for i, v := range [...]uint64{
		uint64(e.id), uint64(e.timeoutMS), uint64(e.server), uint64(e.boot), uint64(e.attempt), uint64(e.deadline),
		uint64(e.last), uint64(e.acked), e.replies.sum,
	} {
		binary.LittleEndian.PutUint64(at[8*i:], v)
	}
	return xxhash.Sum64(b)
}

func hashGrave(g *Grave) uint64 {
	var b [1 + 32 + 5*8]byte
	b[0] = hashedGrave
	copy(b[1:], g.Secret[:])
	var sum uint64
	for i, reply := range g.Replies {
		sum += hashReply(g.Acked+Seq(i)+1, reply)
	}
	at := b[33:]
	for i, v := range [...]uint64{uint64(g.ID), uint64(g.Acked), uint64(g.Last), uint64(g.Buried), sum} {
		binary.LittleEndian.PutUint64(at[8*i:], v)
	}
	return xxhash.Sum64(b[:])
}

func hashReplica(h *replica) uint64 {
	var b [3 + 5*8]byte
	b[0], b[1], b[2] = hashedServer, bit(h.live), bit(h.lowDisk)
	at := b[3:]
	for i, v := range [...]uint64{uint64(h.server), uint64(h.boot), h.beats, h.opens, uint64(h.leaseEnd)} {
		binary.LittleEndian.PutUint64(at[8*i:], v)
	}
	return xxhash.Sum64(b[:])
}

func hashReply(seq Seq, reply []byte) uint64 {
	var b [1 + 2*8]byte
	b[0] = hashedReply
	binary.LittleEndian.PutUint64(b[1:], uint64(seq))
	binary.LittleEndian.PutUint64(b[9:], xxhash.Sum64(reply))
	return xxhash.Sum64(b[:])
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
