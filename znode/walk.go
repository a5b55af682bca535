package znode

import (
	"cmp"
	"strings"
)

// ComparePaths orders paths as [Tree.Walk] visits them: a node before its children,
// and siblings by the bytes of their names. That is bytewise order with "/" as the
// smallest byte: "/a", "/a/b", "/a-b". The paths need not be legal; "" comes first.
func ComparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// Walk visits root and all nodes below it in the order of [ComparePaths], from the
// first whose path is greater than after ("" for all), until visit returns false.
// The result is false, and nothing is visited, if root is absent. after need not
// exist, nor be below root; to get behind it costs one search per component.
//
// The nodes may be kept. visit must not change the tree.
func (t *Tree) Walk(root, after string, visit func(*Node) bool) bool {
	n := t.Get(root)
	if n == nil {
		return false
	}
	t.walkBehind(n.at, after, func(p *place) bool { return visit(p.node) })
	return true
}

// walkBehind visits p and what is below it, but only behind after. The result is
// false once visit has returned false.
func (t *Tree) walkBehind(p *place, after string, visit func(*place) bool) bool {
	if ComparePaths(after, p.path) < 0 {
		return p.walk(visit)
	}
	if p.dir == nil {
		return true
	}
	child := "" // whose tree after is in, or would be; "" if after is p itself
	if after != p.path {
		prefix := below(p.path)
		rest, inside := strings.CutPrefix(after, prefix)
		if !inside {
			return true // p, all below it, and then after
		}
		name, _, _ := strings.Cut(rest, "/")
		child = prefix + name
		if c := t.Get(child); name != "" && c != nil && !t.walkBehind(c.at, after, visit) {
			return false
		}
	}
	return p.walkChildren(child, visit)
}

// walk visits p and all below it. The result is false once visit has returned false.
func (p *place) walk(visit func(*place) bool) bool {
	return visit(p) && (p.dir == nil || p.walkChildren("", visit))
}

// walkChildren visits the children of p behind the one whose path is after, and
// all below them. p has a directory.
func (p *place) walkChildren(after string, visit func(*place) bool) bool {
	on := true
	p.dir.children.ascend(after, func(c *place) bool {
		on = c.walk(visit)
		return on
	})
	return on
}
