package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// picture is the obviously correct copy of a tree: all nodes, changed one by one.
type picture map[string]client.Entry

// take applies a change, and fails if it does not fit.
func (p *picture) take(t testing.TB, ch recipes.Change) {
	t.Helper()
	old, there := (*p)[ch.Old.Path]
	fits := there && old.Stat.Czxid == ch.Old.Stat.Czxid && old.Stat.Mzxid == ch.Old.Stat.Mzxid &&
		string(old.Data) == string(ch.Old.Data)
	switch ch.Type {
	case recipes.Reset:
		*p = picture{}
		for e := range ch.View.All() {
			(*p)[e.Path] = e
		}
	case recipes.Created:
		if _, there := (*p)[ch.New.Path]; there {
			t.Fatalf("%s was created in %d and is there", ch.New.Path, ch.Zxid)
		}
		(*p)[ch.New.Path] = ch.New
	case recipes.Updated:
		if !fits || ch.Old.Path != ch.New.Path {
			t.Fatalf("%s was set in %d: from %+v, it was %+v", ch.New.Path, ch.Zxid, ch.Old, old)
		}
		(*p)[ch.New.Path] = ch.New
	case recipes.Deleted:
		if !fits {
			t.Fatalf("%s was deleted in %d: it had %+v, it was %+v", ch.Old.Path, ch.Zxid, ch.Old, old)
		}
		delete(*p, ch.Old.Path)
	default:
		t.Fatalf("a change of type %v", ch.Type)
	}
}

// matches checks that the picture is that of a view, but for the counters of parents.
func (p picture) matches(t testing.TB, v recipes.View) {
	t.Helper()
	if len(p) != v.Len() {
		t.Errorf("by the changes there are %d nodes, in the view of %d there are %d", len(p), v.Zxid(), v.Len())
	}
	for e := range v.All() {
		if told := p[e.Path]; told.Stat.Czxid != e.Stat.Czxid || told.Stat.Mzxid != e.Stat.Mzxid ||
			told.Stat.Version != e.Stat.Version || string(told.Data) != string(e.Data) {
			t.Errorf("by the changes %s is %+v, in the view of %d %+v", e.Path, told, v.Zxid(), e)
		}
	}
}

// TestCacheChangesLeadFromViewToView: what is told, applied to what was there, gives what is there, whatever the changes are.
func TestCacheChangesLeadFromViewToView(t *testing.T) {
	root := tree(t)
	c, writer := view(t, root), view(t, root)
	_, _, err := writer.Create(within(t), "/t", nil, client.Parents())
	must(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		must(t, scribble(t.Context(), writer, random, "/t"))
	}
	cache := cached(t, c, "/t")
	changes := cache.Changes()
	defer changes.Close()
	var p picture
	for round := range 30 {
		for range random.IntN(20) {
			must(t, scribble(t.Context(), writer, random, "/t"))
		}
		// The end of the round is a node that is set by nobody else.
		var zxid client.Zxid
		_, _, err := writer.Create(within(t), "/t/round", nil, client.WithZxid(&zxid))
		must(t, err)
		must(t, cache.Wait(within(t), zxid))
		v, _ := cache.View()
		if !exact(t, writer, "/t", v) {
			t.Error("the truth is not known")
		}
		for last := client.Zxid(0); ; {
			ch := next(t, changes)
			if ch.Zxid < last {
				t.Errorf("a change of %d came after one of %d", ch.Zxid, last)
			}
			if last = ch.Zxid; (ch.Type == recipes.Reset) != (p == nil) {
				t.Errorf("round %d: %v", round, ch.Type)
			}
			p.take(t, ch)
			if ch.New.Path == "/t/round" {
				break
			}
		}
		p.matches(t, v)
		must(t, writer.Delete(within(t), "/t/round"))
		p.take(t, next(t, changes))
	}
}

// next takes one change.
func next(t testing.TB, s *recipes.Changes) recipes.Change {
	t.Helper()
	select {
	case ch, open := <-s.C():
		if !open {
			t.Fatal(s.Err())
		}
		return ch
	case <-within(t).Done():
		t.Fatal("no change")
	}
	panic("unreachable")
}

// scribble changes something at random in the tree at top, by one transaction, if that can be done.
func scribble(ctx context.Context, c *client.Client, random *rand.Rand, top string) error {
	node := func() string {
		path := top
		for range 1 + random.IntN(3) {
			path += fmt.Sprintf("/%d", random.IntN(4))
		}
		return path
	}
	data := fmt.Append(nil, random.IntN(1000))
	var err error
	switch random.IntN(10) {
	case 0, 1:
		_, _, err = c.Create(ctx, node(), data, client.Parents())
	case 2, 3:
		_, err = c.Set(ctx, node(), data)
	case 4:
		err = c.Delete(ctx, node())
	case 5:
		_, err = c.DeleteTree(ctx, node())
	case 6:
		_, _, err = c.MoveTree(ctx, node(), node())
	case 7:
		_, _, err = c.CopyTree(ctx, node(), node())
	case 8:
		one := node()
		_, err = c.Multi(ctx, client.CreateOp(one, data, client.Parents()), client.SetOp(one, data), client.SetOp(top, data))
	case 9:
		one := node() // another node at the same path, in one transaction
		_, err = c.Multi(ctx, client.DeleteOp(one), client.CreateOp(one, data))
	}
	for _, expected := range []error{client.ErrNoNode, client.ErrNodeExists, client.ErrNotEmpty, client.ErrBadArguments} {
		if errors.Is(err, expected) {
			return nil
		}
	}
	return err
}

func TestCacheChangesBeginAnewForWhoDoesNotTakeThem(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	_, _, err := c.Create(within(t), "/t", nil, client.Parents())
	must(t, err)
	cache := cached(t, c, "/t")
	slow, quick := cache.Changes(), cache.Changes()
	defer slow.Close()
	defer quick.Close()
	var behind, ahead picture
	ahead.take(t, next(t, quick))
	const transactions, width = 60, 100 // more than wait for one reader
	var zxid client.Zxid
	for i := range transactions {
		ops := make([]client.Op, width)
		for j := range ops {
			ops[j] = client.CreateOp(fmt.Sprintf("/t/%d-%d", i, j), nil, client.WithZxid(&zxid))
		}
		_, err := c.Multi(within(t), ops...)
		must(t, err)
		for range width {
			if ch := next(t, quick); ch.Type != recipes.Created {
				t.Fatalf("a quick reader is told %v", ch.Type)
			} else {
				ahead.take(t, ch)
			}
		}
	}
	must(t, cache.Wait(within(t), zxid))
	v, _ := cache.View()
	resets := 0
	for len(behind) < v.Len() {
		ch := next(t, slow)
		if ch.Type == recipes.Reset {
			resets++
		}
		behind.take(t, ch)
	}
	ahead.matches(t, v)
	behind.matches(t, v)
	if resets != 2 {
		t.Errorf("%d resets, the first one included", resets)
	}
}
