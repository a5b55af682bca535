package coxswain_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeCompiles: the Go code in the README is code of this version. Blocks that are functions stand as they are, others
// are the body of one.
func TestReadmeCompiles(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	source.WriteString(`package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

var _, _, _, _ = errors.Is, fmt.Println, time.Second, recipes.ErrHeld

func main() {}
`)
	blocks := strings.Split(string(text), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there is no Go code in the README")
	}
	for i, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		code = strings.ReplaceAll(code, "…\n", "")
		if !strings.HasPrefix(code, "func ") {
			code = fmt.Sprintf("func block%d(ctx context.Context) error {\n%s\nreturn nil\n}", i, code)
		}
		source.WriteString("\n" + code + "\n")
	}
	file := filepath.Join(t.TempDir(), "readme.go")
	if err := os.WriteFile(file, []byte(source.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	// A snippet need not use all that it shows.
	out, err := exec.Command("go", "build", "-gcflags=-e", "-o", os.DevNull, file).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if err != nil && !strings.HasPrefix(line, "#") && !strings.Contains(line, "declared and not used") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
