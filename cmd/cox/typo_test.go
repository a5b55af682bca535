package main

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	names := (&shell{verbs: allVerbs(), mode: interactive}).names()
	tests := []struct{ typed, want string }{
		{"crate", "create"},
		{"craete", "create"},
		{"CREATE", "create"},
		{"delet", "delete"},
		{"deletall", "deleteall"},
		{"getephemerals", "getEphemerals"},
		{"getAllChildrenNumbers", "getAllChildrenNumber"},
		{"gte", "get"},
		{"sl", "ls"},
		{"xyz", ""},
		{"q", ""},
		{"frobnicate", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.typed, names); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.typed, got, tt.want)
		}
	}
}

// slowDistance says the same as distance in the words of its definition.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	if a[i] == b[j] {
		return slowDistance(a[:i], b[:j])
	}
	d := 1 + min(slowDistance(a[:i], b), slowDistance(a, b[:j]), slowDistance(a[:i], b[:j]))
	if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
		d = min(d, 1+slowDistance(a[:i-1], b[:j-1]))
	}
	return d
}

func TestDistanceModel(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, most := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 8).Draw(t, "most")
		if got, want := distance(a, b, most), min(slowDistance(a, b), most); got != want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", a, b, most, got, want)
		}
	})
}
