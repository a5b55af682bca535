package session

import "slices"

// Advanced is what an Advance brought about.
type Advanced struct {
	Applied     bool     // false: it was measured from another value of the clock, and nothing happened
	LeasesEnded []Server // ascending; their sessions were detached
	Expired     []ID     // removed from the table, by (deadline, id), at most ExpirePerAdvance of them
}

// Advance moves the cluster clock: the clock rule. It applies iff from is the clock's value and to is later; a step above
// [MaxStepMS] counts as MaxStepMS. to-from is what the proposer measured on its monotonic clock since it applied the value
// from; counting less is always safe. Leases that end by the new time detach the sessions of their servers, and detached
// sessions whose deadline has come are removed. Graves older than GraveKeepMS are forgotten.
func (t *Table) Advance(from, to Clock) Advanced {
	if from != t.clock || to <= from || from >= ClockMax {
		return Advanced{}
	}
	t.clock = from + min(to-from, MaxStepMS)
	a := Advanced{Applied: true}
	for {
		h, ok := t.leases.Min()
		if !ok || h.leaseEnd > t.clock {
			break
		}
		t.endLease(h)
		t.detachAll(h)
		a.LeasesEnded = append(a.LeasesEnded, h.server)
	}
	slices.Sort(a.LeasesEnded)
	for len(a.Expired) < ExpirePerAdvance {
		e, ok := t.deadlines.Min()
		if !ok || e.deadline > t.clock {
			break
		}
		t.remove(e)
		t.bury(e)
		a.Expired = append(a.Expired, e.id)
	}
	t.forget()
	return a
}

// Beat renews the lease of a server.
type Beat struct {
	Server  Server
	Boot    Boot
	Number  uint64 // the server's own count of its Beats in this boot, from 1
	LowDisk bool   // the server is short of disk space
}

// Beat renews the lease of b.Server until LeaseMS and MaxStepMS from now and reports whether it did. A Beat of an older
// boot, or one that is not newer than the last of its boot, has no effect. The first Beat of a higher boot tells that the
// older process is dead: its sessions are detached.
func (t *Table) Beat(b Beat) bool {
	h := t.servers[b.Server]
	switch {
	case b.Number == 0:
		return false
	case h == nil:
		if len(t.servers) >= ServersMax {
			return false
		}
		h = newReplica(b.Server)
		h.boot = b.Boot
		t.servers[b.Server] = h
	case b.Boot < h.boot, b.Boot == h.boot && b.Number <= h.beats:
		return false
	case b.Boot > h.boot:
		t.detachAll(h)
		h.boot, h.opens = b.Boot, 0
	}
	if h.live {
		t.endLease(h)
	}
	h.beats, h.lowDisk = b.Number, b.LowDisk
	h.live, h.leaseEnd = true, t.clock+LeaseMS+t.slack
	t.leases.Set(h)
	if h.lowDisk {
		t.lowDisk++
	}
	t.sealReplica(h)
	return true
}

// endLease takes a live lease away, also in order to give a newer one.
func (t *Table) endLease(h *replica) {
	t.leases.Delete(h)
	if h.lowDisk {
		t.lowDisk--
	}
	h.live, h.leaseEnd, h.lowDisk = false, 0, false
	t.sealReplica(h)
}

// detachAll gives each session of a server its deadline.
func (t *Table) detachAll(h *replica) {
	h.attached.Scan(func(e *entry) bool {
		e.attached = false
		e.deadline = t.clock + Clock(e.timeoutMS) + t.slack
		t.deadlines.Set(e)
		t.seal(e)
		return true
	})
	h.attached.Clear()
}
