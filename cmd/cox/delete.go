package main

func deleteVerb() *verb {
	return &verb{
		name: "delete", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, group: "Nodes",
		summary: "delete a node that has no children",
		options: guards,
		details: `deleteall also deletes what is below.

  delete /app/config
  delete -v 3 /app/config`,
		run: runDelete,
	}
}

type deletedRecord struct {
	Path string `json:"path"`
}

func (*deletedRecord) text(*output) {}

func runDelete(c *call) error {
	guard, err := c.guard(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	if err := cl.Delete(c.ctx, c.args[0], guard...); err != nil {
		return err
	}
	return c.give(&deletedRecord{c.args[0]})
}
