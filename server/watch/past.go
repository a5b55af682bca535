package watch

import (
	"slices"

	"github.com/coxswain-io/coxswain/znode"
)

// Past is the difference between a tree as it was and as it is: the nodes that have changed in between, as they were. It
// is true as long as the tree and the ring stay as they are, that is, under one hold of their lock.
type Past struct {
	nodes []pastNode // in the order of znode.ComparePaths
}

// pastNode is a node as it was.
type pastNode struct {
	path string
	node *znode.Node // nil if it was absent
}

// Past undoes what has happened behind asOf to the nodes at and below root, in tree, which is now at zxid now. It reports
// false if the ring does not reach back to asOf, or if asOf is still to come. The cost is that of looking at all changes in
// between.
func (r *Ring) Past(tree *znode.Tree, root string, asOf, now znode.Zxid) (*Past, bool) {
	if asOf < r.floor || asOf > now {
		return nil, false
	}
	// From the newest change back: what a change tells last of a node is what it was before all of them.
	was := map[string]*znode.Node{}
	listed := map[string]*listing{} // nodes whose children have changed, but not the nodes themselves since
	for p, first := r.end, r.behind(asOf); p != first; {
		p--
		e := r.at(p)
		c := e.change()
		if within(root, c.Path) {
			was[c.Path] = c.Old
			delete(listed, c.Path)
		}
		if c.Type == znode.DataChanged {
			continue
		}
		above := parent(c.Path)
		if !within(root, above) {
			continue
		}
		l := listed[above]
		if l == nil {
			l = &listing{}
			var known bool
			if l.later, known = was[above]; !known {
				l.later = tree.Get(above)
			}
			listed[above] = l
		}
		l.undo(c.Type, e.pzxid)
	}
	for path, l := range listed {
		was[path] = l.later.Before(l.created, l.deleted, l.pzxid)
	}
	past := &Past{nodes: make([]pastNode, 0, len(was))}
	for path, node := range was {
		past.nodes = append(past.nodes, pastNode{path, node})
	}
	slices.SortFunc(past.nodes, func(a, b pastNode) int { return znode.ComparePaths(a.path, b.path) })
	return past, true
}

// listing is what has happened to the list of a node's children.
type listing struct {
	later            *znode.Node // the node after all of it
	created, deleted int64
	pzxid            znode.Zxid // before all of it
}

func (l *listing) undo(t znode.ChangeType, pzxid znode.Zxid) {
	if t == znode.Created {
		l.created++
	} else {
		l.deleted++
	}
	l.pzxid = pzxid
}

// Walk visits the nodes at and below root as they were, each before its children and siblings in byte order of their
// names, from the first behind after ("" for all) until visit returns false. It reports false if root was absent. root
// is at or below that of p, and tree is the one that p was made for.
func (p *Past) Walk(tree *znode.Tree, root, after string, visit func(path string, n *znode.Node) bool) bool {
	if i, differs := p.find(root); differs && p.nodes[i].node == nil || !differs && tree.Get(root) == nil {
		return false
	}
	i, _ := p.find(root)
	if after != "" {
		var found bool
		if i, found = p.find(after); found {
			i++
		}
	}
	rest := p.nodes[i:]
	// next visits what was there before a path of today, which it then looks for itself.
	goOn := true
	next := func() {
		n := rest[0]
		rest = rest[1:]
		if n.node != nil && within(root, n.path) {
			goOn = visit(n.path, n.node)
		}
	}
	tree.Walk(root, after, func(n *znode.Node) bool {
		path := n.Path()
		for goOn && len(rest) > 0 {
			order := znode.ComparePaths(rest[0].path, path)
			if order > 0 {
				break
			}
			next()
			if order == 0 {
				return goOn
			}
		}
		if goOn {
			goOn = visit(path, n)
		}
		return goOn
	})
	for goOn && len(rest) > 0 {
		next()
	}
	return true
}

// find returns where path is in p.nodes or would be, and whether it is there.
func (p *Past) find(path string) (int, bool) {
	return slices.BinarySearchFunc(p.nodes, path, func(n pastNode, path string) int { return znode.ComparePaths(n.path, path) })
}

// within reports whether path is root or below it.
func within(root, path string) bool {
	return root == "/" || len(path) >= len(root) && path[:len(root)] == root && (len(path) == len(root) || path[len(root)] == '/')
}
