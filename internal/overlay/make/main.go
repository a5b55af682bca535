// Command make writes the overlay of a set and prints the path of its overlay.json:
//
//	go test -overlay "$(go run ./internal/overlay/make deterministic)" -tags deterministic ./server/simulation
//	go build -overlay "$(go run ./internal/overlay/make wallclock)" ./cmd/coxswain
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coxswain-io/coxswain/internal/overlay"
)

func main() {
	dir := flag.String("dir", "", "write it below this `directory` (default: the user's cache)")
	flag.Parse()
	path, err := write(*dir, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}

func write(dir string, args []string) (string, error) {
	sets := map[string]func() []overlay.Replacement{"deterministic": overlay.Deterministic, "wallclock": overlay.WallClock}
	if len(args) != 1 || sets[args[0]] == nil {
		return "", errors.New("want the name of a set: deterministic or wallclock")
	}
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "coxswain-overlay")
	}
	tree, err := overlay.Find()
	if err != nil {
		return "", err
	}
	return tree.Write(dir, sets[args[0]]())
}
