package main

func getEphemeralsVerb() *verb {
	return &verb{
		name: "getEphemerals", args: "[PREFIX]", argsMax: 1, paths: 1, group: "Trees",
		summary: "list the ephemeral nodes of this session, at or below PREFIX",
		options: freshness,
		details: `A single command has a session of its own, and so none: this is for the shell and for scripts.

  getEphemerals
  getEphemerals /app`,
		run: runGetEphemerals,
	}
}

type ephemeralsRecord struct {
	Prefix     string   `json:"prefix"`
	Ephemerals []string `json:"ephemerals"`
}

func (r *ephemeralsRecord) text(o *output) { o.list(r.Ephemerals) }

func runGetEphemerals(c *call) error {
	options, err := c.level(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	prefix := c.arg(0)
	if prefix == "" {
		prefix = "/"
	}
	paths, err := cl.Ephemerals(c.ctx, prefix, options...)
	if err != nil {
		return err
	}
	return c.give(&ephemeralsRecord{prefix, append([]string{}, paths...)})
}
