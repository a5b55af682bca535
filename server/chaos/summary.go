package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Summary is what a run has done and found.
type Summary struct {
	Seed       uint64
	Took       time.Duration
	Rounds     int
	Operations int
	Unknowns   int
	Events     int
	Undecided  int            // rounds whose check gave up
	Faults     map[string]int // by kind
	LeftOut    []string       // kinds that could not be made, with the reason
	Violations []string

	// SlowestWrite is the longest time from the end of all faults to the next write that succeeded, SlowestDigest that from
	// the end of a load until all servers had the same digest.
	SlowestWrite, SlowestDigest time.Duration

	Processes Processes
}

func newSummary(seed uint64) Summary { return Summary{Seed: seed, Faults: map[string]int{}} }

func (s *Summary) writes(d time.Duration) { s.SlowestWrite = max(s.SlowestWrite, d) }
func (s *Summary) agrees(d time.Duration) { s.SlowestDigest = max(s.SlowestDigest, d) }

func (s Summary) String() string {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(s.Faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", name, s.Faults[name]))
	}
	text := fmt.Sprintf("seed %d: %d rounds in %v, %d operations, %d unknown, %d events of watches; faults: %s; %d violations, %d rounds undecided; "+
		"slowest write after a healing %d ms, slowest equal digests %d ms; %s",
		s.Seed, s.Rounds, s.Took.Round(time.Second), s.Operations, s.Unknowns, s.Events, strings.Join(faults, ", "), len(s.Violations), s.Undecided,
		s.SlowestWrite.Milliseconds(), s.SlowestDigest.Milliseconds(), s.Processes)
	if len(s.LeftOut) > 0 {
		text += "; LEFT OUT: " + strings.Join(s.LeftOut, ", ")
	}
	for _, v := range s.Violations {
		text += "\nVIOLATION " + v
	}
	return text
}
