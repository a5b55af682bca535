package chaos_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/internal/overlay"
)

// directory is for what outlives one test: binaries.
var directory string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if directory, err = os.MkdirTemp("", "coxchaos"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		return m.Run()
	}())
}

// plain is coxswain as it is released, clocked one whose wall clock can be shifted: for that the standard library is built anew,
// which takes minutes the first time.
var plain, clocked = sync.OnceValues(func() (string, error) { return build("coxswain") }),
	sync.OnceValues(func() (string, error) {
		tree, err := overlay.Find()
		if err != nil {
			return "", err
		}
		cache, err := os.UserCacheDir() // of a constant place, so that what was built is found again
		if err != nil {
			return "", err
		}
		replaced, err := tree.Write(filepath.Join(cache, "coxswain-wallclock"), overlay.WallClock())
		if err != nil {
			return "", err
		}
		return build("coxswain-clocked", "-overlay", replaced)
	})

func build(name string, flags ...string) (string, error) {
	binary := filepath.Join(directory, name)
	args := append(append([]string{"build", "-o", binary}, flags...), "github.com/coxswain-io/coxswain/cmd/coxswain")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", errors.Join(err, fmt.Errorf("%s", out))
	}
	return binary, nil
}
