package simulation

import (
	"time"

	"github.com/coxswain-io/coxswain/session"
)

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
	// exileMin is how long a server is cut off in an exile: so long that a session that nobody but this server has heard of is
	// ended by the others, with time left to see what it does then.
	exileMin = sessionOverWithin + 2*time.Second
	// sessionOverWithin is how long after its last sign of life a session is over, while a majority works: the lease of the server
	// that has died with it, a step of the clock for that and one for its timeout, its timeout with the margin for unequal
	// clocks, and an election.
	sessionOverWithin = leaseTime + 2*stepTime + sessionTimeout + time.Second
	leaseTime         = session.LeaseMS * time.Millisecond
	stepTime          = session.MaxStepMS * time.Millisecond
	// lagMean is the mean time for which a server is late with each part of what it applies, while it lags.
	lagMean = 100 * time.Millisecond
	// lateTimes is how many times longer than to others messages to a server take that hears late.
	lateTimes = 60
	// In one of denseRuns runs clients make denseTimes as many calls in the same time as in the others, and one server hears late
	// from the beginning on: so much happens while it asks how far the others are.
	denseRuns  = 2
	denseTimes = 8
	// restMean is the mean of the times in which a client hardly asks for anything: as long as an exile, and more.
	restMean = 3 * sessionTimeout
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
	// emptyWithin is how long after the end of all clients the sessions of those that left without a word may stay. In good
	// weather: the leases and the clocks of the servers are as they should be.
	emptyWithin = sessionOverWithin + 2*time.Second
	// checkWithin bounds the search for a linear order, in real time; it usually takes some milliseconds.
	checkWithin = time.Minute
)
