package znode

// step is the smallest change of a tree: one node is created (old is nil),
// deleted (new is nil) or replaced by its next version. Everything derived from
// the nodes is kept up to date in put and nowhere else, and a step is undone by
// putting its reverse: so a transaction that fails half-way leaves no trace.
type step struct {
	in  *place // the parent's place of a node created or deleted; nil for the root
	old *Node
	new *Node
}

// put takes a step.
func (t *Tree) put(s step) {
	n := s.new
	if n == nil {
		n = s.old
	}
	at := n.at
	i := shardOf(at.path)
	for _, snap := range t.snapshots {
		snap.save(i, at.path, s.old)
	}
	if s.new == nil {
		delete(t.shards[i], at.path)
	} else {
		t.shards[i][at.path] = s.new
		at.node = s.new
	}
	switch {
	case s.old == nil:
		t.enter(s.in, s.new)
	case s.new == nil:
		t.leave(s.in, s.old)
	}
	if n.extra != nil {
		t.deadlines.move(s.old, s.new)
	}
	if s.old != nil {
		t.digest -= s.old.hash
		t.dataBytes -= int64(len(s.old.data))
	}
	if s.new != nil {
		t.digest += s.new.hash
		t.dataBytes += int64(len(s.new.data))
	}
}

// enter lists a node that now exists.
func (t *Tree) enter(in *place, n *Node) {
	t.count++
	if in != nil {
		d := t.dirOf(in)
		d.children.insert(n.at)
		d.add(1)
	}
	t.list(n)
}

// list puts a node into the listings of the whole tree that its kind belongs to.
func (t *Tree) list(n *Node) {
	switch kind := n.Kind(); {
	case kind == Ephemeral:
		set := t.owners[n.extra.owner]
		if set == nil {
			set = &places{}
			t.owners[n.extra.owner] = set
		}
		set.insert(n.at)
	case kind.Expires():
		t.expiring++
	}
}

// leave takes a node that is no more out of the listings.
func (t *Tree) leave(in *place, n *Node) {
	t.count--
	in.dir.children.remove(n.at)
	in.dir.add(-1)
	switch kind := n.Kind(); {
	case kind == Ephemeral:
		set := t.owners[n.extra.owner]
		set.remove(n.at)
		if set.len() == 0 {
			delete(t.owners, n.extra.owner)
		}
	case kind.Expires():
		t.expiring--
	}
}

// dirOf returns the directory of p, made if p never had a child. As p is a child
// itself, or the root, its parent has one.
func (t *Tree) dirOf(p *place) *dir {
	if p.dir == nil {
		p.dir = &dir{up: t.Get(parentOf(p.path)).at.dir}
	}
	return p.dir
}

// do takes a step of the transaction in progress.
func (t *Tree) do(s step) {
	t.put(s)
	t.undo = append(t.undo, s)
}

// keep ends the transaction in progress: what it did stays.
func (t *Tree) keep() {
	clear(t.undo) // let go of the versions that were replaced
	t.undo = t.undo[:0]
	t.spent = budget{}
}

// rollBack ends the transaction in progress: what it did is undone, newest first.
func (t *Tree) rollBack() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		s := t.undo[i]
		t.put(step{in: s.in, old: s.new, new: s.old})
	}
	t.keep()
}

// link creates n below parent, whose current version that is.
func (t *Tree) link(zxid Zxid, parent, n *Node) Change {
	after := parent.withChild(zxid)
	t.do(step{in: parent.at, new: n})
	t.do(step{old: parent, new: after})
	return Change{Type: Created, Path: n.at.path, New: n, OldParent: parent, NewParent: after}
}

// unlink deletes n, which is current, has no children and is not the root.
func (t *Tree) unlink(zxid Zxid, n *Node) Change {
	parent := t.Get(parentOf(n.at.path))
	after := parent.withoutChild(zxid)
	t.do(step{in: parent.at, old: n})
	t.do(step{old: parent, new: after})
	return Change{Type: Deleted, Path: n.at.path, Old: n, OldParent: parent, NewParent: after}
}
