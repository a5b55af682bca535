package session

// replies is the queue of a session's unacknowledged replies, oldest first.
type replies struct {
	ring  []kept // a power of two long, or nil
	head  int    // slot of the oldest
	count int
	bytes int    // sum of their lengths
	sum   uint64 // sum of their hashes
}

type kept struct {
	reply []byte
	hash  uint64
}

// full reports whether no further write may be admitted. One more reply than this is never kept, so bytes stays below
// WindowBytes and one reply.
func (r *replies) full() bool { return r.count >= Window || r.bytes >= WindowBytes }

// at is the i-th oldest, 0 <= i < count.
func (r *replies) at(i int) []byte { return r.ring[(r.head+i)&(len(r.ring)-1)].reply }

// all returns them, oldest first, in a slice of their number; nil if there are none.
func (r *replies) all() [][]byte {
	if r.count == 0 {
		return nil
	}
	all := make([][]byte, r.count)
	for i := range all {
		all[i] = r.at(i)
	}
	return all
}

func (r *replies) add(seq Seq, reply []byte) {
	if r.count == len(r.ring) {
		r.grow()
	}
	k := kept{reply: reply, hash: hashReply(seq, reply)}
	r.ring[(r.head+r.count)&(len(r.ring)-1)] = k
	r.count++
	r.bytes += len(reply)
	r.sum += k.hash
}

func (r *replies) dropOldest() {
	k := &r.ring[r.head]
	r.bytes -= len(k.reply)
	r.sum -= k.hash
	*k = kept{}
	r.head = (r.head + 1) & (len(r.ring) - 1)
	r.count--
	if r.count == 0 && len(r.ring) > ringKeep {
		r.ring, r.head = nil, 0
	}
}

func (r *replies) grow() {
	ring := make([]kept, max(4, 2*len(r.ring)))
	n := copy(ring, r.ring[r.head:])
	copy(ring[n:], r.ring[:r.head])
	r.ring, r.head = ring, 0
}
