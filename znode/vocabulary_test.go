package znode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// world is what a script acts upon.
//
// Writes, one per case, or several in the lines below "multi":
//
//	create [-m MODE] [-t TTLMS] PATH [DATA]   delete|check [-v VERSION] PATH   set [-v VERSION] PATH [DATA]
//	op NUMBER PATH
//	close OWNER · reap (what the last "expired" found)
//
// They take the zxids 1, 2, 3…; the wall clock shows a thousand times the zxid.
// "as OWNER" and "clock MS" say who writes and when by the cluster clock.
//
// Reads: get, stat, count PATH · ls PATH [AFTER [LIMIT]] · ephemerals OWNER [PREFIX [AFTER]]
// · expired [LIMIT] · summary · validate PATH... · validate-create MODE PATH...
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
	case "create", "delete", "set", "check", "op":
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
	results, changes, err := w.tree.Apply(w.txn(), ops, nil, nil)
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
		fmt.Fprintln(b)
	}
	printChanges(b, changes)
}

func (w *world) op(words []string) Op {
	var op Op
	switch words[0] {
	case "create":
		op.Kind = OpCreate
	case "delete":
		op.Kind = OpDelete
	case "set":
		op.Kind = OpSet
	case "check":
		op.Kind = OpCheck
	case "op":
		return Op{Kind: OpKind(w.number(words[1])), Path: words[2]}
	default:
		w.t.Fatalf("unknown operation %q", words[0])
	}
	words = words[1:]
	for len(words) > 2 && strings.HasPrefix(words[0], "-") {
		switch words[0] {
		case "-m":
			op.Mode = mode(w.t, words[1])
		case "-t":
			op.TTLMS = w.number(words[1])
		case "-v":
			op.Guard = IfVersion(w.number(words[1]))
		default:
			w.t.Fatalf("unknown option %q", words[0])
		}
		words = words[2:]
	}
	op.Path = words[0]
	if len(words) > 1 {
		op.Data = []byte(words[1])
	}
	return op
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

// records returns the content of the tree in bytewise order of the paths.
func records(tree *Tree) []Record {
	var all []Record
	for _, n := range tree.byPath() {
		all = append(all, n.Record())
	}
	return all
}

// checkTree checks that everything the tree maintains step by step is what the
// loader derives from its records alone.
func checkTree(t *testing.T, tree *Tree) {
	t.Helper()
	l := NewLoader()
	all := records(tree)
	for _, r := range slices.Backward(all) {
		if err := l.Add(r); err != nil {
			t.Fatalf("the loader refuses %+v: %v", r, err)
		}
	}
	again, err := l.Finish()
	if err != nil {
		t.Fatalf("the loader refuses the tree: %v", err)
	}
	compareTrees(t, tree, again)
}

// compareTrees fails unless a and b cannot be told apart.
func compareTrees(t *testing.T, a, b *Tree) {
	t.Helper()
	ra, rb := records(a), records(b)
	if !slices.EqualFunc(ra, rb, sameRecord) {
		t.Fatalf("records differ:\n%+v\n%+v", ra, rb)
	}
	if a.Digest() != b.Digest() || a.Len() != b.Len() || a.DataBytes() != b.DataBytes() || a.HasExpiring() != b.HasExpiring() {
		t.Fatalf("sums differ: digest %x %x, len %d %d, bytes %d %d, expiring %v %v", a.Digest(), b.Digest(),
			a.Len(), b.Len(), a.DataBytes(), b.DataBytes(), a.HasExpiring(), b.HasExpiring())
	}
	if len(a.owners) != len(b.owners) {
		t.Fatalf("%d and %d owners", len(a.owners), len(b.owners))
	}
	for owner := range a.owners {
		if !slices.Equal(ephemerals(a, owner), ephemerals(b, owner)) {
			t.Fatalf("ephemerals of %d: %v %v", owner, ephemerals(a, owner), ephemerals(b, owner))
		}
	}
	for _, r := range ra {
		if !slices.Equal(children(a, r.Path), children(b, r.Path)) {
			t.Fatalf("children of %s: %v %v", r.Path, children(a, r.Path), children(b, r.Path))
		}
		da, _ := a.Descendants(r.Path)
		db, _ := b.Descendants(r.Path)
		if da != db {
			t.Fatalf("descendants of %s: %d %d", r.Path, da, db)
		}
	}
	const end = 1<<63 - 1
	if ea, eb := a.Expired(end, len(ra)), b.Expired(end, len(ra)); !slices.Equal(ea, eb) {
		t.Fatalf("expiring: %v %v", ea, eb)
	}
}

func sameRecord(a, b Record) bool {
	same := string(a.Data) == string(b.Data) && (a.Data == nil) == (b.Data == nil)
	a.Data, b.Data = nil, nil
	return same && fmt.Sprint(a) == fmt.Sprint(b)
}

func children(tree *Tree, path string) []string {
	var names []string
	tree.Children(path, "", func(name string, child *Node) bool {
		if child != tree.Get(below(path)+name) {
			name = "stale " + name // a listing must lead to the current version
		}
		names = append(names, name)
		return true
	})
	return names
}

func ephemerals(tree *Tree, owner uint64) []string {
	var paths []string
	tree.Ephemerals(owner, "/", "", func(path string) bool {
		paths = append(paths, path)
		return true
	})
	return paths
}
