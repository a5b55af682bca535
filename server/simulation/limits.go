package simulation

import "time"

// Of the network of clients.
const (
	// wireDelay is the mean time of a chunk of bytes, one way, in calm weather. Shorter than the log's rounds, so that requests
	// arrive between their steps.
	wireDelay = time.Millisecond
	// wireDelayBad is the mean while the network is slow: about as long as an election.
	wireDelayBad = 100 * time.Millisecond
	// redialEvery is how often a connection is tried whose partner cannot be reached.
	redialEvery = 200 * time.Millisecond
	// windowBytes is what the buffers of both sides and the way between them hold, in one direction. Small, so that full ones
	// occur.
	windowBytes = 64 << 10
)

// traceBytes is how much of a chunk or an entry is written down in the text of a trace; all of it is in the hash.
const traceBytes = 1 << 10

// Of a run.
const (
	// sessionTimeout is the clients'. The servers grant no less than their own minimum.
	sessionTimeout = 4 * time.Second
	// thinkMean is the mean pause of a client between two operations: a run lasts for some faults.
	thinkMean = 200 * time.Millisecond
	// One in lockRuns runs is about locks and an election. Each use of one costs as much as lockShare operations.
	lockRuns  = 5
	lockShare = 5
	// faultEvery is the mean time between two faults, and faultLasts the mean time of one: some outlive a session's timeout.
	faultEvery = 400 * time.Millisecond
	faultLasts = 800 * time.Millisecond
	// driftMax is by how much a server's clock runs too fast or too slow at most. The margin of sessions allows for an eighth
	// between any two.
	driftMax = 0.06
	// stormTransfers is how often the leadership changes hands in a storm, once in stormEvery: faster than elections settle.
	stormTransfers = 8
	stormEvery     = 150 * time.Millisecond
	// drainWithin is the patience of who stops a server in an orderly way.
	drainWithin = 2 * time.Second
	// healthyWithin is in what time a write must succeed after all faults have ended.
	healthyWithin = 10 * time.Second
	// convergeWithin is how long the servers may take then until they all stand at the same zxid.
	convergeWithin = 30 * time.Second
	convergeEvery  = 50 * time.Millisecond
	// checkWithin bounds the search for a linear order, in real time; it usually takes some milliseconds.
	checkWithin = time.Minute
)
