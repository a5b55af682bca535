package main

func closeVerb() *verb {
	return &verb{
		name: "close", where: inSession, group: "Session",
		summary: "close the session; connect opens another",
		details: `Its ephemeral nodes are gone when the command returns. Commands that need a session are refused until
connect.

  close`,
		run: runClose,
	}
}

type closedRecord struct {
	Closed bool `json:"closed"`
}

func (*closedRecord) text(*output) {}

func runClose(c *call) error {
	if err := c.shell.end(); err != nil {
		return err
	}
	c.shell.closed = true
	return c.give(&closedRecord{true})
}
