package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// picture is everything that a state says about itself, taken out of it so that one statement can be checked against the
// others, slowly and without the code that maintains them.
type picture struct {
	zxid       znode.Zxid
	clock      session.Clock
	nodes      map[string]pictured
	count      int64 // of nodes, the root not counted
	dataBytes  int64
	ephemerals map[uint64][]string // by owner, of all sessions
	expiring   map[string]bool     // what will be due at the end of time
	sessions   []session.Info
	attached   map[session.Server][]session.ID
	records    map[session.ID]session.Record
}

// pictured is a node.
type pictured struct {
	stat        znode.Stat
	created     int64
	dataLength  int
	children    []string
	descendants int64
}

func pictureOf(s *State) *picture {
	tree, table := s.Tree(), s.Sessions()
	p := &picture{
		zxid: s.Zxid(), clock: table.Clock(), nodes: map[string]pictured{}, count: tree.Len(), dataBytes: tree.DataBytes(),
		ephemerals: map[uint64][]string{}, expiring: map[string]bool{}, attached: map[session.Server][]session.ID{},
		records: map[session.ID]session.Record{},
	}
	snapshot := tree.Snapshot()
	defer snapshot.Close()
	for i := range snapshot.Shards() {
		for _, n := range snapshot.Shard(i) {
			one := pictured{stat: n.Stat(), created: n.Created(), dataLength: len(n.Data())}
			one.descendants, _ = tree.Descendants(n.Path())
			tree.Children(n.Path(), "", func(name string, _ *znode.Node) bool {
				one.children = append(one.children, name)
				return true
			})
			p.nodes[n.Path()] = one
		}
	}
	for _, e := range tree.Expired(1<<63-1, len(p.nodes)) {
		p.expiring[e.Path] = true
	}
	_, servers, records, _ := table.Snapshot()
	for _, r := range records {
		p.records[r.ID] = r
		tree.Ephemerals(uint64(r.ID), "/", "", func(path string) bool {
			p.ephemerals[uint64(r.ID)] = append(p.ephemerals[uint64(r.ID)], path)
			return true
		})
	}
	for _, server := range servers {
		table.AttachedTo(server.Server, server.Boot, func(i session.Info) {
			p.attached[server.Server] = append(p.attached[server.Server], i.ID)
		})
	}
	table.Each(0, func(i session.Info) bool {
		p.sessions = append(p.sessions, i)
		return true
	})
	return p
}

// check returns the first thing that is not true (property P14, and what is said of sessions).
func (p *picture) check() error {
	if err := p.checkNodes(); err != nil {
		return err
	}
	return p.checkSessions()
}

func (p *picture) checkNodes() error {
	children, below := map[string][]string{}, map[string]int64{}
	ephemerals := map[uint64][]string{}
	bytes := int64(0)
	for _, path := range slices.Sorted(maps.Keys(p.nodes)) {
		n := p.nodes[path]
		bytes += int64(n.dataLength)
		if n.stat.Kind == znode.Ephemeral {
			ephemerals[n.stat.Owner] = append(ephemerals[n.stat.Owner], path)
		}
		if err := znode.ValidatePath(path); err != nil {
			return err
		}
		if path == "/" {
			continue
		}
		slash := strings.LastIndexByte(path, '/')
		parent := path[:max(1, slash)]
		children[parent] = append(children[parent], path[slash+1:])
		for up := parent; ; up = up[:max(1, strings.LastIndexByte(up, '/'))] {
			below[up]++
			if up == "/" {
				break
			}
		}
	}
	if _, ok := p.nodes["/"]; !ok || p.count != int64(len(p.nodes)-1) || p.dataBytes != bytes {
		return fmt.Errorf("%d nodes with %d bytes, said are %d with %d, root: %v", len(p.nodes)-1, bytes, p.count, p.dataBytes, ok)
	}
	for path, n := range p.nodes {
		if err := p.checkNode(path, n, children[path], below[path]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for parent := range children {
		if _, ok := p.nodes[parent]; !ok {
			return fmt.Errorf("%s: it has children and is not there", parent)
		}
	}
	for owner, paths := range ephemerals {
		if !slices.Equal(paths, slices.Sorted(slices.Values(p.ephemerals[owner]))) {
			return fmt.Errorf("session %d has the ephemeral nodes %v, said are %v", owner, paths, p.ephemerals[owner])
		}
	}
	for owner, paths := range p.ephemerals {
		if len(ephemerals[owner]) != len(paths) {
			return fmt.Errorf("session %d is said to have the ephemeral nodes %v", owner, paths)
		}
	}
	return nil
}

func (p *picture) checkNode(path string, n pictured, children []string, below int64) error {
	s := n.stat
	slices.Sort(children)
	_, owned := p.records[session.ID(s.Owner)]
	switch {
	case !slices.Equal(n.children, children):
		return fmt.Errorf("the children are %v, listed are %v", children, n.children)
	case s.NumChildren != int64(len(children)) || n.descendants != below:
		return fmt.Errorf("%d children and %d descendants, said are %d and %d", len(children), below, s.NumChildren, n.descendants)
	case s.DataLength != int64(n.dataLength):
		return fmt.Errorf("%d bytes of data, said are %d", n.dataLength, s.DataLength)
	case n.created < s.NumChildren || s.Cversion != 2*n.created-s.NumChildren:
		return fmt.Errorf("%d children were created, %d are there, cversion %d", n.created, s.NumChildren, s.Cversion)
	case s.Czxid > s.Mzxid || s.Czxid > s.Pzxid || max(s.Mzxid, s.Pzxid) > p.zxid:
		return fmt.Errorf("czxid %v, mzxid %v, pzxid %v, the newest transaction is %v", s.Czxid, s.Mzxid, s.Pzxid, p.zxid)
	case s.Version < 0 || s.Version == 0 && s.Mzxid != s.Czxid || s.Version > 0 && s.Mzxid == s.Czxid && s.MtimeMS != s.CtimeMS:
		return fmt.Errorf("version %d, czxid %v, mzxid %v", s.Version, s.Czxid, s.Mzxid)
	case (s.Kind == znode.Ephemeral) != (s.Owner != 0) || s.Owner != 0 && (!owned || len(children) > 0):
		return fmt.Errorf("%v, of session %d, which is there: %v, with %d children", s.Kind, s.Owner, owned, len(children))
	case (s.Kind == znode.TTL) != (s.TTLMS > 0):
		return fmt.Errorf("%v with a TTL of %d ms", s.Kind, s.TTLMS)
	case p.expiring[path] != (s.Kind == znode.TTL && len(children) == 0 || s.Kind == znode.Container && len(children) == 0):
		return fmt.Errorf("%v with %d children is due at the end of time: %v", s.Kind, len(children), p.expiring[path])
	}
	for _, name := range children {
		child := p.nodes[strings.TrimSuffix(path, "/")+"/"+name].stat
		if child.Czxid > s.Pzxid {
			return fmt.Errorf("child %s was created by %v, pzxid is %v", name, child.Czxid, s.Pzxid)
		}
	}
	return nil
}

func (p *picture) checkSessions() error {
	attached := map[session.Server][]session.ID{}
	last := session.ID(0)
	if len(p.sessions) != len(p.records) {
		return fmt.Errorf("%d sessions, a snapshot has %d", len(p.sessions), len(p.records))
	}
	for _, i := range p.sessions {
		r, bytes := p.records[i.ID], 0
		for _, reply := range r.Replies {
			bytes += len(reply)
		}
		switch {
		case i.ID <= last || uint64(i.ID) > uint64(p.zxid):
			return fmt.Errorf("session %d follows session %d, the newest transaction is %v", i.ID, last, p.zxid)
		case i.Acked > i.Last || i.Replies != int(i.Last-i.Acked) || i.Replies != len(r.Replies) || i.ReplyBytes != bytes:
			return fmt.Errorf("session %d: writes up to %d, acknowledged to %d; %d replies of %d bytes, said are %d of %d",
				i.ID, i.Last, i.Acked, len(r.Replies), bytes, i.Replies, i.ReplyBytes)
		case i.Attached != (i.Deadline == 0) || !i.Attached && i.Deadline <= p.clock-session.MaxStepMS:
			return fmt.Errorf("session %d: attached %v, deadline %d, the clock is %d", i.ID, i.Attached, i.Deadline, p.clock)
		}
		last = i.ID
		if i.Attached {
			attached[i.Server] = append(attached[i.Server], i.ID)
		}
	}
	if !maps.EqualFunc(attached, p.attached, slices.Equal) {
		return fmt.Errorf("attached to servers are %v, listed are %v", attached, p.attached)
	}
	return nil
}

// TestPictureNotices: the check finds each statement of a state that is not true.
func TestPictureNotices(t *testing.T) {
	tr, s := newTraffic(9), New()
	for range 600 {
		entry, _ := tr.next(s)
		applyAll(s, entry)
	}
	if err := pictureOf(s).check(); err != nil {
		t.Fatalf("a state that is as it should be: %v", err)
	}
	// node changes the first node, in order, for which suits is true.
	node := func(suits func(pictured) bool, change func(*pictured)) func(*picture) {
		return func(p *picture) {
			for _, path := range slices.Sorted(maps.Keys(p.nodes)) {
				if n := p.nodes[path]; path != "/" && suits(n) {
					change(&n)
					p.nodes[path] = n
					return
				}
			}
			t.Error("no node suits")
		}
	}
	any := func(pictured) bool { return true }
	ephemeral := func(n pictured) bool { return n.stat.Kind == znode.Ephemeral }
	parent := func(n pictured) bool { return len(n.children) > 0 }
	faults := map[string]func(*picture){
		"numChildren":         node(parent, func(n *pictured) { n.stat.NumChildren++; n.stat.Cversion--; n.created++ }),
		"a child not listed":  node(parent, func(n *pictured) { n.children = n.children[1:] }),
		"descendants":         node(parent, func(n *pictured) { n.descendants-- }),
		"cversion":            node(any, func(n *pictured) { n.stat.Cversion++ }),
		"created":             node(parent, func(n *pictured) { n.created = 0 }),
		"dataLength":          node(any, func(n *pictured) { n.stat.DataLength++ }),
		"data bytes":          func(p *picture) { p.dataBytes++ },
		"count":               func(p *picture) { p.count-- },
		"czxid":               node(any, func(n *pictured) { n.stat.Czxid = n.stat.Mzxid + 1 }),
		"mzxid of the future": node(any, func(n *pictured) { n.stat.Mzxid = s.Zxid() + 1 }),
		"pzxid":               node(parent, func(n *pictured) { n.stat.Pzxid = n.stat.Czxid - 1 }),
		"version":             node(func(n pictured) bool { return n.stat.Version == 0 }, func(n *pictured) { n.stat.Version = -1 }),
		"a set not counted": node(func(n pictured) bool { return n.stat.Mzxid > n.stat.Czxid },
			func(n *pictured) { n.stat.Version = 0 }),
		"an owner who is gone":   node(ephemeral, func(n *pictured) { n.stat.Owner = uint64(s.Zxid()) + 5 }),
		"an ephemeral of nobody": node(ephemeral, func(n *pictured) { n.stat.Owner = 0 }),
		"a TTL":                  node(any, func(n *pictured) { n.stat.TTLMS ^= 1 << 20; n.stat.Kind = znode.Persistent }),
		"a child of nobody": func(p *picture) {
			p.nodes["/nobody/child"] = pictured{}
			p.count++
		},
		"an ephemeral that is gone is listed":        func(p *picture) { p.ephemerals[uint64(p.sessions[0].ID)] = []string{"/gone"} },
		"the ephemerals of a session are not listed": func(p *picture) { clear(p.ephemerals) },
		"nothing will ever be due":                   func(p *picture) { clear(p.expiring) },
		"a session not listed":                       func(p *picture) { p.sessions = p.sessions[1:] },
		"a session listed twice":                     func(p *picture) { p.sessions[1] = p.sessions[0] },
		"a session of the future":                    func(p *picture) { p.zxid = 1 },
		"a reply lost":                               func(p *picture) { p.sessions[0].Replies++ },
		"bytes of replies":                           func(p *picture) { p.sessions[0].ReplyBytes++ },
		"acknowledged what is to come":               func(p *picture) { p.sessions[0].Acked = p.sessions[0].Last + 1 },
		"a deadline while attached":                  func(p *picture) { p.sessions[0].Attached = p.sessions[0].Deadline != 0 },
		"attached to a server that knows nothing":    func(p *picture) { clear(p.attached) },
	}
	for name, plant := range faults {
		p := pictureOf(s)
		plant(p)
		if err := p.check(); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}
