package main

import (
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

func multiVerb() *verb {
	return &verb{
		name: "multi", args: "[OPERATION; …]", argsMax: -1, raw: true, long: true, group: "Transactions and order",
		summary: "carry out several operations as one transaction: all or none",
		details: `Operations are create, set, delete, deleteall, cp, mv and get, with the options of the commands of the
same names, and check PATH, which demands that a node is there, or with --absent that none is, and changes
nothing. -v VERSION, --if-czxid ZXID, --if-mzxid ZXID and --if-data DATA say what a node must be like. They
are separated by ";", or each is one quoted argument, or without arguments they follow on lines of their
own up to a line "end". Each sees what those before it have done.

  multi create /a x; check /b -v 3; delete /c
  cox multi "create /a x" "check /b -v 3" "delete /c"
  multi
  create /a "two words"
  delete /c
  end`,
		run: runMulti,
	}
}

type multiRecord struct {
	Results []opRecord `json:"results"`
}

type opRecord struct {
	Op   string      `json:"op"`
	Path string      `json:"path"`
	Stat *statRecord `json:"stat,omitempty"` // as of this operation: of a create, set, cp, mv, and of a get whose node is there

	Existed     *bool  `json:"existed,omitempty"` // create --if-absent, get: the node was there
	From        string `json:"from,omitempty"`    // cp, mv
	Nodes       *int64 `json:"nodes,omitempty"`   // deleteall, cp, mv
	*dataRecord        // get

	result client.Result
}

func (r *multiRecord) text(o *output) { o.printResults(r.Results) }

func (o *output) printResults(results []opRecord) {
	for _, op := range results {
		switch op.Op {
		case "create":
			(&createdRecord{Path: op.Path, Existed: op.result.Existed}).text(o)
		case "set":
			o.printf("Set %s (version %d)\n", op.Path, op.Stat.Version)
		case "delete":
			o.printf("Deleted %s\n", op.Path)
		case "check":
			o.printf("Checked %s\n", op.Path)
		case "get":
			if op.result.Existed {
				o.printf("Got %s (version %d) = %s\n", op.Path, op.Stat.Version, string(op.result.Data))
			} else {
				o.printf("Got %s: no node\n", op.Path)
			}
		case "deleteall":
			(&deletedAllRecord{op.Path, op.result.Count, true}).text(o)
		case "cp":
			(&transferRecord{From: op.From, To: op.Path, Nodes: op.result.Count, done: "Copied"}).text(o)
		case "mv":
			(&transferRecord{From: op.From, To: op.Path, Nodes: op.result.Count, done: "Moved"}).text(o)
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
	ctx, cancel := c.step()
	defer cancel()
	results, err := cl.Multi(ctx, ops(operations)...)
	refused, ok := errors.AsType[*client.Error](err)
	if ok && refused.Op != c.verb.name && refused.Index < len(operations) && !errors.Is(err, client.ErrSessionExpired) {
		return &opError{refused, fmt.Sprintf("operation %d of the multi, %s", refused.Index+1, operations[refused.Index].line)}
	}
	if err != nil {
		return err
	}
	return c.give(&multiRecord{recordsOf(operations, results)})
}

// ops are the operations for the client.
func ops(operations []operation) []client.Op {
	all := make([]client.Op, len(operations))
	for i, o := range operations {
		all[i] = o.op
	}
	return all
}

// recordsOf are the results of operations as they are shown.
func recordsOf(operations []operation, results []client.Result) []opRecord {
	records := []opRecord{}
	for i, r := range results {
		o := opRecord{Op: operations[i].verb, Path: operations[i].path, result: r}
		switch o.Op {
		case "create", "set", "cp", "mv":
			o.Stat = newStatRecord(r.Stat)
		}
		switch o.Op {
		case "create":
			if o.Path = r.Path; operations[i].ifAbsent {
				o.Existed = &r.Existed
			}
		case "get":
			if o.Existed = &r.Existed; r.Existed {
				data := newDataRecord(r.Data)
				o.dataRecord, o.Stat = &data, newStatRecord(r.Stat)
			}
		case "deleteall":
			o.Nodes = &r.Count
		case "cp", "mv":
			o.From, o.Path, o.Nodes = o.Path, r.Path, &r.Count
		}
		records = append(records, o)
	}
	return records
}
