package overlay

// Deterministic returns the replacements for builds with the tag "deterministic", in which a testing/synctest bubble of one
// seed runs the same way in every process, if GOMAXPROCS is 1 and the collector is off. What they do is told at each.
// The build gets one more function, runtime.simSeed, through which the stream is seeded.
func Deterministic() []Replacement {
	return []Replacement{
		{ // What is random in a bubble, but for crypto/rand, is drawn from one stream.
			File: "GOROOT/runtime/rand.go",
			Old:  "func rand() uint64 {\n",
			New: `func rand() uint64 {
	if gp := getg().m.curg; simOn && gp != nil && gp.bubble != nil {
		return simNext()
	}
`,
		},
		{ // The runtime draws for its own locks, too, and how often depends on the machine: so only these two have the stream.
			File: "GOROOT/runtime/select.go",
			Old:  "		j := cheaprandn(uint32(norder + 1))\n",
			New:  "		j := simCheaprand() % uint32(norder + 1)\n",
		},
		{
			File: "GOROOT/runtime/time.go",
			Old:  "			t.rand = cheaprand()\n",
			New:  "			t.rand = simCheaprand()\n",
		},
		{
			File: "GOROOT/runtime/rand.go",
			Old:  "// rand32 is uint32(rand()), called from compiler-generated code.\n",
			New: `// simOn tells that bubbles draw from simState.
var (
	simOn    bool
	simState uint64
)

// simNext is splitmix64.
//
//go:nosplit
func simNext() uint64 {
	simState += 0x9e3779b97f4a7c15
	z := simState
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// simCheaprand is for those whose choice a program can notice.
func simCheaprand() uint32 {
	if gp := getg().m.curg; simOn && gp != nil && gp.bubble != nil {
		return uint32(simNext() >> 32)
	}
	return cheaprand()
}

// simSeed begins a stream.
//
//go:linkname simSeed
func simSeed(seed uint64) { simState, simOn = seed, true }

// rand32 is uint32(rand()), called from compiler-generated code.
`,
		},
		{ // The keys of hashes, which decide where an element of a map stands, are the same in every process.
			File: "GOROOT/runtime/rand.go",
			Old:  "	globalRand.state.Init(*seed)\n",
			New:  "	*seed = [32]byte{1}\n	globalRand.state.Init(*seed)\n",
		},
		{ // So are addresses, which are keys of some maps.
			File: "GOROOT/runtime/malloc.go",
			Old:  "randomizeHeapBase = goexperiment.RandomizedHeapBase64 && ",
			New:  "randomizeHeapBase = false && goexperiment.RandomizedHeapBase64 && ",
		},
		{ // A goroutine runs until it waits. One that is in a system call keeps its processor.
			File: "GOROOT/runtime/proc.go",
			Old:  "		if retake(now) != 0 {\n",
			New:  "		if !simOn && retake(now) != 0 {\n",
		},
		{ // Memory is given back between runs.
			File: "GOROOT/runtime/proc.go",
			Old:  "		if scavenger.sysmonWake.Load() != 0 {\n",
			New:  "		if !simOn && scavenger.sysmonWake.Load() != 0 {\n",
		},
		{ // Those who gave way go on when nobody else can, and not at every 61st tick, which goroutines of the runtime count too.
			File: "GOROOT/runtime/proc.go",
			Old:  "	if pp.schedtick%61 == 0 && !sched.runq.empty() {\n",
			New:  "	if !simOn && pp.schedtick%61 == 0 && !sched.runq.empty() {\n",
		},
	}
}
