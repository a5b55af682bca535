package overlay

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// goTree is the prefix of a [Replacement]'s File that is in the Go tree.
const goTree = "GOROOT/"

// Replacement puts one text in place of another in one file.
type Replacement struct {
	// File is a path below the project's root, or below the Go tree's src with the prefix GOROOT/.
	File string
	// Old must occur exactly once in File. Empty: File does not exist, and is New.
	Old string
	New string
}

// Tree says where the files are.
type Tree struct {
	GoRoot  string // as `go env GOROOT` says
	Project string // the directory of go.mod
}

// Find returns the tree of the project around the working directory and of the Go command in GOROOT, or else in PATH.
func Find() (Tree, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Tree{}, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			return Tree{}, errors.New("there is no go.mod in the working directory or above it")
		}
		dir = up
	}
	root, err := goRoot()
	return Tree{GoRoot: root, Project: dir}, err
}

// Write writes the changed files of all sets below dir, and the overlay.json that names them, and returns its path. Equal
// contents have equal paths, so that the build cache serves again. Sets may replace in the same file; they are applied in
// order.
func (t Tree) Write(dir string, sets ...[]Replacement) (string, error) {
	dir, err := filepath.Abs(dir) // the go command reads the paths from any directory
	if err != nil {
		return "", err
	}
	contents, order, err := t.replace(sets)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, file := range order {
		fmt.Fprintf(sum, "%s %d\n%s", file, len(contents[file]), contents[file])
	}
	dir = filepath.Join(dir, hex.EncodeToString(sum.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for i, file := range order {
		changed := filepath.Join(dir, fmt.Sprintf("%d_%s", i, filepath.Base(file)))
		if err := writeWhole(changed, []byte(contents[file])); err != nil {
			return "", err
		}
		replace[file] = changed
	}
	list, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, writeWhole(path, list)
}

// replace returns the new contents by absolute path, and the paths in the order in which they first occur.
func (t Tree) replace(sets [][]Replacement) (contents map[string]string, order []string, err error) {
	contents = map[string]string{}
	for _, set := range sets {
		for _, r := range set {
			file := t.path(r.File)
			text, known := contents[file]
			if !known {
				b, err := os.ReadFile(file)
				switch {
				case err == nil && r.Old == "":
					return nil, nil, fmt.Errorf("%s exists already: say which of its text to replace", file)
				case err != nil && (r.Old != "" || !errors.Is(err, fs.ErrNotExist)):
					return nil, nil, err
				}
				text = string(b)
				order = append(order, file)
			}
			switch n := strings.Count(text, r.Old); {
			case r.Old == "":
				text = r.New
			case n != 1:
				return nil, nil, fmt.Errorf("%s (%s): found %d times what must be there once, adapt the replacement to it: %q",
					file, runtime.Version(), n, r.Old)
			default:
				text = strings.Replace(text, r.Old, r.New, 1)
			}
			contents[file] = text
		}
	}
	return contents, order, nil
}

func (t Tree) path(file string) string {
	if below, ok := strings.CutPrefix(file, goTree); ok {
		return filepath.Join(t.GoRoot, "src", filepath.FromSlash(below))
	}
	return filepath.Join(t.Project, filepath.FromSlash(file))
}

// writeWhole writes a file that others may be reading: they see all of it or the same as before.
func writeWhole(path string, b []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(b) {
		return nil // the same; and its time stays
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
