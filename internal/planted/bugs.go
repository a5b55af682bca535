package planted

import "github.com/coxswain-io/coxswain/internal/overlay"

// Bug is one planted bug and the suite that must find it.
type Bug struct {
	Name   string
	Breaks string // what is no longer true
	Edits  []overlay.Replacement
	Suite  Suite
}

// Suite is a call of go test.
type Suite struct {
	Package string
	Run     string   // -run
	Args    []string // behind -args
	Words   string   // regular expression that the output of a failure must match
	// Deterministic builds it with the set of that name as well: then the seeds in Args find what they found before.
	Deterministic bool
}
