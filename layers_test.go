// Package coxswain_test holds the tests that concern all packages, and so belong to none of them: the map of the project, and
// that the README's code is code of this version.
package coxswain_test

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/coxswain-io/coxswain/"

// layers names for each package the packages of this module that it may import. Arrows point down only: client and server
// meet in wire, the tree and the session table do not know each other, and one package alone knows the consensus library.
var layers = map[string][]string{
	"znode":        {},
	"session":      {},
	"wire":         {"znode", "session"},
	"server/state": {"wire", "znode", "session"},
	"server/watch": {"wire", "znode", "session"},

	"server/consensus":      {},
	"server":                {"server/consensus", "server/state", "server/watch", "wire", "znode", "session"},
	"server/admin":          {"server"},
	"server/process":        {"server", "client", "internal/ports"},
	"server/servertest":     {"server", "client", "wire", "internal/ports"},
	"client":                {"wire", "znode", "session"},
	"recipes":               {"client"},
	"internal/ports":        {},
	"internal/overlay":      {},
	"internal/overlay/make": {"internal/overlay"},
	"internal/planted":      {"internal/overlay"},
	"internal/history":      {"client"},
	"internal/workload":     {"client", "recipes", "internal/history"},

	"server/consensus/modellog": {"server/consensus"},
	"server/simulation": {"server", "server/state", "server/consensus", "server/consensus/modellog", "client", "recipes", "wire", "znode",
		"session", "internal/overlay", "internal/history", "internal/workload"},
	"server/chaos":   {"server", "server/process", "client", "recipes", "internal/overlay", "internal/history", "internal/workload"},
	"server/storage": {"server", "server/process", "client"},
	"server/storms":  {"server", "server/process", "client", "wire", "internal/overlay"},

	"cmd/coxswain": {"server", "server/admin", "server/consensus"},
	"cmd/cox":      {"client", "recipes"},
	"cmd/coxdemo":  {"client", "server/process"},
	"bench/load":   {"client", "recipes", "server/process"},
	"bench":        {"bench/load"},
}

// pure is the deterministic core: what every replica computes in the same way, and what can be tested without a clock.
var pure = []string{"znode", "session", "wire", "server/state", "server/watch"}

var impure = []string{"net", "os", "time", "math/rand", "math/rand/v2", "crypto/rand", "sync", "sync/atomic", "syscall", "hash/maphash"}

// onlyIn names the packages that may import a module that must not spread.
var onlyIn = map[string]string{
	"github.com/lni/dragonboat": "server/consensus",
	"github.com/lni/vfs":        "server/consensus",
	"github.com/peterh/liner":   "cmd/cox",
	"gopkg.in/yaml.v3":          "cmd/coxswain",
}

func TestLayersAndPurity(t *testing.T) {
	for dir, p := range packages(t) {
		allowed, known := layers[dir]
		if !known {
			t.Errorf("package %s is not in the map: give it a place in layers", dir)
		}
		for _, imported := range p.Imports {
			if inside, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, inside) {
				t.Errorf("%s imports %s: the map does not allow it", dir, inside)
			}
			if slices.Contains(pure, dir) && (slices.Contains(impure, imported) || strings.HasPrefix(imported, "net/") || strings.HasPrefix(imported, "os/")) {
				t.Errorf("%s imports %s: the core takes no time, chance, lock or outside world", dir, imported)
			}
			for prefix, owner := range onlyIn {
				if strings.HasPrefix(imported, prefix) && dir != owner {
					t.Errorf("%s imports %s: only %s may", dir, imported, owner)
				}
			}
		}
	}
}

func TestEveryPackageIsDescribed(t *testing.T) {
	for dir, p := range packages(t) {
		if len(p.Doc) < 20 {
			t.Errorf("package %s has no package comment", dir)
		}
		if p.Name != "main" && !slices.Contains(p.GoFiles, "doc.go") {
			t.Errorf("package %s has no doc.go", dir)
		}
		for _, name := range p.GoFiles {
			for _, bad := range []string{"util", "common", "helper", "manager", "impl", "misc"} {
				if strings.Contains(name, bad) {
					t.Errorf("%s/%s: name the file for its concept", dir, name)
				}
			}
		}
	}
}

// packages is every package of the module by directory.
func packages(t *testing.T) map[string]*build.Package {
	t.Helper()
	found := map[string]*build.Package{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." {
			return err
		}
		if name := d.Name(); strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
			return filepath.SkipDir // a module of its own
		}
		p, err := build.ImportDir(path, 0)
		if _, none := err.(*build.NoGoError); none {
			return nil
		}
		if err != nil {
			return err
		}
		found[filepath.ToSlash(path)] = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
