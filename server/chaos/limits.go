package chaos

import "time"

const (
	// mtu of the network's devices in bytes: far above Ethernet's, because each packet costs this process two system calls.
	mtu = 9000
	// packetMax is a whole packet and more.
	packetMax = 64 << 10
	// queueMax is how many packets one direction holds back: a bottleneck loses the rest, and TCP slows down.
	queueMax = 1000
	// reorderBy is how long a packet that others overtake is held back: several packets' time at the rates of a round.
	reorderBy = 5 * time.Millisecond
	// subnets is how many /24 there are to choose from.
	subnets = 128 * 256
)

const (
	pollEvery = 5 * time.Millisecond
	// leaderWait bounds the search for the leader when one is to be hurt: without one, somebody else is.
	leaderWait = time.Second
	// readyWait is for a server that was restarted in order: the service's own limit for coming back (P12).
	readyWait = 10 * time.Second
	// stopWait is how long after a failed fsync, or a full disk, a server may still be there: it has to write a trace of its
	// goroutines.
	stopWait = 2 * time.Second
	// transferEvery is the time between two transfers: less than an election takes, with the start of a process.
	transferEvery = 200 * time.Millisecond
	// flapMin and flapMax are around the time after which a server stands for election (200 to 400 ms).
	flapMin, flapMax = 50 * time.Millisecond, 700 * time.Millisecond
	// diskBytes is the size of a server's disk when disks are to be filled, in memory: room for the logs of many rounds.
	diskBytes = 256 << 20
	// diskWatermark is what the servers are told for such disks.
	diskWatermark = 8 << 20
)

const (
	// startWait is for the first start of a cluster on a busy machine.
	startWait = time.Minute
	// closeWait is for the end of this package's own session.
	closeWait = 2 * time.Second
	// loadWait is how long the load may take beyond the faults: sessions of clients that were cut off have to expire, and a
	// narrow line may hold it up.
	loadWait = time.Minute

	// A round has 2 to 4 episodes of one or two faults. holdMin is less than an election takes, holdMax more than the sessions'
	// timeouts; with the pauses a round takes about 20 s.
	episodesMin, episodesMax = 2, 4
	beforeMin, beforeMax     = 500 * time.Millisecond, 3 * time.Second
	holdMin, holdMax         = 200 * time.Millisecond, 7 * time.Second
)

const (
	// sessionTimeout is short enough that sessions of clients that are cut off expire in a round, and long enough that those of
	// the others do not.
	sessionTimeout = 4 * time.Second
	// checkLimit is for the search for an order of a round's operations, which takes less than a second.
	checkLimit = 30 * time.Second
)

const (
	// diskHold is how long a disk is bad: several times what the cluster may take to do without its server.
	diskHold = 8 * time.Second
	// silenceMax is how long nobody may be answered because of one bad disk.
	silenceMax = 5 * time.Second
	// diskSetters is enough load for fsyncs all the time.
	diskSetters = 8
	// setterTimeout outlives every silence that is allowed.
	setterTimeout = 30 * time.Second
	// refusedPause is before a write that was refused is made again.
	refusedPause = 10 * time.Millisecond
)
