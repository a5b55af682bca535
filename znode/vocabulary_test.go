package znode

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// world is what a script acts upon.
//
// Writes, one per case, or several in the lines below "multi":
//
//	create [-m MODE] [-t TTLMS] [-p (parents)] [-c (container parents)] [-i (if absent)] [-f FLAGS] PATH [DATA]
//	delete|check|deletetree GUARD PATH   set GUARD PATH [DATA]   copy|move GUARD PATH TO   read PATH   op NUMBER PATH
//	GUARD is any of: -v VERSION, -czxid ZXID, -mzxid ZXID, -data DATA, -absent
//	close OWNER · reap (what the last "expired" found)
//
// They take the zxids 1, 2, 3…; the wall clock shows a thousand times the zxid.
// "as OWNER" and "clock MS" say who writes and when by the cluster clock.
//
// Reads: get, stat, count PATH · ls, walk PATH [AFTER [LIMIT]] · ephemerals OWNER [PREFIX [AFTER]]
// · holds OPERATION · expired [LIMIT] · summary · validate PATH... · validate-create MODE PATH...
//
// A word in double quotes is a Go string; {x*5} is xxxxx.
type world struct {
	t       *testing.T
	tree    *Tree
	zxid    Zxid
	owner   uint64
	clockMS int64
	due     []Expiry
}

func newWorld(t *testing.T) *world { return &world{t: t, tree: NewTree()} }

func (w *world) txn() Txn {
	w.zxid++
	return Txn{Zxid: w.zxid, TimeMS: int64(w.zxid) * 1000, ClockMS: w.clockMS, Owner: w.owner}
}

func (w *world) run(input []string) string {
	words := w.words(input[0])
	var b strings.Builder
	switch words[0] {
	case "create", "delete", "set", "check", "deletetree", "copy", "move", "read", "op":
		w.apply(&b, []Op{w.op(words)})
	case "multi":
		var ops []Op
		for _, line := range input[1:] {
			ops = append(ops, w.op(w.words(line)))
		}
		w.apply(&b, ops)
	case "fill": // fill COUNT LINE...: a transaction for each, %d is its number
		n := w.number(words[1])
		for i := range n {
			line := strings.ReplaceAll(strings.Join(words[2:], " "), "%d", fmt.Sprintf("%06d", i))
			if _, _, err := w.tree.Apply(w.txn(), []Op{w.op(w.words(line))}, nil, nil); err != nil {
				fmt.Fprintln(&b, err)
				break
			}
		}
		fmt.Fprintf(&b, "now %d nodes\n", w.tree.Len())
	case "too-many-ops":
		ops := make([]Op, w.number(words[1]))
		for i := range ops {
			ops[i] = Op{Kind: OpCheck, Path: "/"}
		}
		results, _, err := w.tree.Apply(w.txn(), ops, nil, nil)
		fmt.Fprintf(&b, "%d results, %v\n", len(results), err)
	case "close":
		changes := w.tree.CloseOwner(w.txn(), uint64(w.number(words[1])), nil)
		printChanges(&b, changes)
		fmt.Fprintf(&b, "%d closed\n", len(changes))
	case "as":
		w.owner = uint64(w.number(words[1]))
	case "clock":
		w.clockMS = w.number(words[1])
	default:
		w.read(&b, words)
	}
	return b.String()
}

func (w *world) read(b *strings.Builder, words []string) {
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "get":
		if n := w.tree.Get(word(1)); n != nil {
			fmt.Fprintf(b, "%q name=%s\n", n.Data(), n.Name())
		} else {
			fmt.Fprintln(b, "absent")
		}
	case "stat":
		if n := w.tree.Get(word(1)); n != nil {
			fmt.Fprintf(b, "%s created=%d\n", statText(n.Stat()), n.Created())
		} else {
			fmt.Fprintln(b, "absent")
		}
	case "count":
		n, ok := w.tree.Descendants(word(1))
		fmt.Fprintln(b, n, ok)
	case "ls":
		limit := int64(-1)
		if len(words) > 3 {
			limit = w.number(word(3))
		}
		ok := w.tree.Children(word(1), word(2), func(name string, child *Node) bool {
			fmt.Fprintf(b, "%s %q\n", name, child.Data())
			limit--
			return limit != 0
		})
		if !ok {
			fmt.Fprintln(b, "absent")
		}
	case "walk":
		limit := int64(-1)
		if len(words) > 3 {
			limit = w.number(word(3))
		}
		ok := w.tree.Walk(word(1), word(2), func(n *Node) bool {
			fmt.Fprintf(b, "%s %q\n", n.Path(), n.Data())
			limit--
			return limit != 0
		})
		if !ok {
			fmt.Fprintln(b, "absent")
		}
	case "holds":
		op := w.op(words[1:])
		if err := w.tree.Holds(&op); err != nil {
			fmt.Fprintln(b, err)
		} else {
			fmt.Fprintln(b, "yes")
		}
	case "ephemerals":
		owner := uint64(w.number(word(1)))
		w.tree.Ephemerals(owner, word(2), word(3), func(path string) bool {
			fmt.Fprintln(b, path)
			return true
		})
		fmt.Fprintf(b, "of %d\n", w.tree.EphemeralCount(owner))
	case "expired":
		limit := int64(1000)
		if len(words) > 1 {
			limit = w.number(word(1))
		}
		w.due = w.tree.Expired(w.clockMS, int(limit))
		for _, e := range w.due {
			fmt.Fprintf(b, "%s czxid=%v mzxid=%v created=%d\n", e.Path, e.Czxid, e.Mzxid, e.Created)
		}
		if len(w.due) == 0 {
			fmt.Fprintln(b, "none")
		}
	case "reap":
		for _, e := range w.due {
			changes, ok := w.tree.Reap(w.txn(), e, nil)
			printChanges(b, changes)
			if !ok {
				fmt.Fprintln(b, "void:", e.Path)
			}
		}
	case "summary":
		fmt.Fprintf(b, "len=%d bytes=%d expiring=%v\n", w.tree.Len(), w.tree.DataBytes(), w.tree.HasExpiring())
	case "validate", "validate-create":
		check, paths := ValidatePath, words[1:]
		if words[0] == "validate-create" {
			m := mode(w.t, words[1])
			check, paths = func(p string) *Error { return ValidateCreatePath(p, m) }, words[2:]
		}
		for _, path := range paths {
			if err := check(path); err != nil {
				fmt.Fprintln(b, err)
			} else {
				fmt.Fprintln(b, "ok:", clip(path))
			}
		}
	default:
		w.t.Fatalf("unknown command %q", words[0])
	}
}

func (w *world) apply(b *strings.Builder, ops []Op) {
	before := nodes(w.tree)
	results, changes, err := w.tree.Apply(w.txn(), ops, nil, nil)
	checkUndo(w.t, fmt.Sprint(w.zxid), before, changes, nodes(w.tree))
	if err != nil {
		fmt.Fprintln(b, err)
		if len(results)+len(changes) > 0 {
			fmt.Fprintf(b, "but %d results, %d changes\n", len(results), len(changes))
		}
		return
	}
	for _, r := range results {
		fmt.Fprintf(b, "%s %s", r.Kind, r.Path)
		if r.Stat != (Stat{}) {
			fmt.Fprintf(b, " version=%d cversion=%d children=%d mzxid=%v", r.Stat.Version, r.Stat.Cversion, r.Stat.NumChildren, r.Stat.Mzxid)
		}
		if r.Kind == OpDeleteTree || r.Kind == OpCopyTree || r.Kind == OpMoveTree {
			fmt.Fprintf(b, " count=%d", r.Count)
		}
		if r.Existed {
			fmt.Fprint(b, " existed")
		}
		if r.Kind == OpRead {
			fmt.Fprintf(b, " %q", r.Data)
		}
		fmt.Fprintln(b)
	}
	printChanges(b, changes)
}

var opNames = map[string]OpKind{"create": OpCreate, "delete": OpDelete, "set": OpSet, "check": OpCheck,
	"deletetree": OpDeleteTree, "copy": OpCopyTree, "move": OpMoveTree, "read": OpRead}

func (w *world) op(words []string) Op {
	if words[0] == "op" {
		return Op{Kind: OpKind(w.number(words[1])), Path: words[2]}
	}
	op := Op{Kind: opNames[words[0]]}
	if op.Kind == 0 {
		w.t.Fatalf("unknown operation %q", words[0])
	}
	words = words[1:]
	for len(words) > 1 && strings.HasPrefix(words[0], "-") {
		words = words[w.option(&op, words[0], words[1]):]
	}
	op.Path = words[0]
	switch {
	case len(words) == 1:
	case op.Kind == OpCopyTree || op.Kind == OpMoveTree:
		op.To = words[1]
	default:
		op.Data = []byte(words[1])
	}
	return op
}

// option takes an option and perhaps the word behind it; it returns how many words
// that was.
func (w *world) option(op *Op, name, value string) int {
	switch name {
	case "-p":
		op.Flags |= CreateParents
		return 1
	case "-c":
		op.Flags |= CreateContainers
		return 1
	case "-i":
		op.Flags |= CreateIfAbsent
		return 1
	case "-absent":
		op.Guard = op.Guard.AndAbsent()
		return 1
	case "-f":
		op.Flags = CreateFlags(w.number(value))
	case "-m":
		op.Mode = mode(w.t, value)
	case "-t":
		op.TTLMS = w.number(value)
	case "-v":
		op.Guard = op.Guard.AndVersion(w.number(value))
	case "-czxid":
		op.Guard = op.Guard.AndCzxid(Zxid(w.number(value)))
	case "-mzxid":
		op.Guard = op.Guard.AndMzxid(Zxid(w.number(value)))
	case "-data":
		op.Guard = op.Guard.AndData([]byte(value))
	default:
		w.t.Fatalf("unknown option %q", name)
	}
	return 2
}

func (w *world) number(word string) int64 {
	n, err := strconv.ParseInt(word, 0, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// words splits a line and expands its words.
func (w *world) words(line string) []string {
	var words []string
	for _, word := range strings.Fields(line) {
		if strings.HasPrefix(word, `"`) {
			s, err := strconv.Unquote(word)
			if err != nil {
				w.t.Fatalf("%s: %v", word, err)
			}
			word = s
		}
		for {
			before, rest, ok := strings.Cut(word, "{")
			if !ok {
				break
			}
			repeat, after, _ := strings.Cut(rest, "}")
			text, count, _ := strings.Cut(repeat, "*")
			word = before + strings.Repeat(text, int(w.number(count))) + after
		}
		words = append(words, word)
	}
	return words
}

// mode returns the mode of that name, or number.
func mode(t *testing.T, name string) Mode {
	for m := ModePersistent; m.Valid(); m++ {
		if m.String() == name {
			return m
		}
	}
	n, err := strconv.ParseUint(name, 10, 8)
	if err != nil {
		t.Fatalf("no mode %q", name)
	}
	return Mode(n)
}

func printChanges(b *strings.Builder, changes []Change) {
	for _, c := range changes {
		fmt.Fprintf(b, "* %s %s\n", c.Type, c.Path)
	}
}

func statText(s Stat) string {
	return fmt.Sprintf("czxid=%v mzxid=%v pzxid=%v ctime=%d mtime=%d version=%d cversion=%d aversion=%d owner=%d length=%d children=%d kind=%v ttl=%d",
		s.Czxid, s.Mzxid, s.Pzxid, s.CtimeMS, s.MtimeMS, s.Version, s.Cversion, s.Aversion, s.Owner, s.DataLength, s.NumChildren, s.Kind, s.TTLMS)
}
