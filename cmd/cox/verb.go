package main

import (
	"context"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// verb is one command: how it is called, how it is explained, and what it does. Each has a file of its own; the table of
// all is in verbs.go, and one-shot commands, the shell and scripts use it alike.
type verb struct {
	name    string
	aliases []string
	args    string // as the usage shows them: "PATH [DATA]", required ones first
	argsMin int
	argsMax int      // -1: any number
	actions []string // what the first argument may be, if it is one of a few words
	options []option
	group   string // heading in the list of commands
	summary string // one line, without a full stop
	details string // what help COMMAND adds: rules and examples
	where   place
	paths   int  // that many of the first arguments are paths, and Tab completes them
	long    bool // makes many requests, or waits for its user: the timeout bounds each request
	raw     bool // what follows is not the verb's own options and arguments; it is in call.words
	program bool // what follows "--" is a program to run, with its arguments; it is in call.command
	run     func(*call) error
}

// place is where a verb makes sense.
type place uint8

const (
	anywhere  place = iota
	inSession       // where several commands share a session: the shell and scripts
	atPrompt        // the interactive shell
)

// call is one command being carried out.
type call struct {
	parsed
	words   []word          // of a raw verb
	ctx     context.Context // ends with Ctrl-C, and with the timeout unless the verb is long
	shell   *shell
	verb    *verb
	out     *output
	timeout time.Duration
}

// newCall prepares a command: words are what follows its name.
func (s *shell) newCall(v *verb, words []word) (*call, error) {
	switch {
	case v.where == inSession && s.mode == oneShot:
		return nil, &usageError{text: v.name + " is for the shell and for scripts: one command has one session"}
	case v.where == atPrompt && s.mode != interactive:
		return nil, &usageError{text: v.name + " is for the interactive shell"}
	}
	var rest []word
	if v.raw {
		words, rest = leadingOptions(words)
	}
	p, err := v.parse(words)
	if err != nil {
		return nil, err
	}
	c := &call{parsed: p, words: rest, shell: s, verb: v, out: s.out, timeout: s.timeout}
	if text, ok := p.values[timeoutOption.long]; ok {
		if c.timeout, err = duration(text); err != nil {
			return nil, v.misuse("--timeout takes a duration such as 500ms or 10s, not %q", escape(text))
		}
	}
	if p.has(jsonOption.long) {
		c.out = s.out.asJSON()
	}
	return c, nil
}

// leadingOptions splits off the options that stand before everything else.
func leadingOptions(words []word) (options, rest []word) {
	n := 0
	for n < len(words) && words[n].bare && strings.HasPrefix(words[n].text, "-") {
		if words[n].text == "--"+timeoutOption.long && n+1 < len(words) {
			n++
		}
		n++
	}
	return words[:n], words[n:]
}

// do carries the command out.
func (c *call) do(ctx context.Context) error {
	c.ctx = ctx
	if !c.verb.long {
		var cancel context.CancelFunc
		c.ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	return c.verb.run(c)
}

// step is the context of one request of a long verb.
func (c *call) step() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, c.timeout)
}

// client returns the client of the shell's session, which is opened if there is none yet.
func (c *call) client() (*client.Client, error) {
	ctx, cancel := c.step()
	defer cancel()
	return c.shell.connected(ctx)
}

// misuse is a usageError that shows the command's usage.
func (c *call) misuse(format string, args ...any) error { return c.verb.misuse(format, args...) }

// arg is argument i, empty if it was not given.
func (c *call) arg(i int) string {
	if i < len(c.args) {
		return c.args[i]
	}
	return ""
}

// give prints the command's answer, after the events that came before it.
func (c *call) give(a answer) error {
	c.shell.drain()
	return c.out.give(a)
}

// reading is the client and the options of a read: --level, --at-least and, as the last, -w. The watch is stored in *w when
// the read succeeds.
func (c *call) reading(w **client.Watch) (*client.Client, []client.ReadOption, error) {
	options, err := c.level(c.verb)
	if err != nil {
		return nil, nil, err
	}
	if c.has(watchOption.long) {
		if err := c.shell.watches.room(); err != nil {
			return nil, nil, err
		}
		options = append(options, client.WithWatch(w))
	}
	cl, err := c.client()
	return cl, options, err
}

// usage is one line: the name, the options and the arguments.
func (v *verb) usage() string {
	parts := []string{v.name}
	for _, o := range v.options {
		if o.short == "" {
			continue
		}
		text := "-" + o.short
		if o.value != "" {
			text += " " + o.value
		}
		parts = append(parts, "["+text+"]")
	}
	if v.args != "" {
		parts = append(parts, v.args)
	}
	if v.program {
		parts = append(parts, "[-- PROGRAM ARGUMENT…]")
	}
	return strings.Join(parts, " ")
}
