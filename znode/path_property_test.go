package znode

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPathsRoundTrip: a legal path is what its parent and its name make of it, all the way up to the root; each of those is
// legal and above it; and paths are in the order of their components.
func TestPathsRoundTrip(t *testing.T) {
	names := rapid.SliceOfN(rapid.StringMatching(`[ -.0-~é日]{1,8}`).Filter(func(s string) bool { return s != "." && s != ".." }), 1, 12)
	rapid.Check(t, func(t *rapid.T) {
		a := names.Draw(t, "names")
		path := "/" + strings.Join(a, "/")
		if err := ValidatePath(path); err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		up := path
		for i, name := range slices.Backward(a) {
			parent := parentOf(up)
			if below(parent)+name != up || !within(up, parent) || !within(path, parent) || within(parent, up) || ValidatePath(parent) != nil {
				t.Errorf("%q is not %q in %q", up, name, parent)
			}
			if up = parent; strings.Count(up, "/") != max(1, i) {
				t.Errorf("%q, component %d: above is %q", path, i, up)
			}
		}
		if up != "/" {
			t.Errorf("the way up from %q ends at %q", path, up)
		}
		b := names.Draw(t, "other names")
		other := "/" + strings.Join(b, "/")
		if got, want := ComparePaths(path, other), slices.Compare(a, b); got < 0 != (want < 0) || got > 0 != (want > 0) {
			t.Errorf("%q and %q compare as %d, their components as %d", path, other, got, want)
		}
	})
}

// TestSuffixesRoundTrip: the names of sequential nodes are in the order of their numbers, have at least ten digits, and are legal
// wherever their prefix is.
func TestSuffixesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`(/[a-z.]{1,3}){0,2}/[a-z.-]{0,3}`).Draw(t, "prefix")
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n")
		name := withSuffix(prefix, n)
		digits := name[len(prefix):]
		if len(digits) < 10 || len(digits) > 19 || strings.TrimLeft(digits, "0") != strings.TrimLeft(withSuffix("", n), "0") || !strings.HasPrefix(name, prefix) {
			t.Errorf("%q and %d make %q", prefix, n, name)
		}
		if next := withSuffix(prefix, n+1); len(next) == len(name) && next <= name {
			t.Errorf("%q follows %q", next, name)
		}
		if legal := ValidateCreatePath(prefix, ModePersistentSequential) == nil; legal && ValidatePath(name) != nil {
			t.Errorf("%q is a legal prefix, and %q is not legal", prefix, name)
		}
	})
}
