//go:build !deterministic

package simulation

// Deterministic is false: a seed gives the same faults and operations, and the scheduler what it likes. See package overlay.
const Deterministic = false

func reseed(uint64) {}

func quiet() func() { return func() {} }
