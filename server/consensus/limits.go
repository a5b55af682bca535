package consensus

import "time"

// Sizes.
const (
	// CommandBytesMax bounds one command. Far above any batch that a server packs (about 1 MiB) and far below
	// frameBytesMax, so that every entry fits into one frame to every follower.
	CommandBytesMax = 16 << 20

	// frameBytesMax bounds the payload of one frame: Dragonboat packs at most 64 MiB of messages into one batch; the
	// rest is for their headers.
	frameBytesMax = 64<<20 + 8<<20

	// chunkBytesMax bounds a frame with one piece of a snapshot, which Dragonboat cuts into 2 MiB, plus its description.
	chunkBytesMax = 4 << 20

	// censusBytesMax bounds the frames of a census: a few numbers and the name of a cluster.
	censusBytesMax = 1 << 10

	// growBytes is how much of a frame is allocated before any of its payload has come. After that the buffer doubles
	// each time it is full.
	growBytes = 64 << 10

	// keepBytes is the largest buffer that a connection keeps for its next frame.
	keepBytes = 1 << 20

	// clusterNameMax bounds the name of a cluster, in bytes.
	clusterNameMax = 255

	// logBufferBytes is each of the 16 write buffers that tan, the log store, allocates at start; it uses one per Raft
	// group, so one. A larger record gets a buffer of its own. 16 x 256 KiB instead of the smallest preset's
	// 16 x 4 MiB takes 60 MiB off the idle heap.
	logBufferBytes = 256 << 10

	// segmentBytes is the disk space that a log file reserves: where tan begins the next one, and room for its last record.
	segmentBytes = 64<<20 + 128<<10

	// segmentZeros is how far ahead of the records zeros are written, each time they have been used up. The sync that
	// follows carries them: long enough that it is one in hundreds, short enough that it is not much slower than others.
	segmentZeros = 256 << 10

	// segmentPage is a page of the disk. Zeros end with one, which tells a file with zeros from one that was closed.
	segmentPage = 4 << 10

	// replayBytesMax is how much of the log is read at once: tens of milliseconds of work for the machine.
	replayBytesMax = 2 << 20

	// queueBytesMax bounds, in bytes, the messages queued to and from each peer, and the log entries that are not yet
	// applied: several times what a fast network carries between two elections.
	queueBytesMax = 256 << 20
)

// Counts.
const (
	// inboundMax bounds connections to the raft port: members need two each, or three while a snapshot is sent. Further
	// ones are closed at once.
	inboundMax = 256

	// strangersMax bounds the replicas of unknown address that are being asked who they are at the same time.
	strangersMax = 16

	// snapshotEntriesDefault is the number of log entries between two snapshots. An entry is a batch of many writes.
	snapshotEntriesDefault = 20_000

	// compactionOverhead is how many entries before a snapshot stay in the log, so that a follower that was away for a
	// moment gets them and not the whole snapshot. At most a quarter of the entries between snapshots is kept.
	compactionOverhead = 5_000
)

// Times in ticks of Raft (Config.Tick, 20 ms by default: each costs every server CPU time, also an idle one).
const (
	electionTicks  = 10 // a follower that hears nothing for 10 to 20 ticks stands for election; less fails under load on two cores
	heartbeatTicks = 2
	// submitTicks is how long a proposal may take before another copy is proposed. It matters only for losses without a
	// change of leader, such as a broken connection.
	submitTicks = 50
	// barrierTicks is the same for a ReadIndex: two elections.
	barrierTicks = 2 * electionTicks
	// barrierRetryTicks is the first such time after a change of leader. A new leader ignores ReadIndex without notice
	// until its first entry is committed, which takes one round trip and one fsync.
	barrierRetryTicks = 1
	// rosterTicks is the time between two looks at new members that wait for their vote, and at whether there is a leader.
	rosterTicks = 12
	// doubtTicks is how long a member hears of no leader before it asks the others whether it was removed; far longer
	// than an election.
	doubtTicks = 100
	// pauseTicks is how long to wait when the library refuses a request at once although there is a leader.
	pauseTicks = 1
)

// Times.
const (
	tickDefault = 20 * time.Millisecond

	// handshakeTimeout is from accept to the end of the TLS handshake, and from there to the first whole frame.
	handshakeTimeout = 5 * time.Second
	// idleTimeout closes an incoming connection that carries nothing. Senders close theirs after one minute.
	idleTimeout = 2 * time.Minute
	// frameTimeout is the time for the rest of a frame from its header on, or for a write, plus frameTimePerMiB for
	// each MiB of it.
	frameTimeout    = 5 * time.Second
	frameTimePerMiB = time.Second
	// dialTimeout covers connecting and the TLS handshake.
	dialTimeout = 5 * time.Second
	// reconnectAfter is the time between two attempts to connect again to a member whose connection has ended; it doubles up
	// to the maximum, which is how much later than it could a member that comes back after a while hears of the leader: no
	// more than an election, so that it does not stand for one. A connection that has held for so long begins anew.
	reconnectAfter    = 20 * time.Millisecond
	reconnectAfterMax = 200 * time.Millisecond
	// keepAliveEvery is how often TCP asks whether the peer of an idle connection is still there.
	keepAliveEvery = 10 * time.Second
	// drainTimeout is how long the end of a snapshot connection waits for the peer to have read everything.
	drainTimeout = 10 * time.Second
	// acceptPauseMax is the longest pause after a failed accept (no descriptors left), doubling from acceptPauseMin.
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second

	// censusAskEvery is the time between two questions to a member that has not answered; it doubles up to the maximum.
	censusAskEvery    = 50 * time.Millisecond
	censusAskEveryMax = time.Second
	// censusAskTimeout is for one question with its answer.
	censusAskTimeout = 2 * time.Second
	// censusReportEvery is the time between two log lines that name the members who have not answered.
	censusReportEvery = 3 * time.Second

	// floodWindow and floodMax: of one kind of warning of Dragonboat at most floodMax lines per window are passed on.
	floodWindow = 10 * time.Second
	floodMax    = 5
)
