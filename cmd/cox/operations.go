package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// opVerbs are the operations; they share options and rules with the commands of the same names.
var opVerbs = []*verb{
	{name: "create", args: "PATH [DATA]", argsMin: 1, argsMax: 2, options: createOptions},
	{name: "set", args: "PATH DATA", argsMin: 2, argsMax: 2, options: guards},
	{name: "delete", args: "PATH", argsMin: 1, argsMax: 1, options: guards},
	{name: "check", args: "PATH", argsMin: 1, argsMax: 1, options: withOptions(guards, option{"", "absent", "", "there must be no node"})},
	{name: "get", args: "PATH", argsMin: 1, argsMax: 1},
	{name: "deleteall", args: "PATH", argsMin: 1, argsMax: 1, options: guards},
	{name: "cp", args: "FROM TO", argsMin: 2, argsMax: 2, options: guards},
	{name: "mv", args: "FROM TO", argsMin: 2, argsMax: 2, options: guards},
}

// operation is one line of a multi.
type operation struct {
	op       client.Op
	verb     string
	path     string
	line     string // as it is repeated in an error
	ifAbsent bool   // of a create
}

// operations reads those of a multi from the arguments or from the lines that follow.
func (c *call) operations() ([]operation, error) {
	if len(c.words) > 0 {
		return operationsOf(c.words)
	}
	lines, err := c.linesToEnd()
	if err != nil {
		return nil, err
	}
	return operationsInLines(lines)
}

// operationsOf reads them from words. Whether one is a word of an operation or a whole operation shows in the first.
func operationsOf(words []word) ([]operation, error) {
	if len(words) > 0 && slices.ContainsFunc(opVerbs, func(v *verb) bool { return v.name == words[0].text }) {
		return splitOperations(words)
	}
	return operationsInLines(texts(words))
}

func operationsInLines(lines []string) (all []operation, err error) {
	for _, line := range lines {
		operations, err := parseOperations(line)
		if err != nil {
			return nil, err
		}
		all = append(all, operations...)
	}
	return all, nil
}

// linesToEnd reads the lines up to "end", without comments and empty ones. A script that is cut short does nothing by halves;
// for a single command the end of the input does as well. All are read before any is understood, so that a mistake in one does
// not make commands of the others.
func (c *call) linesToEnd() (lines []string, err error) {
	next := c.shell.nextLine
	if c.shell.mode == oneShot {
		input := bufio.NewReader(c.shell.in)
		next = func(context.Context, string) (string, error) { return readLine(input) }
	}
	for {
		line, err := next(c.ctx, c.verb.name+"> ")
		line = strings.TrimSpace(line)
		switch {
		case errors.Is(err, io.EOF) && c.shell.mode != oneShot:
			return nil, &usageError{text: "the " + c.verb.name + " has no end: nothing was done (finish it with a line \"end\")"}
		case errors.Is(err, io.EOF), err == nil && line == "end":
			return lines, nil
		case err != nil:
			return nil, err
		case line != "" && line[0] != '#':
			lines = append(lines, line)
		}
	}
}

// parseOperations reads the operations of one line.
func parseOperations(line string) ([]operation, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, &usageError{text: "an operation cannot be read: " + err.Error()}
	}
	return splitOperations(words)
}

// splitOperations splits at every ";" that stands alone or ends an unquoted word.
func splitOperations(words []word) ([]operation, error) {
	var all []operation
	var one []word
	add := func() error {
		if len(one) == 0 {
			return nil
		}
		o, err := parseOperation(one)
		all, one = append(all, o), nil
		return err
	}
	for _, w := range words {
		text, ends := strings.CutSuffix(w.text, ";")
		if !w.bare || !ends {
			one = append(one, w)
			continue
		}
		if text != "" {
			one = append(one, word{text, true})
		}
		if err := add(); err != nil {
			return nil, err
		}
	}
	return all, add()
}

func parseOperation(words []word) (operation, error) {
	name := words[0].text
	i := slices.IndexFunc(opVerbs, func(v *verb) bool { return v.name == name })
	if i < 0 {
		text := fmt.Sprintf("there is no operation %q: there are create, set, delete, check, get, deleteall, cp and mv", escape(name))
		return operation{}, &usageError{text: text}
	}
	v := opVerbs[i]
	p, err := v.parse(words[1:])
	if err != nil {
		return operation{}, err
	}
	o := operation{verb: name, path: p.args[0]}
	for _, w := range words {
		text := w.text
		if w.bare {
			o.line += text + " "
		} else {
			o.line += quoteWord(text) + " "
		}
	}
	o.line = clip(strings.TrimSuffix(o.line, " "))
	guard, err := p.guard(v)
	if err != nil {
		return o, err
	}
	switch name {
	case "create":
		options, err := p.creation(v)
		if err != nil {
			return o, err
		}
		var data []byte
		if len(p.args) > 1 {
			data = []byte(p.args[1])
		}
		o.op, o.ifAbsent = client.CreateOp(p.args[0], data, options...), p.has("if-absent")
	case "set":
		o.op = client.SetOp(p.args[0], []byte(p.args[1]), guard...)
	case "delete":
		o.op = client.DeleteOp(p.args[0], guard...)
	case "check":
		o.op = client.CheckOp(p.args[0], guard...)
		if p.has("absent") {
			if len(guard) > 0 {
				return o, v.misuse("--absent excludes all other conditions")
			}
			o.op = client.AbsentOp(p.args[0])
		}
	case "get":
		o.op = client.GetOp(p.args[0])
	case "deleteall":
		o.op = client.DeleteTreeOp(p.args[0], guard...)
	case "cp":
		o.op = client.CopyTreeOp(p.args[0], p.args[1], guard...)
	case "mv":
		o.op = client.MoveTreeOp(p.args[0], p.args[1], guard...)
	}
	return o, nil
}

// clip keeps an error to one line of a terminal.
func clip(s string) string {
	const most = 60 // characters
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
