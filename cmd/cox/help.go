package main

import (
	"fmt"
	"strings"
)

func helpVerb() *verb {
	return &verb{
		name: "help", aliases: []string{"?"}, args: "[COMMAND]", argsMax: 1, group: "Help",
		summary: "list the commands, or explain one",
		details: `  help
  help create`,
		run: runHelp,
	}
}

type helpRecord struct {
	Help string `json:"help"`
}

func (r *helpRecord) text(o *output) { _, _ = o.stdout.WriteString(r.Help) } // our own text; Flush returns its error

func runHelp(c *call) error {
	if len(c.args) == 0 {
		return c.give(&helpRecord{overview(c.shell.verbs)})
	}
	v, err := c.shell.find(c.args[0])
	if err != nil {
		return err
	}
	return c.give(&helpRecord{v.explain()})
}

// overview is what cox help prints.
func overview(verbs []*verb) string {
	var b strings.Builder
	b.WriteString(`cox is the shell of coxswain: it creates, reads, watches and deletes the nodes of a tree that several
servers keep together.

  cox [OPTIONS] COMMAND …    carry out one command
  cox [OPTIONS]              the interactive shell on a terminal, else a script from standard input

Options, before the command:
  -s, --servers HOST:PORT,…  servers of one cluster (COXSWAIN_SERVERS; default 127.0.0.1:7181)
      --json                 JSON instead of text, one object to a line
      --timeout DURATION     how long a command may take (default 5s)
      --keep-going           a script goes on after a command that failed
      --version              print the version

`)
	width := 0
	for _, v := range verbs {
		width = max(width, len(v.name))
	}
	group := ""
	for _, v := range verbs {
		if v.group != group {
			group = v.group
			fmt.Fprintf(&b, "%s:\n", group)
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, v.name, v.summary)
	}
	b.WriteString(`
cox help COMMAND explains one: its options, and examples. Options stand before or after arguments. In the
shell and in scripts "…" and '…' quote, with \n, \t, \", \\, \xNN and \uNNNN in both; in scripts # begins a
comment line, and the first command that fails ends the script.

Start:
  coxswain serve             a server, keeping its data in ./coxswain-data
  cox create /app hello
  cox get /app
  cox ls /

Exit status: 0 done, 1 refused or failed, 2 wrong usage, 128 and its number if a signal has interrupted it.
`)
	return b.String()
}

// explain is what cox help COMMAND prints.
func (v *verb) explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n  %s\n", v.name, v.summary, v.usage())
	if len(v.aliases) > 0 {
		fmt.Fprintf(&b, "  also: %s\n", strings.Join(v.aliases, ", "))
	}
	b.WriteString("\nOptions:\n")
	for _, o := range append(v.options[:len(v.options):len(v.options)], everywhere...) {
		name := "    --" + o.long
		if o.short != "" {
			name = "-" + o.short + ", --" + o.long
		}
		if o.value != "" {
			name += " " + o.value
		}
		fmt.Fprintf(&b, "  %-24s  %s\n", name, o.help)
	}
	fmt.Fprintf(&b, "\n%s\n", v.details)
	return b.String()
}
