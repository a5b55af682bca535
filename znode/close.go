package znode

// CloseOwner deletes all ephemeral nodes of owner, whose session is dead, in
// bytewise order of their paths and under txn's one zxid (rules S-6, S-7, M-7),
// and appends a Deleted change for each. It cannot fail: ephemeral nodes have no
// children, and no guard protects them from the end of their session.
func (t *Tree) CloseOwner(txn Txn, owner uint64, changes []Change) []Change {
	set := t.owners[owner]
	if set == nil {
		return changes
	}
	// A copy: unlink takes what it deletes out of the set.
	doomed := make([]*Node, 0, set.len())
	set.ascend("", func(p *place) bool {
		doomed = append(doomed, p.node)
		return true
	})
	for _, n := range doomed {
		changes = append(changes, t.unlink(txn.Zxid, n))
		t.keep()
	}
	return changes
}
