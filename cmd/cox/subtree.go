package main

import "github.com/coxswain-io/coxswain/client"

// subtree visits a node and all below it, all as of one transaction, which it returns: a node before its children, siblings in
// the order of their names. It reads page by page, so that memory does not grow with the tree, and flushes what visit has
// printed of each page.
func (c *call) subtree(root string, visit func(client.Entry) error, with ...client.ReadOption) (client.Zxid, error) {
	options, err := c.level(c.verb)
	if err != nil {
		return 0, err
	}
	cl, err := c.client()
	if err != nil {
		return 0, err
	}
	options = append(options, with...)
	for after := ""; ; {
		page, err := c.subtreePage(cl, root, after, options)
		if err != nil {
			_ = c.out.stdout.Flush() // what was printed so far; err counts
			return 0, err
		}
		if after == "" {
			c.shell.drain() // the later pages show nothing newer
		}
		for _, entry := range page.Entries {
			if err := visit(entry); err != nil {
				return 0, err
			}
			after = entry.Path
		}
		if err := c.out.stdout.Flush(); err != nil || !page.More {
			return page.Zxid, err
		}
		// The server at hand has what the first page showed, so there is nothing to ask the others for.
		options = append([]client.ReadOption{client.AsOf(page.Zxid), client.AtLevel(client.Session)}, with...)
	}
}

func (c *call) subtreePage(cl *client.Client, root, after string, options []client.ReadOption) (client.ListPage, error) {
	ctx, cancel := c.step()
	defer cancel()
	return cl.ListPage(ctx, root, after, 0, options...)
}
