package client

// position is how far the events of a persistent watch have come. A server tells them in the order of the transactions, and
// one transaction may have several; so an event of transaction z proves only that everything below z has come. A resumed watch
// is told again what is not complete, and skips what it has had of it, by counting: all servers tell the events of a
// transaction in the same order.
type position struct {
	known    bool // false: it begins when the service sets the watch
	complete Zxid // every event up to it has come
	newest   Zxid // the transaction of the newest event; complete >= newest-1
	count    int  // how many events of newest have come
	skip     int  // how many of them are still to be told again
}

// reached notes that every event up to z has come.
func (p *position) reached(z Zxid) { p.known, p.complete = true, max(p.complete, z) }

// resume gets ready for everything behind complete to be told again.
func (p *position) resume() {
	p.skip = 0
	if p.newest > p.complete {
		p.skip = p.count
	}
}

// accepts notes an event of transaction z, and reports whether it is new.
func (p *position) accepts(z Zxid) bool {
	switch {
	case z <= p.complete:
		return false
	case z != p.newest:
		p.newest, p.count, p.skip = z, 0, 0
	case p.skip > 0:
		p.skip--
		return false
	}
	p.count++
	p.reached(z - 1)
	return true
}

// missed notes that the events behind from and up to z will not come, and returns behind what exactly something is missing; ok
// is false if nothing is. The transaction z is complete then: what would still come of it belongs to what is missing.
func (p *position) missed(from, z Zxid) (exactly Zxid, ok bool) {
	if z <= p.complete {
		return 0, false
	}
	from = max(from, p.complete)
	p.newest, p.count, p.skip = z, 0, 0
	p.reached(z)
	return from, true
}

// before returns what is complete before an event.
func before(e *Event) Zxid {
	switch {
	case e.Type == EventGap:
		return e.From
	case e.Zxid == 0:
		return 0
	default:
		return e.Zxid - 1
	}
}
