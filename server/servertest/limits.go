package servertest

import "time"

const (
	// readyTimeout is how long servers may take to be ready; under the race detector on a busy machine they need much of it.
	readyTimeout = time.Minute

	// closeTimeout is how long a client may take to close its session at the end of a test.
	closeTimeout = 10 * time.Second

	// lookEvery is the pause between two looks at servers whose progress is waited for.
	lookEvery = time.Millisecond

	// drainTimeout is how long a server may take to tell its clients to move and to hand over the leadership.
	drainTimeout = 20 * time.Second

	// settleTimeout is how long [Cluster.Advance] waits in one step for what the servers have proposed, for a leader, or for
	// a server to hear a client: many elections. Then time goes on without it, as it does when a cluster is in trouble.
	settleTimeout = 5 * time.Second

	// framesWaitingMax bounds the frames of one connection and direction that wait for a delay, a pause or their reader;
	// past it the sender is not read from.
	framesWaitingMax = 256
)
