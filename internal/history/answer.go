package history

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/coxswain-io/coxswain/client"
)

// comparison is between what the model has to answer and what the service has answered. On the way the zxids become known
// that the model does not know yet.
type comparison struct {
	s    *state
	name map[client.Zxid]client.Zxid // what has been learnt about unnamed zxids
	why  string                      // the first difference
	prop string                      // the property that it concerns; empty: that of the operation
}

func (c *comparison) differ(format string, args ...any) bool {
	c.why = fmt.Sprintf(format, args...)
	return false
}

// zxid compares two zxids of which the first may be unnamed.
func (c *comparison) zxid(field string, want, got client.Zxid) bool {
	if want&unnamed != 0 {
		named, ok := c.name[want]
		if !ok {
			if !c.s.name(want, got) {
				return c.differ("%s is %v, at which nothing of this kind can have happened", field, got)
			}
			if c.name == nil {
				c.name = map[client.Zxid]client.Zxid{}
			}
			c.name[want], named = got, got
		}
		want = named
	}
	if want != got {
		return c.differ("%s is %v instead of %v", field, got, want)
	}
	return true
}

func (c *comparison) stat(want, got client.Stat) bool {
	same := c.zxid("czxid", want.Czxid, got.Czxid) && c.zxid("mzxid", want.Mzxid, got.Mzxid) && c.zxid("pzxid", want.Pzxid, got.Pzxid)
	if !same {
		return false
	}
	for _, f := range [...]struct {
		name      string
		want, got int64
	}{
		{"version", want.Version, got.Version},
		{"cversion", want.Cversion, got.Cversion},
		{"number of children", want.NumChildren, got.NumChildren},
		{"data length", want.DataLength, got.DataLength},
		{"aversion", 0, got.Aversion},
		{"owner", int64(want.Owner), int64(got.Owner)},
		{"kind", int64(want.Kind), int64(got.Kind)},
	} {
		if f.want != f.got {
			return c.differ("%s is %d instead of %d", f.name, f.got, f.want)
		}
	}
	return true
}

// answer compares the answers to one operation. t is the tree that it saw, for telling what a difference means.
func (c *comparison) answer(in *Input, want, got *Output, t tree) bool {
	if want.Fate != got.Fate || want.Code != got.Code {
		c.gone(in, want.Fate == Applied, t)
		return c.differ("it was %s instead of %s", fateOf(got), fateOf(want))
	}
	if got.Fate == Refused {
		switch {
		case got.Index >= 0 && got.Index != want.Index:
			return c.differ("operation %d was refused instead of %d", got.Index, want.Index)
		case got.Index >= 0 && got.Branch != want.Branch:
			return c.differ("the branch %q was refused instead of %q", got.Branch, want.Branch)
		}
		return true
	}
	switch in.Kind {
	case Create:
		if want.Path != got.Path {
			if in.Sequential {
				c.prop = "P10"
			}
			return c.differ("it created %s instead of %s", got.Path, want.Path)
		}
		return c.stat(want.Stat, got.Stat)
	case Set:
		return c.stat(want.Stat, got.Stat)
	case Get, Exists:
		if want.Exists != got.Exists && (in.Kind == Exists || !want.Exists) {
			c.gone(in, want.Exists, t)
			return c.differ("the node exists: %t instead of %t", got.Exists, want.Exists)
		}
		if !want.Exists {
			return true
		}
		if in.Kind == Get && !bytes.Equal(want.Data, got.Data) {
			return c.differ("the data are %q instead of %q", got.Data, want.Data)
		}
		return c.stat(want.Stat, got.Stat)
	case Children:
		if !slices.Equal(want.Children, got.Children) {
			c.missing(in.Path, want.Children, got.Children, t)
			return c.differ("the children are %q instead of %q", got.Children, want.Children)
		}
		return c.stat(want.Stat, got.Stat)
	case Multi:
		return c.several(in.Ops, want, got, t)
	case Read:
		return c.several(in.Ops, want, got, t)
	case Txn:
		if want.Held != got.Held {
			return c.differ("the conditions held: %t instead of %t", got.Held, want.Held)
		}
		ops := in.Ops
		if !got.Held {
			ops = in.Else
		}
		return c.several(ops, want, got, t)
	}
	return true
}

// several compares the answers to the parts of an operation.
func (c *comparison) several(ops []Input, want, got *Output, t tree) bool {
	if len(got.Results) != len(ops) {
		return c.differ("%d results for %d operations", len(got.Results), len(ops))
	}
	for i := range ops {
		part := got.Results[i]
		if part.Fate == 0 {
			part.Fate = Applied
		}
		if ops[i].Kind == Exists && part.Fate == Applied && !part.Exists && want.Results[i].Code == codeNoNode {
			continue // two ways of saying it
		}
		part.Index, part.Branch = want.Results[i].Index, want.Results[i].Branch // the part is the index
		if !c.answer(&ops[i], &want.Results[i], &part, t) {
			return c.differ("operation %d, %v: %s", i, &ops[i], c.why)
		}
	}
	return true
}

// gone notes that an ephemeral node which should be there was not found, or that one was found whose session is over.
func (c *comparison) gone(in *Input, there bool, t tree) {
	if n := t.get(in.Path); there && n != nil && n.kind == client.KindEphemeral {
		c.prop = "P4"
	}
}

// missing is gone for a list of children.
func (c *comparison) missing(path string, want, got []string, t tree) {
	for _, name := range want {
		child := path + "/" + name
		if path == "/" {
			child = "/" + name
		}
		if n := t.get(child); n != nil && n.kind == client.KindEphemeral && !slices.Contains(got, name) {
			c.prop = "P4"
		}
	}
}

// fateOf tells in a few words what became of an operation.
func fateOf(out *Output) string {
	switch out.Fate {
	case Applied:
		return "carried out"
	case Refused:
		return "refused (" + out.Code.Error() + ")"
	case Unknown:
		return "unknown"
	case NotApplied:
		return "not applied"
	}
	return fmt.Sprintf("fate %d", out.Fate)
}
