package znode

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the actual outputs into testdata/*.txt")

// TestScripts runs testdata/*.txt, which are the specification of the tree. Each
// file starts with an empty tree. A case is a command with its input lines, a
// line "----", and the expected output, up to an empty line; "#" starts a comment.
// After each case the tree is checked against itself. vocabulary_test.go has the
// commands. "go test -run TestScripts -rewrite" writes the actual outputs into the
// files, to be read and judged.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			actual := runScript(t, file, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(actual), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// runScript runs the cases of a file and returns it with the actual outputs.
func runScript(t *testing.T, file, text string) string {
	var out strings.Builder
	w := newWorld(t)
	cases := 0
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" || strings.HasPrefix(lines[i], "#") {
			out.WriteString(lines[i] + "\n")
			continue
		}
		start := i
		for i < len(lines) && lines[i] != "----" && lines[i] != "" {
			i++
		}
		input := lines[start:i]
		var expected strings.Builder
		for i++; i < len(lines) && lines[i] != ""; i++ {
			expected.WriteString(lines[i] + "\n")
		}
		actual := w.run(input)
		cases++
		if actual != expected.String() && !*rewrite {
			t.Errorf("%s:%d: %s\nexpected:\n%s\nactual:\n%s", file, start+1, strings.Join(input, "\n"), expected.String(), actual)
		}
		out.WriteString(strings.Join(input, "\n") + "\n----\n" + actual)
		if i < len(lines) {
			out.WriteString("\n")
		}
		checkTree(t, w.tree)
		if t.Failed() {
			t.Fatalf("%s:%d: stopped", file, start+1)
		}
	}
	if cases == 0 {
		t.Errorf("%s has no cases", file)
	}
	return out.String()
}
