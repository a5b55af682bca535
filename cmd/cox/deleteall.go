package main

import (
	"context"
	"errors"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

func deleteallVerb() *verb {
	return &verb{
		name: "deleteall", aliases: []string{"rmr"}, args: "PATH", argsMin: 1, argsMax: 1, paths: 1, long: true, group: "Nodes",
		summary: "delete a node and all below",
		options: withOptions([]option{
			{"b", "batch", "NUMBER", "in parts: how many deletes at a time, at most 1000 (default)"},
			{"", "atomic", "", "all at once or not at all: never in parts"},
		}, guards...),
		details: `It is one transaction: others see all of it or nothing. What has more nodes than a transaction may delete
goes in parts, those below first, and the answer says so: others see the tree shrink, what was deleted
before an interruption stays deleted, and nodes that are created meanwhile go too. --atomic, and any
condition (-v, --if-…), excludes that. The root itself cannot be deleted. In parts, --timeout bounds
each step, not the whole.

  deleteall /app
  deleteall --atomic /app`,
		run: runDeleteall,
	}
}

type deletedAllRecord struct {
	Path    string `json:"path"`
	Deleted int64  `json:"deleted"`
	Atomic  bool   `json:"atomic"`
}

func (r *deletedAllRecord) text(o *output) {
	if r.Atomic {
		o.printf("Deleted %s (%s)\n", r.Path, counted(r.Deleted, "node"))
	} else {
		o.printf("Deleted %s (%s; in parts: more than one transaction may delete)\n", r.Path, counted(r.Deleted, "node"))
	}
}

// deletion is a subtree on its way out in parts.
type deletion struct {
	call    *call
	client  *client.Client
	batch   int
	deleted int64
}

func runDeleteall(c *call) error {
	batch, err := c.number(c.verb, "batch", batchMax, batchDefault)
	if err != nil {
		return err
	}
	guard, err := c.guard(c.verb)
	if err != nil {
		return err
	}
	path := c.args[0]
	if path == "/" {
		return errors.New("the root cannot be deleted: name its children")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	d := deletion{call: c, client: cl, batch: min(batch, deletesMax)}
	n, err := d.tree(path, guard...)
	if err == nil {
		return c.give(&deletedAllRecord{path, n, true})
	}
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok || !errors.Is(err, client.ErrTooMany):
		return err
	case c.has("atomic") || len(guard) > 0:
		refused.Detail += "; without --atomic and conditions deleteall does so"
		return err
	}
	err = d.parts(path)
	if c.out.progress && d.deleted > 0 {
		c.out.complain("\r")
	}
	if err != nil {
		if d.deleted > 0 && !c.out.json {
			c.out.complain("%s deleted before the failure\n", counted(d.deleted, "node"))
		}
		return err
	}
	return c.give(&deletedAllRecord{path, d.deleted, false})
}

// tree deletes a node and all below it as one transaction.
func (d *deletion) tree(path string, guard ...client.WriteOption) (int64, error) {
	ctx, cancel := d.call.step()
	defer cancel()
	return d.client.DeleteTree(ctx, path, guard...)
}

// parts deletes what is below a node, and with it or then the node itself: as soon as the rest fits into one transaction it
// is one.
func (d *deletion) parts(path string) error {
	for {
		if err := d.below(path); err != nil {
			return err
		}
		n, err := d.tree(path)
		d.deleted += n
		if errors.Is(err, client.ErrNoNode) {
			return nil // somebody else did it
		}
		if !errors.Is(err, client.ErrTooMany) { // it may have got that many children again
			return err
		}
	}
}

// below deletes the children of a node that has too many nodes for one transaction. It always reads the first page, because
// what it has read it deletes.
func (d *deletion) below(path string) error {
	for {
		page, err := d.page(path)
		if errors.Is(err, client.ErrNoNode) || err == nil && len(page.Children) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		leaves := make([]string, 0, len(page.Children))
		for _, child := range page.Children {
			if child.Stat.NumChildren == 0 {
				leaves = append(leaves, childOf(path, child.Name))
				continue
			}
			if err := d.child(childOf(path, child.Name)); err != nil {
				return err
			}
		}
		if err := d.leaves(leaves); err != nil {
			return err
		}
		if d.call.out.progress {
			d.call.out.complain("\r%d deleted", d.deleted)
		}
	}
}

// child deletes a child that has children, at once if that can be.
func (d *deletion) child(path string) error {
	n, err := d.tree(path)
	d.deleted += n
	switch {
	case errors.Is(err, client.ErrNoNode): // somebody else did it
		return nil
	case errors.Is(err, client.ErrTooMany):
		return d.parts(path)
	}
	return err
}

// leaves deletes nodes without children, in one transaction; if one of them has gone or has got children, one by one. What has
// children now stays for the next page.
func (d *deletion) leaves(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	ctx, cancel := d.call.step()
	defer cancel()
	ops := make([]client.Op, len(paths))
	for i, path := range paths {
		ops[i] = client.DeleteOp(path)
	}
	_, err := d.client.Multi(ctx, ops...)
	switch {
	case err == nil:
		d.deleted += int64(len(paths))
		return nil
	case !errors.Is(err, client.ErrNoNode) && !errors.Is(err, client.ErrNotEmpty):
		return err
	}
	return d.singly(ctx, paths)
}

// singly deletes nodes in transactions of their own, all under way at a time.
func (d *deletion) singly(ctx context.Context, paths []string) error {
	errs := make([]error, len(paths))
	var deletes sync.WaitGroup
	for i, path := range paths {
		deletes.Go(func() { errs[i] = d.client.Delete(ctx, path) })
	}
	deletes.Wait()
	var failed error
	for _, err := range errs {
		switch {
		case err == nil:
			d.deleted++
		case errors.Is(err, client.ErrNoNode), errors.Is(err, client.ErrNotEmpty):
		case failed == nil:
			failed = err
		}
	}
	return failed
}

func (d *deletion) page(path string) (client.Page, error) {
	ctx, cancel := d.call.step()
	defer cancel()
	return d.client.ChildrenPage(ctx, path, "", d.batch, client.WithStats(), client.AtLevel(client.Linearizable))
}
