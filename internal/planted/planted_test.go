package planted

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/internal/overlay"
)

// TestEveryBugCanBePlanted applies each bug to today's source.
func TestEveryBugCanBePlanted(t *testing.T) {
	tree, err := overlay.Find()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, bug := range Bugs {
		t.Run(bug.Name, func(t *testing.T) {
			if names[bug.Name] || bug.Breaks == "" || len(bug.Edits) == 0 {
				t.Error("a bug has a name of its own, says what it breaks, and edits something")
			}
			names[bug.Name] = true
			if _, err := regexp.Compile(bug.Suite.Words); err != nil || bug.Suite.Words == "" {
				t.Errorf("words of the failure: %q: %v", bug.Suite.Words, err)
			}
			path, err := tree.Write(t.TempDir(), bug.Edits)
			if err != nil {
				t.Fatal(err)
			}
			for file, changed := range replaced(t, path) {
				if strings.HasSuffix(file, "_test.go") {
					t.Errorf("%s: a bug is planted in the product, not in its tests", file)
				}
				if _, err := parser.ParseFile(token.NewFileSet(), changed, nil, parser.SkipObjectResolution); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if len(Bugs) < 12 {
		t.Errorf("%d bugs, want 12 at least", len(Bugs))
	}
}

// replaced reads an overlay.json: the changed copies by original file.
func replaced(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list.Replace
}
