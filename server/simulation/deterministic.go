//go:build deterministic

package simulation

import (
	"runtime"
	"runtime/debug"
	_ "unsafe" // for go:linkname
)

// Deterministic tells that equal seeds give equal runs: the build has the overlay of package overlay.
const Deterministic = true

// simSeed is in the overlay's package runtime.
//
//go:linkname simSeed runtime.simSeed
func simSeed(seed uint64)

// reseed is called in the bubble before anything is done there.
func reseed(seed uint64) { simSeed(seed) }

// quiet keeps everything from happening in the process that the bubble does not do: other processors, the collector, and the
// sampling of allocations, which draws random numbers. The function that it returns undoes that, and collects.
func quiet() func() {
	processors, percent, rate := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1), runtime.MemProfileRate
	runtime.MemProfileRate = 0
	return func() {
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
		runtime.MemProfileRate = rate
	}
}
