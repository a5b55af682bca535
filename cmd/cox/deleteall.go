package main

import (
	"errors"
	"strconv"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

func deleteallVerb() *verb {
	return &verb{
		name: "deleteall", aliases: []string{"rmr"}, args: "PATH", argsMin: 1, argsMax: 1, path: true, long: true, group: "Nodes",
		summary: "delete a node and all below",
		options: []option{{"b", "batch", "NUMBER", "how many deletes are under way at a time (1000)"}},
		details: `Children go first, and so do nodes that are created meanwhile. It is not one transaction: others see the
tree shrink, and what was deleted before an interruption stays deleted. The root itself cannot be
deleted; --timeout bounds each step, not the whole.

  deleteall /app`,
		run: runDeleteall,
	}
}

type deletedAllRecord struct {
	Path    string `json:"path"`
	Deleted int64  `json:"deleted"`
}

func (r *deletedAllRecord) text(o *output) {
	o.printf("Deleted %s (%s)\n", r.Path, counted(r.Deleted, "node"))
}

// deletion is a subtree on its way out.
type deletion struct {
	call    *call
	client  *client.Client
	batch   int
	deleted int64
}

func runDeleteall(c *call) error {
	batch := batchDefault
	if text, ok := c.values["batch"]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > batchMax {
			return c.misuse("-b takes a number from 1 to %d, not %q", batchMax, escape(text))
		}
		batch = n
	}
	path := c.args[0]
	if path == "/" {
		return errors.New("the root cannot be deleted: name its children")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	d := deletion{call: c, client: cl, batch: batch}
	err = d.all(path)
	if c.out.progress && d.deleted >= pageLength {
		c.out.complain("\r")
	}
	if err != nil {
		if d.deleted > 0 && !c.out.json {
			c.out.complain("%s deleted before the failure\n", counted(d.deleted, "node"))
		}
		return err
	}
	return c.give(&deletedAllRecord{path, d.deleted})
}

// all deletes the node and what is below. A node that gets new children while it is emptied is emptied again.
func (d *deletion) all(path string) error {
	if _, err := d.page(path); err != nil {
		return err // there must be something to delete
	}
	for {
		if err := d.below(path); err != nil {
			return err
		}
		ctx, cancel := d.call.step()
		err := d.client.Delete(ctx, path)
		cancel()
		switch {
		case err == nil:
			d.deleted++
			return nil
		case errors.Is(err, client.ErrNoNode): // somebody else did it
			return nil
		case !errors.Is(err, client.ErrNotEmpty):
			return err
		}
	}
}

// below deletes everything below path. It always reads the first page, because what it has read it deletes.
func (d *deletion) below(path string) error {
	for {
		page, err := d.page(path)
		if errors.Is(err, client.ErrNoNode) || err == nil && len(page.Children) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		for _, child := range page.Children {
			if child.Stat.NumChildren > 0 {
				if err := d.below(childOf(path, child.Name)); err != nil {
					return err
				}
			}
		}
		if err := d.leaves(path, page.Children); err != nil {
			return err
		}
	}
}

// leaves deletes children, all at a time. One that has got children of its own meanwhile stays for the next page.
func (d *deletion) leaves(parent string, children []client.Child) error {
	errs := make([]error, len(children))
	ctx, cancel := d.call.step()
	defer cancel()
	var deletes sync.WaitGroup
	for i, child := range children {
		deletes.Go(func() { errs[i] = d.client.Delete(ctx, childOf(parent, child.Name)) })
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
	if d.call.out.progress && d.deleted >= pageLength {
		d.call.out.complain("\r%d deleted", d.deleted)
	}
	return failed
}

func (d *deletion) page(path string) (client.Page, error) {
	ctx, cancel := d.call.step()
	defer cancel()
	return d.client.ChildrenPage(ctx, path, "", d.batch, client.WithStats(), client.AtLevel(client.Linearizable))
}
