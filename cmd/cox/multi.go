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

func multiVerb() *verb {
	return &verb{
		name: "multi", args: "[OPERATION; …]", argsMax: -1, raw: true, long: true, group: "Transactions and order",
		summary: "carry out several operations as one transaction: all or none",
		details: `Operations are create [-s] [-e] [-c] [-t TTL] PATH [DATA], set [-v VERSION] PATH DATA,
delete [-v VERSION] PATH and check [-v VERSION] PATH, which demands that a node is there and changes
nothing. They are separated by ";", or each is one quoted argument, or without arguments they follow
on lines of their own up to a line "end". Each sees what those before it have done.

  multi create /a x; check /b -v 3; delete /c
  cox multi "create /a x" "check /b -v 3" "delete /c"
  multi
  create /a "two words"
  delete /c
  end`,
		run: runMulti,
	}
}

// opVerbs are the operations; they share options and rules with the commands of the same names.
var opVerbs = []*verb{
	{name: "create", args: "PATH [DATA]", argsMin: 1, argsMax: 2, options: createOptions},
	{name: "set", args: "PATH DATA", argsMin: 2, argsMax: 2, options: []option{versionOption}},
	{name: "delete", args: "PATH", argsMin: 1, argsMax: 1, options: []option{versionOption}},
	{name: "check", args: "PATH", argsMin: 1, argsMax: 1, options: []option{versionOption}},
}

// operation is one line of a multi.
type operation struct {
	op   client.Op
	verb string
	path string
	line string // as it is repeated in an error
}

type multiRecord struct {
	Results []opRecord `json:"results"`
}

type opRecord struct {
	Op   string      `json:"op"`
	Path string      `json:"path"`
	Stat *statRecord `json:"stat,omitempty"` // of a create and a set: as of this operation
}

func (r *multiRecord) text(o *output) {
	for _, op := range r.Results {
		switch op.Op {
		case "create":
			o.printf("Created %s\n", op.Path)
		case "set":
			o.printf("Set %s (version %d)\n", op.Path, op.Stat.Version)
		case "delete":
			o.printf("Deleted %s\n", op.Path)
		case "check":
			o.printf("Checked %s\n", op.Path)
		}
	}
}

func runMulti(c *call) error {
	operations, err := c.operations()
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	ops := make([]client.Op, len(operations))
	for i, o := range operations {
		ops[i] = o.op
	}
	ctx, cancel := c.step()
	defer cancel()
	results, err := cl.Multi(ctx, ops...)
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Op != c.verb.name && refused.Index < len(operations) && !errors.Is(err, client.ErrSessionExpired) {
		return &opError{refused, operations[refused.Index].line}
	}
	if err != nil {
		return err
	}
	record := &multiRecord{Results: []opRecord{}}
	for i, r := range results {
		o := opRecord{Op: operations[i].verb, Path: operations[i].path}
		if o.Op == "create" || o.Op == "set" {
			o.Stat = newStatRecord(r.Stat)
		}
		if o.Op == "create" {
			o.Path = r.Path
		}
		record.Results = append(record.Results, o)
	}
	return c.give(record)
}

// operations reads them from the arguments or from the lines that follow. Whether an argument is a word of an operation or
// a whole one shows in the first.
func (c *call) operations() ([]operation, error) {
	words := c.words
	switch {
	case len(words) == 0:
		return c.operationsFromLines()
	case slices.ContainsFunc(opVerbs, func(v *verb) bool { return v.name == words[0].text }):
		return splitOperations(words)
	}
	var all []operation
	for _, w := range words {
		line, err := parseOperations(w.text)
		if err != nil {
			return nil, err
		}
		all = append(all, line...)
	}
	return all, nil
}

// operationsFromLines reads up to "end". A script that is cut short does nothing by halves; for a single command the end of
// the input does as well.
func (c *call) operationsFromLines() ([]operation, error) {
	next := c.shell.nextLine
	if c.shell.mode == oneShot {
		input := bufio.NewReader(c.shell.in)
		next = func(context.Context, string) (string, error) { return readLine(input) }
	}
	var lines []string // all of them first, so that a mistake in one does not make commands of the others
	for {
		line, err := next(c.ctx, "multi> ")
		line = strings.TrimSpace(line)
		switch {
		case err == nil && line != "end":
			lines = append(lines, line)
			continue
		case errors.Is(err, io.EOF) && c.shell.mode != oneShot:
			return nil, &usageError{text: "the multi has no end: nothing was done (finish it with a line \"end\")"}
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		break
	}
	var all []operation
	for _, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		operations, err := parseOperations(line)
		if err != nil {
			return nil, err
		}
		all = append(all, operations...)
	}
	return all, nil
}

// parseOperations reads the operations of one line.
func parseOperations(line string) ([]operation, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, &usageError{text: "multi: " + err.Error()}
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
		return operation{}, &usageError{text: fmt.Sprintf("multi has no operation %q: there are create, set, delete and check", escape(name))}
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
		o.op = client.CreateOp(p.args[0], data, options...)
	case "set":
		o.op = client.SetOp(p.args[0], []byte(p.args[1]), guard...)
	case "delete":
		o.op = client.DeleteOp(p.args[0], guard...)
	case "check":
		o.op = client.CheckOp(p.args[0], guard...)
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
