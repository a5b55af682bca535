package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHistoryPath(t *testing.T) {
	tests := []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/cox/history"},
		{map[string]string{"HOME": "/h"}, "/h/.local/state/cox/history"},
		{map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/cox/history"},
		{nil, ""},
	}
	for _, tt := range tests {
		if got := historyPath(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("historyPath with %v = %q, want %q", tt.env, got, tt.want)
		}
	}
}

func TestHistoryIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "cox", "history")
	first, second := openHistory(path), openHistory(path)
	first.add("ls /")
	first.add("set /a \x1b")                                   // not shown as it is: not kept
	first.add("set /a " + strings.Repeat("x", historyLineMax)) // too long
	second.add("get /a")
	for _, h := range []*history{first, second} {
		if err := h.save(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := openHistory(path).earlier, []string{"ls /", "get /a"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the history has mode %v, %v; want 0600", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".history-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := openHistory(filepath.Join(t.TempDir(), "history"))
	for i := range historyLines + 10 {
		h.add(fmt.Sprintf("get /%d", i))
	}
	if err := h.save(); err != nil {
		t.Fatal(err)
	}
	got := openHistory(h.path).earlier
	if len(got) != historyLines || got[0] != "get /10" {
		t.Errorf("%d lines are kept, the first is %q", len(got), got[0])
	}
}

// An unreadable or damaged file is as good as none.
func TestHistoryDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("ok\n\xff\xfe\n\x1b[2J\n\nlast"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := openHistory(path).earlier, []string{"ok", "last"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if got := openHistory(t.TempDir()).earlier; len(got) > 0 {
		t.Errorf("a directory was read as %q", got)
	}
}
