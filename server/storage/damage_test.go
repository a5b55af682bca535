package storage_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

const pageBytes = 4096

// kinds of files in a data directory, by name.
var kinds = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"identity", regexp.MustCompile(`/identity\.json$`)},
	{"boot", regexp.MustCompile(`/boot(\.copy)?$`)},
	{"lock", regexp.MustCompile(`/(lock|LOCK)$`)},
	{"host id", regexp.MustCompile(`/NODEHOST\.ID$`)},
	{"host description", regexp.MustCompile(`/dragonboat\.ds$`)},
	{"bootstrap", regexp.MustCompile(`/BOOTSTRAP-\d+-\d+$`)},
	{"log", regexp.MustCompile(`/\d+\.log$`)},
	{"log mark", regexp.MustCompile(`/\d+\.used$`)},
	{"log index", regexp.MustCompile(`/\d+\.index$`)},
	{"manifest", regexp.MustCompile(`/MANIFEST-\d+$`)},
	{"current", regexp.MustCompile(`/CURRENT$`)},
	{"snapshot", regexp.MustCompile(`\.gbsnap$`)},
	{"snapshot metadata", regexp.MustCompile(`/snapshot\.(metadata|message)$|/dragonboat\.snapshot\.message$`)},
}

// filesByKind are the files below dir; those that no kind fits are "other".
func filesByKind(dir string) (map[string][]string, error) {
	found := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		kind := "other"
		for _, k := range kinds {
			if k.pattern.MatchString(filepath.ToSlash(path)) {
				kind = k.name
				break
			}
		}
		found[kind] = append(found[kind], path)
		return nil
	})
	return found, err
}

// damages are what is done to a file. Each returns the new content, and from where on it is another one; nil is no file.
var damages = []struct {
	name string
	do   func(rng *rand.Rand, b []byte) (damaged []byte, from int)
}{
	{"a flipped bit", func(rng *rand.Rand, b []byte) ([]byte, int) {
		if len(b) == 0 {
			return []byte{1}, 0
		}
		at := rng.IntN(len(b))
		b[at] ^= 1 << rng.IntN(8)
		return b, at
	}},
	{"the end cut off", func(rng *rand.Rand, b []byte) ([]byte, int) {
		left := max(0, len(b)-1-rng.IntN(pageBytes))
		return b[:left], left
	}},
	{"emptied", func(_ *rand.Rand, b []byte) ([]byte, int) { return b[:0], 0 }},
	{"a page of zeros", func(rng *rand.Rand, b []byte) ([]byte, int) {
		if len(b) == 0 {
			return make([]byte, pageBytes), 0
		}
		at := rng.IntN((len(b)+pageBytes-1)/pageBytes) * pageBytes
		clear(b[at:min(at+pageBytes, len(b))])
		return b, at
	}},
	{"deleted", func(*rand.Rand, []byte) ([]byte, int) { return nil, 0 }},
}

// wound is one damage of one file.
type wound struct {
	kind, damage string
	path         string
	from         int  // the first byte that is another one
	tail         bool // it is at the end of the newest log file
	changed      bool // false: the file is as it was
}

func (w wound) String() string {
	return fmt.Sprintf("%s: %s from byte %d (%s)", w.damage, filepath.Base(w.path), w.from, w.kind)
}

// tailBytes before the end of what is written are taken for the end of a log: a few records.
const tailBytes = 1 << 10

// damage does something to a file of a kind below dir.
func damage(rng *rand.Rand, dir, kind string, how int) (wound, error) {
	w := wound{kind: kind, damage: damages[how].name}
	found, err := filesByKind(dir)
	if err != nil {
		return w, err
	}
	files := found[kind]
	if len(files) == 0 {
		return w, nil
	}
	w.path = files[rng.IntN(len(files))]
	old, err := os.ReadFile(w.path)
	if err != nil {
		return w, err
	}
	target := old
	if kind == "log" { // zeros are written ahead of the records
		target = bytes.TrimRight(old, "\x00")
	}
	written := len(target)
	damaged, from := damages[how].do(rng, slices.Clone(target))
	w.from, w.changed = from, damaged == nil || !bytes.Equal(damaged, target)
	w.tail = kind == "log" && w.path == slices.Max(files) && (from >= written-tailBytes || from+pageBytes >= written)
	if damaged == nil {
		return w, os.Remove(w.path)
	}
	if len(damaged) == written {
		damaged = append(damaged, old[written:]...)
	}
	return w, os.WriteFile(w.path, damaged, 0o600)
}
