package overlay

import (
	"fmt"
	"os/exec"
	"strings"
)

// goRoot asks the Go command in PATH, which is the one that will read the overlay.
func goRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking the go command for its tree: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
