package main

func historyVerb() *verb {
	return &verb{
		name: "history", where: atPrompt, group: "Session",
		summary: "print the last commands with their numbers",
		details: `Numbers count from the start of this shell; redo takes them. The arrow keys and Ctrl-R also find what was
typed in earlier ones. A line that begins with a space is not kept.

  history`,
		run: runHistory,
	}
}

type historyRecord struct {
	Commands []historyEntry `json:"commands"`
}

type historyEntry struct {
	Number  int    `json:"number"`
	Command string `json:"command"`
}

func (r *historyRecord) text(o *output) {
	for _, e := range r.Commands {
		o.printf("%d - %s\n", e.Number, e.Command)
	}
}

func runHistory(c *call) error {
	r := &historyRecord{Commands: []historyEntry{}}
	commands := c.shell.history.commands
	for i := max(0, len(commands)-historyShown); i < len(commands); i++ {
		r.Commands = append(r.Commands, historyEntry{i + 1, commands[i]})
	}
	return c.give(r)
}
