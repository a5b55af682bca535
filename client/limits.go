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

	// bufferKeepMax is the largest buffer, in bytes, that is kept for later use, so that one large value does not make the
	// client hold its size for ever.
	bufferKeepMax = 64 << 10

	// timeoutDefault is the session timeout if [Config] has none. It survives the death of a leader with a lot to spare.
	timeoutDefault = 10 * time.Second

	// serverDefault is the address of a server on the same machine with default settings.
	serverDefault = "127.0.0.1:7181"
)
