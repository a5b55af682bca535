package recipes

import "time"

const (
	// withdrawGrace is how long a caller that gives up waits for its place in line to be taken back. Connected, that takes a
	// few milliseconds; otherwise it goes on behind the caller's back, until the session ends, which takes the place along.
	withdrawGrace = 500 * time.Millisecond

	// insistPause is between two attempts to take something back while the client is being exported.
	insistPause = 50 * time.Millisecond

	// Cache

	// cacheNodesMax is how many nodes a cache has at most if [WithMaxNodes] says nothing else. With values of 100 bytes they
	// take half a gigabyte, so more is hardly meant.
	cacheNodesMax = 1 << 20

	// showEvery is after how many events that come without a pause a cache shows what is complete. What a view costs, some
	// copies of 500 bytes for each node that then changes, is small against that many events.
	showEvery = 256

	// relistPause is before a cache, or an observation, lists its tree once more after an attempt that has failed, because the
	// tree changes faster than it can be listed, or because a session has ended. It doubles with each, up to relistPauseMax:
	// the list of a large tree is the most expensive read there is, and may not be repeated without end at full speed by
	// everybody who has a cache.
	relistPause    = 50 * time.Millisecond
	relistPauseMax = 10 * time.Second

	// changesBuffer is how many changes a reader can take from a channel of changes without waiting for the goroutine that
	// fills it.
	changesBuffer = 16

	// changesWaitingMax bounds the changes of a cache that wait for one reader. Whoever is that far behind begins anew, which
	// costs him less than to catch up.
	changesWaitingMax = 4096
)

// Config
const (
	// historyDefault is how many versions a config keeps: some weeks of changes by people, at the size of a page.
	historyDefault = 50

	// historyMax bounds what can be asked for. Every read of a config reads the names of its versions, 14 KB then.
	historyMax = 1000

	// pruneMax is how many versions one Set forgets at most, when there are more than it keeps; a transaction may have a
	// thousand operations.
	pruneMax = 100

	// takeoverBytesMax is how large a Set may be, in bytes of values, that also keeps a stranger's value as a version. A request
	// of the client may have 2 MiB, and that value must not keep anybody from setting another.
	takeoverBytesMax = 3 << 19

	// rereadPause is the pause before a follower repeats a read that was refused: for the time of an election, or of a full
	// server, a few more requests per second do no harm.
	rereadPause = 200 * time.Millisecond
)

// Registry
const (
	// noteBytesMax is how long the note of an instance is at most: some lines for people. What is longer is cut.
	noteBytesMax = 1 << 10

	// serviceBytesMax is how large the record of an instance may be without a note. The service takes nodes of a mebibyte, and
	// a note in JSON may be six times as long; an instance that has no room for its note would not be known as critical.
	serviceBytesMax = 1<<20 - 8<<10
)

// FenceGate
const (
	// gateResourcesMax bounds the resources that a [MemoryGate] remembers: about 10 MB of memory with names of 50 bytes.
	gateResourcesMax = 1 << 16
)

// DoubleBarrier, TwoPhase
const (
	// barrierMembersMax bounds the members of a [DoubleBarrier]: the service carries out a thousand operations in one transaction,
	// and a generation takes one per member and one more.
	barrierMembersMax = 999

	// participantsMax bounds the participants of a [TwoPhase]: a commit checks all their votes in one transaction, and writes two
	// nodes besides.
	participantsMax = 990
)

// Partitioner
const (
	// partitionRetry is the pause before a member asks again for the members, or for a partition, when the service has refused
	// that: what it refuses for (too many ephemeral nodes, a member list beyond a frame) does not pass in milliseconds.
	partitionRetry = 500 * time.Millisecond
)

// Once
const (
	// rememberMax is how long a result of a [Once] is remembered at most, 34 years: the longest that a node can live without
	// being set.
	rememberMax = (1<<40 - 1) * time.Millisecond
)

// Explain
const (
	// explainMax is how many nodes an explanation looks at: more than can usefully wait for anything, in a few answers of the
	// service.
	explainMax = 10_000

	// limitBytes is how long the number of permits of a semaphore is at most, in digits and whatever is around them.
	limitBytes = 32
)

// Lease
const (
	// leaseMarginDivisor sets the margin for clocks that do not run at the same rate: the holder of a lease gives it up 1/8 of its
	// time before the service may. It is the margin that package session has, for the reasons that are told there.
	leaseMarginDivisor = 8

	// leaseLookEvery is how late the end of a lease is found out at most after the machine was suspended.
	leaseLookEvery = time.Second
)

// Counter, Sequencer, RateLimiter
const (
	// counterLossesMax is how often a process is overtaken at a [Counter] before it gets in line. Two that meet by chance are done
	// by then; a line costs each a write and a wake-up.
	counterLossesMax = 3

	// counterTurnMax is how long a process stays in the line of a [Counter] before it goes past it: whoever is ahead is not
	// getting on. With 16 in line a turn takes a sixteenth of it even on a slow disk.
	counterTurnMax = time.Second

	// rangesMax bounds the numbers that a [Sequencer] gives out in ranges. Those it gives out one by one are the version of a node,
	// which stays below a quarter of that in any number of years, so the sum is an int64.
	rangesMax = 1 << 62

	// bucketMargin sets the margin of a [RateLimiter] for clocks that do not run at the same rate: it does not credit 1/100 of the
	// time. Clocks that are being adjusted are fast by a twentieth of that; more would be paid for by everybody all the time,
	// and nobody dies of a token in a hundred.
	bucketMargin = 100

	// bucketPauseMax is how long those who wait for tokens go without a look at the bucket: others may have found more time to
	// credit, or set another limit.
	bucketPauseMax = 10 * time.Second
)
