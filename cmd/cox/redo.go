package main

import "strconv"

func redoVerb() *verb {
	return &verb{
		name: "redo", args: "NUMBER", argsMin: 1, argsMax: 1, where: atPrompt, long: true, group: "Session",
		summary: "carry out a command of the history again",
		details: `  redo 3`,
		run:     runRedo,
	}
}

func runRedo(c *call) error {
	commands := c.shell.history.commands
	n, err := strconv.Atoi(c.args[0])
	if err != nil || n < 1 || n > len(commands) {
		return c.misuse("redo takes the number of a command in the history, not %q", escape(c.args[0]))
	}
	line := commands[n-1]
	words, err := splitWords(line)
	if err != nil {
		return &usageError{text: err.Error()}
	}
	if words[0].text == c.verb.name {
		return c.misuse("command %d is a redo itself", n)
	}
	c.out.printf("%s\n", line)
	return c.shell.execute(c.ctx, words)
}
