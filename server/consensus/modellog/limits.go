package modellog

import "time"

// Shares of Rates.
const (
	// A leader shows itself five times in an election, as the real one does.
	heartbeatsPerElection = 5
	// A leader that has heard nothing of a majority for this many elections may give up; see patience.
	aloneElections = 2
	// patience is one in how many heartbeats at which a leader that is alone does give up. Raft lets it go on believing for
	// as long as it likes, and what a cluster makes of such a leader is worth seeing.
	patience = 8
	// submitElections is how long a Submit waits for its proposal before it makes another one, as long as the leader stays.
	submitElections = 5
	// barrierElections is the same for a question at a barrier, at most. It begins with a tenth of an election and doubles.
	barrierElections = 2
	// ownShare is how many times faster than a message whatever a replica does alone is on average: a write to its disk, the way
	// from the log to the machine.
	ownShare = 4
	// snapshotWrites is how many writes to the disk take as long as a snapshot.
	snapshotWrites = 10
)

// Defaults of Rates.
const (
	delayDefault    = 2 * time.Millisecond
	electionDefault = 200 * time.Millisecond
)

// Counts.
const (
	// batchMax is the most entries that are given to a machine at once, or in one message to a follower; how many are is
	// random. Few enough that there is something between two batches to be interrupted.
	batchMax = 16
	// heldMax is how many messages wait for a replica that stands still. Further ones are lost, as with a full buffer.
	heldMax = 4096
)
