package main

func syncVerb() *verb {
	return &verb{
		name: "sync", args: "[PATH]", argsMax: 1, paths: 1, group: "Transactions and order",
		summary: "wait until the server at hand knows every acknowledged write",
		details: `Only reads with --level session need it: the others do this by themselves. A PATH is accepted, as in
zkCli, and means nothing.

  sync
  get --level session /app`,
		run: runSync,
	}
}

type syncRecord struct {
	Synced bool `json:"synced"`
}

func (*syncRecord) text(o *output) { o.printf("Sync is OK\n") }

func runSync(c *call) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	if err := cl.Sync(c.ctx); err != nil {
		return err
	}
	return c.give(&syncRecord{true})
}
