package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// history is what was typed: in this shell, and in earlier ones as the file knows it.
type history struct {
	path     string   // of the file; empty: nowhere to keep it
	earlier  []string // from the file
	commands []string // of this shell, numbered from 1
}

// historyPath is where the history is kept, "" if the user has no such place.
func historyPath(env func(string) string) string {
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cox", "history")
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "cox", "history")
	}
	return ""
}

// openHistory reads the file. One that cannot be read is as good as none: the shell works without.
func openHistory(path string) *history {
	h := &history{path: path}
	if path != "" {
		h.earlier = readHistory(path)
	}
	return h
}

func readHistory(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); keepable(line) {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-historyLines):]
}

// keepable reports whether a line can be kept and shown again as it is.
func keepable(line string) bool {
	return line != "" && len(line) <= historyLineMax && utf8.ValidString(line) && !strings.ContainsFunc(line, unprintable)
}

// add notes a command.
func (h *history) add(line string) { h.commands = append(h.commands, line) }

// save writes the file anew, readable by nobody else: data is typed into the shell, and some of it is secret. What other
// shells have saved meanwhile is kept.
func (h *history) save() error {
	kept := slices.DeleteFunc(slices.Clone(h.commands), func(line string) bool { return !keepable(line) })
	if h.path == "" || len(kept) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	lines := append(readHistory(h.path), kept...)
	lines = slices.Compact(lines[max(0, len(lines)-historyLines):])
	// A new file in the place of the old one: whatever goes wrong, one of the two is whole; and it has our permissions.
	f, err := os.CreateTemp(filepath.Dir(h.path), ".history-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), h.path)
	}
	if err != nil {
		if e := os.Remove(f.Name()); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
