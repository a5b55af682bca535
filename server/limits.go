package server

import (
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// Limits of one server. What they refuse is refused before anything is proposed; what replicas enforce together is
// constant and stands in the limits of znode, session and server/state.
const (
	// batchBytesMax closes the open batch: requests that come while it is full wait in their connections. It bounds the
	// size of a log entry to itself plus one request, far below what the consensus library carries.
	batchBytesMax = 1 << 20

	// treeOpBytes is what a write of whole trees counts for in the open batch besides its bytes: a hundred bytes may ask for 50
	// ms of work, and what is in one entry is applied under one lock. Two close the batch.
	treeOpBytes = batchBytesMax / 2

	// batchKeepBytes is how much memory an empty batch keeps for the next one.
	batchKeepBytes = 2 << 20

	// pendingMax bounds the unanswered requests of one connection; past it the server stops reading from the connection.
	// Above session.Window, so that a client which uses its whole window of writes can still read.
	pendingMax = 4096

	// pendingBytesMax bounds the bytes of those requests, for reads of many long paths.
	pendingBytesMax = 4 << 20

	// readsBeforeWriteMax bounds the unanswered reads of a connection when a write is proposed on it: those that stand in
	// front of a write are all answered when it is applied, under the state's exclusive lock and whether or not the client
	// takes the answers. There may be more if their answers, by what is there now, have no more than repliesBeforeWriteMax
	// bytes together. The most that few reads can ask for is readsBeforeWriteMax times wire.FrameMax.
	readsBeforeWriteMax   = 16
	repliesBeforeWriteMax = 8 << 20

	// helloRoomBytes is how far beyond batchBytesMax the open batch may grow by Hellos, which do not wait: while nothing is
	// committed a client must be told so in time. 15,000 of them.
	helloRoomBytes = 1 << 20

	// outHighBytes is where a connection stops being given answers to queued reads, and is not read from, until its
	// client has taken what is there.
	outHighBytes = 1 << 20

	// outMaxBytes is where a connection whose client does not read is closed with a reason: events and replies to writes
	// cannot wait, because the log does not.
	outMaxBytes = 64 << 20

	// outKeepBytes is how much of its two output buffers an idle connection keeps.
	outKeepBytes = 16 << 10

	// longListEntries is how many entries a list has, at least, whose page is put into one of the pageBuffers, so that a buffer
	// does not grow step by step, each step a copy and garbage; shorter ones mostly find room in what a connection keeps.
	longListEntries = outKeepBytes / 32

	// pageBufferBytes is the size of those buffers: a page, what stands around it, and a last entry of 4 KiB.
	pageBufferBytes = wire.PageBytesMax + 8<<10

	// connectionsMaxDefault bounds open connections; each costs about 30 kB when idle.
	connectionsMaxDefault = 20_000

	// oustedMax bounds the connections that had to make room for others and have not ended yet: they have gone within the time
	// of one write, unless the machine is overloaded.
	oustedMax = 64

	// descriptorsReserved is how many of the files that the process may have open are not for clients: those of the raft port
	// (256, and a few that lead to the other servers), of the log and its snapshots (about 20), of the admin port and of people
	// who look (32), and of those that are being turned away (oustedMax).
	descriptorsReserved = 384

	// connectionsMin is for how many clients there must be room at least: for fewer a server is of no use.
	connectionsMin = 64

	// diskWatermarkDefault is the free space of the data directory below which the cluster refuses writes that need room.
	// Eight times the log segment that Dragonboat preallocates (64 MiB), because without it the process would die.
	diskWatermarkDefault = 512 << 20
)

// Times of one server.
const (
	helloTimeout   = 5 * time.Second         // from accept to the whole Hello
	attachTimeout  = 1500 * time.Millisecond // from Hello to the log's answer, several elections long; then the client is told to try another server
	goodbyeTimeout = time.Second             // the same for the last write of a connection that is being closed
	writeTimeout   = 10 * time.Second        // one write to a socket; then the client is taken for dead
	pulseEvery     = 100 * time.Millisecond  // lease, expiry, clock
	advanceEvery   = 500 * time.Millisecond  // step of the cluster clock, by the leader
	reapEvery      = time.Second             // look for containers and TTL nodes that are due, by the leader
	diskEvery      = time.Second             // look at the free space
	reapMax        = 500                     // nodes reaped per look
	acceptPauseMax = time.Second             // after a failed accept (no descriptors left), doubling from 5 ms
	drainTimeout   = 5 * time.Second         // for clients to take their goodbye
)
