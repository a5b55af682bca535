package znode

// Record is the exact content of a node, for snapshots and backups: a tree made
// of the same records has the same digest and behaves the same.
//
// There is no access control list yet, every node is open; Aversion is kept so
// that nodes written today keep their number when lists come. The list itself
// will be one more field, at the end.
type Record struct {
	Path        string
	Data        []byte // shared with the node, read-only
	Czxid       Zxid
	Mzxid       Zxid
	Pzxid       Zxid
	CtimeMS     int64
	MtimeMS     int64
	TouchMS     int64 // Container, TTL: cluster clock of the create or last set; else 0
	Version     int64
	Created     int64 // children ever created (C of rule S-1)
	Aversion    int64
	Owner       uint64 // Ephemeral: the session; else 0
	Kind        Kind
	TTLMS       int64 // TTL: the lifetime; else 0
	NumChildren int64 // children now; the loader checks it
}

// Record returns the content of n. It may be called without a lock.
func (n *Node) Record() Record {
	x := n.rare()
	return Record{
		Path:        n.at.path,
		Data:        n.data,
		Czxid:       n.czxid,
		Mzxid:       n.mzxid,
		Pzxid:       n.pzxid,
		CtimeMS:     n.ctimeMS,
		MtimeMS:     n.mtimeMS,
		TouchMS:     x.touchMS,
		Version:     n.version,
		Created:     n.created,
		Aversion:    x.aversion,
		Owner:       x.owner,
		Kind:        x.kind,
		TTLMS:       x.ttlMS,
		NumChildren: n.children,
	}
}

// nodeOf is the reverse of Node.Record.
func nodeOf(r *Record) *Node {
	n := &Node{
		at:       &place{path: r.Path},
		data:     owned(r.Data),
		czxid:    r.Czxid,
		mzxid:    r.Mzxid,
		pzxid:    r.Pzxid,
		ctimeMS:  r.CtimeMS,
		mtimeMS:  r.MtimeMS,
		version:  r.Version,
		created:  r.Created,
		children: r.NumChildren,
	}
	x := extra{owner: r.Owner, ttlMS: r.TTLMS, touchMS: r.TouchMS, aversion: r.Aversion, kind: r.Kind}
	if x != ordinary {
		n.extra = &x
	}
	n.hash = n.contentHash() + n.metaHash()
	return n
}

// fault returns what is wrong with r by itself, as a clause for humans, "" if
// nothing is. No sequence of transactions leads to a node that it refuses.
func (r *Record) fault() string {
	switch {
	case len(r.Data) > MaxDataBytes:
		return "its data exceed the limit"
	case !r.Kind.Valid():
		return "its kind is unknown"
	case (r.Kind == Ephemeral) != (r.Owner != 0):
		return "ephemeral nodes have an owner, others have none"
	case r.Kind == TTL && (r.TTLMS < 1 || r.TTLMS > MaxTTLMS):
		return "its ttl is out of range"
	case r.Kind != TTL && r.TTLMS != 0:
		return "only ttl nodes have a ttl"
	case !r.Kind.Expires() && r.TouchMS != 0:
		return "only nodes that expire have a touch time"
	case r.Version < 0 || r.Aversion < 0 || max(r.Version, r.Aversion, r.Created) > maxCounter:
		return "a counter is out of range"
	case r.NumChildren < 0 || r.NumChildren > r.Created:
		return "it has more children than were created, or fewer than none"
	case r.Kind == Ephemeral && r.Created > 0:
		return "ephemeral nodes never have children"
	case r.Mzxid < r.Czxid || r.Pzxid < r.Czxid:
		return "it was changed before it was created"
	case r.Path == "/" && r.Kind != Persistent:
		return "the root is persistent"
	}
	return ""
}
