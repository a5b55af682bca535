package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// draw chooses what to ask for. It remembers what its worker has seen, so that conditions are often met and often just not.
type draw struct {
	random *rand.Rand
	worker int
	count  int // of the data that were made
	top    string
	uppers []string // directly below top
	leaves []string // below uppers

	versions map[string]int64 // of nodes, as last seen
	strays   []string         // sequential nodes that were seen
}

func newDraw(random *rand.Rand, top string, worker int) *draw {
	d := &draw{random: random, worker: worker, top: top, versions: map[string]int64{}}
	for _, name := range []string{"a", "b", "c"} {
		d.uppers = append(d.uppers, below(top, name))
	}
	for _, name := range []string{"a/x", "a/y", "b/x", "c/x", "c/y"} {
		d.leaves = append(d.leaves, below(top, name))
	}
	return d
}

func (d *draw) upper() string { return d.uppers[d.random.IntN(len(d.uppers))] }
func (d *draw) leaf() string  { return d.leaves[d.random.IntN(len(d.leaves))] }

func (d *draw) hot() string {
	if n := d.random.IntN(len(d.uppers) + len(d.leaves)); n < len(d.uppers) {
		return d.uppers[n]
	}
	return d.leaf()
}

// chance is true in percent of all cases.
func (d *draw) chance(percent int) bool { return d.random.IntN(100) < percent }

// data are never the same twice.
func (d *draw) data() []byte {
	d.count++
	return fmt.Appendf(nil, "c%d.%d", d.worker, d.count)
}

// input is any operation.
func (d *draw) input() history.Input {
	switch n := d.random.IntN(100); {
	case n < 26:
		return d.create()
	case n < 42:
		return d.set(d.hot())
	case n < 57:
		return d.delete()
	case n < 65:
		return d.multi()
	case n < 73:
		return d.txn()
	case n < 77:
		return d.several()
	case n < 79:
		return history.Input{Kind: history.Sync}
	default:
		return d.read()
	}
}

// create makes nodes in all modes. Those that the service may remove are leaves, so that it never does.
func (d *draw) create() history.Input {
	in := history.Input{Kind: history.Create, Path: d.hot(), Data: d.data(), Mode: client.KindPersistent}
	upper := slices.Contains(d.uppers, in.Path)
	switch n := d.random.IntN(100); {
	case n < 15:
		in.Path, in.Sequential = below(d.parent(), "s-"), true
		if d.chance(40) {
			in.Mode = client.KindEphemeral
		}
	case n < 38 && !upper:
		in.Mode = client.KindContainer
	case n < 43 && !upper:
		in.Mode = client.KindTTL
	case n < 45:
		in.Path, in.Sequential, in.Mode = below(d.parent(), "t-"), true, client.KindTTL
	case n < 64, in.Path == d.uppers[2] && n < 95: // the third is mostly one that can have no children
		in.Mode = client.KindEphemeral
	}
	return in
}

// parent is where sequential nodes are made.
func (d *draw) parent() string {
	if d.chance(20) {
		return d.top
	}
	return d.upper()
}

func (d *draw) set(path string) history.Input {
	return history.Input{Kind: history.Set, Path: path, Data: d.data(), Version: d.version(path)}
}

func (d *draw) delete() history.Input {
	path := d.hot()
	if n := len(d.strays); n > 0 && d.chance(55) {
		i := d.random.IntN(n)
		path = d.strays[i]
		d.strays = slices.Delete(d.strays, i, i+1)
	}
	return history.Input{Kind: history.Delete, Path: path, Version: d.version(path)}
}

// version is mostly none, often the one that was seen last, and sometimes one that cannot be right, or not any more.
func (d *draw) version(path string) *int64 {
	v := d.versions[path]
	switch n := d.random.IntN(100); {
	case n < 55:
		return nil
	case n < 90:
	case n < 95:
		v++
	default:
		v = max(v-1, 0)
	}
	return &v
}

func (d *draw) level() client.Level {
	if d.chance(35) {
		return client.Session
	}
	return client.Linearizable
}

// read is a read that stands alone.
func (d *draw) read() history.Input {
	in := d.look()
	in.Level = d.level()
	return in
}

// look is a read, alone or with others.
func (d *draw) look() history.Input {
	switch n := d.random.IntN(100); {
	case n < 45:
		return history.Input{Kind: history.Get, Path: d.hot()}
	case n < 65:
		return history.Input{Kind: history.Exists, Path: d.hot()}
	case n < 75:
		return history.Input{Kind: history.Children, Path: d.top}
	default:
		return history.Input{Kind: history.Children, Path: d.upper()}
	}
}

// several is some reads at one point in time.
func (d *draw) several() history.Input {
	in := history.Input{Kind: history.Read, Level: d.level()}
	for range 2 + d.random.IntN(3) {
		in.Ops = append(in.Ops, d.look())
	}
	return in
}

// multi is two to four operations, often with a check before them.
func (d *draw) multi() history.Input {
	in := history.Input{Kind: history.Multi}
	if d.chance(50) {
		in.Ops = append(in.Ops, d.check())
	}
	return history.Input{Kind: in.Kind, Ops: d.changes(in.Ops, 2+d.random.IntN(3))}
}

// txn is a transaction whose conditions hold about as often as not. Its branches may be empty.
func (d *draw) txn() history.Input {
	in := history.Input{Kind: history.Txn}
	for range 1 + d.random.IntN(2) {
		if d.chance(40) {
			in.If = append(in.If, history.Input{Kind: history.Absent, Path: d.hot()})
		} else {
			in.If = append(in.If, d.check())
		}
	}
	in.Ops = d.changes(nil, 1+d.random.IntN(3))
	in.Else = d.changes(nil, d.random.IntN(3))
	return in
}

// changes fills a list of operations up to n.
func (d *draw) changes(ops []history.Input, n int) []history.Input {
	for len(ops) < n {
		switch k := d.random.IntN(10); {
		case k < 4:
			ops = append(ops, d.create())
		case k < 7:
			ops = append(ops, d.set(d.hot()))
		case k < 9:
			ops = append(ops, d.delete())
		default:
			ops = append(ops, d.check())
		}
	}
	return ops
}

func (d *draw) check() history.Input {
	path := d.hot()
	return history.Input{Kind: history.Check, Path: path, Version: d.version(path)}
}

// note remembers what an answer has shown.
func (d *draw) note(op *history.Operation) {
	if op.Out.Fate == history.Applied {
		d.seen(&op.In, &op.Out)
	}
}

func (d *draw) seen(in *history.Input, out *history.Output) {
	switch in.Kind {
	case history.Create:
		if d.versions[out.Path] = 0; in.Sequential {
			d.stray(out.Path)
		}
	case history.Set, history.Get, history.Exists:
		d.versions[in.Path] = out.Stat.Version
	case history.Children:
		for _, name := range out.Children {
			if len(name) > 2 { // nobody else may ever delete it
				d.stray(below(in.Path, name))
			}
		}
	case history.Multi, history.Txn, history.Read:
		ops := in.Ops
		if in.Kind == history.Txn && !out.Held {
			ops = in.Else
		}
		for i := range ops {
			if i < len(out.Results) && out.Results[i].Fate == history.Applied {
				d.seen(&ops[i], &out.Results[i])
			}
		}
	}
}

func (d *draw) stray(path string) {
	if len(d.strays) < strayMax && !slices.Contains(d.strays, path) {
		d.strays = append(d.strays, path)
	}
}
