package load

import "time"

const (
	// atOnceMax is how many calls are under way at the same time where a measurement is prepared or cleared away. A thousand
	// clients are there in a second then, and the servers are not flooded.
	atOnceMax = 64

	// clearMax is how long the clearing away of one measurement may take.
	clearMax = time.Minute

	// startMax is how long the servers of a cluster may take until they are ready.
	startMax = 30 * time.Second

	// dialMax is how long one client may take to connect. A new leader is there in a fraction of it.
	dialMax = 4 * time.Second

	// silenceMax is how long nothing may be answered until a run ends. A cluster that has lost its leader, and a client that has
	// to notice that its server is frozen, take a fraction of it.
	silenceMax = 15 * time.Second

	// backlogMax is for how long after the end the calls are still made that were due before it and found no caller free.
	backlogMax = time.Second

	// drainMax is how long calls that were made while it was measured may take to be answered after its end.
	drainMax = 5 * time.Second

	// failurePause is how long a caller of a closed loop rests after a failure.
	failurePause = 20 * time.Millisecond

	// problemsMax is how many texts of errors are kept.
	problemsMax = 5

	// childrenDefault is how many children are listed if nobody says otherwise.
	childrenDefault = 1000

	// deletesMax is how many nodes one transaction deletes where a tree is removed in parts. The service allows as many
	// operations in one.
	deletesMax = 1000
)
