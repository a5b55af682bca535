package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// fillClients times fillCallers nodes are on their way to the servers at the same time.
	fillClients = 8
	fillCallers = 64

	// fillBytes is the data of a node.
	fillBytes = 100

	// branchNodes is how many nodes have the same parent.
	branchNodes = 1000
)

// grown is nodes of one size that a measurement has put into the tree.
type grown struct {
	path string
	took time.Duration // without their parents
}

// node is the path of the ith.
func (g grown) node(i int) string { return fmt.Sprintf("%s/node-%07d", g.branch(i), i) }

func (g grown) branch(i int) string { return fmt.Sprintf("%s/branch-%04d", g.path, i/branchNodes) }

// fill puts nodes into the tree, each by one call, through some clients with many callers. They stay.
func fill(ctx context.Context, t Target, o Options, nodes int) (grown, error) {
	f, err := gather(ctx, cmp.Or(o.Clients, fillClients), t.Dial)
	if err != nil {
		return grown{}, err
	}
	g, err := f.fill(ctx, o, 0, nodes)
	return g, errors.Join(err, f.close(ctx))
}

// fill puts the nodes [from, to) below the fleet's root. from is a multiple of branchNodes.
func (f *fleet) fill(ctx context.Context, o Options, from, to int) (grown, error) {
	g := grown{path: f.path}
	branches := (to - from + branchNodes - 1) / branchNodes
	if err := together(branches, atOnceMax, func(i int) error {
		return f.crowd[i%len(f.crowd)].Create(ctx, g.branch(from+i*branchNodes), nil)
	}); err != nil {
		return g, err
	}
	data := value(cmp.Or(o.Size, fillBytes))
	begun := time.Now()
	err := together(to-from, len(f.crowd)*cmp.Or(o.Callers, fillCallers), func(i int) error {
		return f.crowd[i%len(f.crowd)].Create(ctx, g.node(from+i), data)
	})
	g.took = time.Since(begun)
	return g, err
}
