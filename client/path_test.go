package client

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/coxswain-io/coxswain/znode"
)

// drawPath draws a path, most of them legal.
func drawPath(t *rapid.T, label string) string {
	name := rapid.OneOf(rapid.StringMatching(`[a-z]{1,3}`), rapid.SampledFrom([]string{".", "..", "", "é", "\x00", "zookeeper", "a b", "\xff"}))
	if rapid.IntRange(0, 3).Draw(t, label+" is simple") > 0 {
		name = rapid.StringMatching(`[a-z0-9é-]{1,3}`)
	}
	return "/" + strings.Join(rapid.SliceOfN(name, 0, 4).Draw(t, label), "/")
}

// TestViewsRoundTrip: a view takes a path if it is legal by itself and below its root, gives it the name that it has there, and
// tells it by the name that it was given; what is outside of the view keeps its name. A view of a view is one of both roots.
func TestViewsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, path := drawPath(t, "root"), drawPath(t, "path")
		whole := &Client{core: &core{}}
		view, err := whole.Chroot(root)
		if legal := znode.ValidatePath(root) == nil; legal != (err == nil) {
			t.Fatalf("a view of %q: %v", root, err)
		}
		if err != nil {
			return
		}
		real, fault := view.root.path(path)
		if legal := znode.ValidatePath(path) == nil; legal != (fault == nil) {
			t.Fatalf("%q in a view of %q: %v", path, root, fault)
		}
		if fault != nil {
			return
		}
		want := strings.TrimSuffix(strings.TrimSuffix(root, "/")+"/"+strings.TrimPrefix(path, "/"), "/")
		if want == "" {
			want = "/"
		}
		if real != want || view.root.out(real) != path || znode.ValidatePath(real) != nil {
			t.Errorf("%q in a view of %q is %q, told as %q", path, root, real, view.root.out(real))
		}
		inner, err := view.Chroot(path)
		if err != nil {
			t.Fatal(err)
		}
		if direct, err := whole.Chroot(real); err != nil || direct.root != inner.root {
			t.Errorf("a view of %q in one of %q is %q, directly it is %q, %v", path, root, inner.root, direct.root, err)
		}
		other := drawPath(t, "other")
		below := root == "/" || other == root || strings.HasPrefix(other, root+"/")
		if told := view.root.out(other); !below && told != other || below && znode.ValidatePath(other) == nil && view.root.in(told) != other {
			t.Errorf("%q in a view of %q is told as %q", other, root, told)
		}
	})
}
