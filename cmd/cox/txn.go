package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

func txnVerb() *verb {
	return &verb{
		name: "txn", args: "[CHECK; … then OPERATION; … else OPERATION; …]", argsMax: -1, raw: true, long: true,
		group:   "Transactions and order",
		summary: "carry out one of two lists of operations, as conditions decide, in one transaction",
		details: `The conditions are check PATH with -v VERSION, --if-czxid ZXID, --if-mzxid ZXID, --if-data DATA, or
--absent. If all hold, the operations behind "then" are carried out, otherwise those behind "else", all or
none; there are the operations of multi, written as there, and "then" and "else" stand alone. The exit
status is 1 if a condition does not hold and there is no "else". An operation that fails makes all of it
fail, not the other list run.

  txn check --absent /leader then create -e /leader me else get /leader
  cox txn "check /a --if-data old" then "set /a new"
  txn
  check /config -v 3
  then
  set /config "two words"
  else
  get /config
  end`,
		run: runTxn,
	}
}

type txnRecord struct {
	Held    bool       `json:"held"`
	Failed  int        `json:"failed,omitempty"` // the first condition that does not hold, from 1
	Results []opRecord `json:"results"`
	Zxid    string     `json:"zxid"`

	condition string // as it was written, of Failed
}

func (r *txnRecord) text(o *output) {
	if r.Held {
		o.printf("All conditions hold: then\n")
	} else {
		o.printf("Condition %d does not hold, %s: else\n", r.Failed, r.condition)
	}
	o.printResults(r.Results)
}

// txnParts are the lists of operations in their order: if, then, else.
type txnParts [3][]operation

func runTxn(c *call) error {
	parts, err := c.txnParts()
	if err != nil {
		return err
	}
	conditions, then, otherwise := parts[0], parts[1], parts[2]
	for _, o := range conditions {
		if o.verb != "check" {
			return c.misuse("a condition is a check, not %s", escape(o.line))
		}
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	result, err := cl.Txn(ctx, client.If(ops(conditions)...).Then(ops(then)...).Else(ops(otherwise)...))
	if refused, ok := errors.AsType[*client.Error](err); ok {
		i := slices.Index([]client.Branch{client.BranchIf, client.BranchThen, client.BranchElse}, refused.Branch)
		if i >= 0 && refused.Index < len(parts[i]) {
			return &opError{refused, fmt.Sprintf("operation %d of %q, %s", refused.Index+1, refused.Branch, parts[i][refused.Index].line)}
		}
	}
	if err != nil {
		return err
	}
	r := &txnRecord{Held: result.Held, Zxid: result.Zxid.String()}
	if r.Held {
		r.Results = recordsOf(then, result.Results)
	} else {
		r.Failed, r.condition, r.Results = result.Failed+1, conditions[result.Failed].line, recordsOf(otherwise, result.Results)
		if len(otherwise) == 0 {
			c.shell.status = exitFailed
		}
	}
	return c.give(r)
}

// txnParts reads the parts from the arguments or from the lines that follow.
func (c *call) txnParts() (parts txnParts, err error) {
	if len(c.words) == 0 {
		lines, err := c.linesToEnd()
		if err != nil {
			return parts, err
		}
		split, err := splitParts(c, lines, func(line string) string { return line })
		for i := range split {
			if err == nil {
				parts[i], err = operationsInLines(split[i])
			}
		}
		return parts, err
	}
	split, err := splitParts(c, c.words, func(w word) string {
		if w.bare {
			return w.text
		}
		return ""
	})
	for i := range split {
		if err == nil {
			parts[i], err = operationsOf(split[i])
		}
	}
	return parts, err
}

// splitParts splits words or lines where keyword finds "then" and "else".
func splitParts[T any](c *call, all []T, keyword func(T) string) (parts [3][]T, err error) {
	at := 0
	for i, one := range all {
		part := slices.Index([]string{"if", "then", "else"}, keyword(one))
		switch {
		case part == 0 && i == 0:
		case part >= 0 && part <= at:
			return parts, c.misuse("%q is misplaced: the order is CHECK; … then … else …", keyword(one))
		case part > 0:
			at = part
		default:
			parts[at] = append(parts[at], one)
		}
	}
	return parts, nil
}
