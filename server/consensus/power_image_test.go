package consensus

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sectorBytes are written by a disk whole or not at all.
const sectorBytes = 512

// image is what a disk holds: for each file what was synced and the changes since, for each directory the names that were
// synced and the changes since. A loss of power leaves, of the changes, none, all, or some.
type image struct{ root *stored }

// stored is a file or a directory.
type stored struct {
	synced  []byte   // of a file
	changes []change // since, in order

	names   map[string]*stored // of a directory as programs see it; nil: a file
	kept    map[string]*stored // as it was synced
	renames []func(map[string]*stored)
}

// change is a write, or a new length if data is nil.
type change struct {
	at   int64
	data []byte
}

func newDirectory() *stored {
	return &stored{names: map[string]*stored{}, kept: map[string]*stored{}}
}

// find returns the directory of a path, and the last name of it. Paths are relative to the image, with slashes.
func (m *image) find(path string) (dir *stored, name string, err error) {
	dir = m.root
	parts := strings.Split(path, "/")
	for _, part := range parts[:len(parts)-1] {
		if dir = dir.names[part]; dir == nil || dir.names == nil {
			return nil, "", fmt.Errorf("no directory %q in %q", part, path)
		}
	}
	return dir, parts[len(parts)-1], nil
}

func (m *image) lookup(path string) *stored {
	if path == "." {
		return m.root
	}
	dir, name, err := m.find(path)
	if err != nil {
		return nil
	}
	return dir.names[name]
}

// rename applies a change to the names of a directory, which is not synced yet.
func (d *stored) rename(change func(map[string]*stored)) {
	change(d.names)
	d.renames = append(d.renames, change)
}

func (d *stored) put(name string, s *stored) {
	d.rename(func(names map[string]*stored) { names[name] = s })
}
func (d *stored) drop(name string) {
	d.rename(func(names map[string]*stored) { delete(names, name) })
}

// sync makes all changes of one file or directory durable.
func (s *stored) sync() {
	if s.names != nil {
		s.kept, s.renames = maps.Clone(s.names), nil
		return
	}
	s.synced, s.changes = s.content(nil), nil
}

// content is what a file holds after those of its changes that keep, asked for each sector and change, lets through; nil: all.
func (s *stored) content(keep func(change int, sector int64) bool) []byte {
	b := slices.Clone(s.synced)
	for i, c := range s.changes {
		if c.data == nil {
			if keep == nil || keep(i, -1) {
				b = resize(b, c.at)
			}
			continue
		}
		for from, end := c.at, c.at+int64(len(c.data)); from < end; {
			to := min((from/sectorBytes+1)*sectorBytes, end)
			if keep == nil || keep(i, from/sectorBytes) {
				b = resize(b, max(int64(len(b)), to))
				copy(b[from:to], c.data[from-c.at:])
			}
			from = to
		}
	}
	return b
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// luck is how much of the changes that were not synced survives a loss of power: nothing, or all, or with chance any part.
// Changes of names come in order, as file systems keep a journal of them; sectors in any order, but each as it was at one time.
type luck struct {
	all    bool
	chance *rand.Rand
}

// lose writes to dir what is left after a loss of power.
func (m *image) lose(dir string, luck luck) error { return m.root.lose(dir, luck) }

func (s *stored) lose(path string, luck luck) error {
	if s.names == nil {
		return os.WriteFile(path, s.left(luck), 0o600)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	names := maps.Clone(s.kept)
	survive := 0
	if luck.all {
		survive = len(s.renames)
	} else if luck.chance != nil {
		survive = luck.chance.IntN(len(s.renames) + 1)
	}
	for _, change := range s.renames[:survive] {
		change(names)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := names[name].lose(filepath.Join(path, name), luck); err != nil {
			return err
		}
	}
	return nil
}

// left is what a loss of power leaves of a file.
func (s *stored) left(luck luck) []byte {
	if luck.all {
		return s.content(nil)
	}
	if luck.chance == nil || len(s.changes) == 0 {
		return s.synced
	}
	until := map[int64]int{} // by sector, how many changes came to the disk; sector -1: of the length
	how := luck.chance.IntN(4)
	return s.content(func(change int, sector int64) bool {
		cut, known := until[sector]
		if !known {
			switch how {
			case 0: // all
				cut = len(s.changes)
			case 1: // the first part
				cut = len(s.changes) / 2
			default:
				cut = luck.chance.IntN(len(s.changes) + 1)
			}
			until[sector] = cut
		}
		return change < cut
	})
}

// readImage is the image of a disk of which everything is synced.
func readImage(dir string) (*image, error) {
	root, err := readStored(dir)
	return &image{root}, err
}

// readStored is what is on the disk now, all of it synced.
func readStored(path string) (*stored, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		b, err := os.ReadFile(path)
		return &stored{synced: b}, err
	}
	d := newDirectory()
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		child, err := readStored(filepath.Join(path, e.Name()))
		if err != nil {
			return nil, err
		}
		d.names[e.Name()], d.kept[e.Name()] = child, child
	}
	return d, nil
}
