package overlay

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// written makes a tree with one file in the project and one in the Go tree.
func written(t *testing.T) Tree {
	t.Helper()
	tree := Tree{GoRoot: t.TempDir(), Project: t.TempDir()}
	for path, text := range map[string]string{
		filepath.Join(tree.GoRoot, "src", "runtime", "rand.go"): "package runtime // one two two\n",
		filepath.Join(tree.Project, "server", "server.go"):      "package server // one two two\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// read returns what an overlay replaces, with the new contents.
func read(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Replace map[string]string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	for file, changed := range list.Replace {
		text, err := os.ReadFile(changed)
		if err != nil {
			t.Fatal(err)
		}
		list.Replace[file] = string(text)
	}
	return list.Replace
}

func TestReplacements(t *testing.T) {
	for _, c := range []struct {
		name string
		sets [][]Replacement
		want map[string]string // by the last element of the path
		err  string
	}{
		{name: "in the Go tree", sets: [][]Replacement{{{"GOROOT/runtime/rand.go", "one", "1"}}},
			want: map[string]string{"rand.go": "package runtime // 1 two two\n"}},
		{name: "in the project", sets: [][]Replacement{{{"server/server.go", "one", "1"}}},
			want: map[string]string{"server.go": "package server // 1 two two\n"}},
		{name: "two sets in one file, in order", sets: [][]Replacement{{{"server/server.go", "one", "three"}}, {{"server/server.go", "three", "3"}}},
			want: map[string]string{"server.go": "package server // 3 two two\n"}},
		{name: "a new file", sets: [][]Replacement{{{"server/more.go", "", "package server\n"}}},
			want: map[string]string{"more.go": "package server\n"}},
		{name: "text that is not there", sets: [][]Replacement{{{"server/server.go", "four", ""}}}, err: "found 0 times"},
		{name: "text that is there twice", sets: [][]Replacement{{{"server/server.go", "two", "2"}}}, err: "found 2 times"},
		{name: "a new file that is there", sets: [][]Replacement{{{"server/server.go", "", "package server\n"}}}, err: "exists already"},
		{name: "a file that is not there", sets: [][]Replacement{{{"server/none.go", "one", "1"}}}, err: "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path, err := written(t).Write(dir, c.sets...)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, path)
			for file, text := range got {
				if c.want[filepath.Base(file)] != text {
					t.Errorf("%s is %q", file, text)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d files are replaced, want %d", len(got), len(c.want))
			}
		})
	}
}

func TestEqualContentsHaveEqualPaths(t *testing.T) {
	tree, dir := written(t), t.TempDir()
	write := func(text string) string {
		t.Helper()
		path, err := tree.Write(dir, []Replacement{{"server/server.go", "one", text}})
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("1")
	if again := write("1"); again != first {
		t.Errorf("%s and %s", first, again)
	}
	if other := write("2"); other == first {
		t.Errorf("other contents have the path %s too", other)
	}
}

// TestSetsFitThisGo: the replacements fit the Go tree that builds this test, and what comes out is Go.
func TestSetsFitThisGo(t *testing.T) {
	tree, err := Find()
	if err != nil {
		t.Skip("there is no Go tree here:", err)
	}
	for name, set := range map[string][]Replacement{"deterministic": Deterministic(), "wallclock": WallClock()} {
		path, err := tree.Write(t.TempDir(), set)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for file, text := range read(t, path) {
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
