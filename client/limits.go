package client

import "time"

const (
	// queueBytesMax bounds the encoded requests, in bytes, that are queued or unanswered. The window bounds writes by
	// number only, and a thousand values of a mebibyte would be a gibibyte. One request above it passes when it is alone.
	queueBytesMax = 16 << 20

	// queueCallsMax bounds the requests that are queued or unanswered, by number: reads have no window of their own. Above
	// it callers wait for room.
	queueCallsMax = 1 << 16

	// dialTimeout is how long one address has to accept a connection. A server on the same continent needs a tenth of it.
	dialTimeout = 2 * time.Second

	// backoffMin and backoffMax bound the pause after a round of all servers without success. It doubles each time, and a
	// random part of up to half of it keeps clients that were cut off together from coming back together.
	backoffMin = 20 * time.Millisecond
	backoffMax = time.Second

	// steadyAfter is how long a connection must have lived for its end to count as one failure, not as one more in a row.
	// It keeps a server that accepts clients and drops them from being asked in a tight loop.
	steadyAfter = time.Second

	// pingsPerTimeout is how often an idle client pings within its session timeout, so that two lost ones do no harm;
	// pingEveryMin and pingEveryMax bound the interval for very short and very long timeouts.
	pingsPerTimeout = 3
	pingEveryMin    = 100 * time.Millisecond
	pingEveryMax    = 10 * time.Second

	// quietMax is how long a server may leave requests unanswered before it is pinged, and a sixth of the timeout if that
	// is less. Servers answer pings at once, even while writes wait for a majority.
	quietMax = 500 * time.Millisecond

	// silenceMin and silenceMax bound how long a server may send nothing at all while something is outstanding: a third of
	// the timeout, so that there is time for another server. Beyond, the server counts as dead or stopped.
	silenceMin = 300 * time.Millisecond
	silenceMax = 2 * time.Second

	// resendsMax is how often in a row the writes of a session may be sent again on one connection without one of them
	// being answered; then another connection is tried.
	resendsMax = 8

	// eventsBuffer is how many events the channel of a persistent watch holds. A burst beyond it goes through the backlog,
	// which costs a goroutine for as long as it lasts. The channel has its 3 KB for as long as the watch is there, which
	// makes 300 MB for as many watches as a connection may have.
	eventsBuffer = 16

	// backlogEventsMax and backlogBytesMax bound what one persistent watch holds, besides its channel, for a user who does
	// not take it; beyond, the rest becomes one gap. A second or so of many small changes, or a few of the largest.
	backlogEventsMax = 4096
	backlogBytesMax  = 4 << 20

	// backlogsBytesMax bounds the backlogs of all watches of a client together, in bytes; each may have a gap besides.
	backlogsBytesMax = 64 << 20

	// eventBytes is what an event counts for in these bounds besides its path and data: the size of [Event], rounded up.
	eventBytes = 192

	// pumpWatchesMax is how many backlogs one goroutine serves. To wait for room in as many channels takes it some tens of
	// microseconds.
	pumpWatchesMax = 256

	// leaseCheckMax is how long the timer of a SessionContext sleeps at most. Timers stand still while the machine is
	// suspended; so long after its end the context of a session that may be over ends at the latest.
	leaseCheckMax = time.Second

	// outcomeWaitMax is how long the callers of writes that were unanswered when their session ended wait for the next
	// session to ask what became of them. The service has just spoken, so a second is usual; it covers an election.
	outcomeWaitMax = 30 * time.Second

	// registerRetry is how long a registration waits that the service has refused for a reason that nothing tells the end of:
	// a parent that is absent, a full disk.
	registerRetry = time.Second

	// bufferKeepMax is the largest buffer, in bytes, that is kept for later use, so that one large value does not make the
	// client hold its size for ever.
	bufferKeepMax = 64 << 10

	// callKeepMax is the largest request and answer together, in bytes, whose buffers are kept for the next call, for as long as
	// the collector leaves them: a page of a list, which ends at 256 KiB, is among them, because others follow it.
	callKeepMax = 320 << 10

	// timeoutDefault is the session timeout if [Config] has none. It survives the death of a leader with a lot to spare.
	timeoutDefault = 10 * time.Second

	// serverDefault is the address of a server on the same machine with default settings.
	serverDefault = "127.0.0.1:7181"
)
