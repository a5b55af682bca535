package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// cached opens a cache for the length of the test.
func cached(t testing.TB, c *client.Client, path string, options ...recipes.CacheOption) *recipes.Cache {
	t.Helper()
	cache, err := recipes.NewCache(within(t), c, path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	return cache
}

// must ends the test because of an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listing is the truth about a tree as of a zxid; false if the service has forgotten it.
func listing(t testing.TB, c *client.Client, path string, asOf client.Zxid) (nodes []client.Entry, known bool) {
	t.Helper()
	for e, err := range c.List(within(t), path, client.AsOf(asOf), client.WithData(), client.WithStats()) {
		switch {
		case errors.Is(err, client.ErrNoNode):
			return nil, true
		case errors.Is(err, client.ErrCompacted):
			return nil, false
		}
		must(t, err)
		nodes = append(nodes, e)
	}
	return nodes, true
}

// exact checks that a view is exactly the tree of its zxid, and reports whether that is known.
func exact(t testing.TB, c *client.Client, path string, view recipes.View) bool {
	t.Helper()
	want, known := listing(t, c, path, view.Zxid())
	got := slices.Collect(view.All())
	if known && !reflect.DeepEqual(got, want) {
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("as of %d the view has %d nodes, the tree %d; different from number %d on:\n%+v\n%+v",
					view.Zxid(), len(got), len(want), i, got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
				break
			}
		}
	}
	return known
}

func TestCacheShowsATreeAndWhatBecomesOfIt(t *testing.T) {
	root := tree(t)
	c, writer := view(t, root), view(t, root)
	set := func(path, data string, options ...client.CreateOption) {
		t.Helper()
		_, _, err := writer.Create(within(t), path, []byte(data), options...)
		must(t, err)
	}
	set("/app/b/deep/er", "1", client.Parents())
	set("/app/a", "2")
	set("/app/b-side", "3")
	set("/apple", "not below /app")

	cache := cached(t, c, "/app")
	old, changed := cache.View()
	paths := func(v recipes.View) (paths []string) {
		for e := range v.All() {
			paths = append(paths, e.Path)
		}
		return paths
	}
	if got := strings.Join(paths(old), " "); got != "/app /app/a /app/b /app/b/deep /app/b/deep/er /app/b-side" {
		t.Errorf("all: %s", got)
	}
	var children []string
	for e := range old.Children("/app") {
		children = append(children, e.Path+"="+string(e.Data))
	}
	if got := strings.Join(children, " "); got != "/app/a=2 /app/b= /app/b-side=3" {
		t.Errorf("children: %s", got)
	}
	if e, ok := old.Get("/app/b/deep/er"); !ok || string(e.Data) != "1" || old.Len() != 6 {
		t.Errorf("get: %+v, %v; %d nodes", e, ok, old.Len())
	}
	if _, ok := old.Get("/app/b/no"); ok {
		t.Error("a node that is not there")
	}

	var zxid client.Zxid
	_, err := writer.Set(within(t), "/app/a", []byte("new"), client.WithZxid(&zxid))
	must(t, err)
	done(t, "the change", changed)
	must(t, cache.Wait(within(t), zxid))
	now, _ := cache.View()
	if e, _ := now.Get("/app/a"); string(e.Data) != "new" || now.Zxid() < zxid || e.Stat.Mzxid != zxid {
		t.Errorf("after the set of %d: %+v as of %d", zxid, e, now.Zxid())
	}
	if e, _ := old.Get("/app/a"); string(e.Data) != "2" {
		t.Errorf("the old view shows %q", e.Data)
	}

	_, err = writer.DeleteTree(within(t), "/app", client.WithZxid(&zxid))
	must(t, err)
	must(t, cache.Wait(within(t), zxid))
	if gone, _ := cache.View(); gone.Len() != 0 || len(slices.Collect(gone.Children("/app"))) != 0 {
		t.Errorf("deleted: %v", paths(gone))
	}
	set("/app", "again", client.WithZxid(&zxid))
	must(t, cache.Wait(within(t), zxid))
	back, _ := cache.View()
	if e, ok := back.Get("/app"); !ok || string(e.Data) != "again" || back.Len() != 1 {
		t.Errorf("created again: %v", paths(back))
	}
	exact(t, writer, "/app", back)
}

func TestCacheOfTheWholeTreeAndOfNothing(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	nothing := cached(t, c, "/")
	none, changed := nothing.View()
	if none.Len() != 0 || none.Zxid() == 0 {
		t.Errorf("%d nodes as of %d", none.Len(), none.Zxid())
	}
	_, _, err := c.Create(within(t), "/a/b", nil, client.Parents())
	must(t, err)
	done(t, "the creation", changed)
	all, _ := nothing.View()
	exact(t, c, "/", all)
	if got := slices.Collect(all.Children("/")); len(got) != 1 || got[0].Path != "/a" {
		t.Errorf("children of the root: %v", got)
	}
	var zero recipes.View
	if zero.Len() != 0 || len(slices.Collect(zero.All())) != 0 || len(slices.Collect(zero.Children("/"))) != 0 {
		t.Error("the zero view is not empty")
	}

	everything := cached(t, dial(t), "/")
	v, _ := everything.View()
	if _, ok := v.Get(root + "/a/b"); !ok {
		t.Error("the whole tree lacks a node")
	}
	for e := range v.Children("/") {
		if e.Path == "/" || strings.Count(e.Path, "/") != 1 {
			t.Errorf("child of the root: %s", e.Path)
		}
	}
}

// TestCacheShowsWholeTransactions: two nodes that are only ever set together are equal in every view, and the third, which
// counts children in its data, has as many.
func TestCacheShowsWholeTransactions(t *testing.T) {
	root := tree(t)
	c, writer := view(t, root), view(t, root)
	_, _, err := writer.Create(within(t), "/t/b", nil, client.Parents())
	must(t, err)
	_, _, err = writer.Create(within(t), "/t/a", nil)
	must(t, err)
	cache := cached(t, c, "/t")
	const n = 300
	go func() {
		for i := range n {
			data := fmt.Append(nil, i+1)
			if _, err := writer.Multi(within(t), client.SetOp("/t/a", data), client.CreateOp("/t/a/", nil, client.Sequential()),
				client.SetOp("/t/b", data)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	views := 0
	for last, stop := client.Zxid(0), within(t); ; views++ {
		v, changed := cache.View()
		a, _ := v.Get("/t/a")
		b, _ := v.Get("/t/b")
		if children := len(slices.Collect(v.Children("/t/a"))); string(a.Data) != string(b.Data) || a.Stat.Version != int64(children) ||
			a.Stat.NumChildren != int64(children) || v.Zxid() <= last {
			t.Fatalf("as of %d, after %d: %q and %q, %d children, %+v", v.Zxid(), last, a.Data, b.Data, children, a.Stat)
		}
		last = v.Zxid()
		if a.Stat.Version == n {
			break
		}
		select {
		case <-changed:
		case <-stop.Done():
			t.Fatal("no more changes")
		}
	}
	t.Logf("%d views of %d transactions", views, n)
}

// TestCacheIsFilledWhileTheTreeChanges: a tree of several pages is listed while it changes all the time. The first view, and
// those behind it, are exact.
func TestCacheIsFilledWhileTheTreeChanges(t *testing.T) {
	root := tree(t)
	c, writer, judge := view(t, root), view(t, root), view(t, root)
	const n = 300
	for i := range n {
		_, _, err := writer.Create(within(t), fmt.Sprintf("/t/%03d", i), make([]byte, 4<<10), client.Parents())
		must(t, err)
	}
	stop, writing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(writing)
		random := rand.New(rand.NewPCG(3, 4))
		for {
			select {
			case <-stop:
				return
			default:
			}
			one, other := fmt.Sprintf("/t/%03d", random.IntN(n)), fmt.Sprintf("/t/%03d", random.IntN(n))
			_, err := writer.Multi(t.Context(), client.SetOp(one, []byte("set")), client.DeleteOp(other), client.CreateOp(other, nil),
				client.CreateOp(one+"/below", nil))
			if err != nil && !errors.Is(err, client.ErrNodeExists) && !errors.Is(err, client.ErrNotEmpty) {
				t.Error(err)
				return
			}
		}
	}()
	for range 5 {
		cache := cached(t, c, "/t")
		for range 3 {
			v, changed := cache.View()
			if !exact(t, judge, "/t", v) {
				t.Error("the truth is not known")
			}
			done(t, "another change", changed)
		}
		cache.Close()
	}
	close(stop)
	<-writing
}

func TestCacheWaitsForATransactionElsewhere(t *testing.T) {
	root := tree(t)
	c, writer := view(t, root), view(t, root)
	_, _, err := writer.Create(within(t), "/t/here", nil, client.Parents())
	must(t, err)
	cache := cached(t, c, "/t")
	_, changed := cache.View()
	var zxid client.Zxid
	_, _, err = writer.Create(within(t), "/elsewhere", nil, client.WithZxid(&zxid))
	must(t, err)
	must(t, cache.Wait(within(t), zxid))
	if v, _ := cache.View(); v.Zxid() < zxid || v.Len() != 2 {
		t.Errorf("%d nodes as of %d, after a wait for %d", v.Len(), v.Zxid(), zxid)
	}
	select {
	case <-changed:
		t.Error("nothing has changed, and a change was told")
	default:
	}
	if err := cache.Wait(within(t), zxid+1_000_000); !errors.Is(err, client.ErrNotReached) {
		t.Errorf("a wait for what never was: %v", err)
	}
}

func TestCacheRefusesATreeThatIsTooLarge(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	for i := range 3 {
		_, _, err := c.Create(within(t), fmt.Sprintf("/t/%d", i), nil, client.Parents())
		must(t, err)
	}
	var refused *recipes.Error
	_, err := recipes.NewCache(within(t), c, "/t", recipes.WithMaxNodes(3))
	if !errors.Is(err, client.ErrTooMany) || !errors.As(err, &refused) {
		t.Errorf("four nodes: %v", err)
	}
	cache := cached(t, c, "/t", recipes.WithMaxNodes(4))
	changes := cache.Changes()
	next(t, changes)
	_, _, err = c.Create(within(t), "/t/more", nil)
	must(t, err)
	done(t, "the end", cache.Done())
	if err := cache.Err(); !errors.Is(err, client.ErrTooMany) {
		t.Error(err)
	}
	if _, open := <-changes.C(); open || !errors.Is(changes.Err(), client.ErrTooMany) {
		t.Errorf("the changes: open %v, %v", open, changes.Err())
	}
	if v, changed := cache.View(); v.Len() != 4 {
		t.Errorf("the last view has %d nodes", v.Len())
	} else {
		done(t, "the view's channel", changed)
	}
	if _, err := recipes.NewCache(within(t), c, "no path"); !errors.Is(err, client.ErrBadArguments) {
		t.Errorf("no path: %v", err)
	}
}

func TestCacheEnds(t *testing.T) {
	c := view(t, tree(t))
	cache := cached(t, c, "/t")
	changes := cache.Changes()
	next(t, changes)
	cache.Close()
	cache.Close()
	done(t, "the end", cache.Done())
	if _, open := <-changes.C(); open {
		t.Error("a change after the end")
	}
	late := cache.Changes()
	for ch := range late.C() {
		t.Errorf("%v after the end", ch.Type)
	}
	for _, err := range []error{cache.Err(), changes.Err(), late.Err(), cache.Wait(within(t), 1<<40)} {
		if !errors.Is(err, client.ErrClosed) {
			t.Error(err)
		}
	}

	short, cancel := context.WithCancel(t.Context())
	lasting, err := recipes.NewCache(short, c, "/t")
	must(t, err)
	defer lasting.Close()
	one, two := lasting.Changes(), lasting.Changes()
	cancel() // it was for the filling only
	next(t, one)
	one.Close()
	if _, open := <-one.C(); open || !errors.Is(one.Err(), client.ErrClosed) {
		t.Errorf("closed: open %v, %v", open, one.Err())
	}
	next(t, two)
	_, _, err = c.Create(within(t), "/t", nil, client.Parents())
	must(t, err)
	if ch := next(t, two); ch.Type != recipes.Created {
		t.Error(ch.Type)
	}
	if _, err := recipes.NewCache(short, c, "/t"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
