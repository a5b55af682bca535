package main

func quitVerb() *verb {
	return &verb{
		name: "quit", aliases: []string{"exit"}, where: inSession, group: "Session",
		summary: "close the session and leave; Ctrl-D does the same",
		details: `  quit`,
		run: func(c *call) error {
			c.shell.leaving = true
			return nil
		},
	}
}
