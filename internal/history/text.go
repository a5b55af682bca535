package history

import (
	"fmt"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

var kindNames = [...]string{
	Create: "create", Set: "set", Delete: "delete", Check: "check", Absent: "absent", Get: "get", Exists: "exists",
	Children: "children", Multi: "multi", Txn: "transaction", Read: "multi-read", Sync: "sync", End: "end of session",
}

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// String returns what was asked for on one line.
func (in *Input) String() string {
	var b strings.Builder
	b.WriteString(in.Kind.String())
	if in.Path != "" {
		b.WriteString(" " + in.Path)
	}
	if in.Kind == Create {
		if in.Mode != client.KindPersistent {
			fmt.Fprintf(&b, " %v", in.Mode)
		}
		if in.Sequential {
			b.WriteString(" sequential")
		}
	}
	if in.Data != nil {
		fmt.Fprintf(&b, " %q", in.Data)
	}
	if in.Version != nil {
		fmt.Fprintf(&b, " if version %d", *in.Version)
	}
	if in.Level != client.Linearizable {
		fmt.Fprintf(&b, " (%v)", in.Level)
	}
	for _, part := range [...]struct {
		name string
		ops  []Input
	}{{"if", in.If}, {"", in.Ops}, {"else", in.Else}} {
		for i := range part.ops {
			if b.WriteString(" "); i == 0 && part.name != "" {
				b.WriteString(part.name + " ")
			}
			b.WriteString("[" + part.ops[i].String() + "]")
		}
	}
	return b.String()
}

// text returns what came back to in on one line.
func (out *Output) text(in *Input) string {
	if out.Fate != Applied {
		return fateOf(out) + at(out.Zxid)
	}
	var b strings.Builder
	switch in.Kind {
	case Create:
		fmt.Fprintf(&b, "%s ", out.Path)
	case Get:
		fmt.Fprintf(&b, "%q version %d mzxid %v", out.Data, out.Stat.Version, out.Stat.Mzxid)
	case Exists:
		fmt.Fprintf(&b, "%t version %d mzxid %v", out.Exists, out.Stat.Version, out.Stat.Mzxid)
	case Set:
		fmt.Fprintf(&b, "version %d", out.Stat.Version)
	case Children:
		fmt.Fprintf(&b, "%q cversion %d", out.Children, out.Stat.Cversion)
	case Txn:
		fmt.Fprintf(&b, "held %t", out.Held)
	}
	ops := in.Ops
	if in.Kind == Txn && !out.Held {
		ops = in.Else
	}
	for i := range out.Results {
		if i < len(ops) {
			b.WriteString(" [" + strings.TrimSpace(out.Results[i].text(&ops[i])) + "]")
		}
	}
	if text := strings.TrimSpace(b.String()); text != "" {
		return text + at(out.Zxid)
	}
	return "done" + at(out.Zxid)
}

func at(z client.Zxid) string {
	if z == 0 {
		return ""
	}
	return " @" + z.String()
}

// String returns the operation on one line: when, who, what, and what came back.
func (op *Operation) String() string {
	until := fmt.Sprintf("%d", op.Return)
	if op.Return == Never {
		until = "…"
	}
	return fmt.Sprintf("[%d, %s] client %d, session %v: %v → %s",
		op.Call, until, op.Client, op.Session, &op.In, op.Out.text(&op.In))
}
