package main

import (
	"errors"

	"github.com/coxswain-io/coxswain/client"
)

// visited is a node that a walk has come to.
type visited struct {
	path  string
	name  string
	depth int  // below the node where the walk began, whose own is 0
	last  bool // of its siblings
	stat  client.Stat
}

// walker goes through a subtree in pre-order, siblings in the order of their names, a page at a time: memory does not grow
// with the tree. It is no snapshot: nodes that come and go meanwhile may be visited or not.
type walker struct {
	call    *call
	client  *client.Client
	options []client.ReadOption
	visit   func(visited) error
}

// walk visits the node at root and everything below.
func (c *call) walk(root string, visit func(visited) error) error {
	options, err := c.level(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	w := walker{call: c, client: cl, options: append(options, client.WithStats()), visit: visit}
	return w.below(visited{path: root, name: root, last: true}, true)
}

// below visits the children of a node, and before them the node itself if it is the root of the walk: only then was it not
// in a page.
func (w *walker) below(parent visited, root bool) error {
	for after := ""; ; {
		page, err := w.page(parent.path, after)
		if errors.Is(err, client.ErrNoNode) && !root {
			return nil // deleted since its parent's page was read
		}
		if err != nil {
			return err
		}
		if root {
			parent.stat, root = page.Stat, false
			if err := w.visit(parent); err != nil {
				return err
			}
		}
		for i, child := range page.Children {
			v := visited{
				path: childOf(parent.path, child.Name), name: child.Name, depth: parent.depth + 1,
				last: i == len(page.Children)-1 && !page.More, stat: child.Stat,
			}
			if err := w.visit(v); err != nil {
				return err
			}
			if v.stat.NumChildren > 0 {
				if err := w.below(v, false); err != nil {
					return err
				}
			}
		}
		if !page.More || len(page.Children) == 0 {
			return nil
		}
		after = page.Children[len(page.Children)-1].Name
	}
}

func (w *walker) page(path, after string) (client.Page, error) {
	ctx, cancel := w.call.step()
	defer cancel()
	return w.client.ChildrenPage(ctx, path, after, pageLength, w.options...)
}
