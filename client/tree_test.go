package client

import (
	"errors"
	"reflect"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
)

// listPaths returns the paths of a recursive list.
func listPaths(t *testing.T, c *Client, path string) []string {
	t.Helper()
	var paths []string
	for entry, err := range c.List(t.Context(), path) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, entry.Path)
	}
	return paths
}

func TestTreesAreDeletedCopiedAndMoved(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/a", "/a/b", "/a/b/c", "/a/d", "/to")
		before := s.zxid
		stat, count, err := c.CopyTree(ctx, "/a", "/to/copy")
		if err != nil || count != 4 || stat.Czxid != before+1 || stat.NumChildren != 2 {
			t.Fatalf("copy: %d %+v %v", count, stat, err)
		}
		if want := []string{"/to", "/to/copy", "/to/copy/b", "/to/copy/b/c", "/to/copy/d"}; !reflect.DeepEqual(listPaths(t, c, "/to"), want) {
			t.Errorf("the copy is %q", listPaths(t, c, "/to"))
		}
		if node, err := c.Get(ctx, "/to/copy/b/c"); err != nil || string(node.Data) != "/a/b/c" || node.Stat.Czxid != stat.Czxid {
			t.Errorf("a copied node: %+v %v", node, err)
		}
		stat, count, err = c.MoveTree(ctx, "/to/copy", "/moved", IfCzxid(stat.Czxid))
		if err != nil || count != 4 || stat.Czxid != before+2 {
			t.Errorf("move: %d %+v %v", count, stat, err)
		}
		moved, left := listPaths(t, c, "/moved"), listPaths(t, c, "/to")
		if want := []string{"/moved", "/moved/b", "/moved/b/c", "/moved/d"}; !reflect.DeepEqual(moved, want) || len(left) != 1 {
			t.Errorf("moved to %q, left %q", moved, left)
		}
		if count, err := c.DeleteTree(ctx, "/moved", IfVersion(0)); err != nil || count != 4 {
			t.Errorf("delete: %d %v", count, err)
		}
		if _, there, err := c.Exists(ctx, "/moved"); there || err != nil {
			t.Errorf("it is still there: %v", err)
		}
	})
}

func TestTreeOperationsTellWhatIsAtFault(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/a", "/a/b", "/x")
		if _, _, err := c.Create(ctx, "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		for name, one := range map[string]struct {
			call func() error
			code error
			path string
		}{
			"delete of nothing":    {func() error { _, err := c.DeleteTree(ctx, "/no"); return err }, ErrNoNode, "/no"},
			"delete of another":    {func() error { _, err := c.DeleteTree(ctx, "/a", IfCzxid(1<<40)); return err }, ErrMismatch, "/a"},
			"copy of nothing":      {func() error { _, _, err := c.CopyTree(ctx, "/no", "/y"); return err }, ErrNoNode, "/no"},
			"copy to nowhere":      {func() error { _, _, err := c.CopyTree(ctx, "/a", "/no/y"); return err }, ErrNoNode, "/no"},
			"copy over something":  {func() error { _, _, err := c.CopyTree(ctx, "/a", "/x"); return err }, ErrNodeExists, "/x"},
			"copy into itself":     {func() error { _, _, err := c.CopyTree(ctx, "/a", "/a/b/c"); return err }, ErrBadArguments, ""},
			"copy of an ephemeral": {func() error { _, _, err := c.CopyTree(ctx, "/e", "/y"); return err }, ErrBadArguments, "/e"},
			"move below an ephemeral": {func() error { _, _, err := c.MoveTree(ctx, "/a", "/e/a"); return err },
				ErrNoChildrenForEphemerals, "/e"},
			"move of another version": {func() error { _, _, err := c.MoveTree(ctx, "/a", "/y", IfVersion(9)); return err }, ErrBadVersion, "/a"},
		} {
			err := one.call()
			var e *Error
			if !errors.Is(err, one.code) || !errors.As(err, &e) || one.path != "" && e.Path != one.path || !NotApplied(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := listPaths(t, c, "/a"); len(got) != 2 {
			t.Errorf("something was changed: %q", got)
		}
	})
}

func TestTreeOperationsAndReadsInAMulti(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		makeNodes(t, c, "/a", "/a/b")
		results, err := c.Multi(t.Context(), GetOp("/a/b"), CopyTreeOp("/a", "/c"), MoveTreeOp("/c", "/d"),
			SetOp("/d/b", []byte("new")), GetOp("/d/b"), GetOp("/c"), DeleteTreeOp("/d"))
		if err != nil || len(results) != 7 {
			t.Fatalf("%+v %v", results, err)
		}
		if r := results[0]; !r.Existed || r.Path != "/a/b" || string(r.Data) != "/a/b" || r.Stat.DataLength != 4 {
			t.Errorf("the first read: %+v", r)
		}
		if r := results[1]; r.Path != "/c" || r.Count != 2 || r.Stat.Czxid != s.zxid {
			t.Errorf("the copy: %+v", r)
		}
		if r := results[2]; r.Path != "/d" || r.Count != 2 {
			t.Errorf("the move: %+v", r)
		}
		if r := results[4]; string(r.Data) != "new" || r.Stat.Version != 1 || !r.Existed {
			t.Errorf("a read of what the same transaction has set: %+v", r)
		}
		if r := results[5]; r.Existed || r.Path != "/c" || r.Data != nil || r.Stat != (Stat{}) {
			t.Errorf("a read of nothing: %+v", r)
		}
		if r := results[6]; r.Count != 2 {
			t.Errorf("the deletion: %+v", r)
		}
	})
}

// Each of these would fail, or do something else, if it were carried out a second time.
func TestTreeOperationsWhoseReplyIsLostAreCarriedOutOnce(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/a", "/a/b")
		lost := 0
		s.script(func() {
			seen := map[int]bool{}
			s.onRequest = func(_ *peer, r *wire.Request) answer {
				if !r.Kind.Write() || seen[int(r.Seq)] {
					return proceed
				}
				seen[int(r.Seq)] = true
				lost++
				return loseReply
			}
		})
		if _, n, err := c.CopyTree(ctx, "/a", "/c"); err != nil || n != 2 {
			t.Errorf("copy: %d %v", n, err)
		}
		if _, n, err := c.MoveTree(ctx, "/c", "/d"); err != nil || n != 2 {
			t.Errorf("move: %d %v", n, err)
		}
		got, err := c.Txn(ctx, If(AbsentOp("/t")).Then(CreateOp("/t", nil), GetOp("/a")).Else(GetOp("/t")))
		if err != nil || !got.Held || got.Zxid != s.zxid || string(got.Results[1].Data) != "/a" {
			t.Errorf("transaction: %+v %v", got, err)
		}
		existed := true
		if _, _, err := c.Create(ctx, "/i", nil, IfAbsent(), Existed(&existed)); err != nil || existed {
			t.Errorf("create: existed %v, %v", existed, err)
		}
		if n, err := c.DeleteTree(ctx, "/d"); err != nil || n != 2 {
			t.Errorf("delete: %d %v", n, err)
		}
		s.script(func() { s.onRequest = nil })
		if lost != 5 {
			t.Errorf("%d replies were lost", lost)
		}
	})
}
