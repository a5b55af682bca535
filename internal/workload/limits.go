package workload

import "time"

const (
	// lanes is how many calls a worker makes at once at most: enough for pipelining, few enough for a checker, for which
	// calls that overlap are the cost.
	lanes = 4

	// One in crowdShare workers is crowdMin to crowdMax callers, each of which makes up to crowdCalls calls before the session
	// goes on to something else, and pauses crowdHaste times less than the others: their calls are to overlap.
	crowdShare = 3
	crowdMin   = 2
	crowdMax   = 3
	crowdCalls = 8
	crowdHaste = 10

	// restShare is how many of 1,000 steps are a rest, where there are any.
	restShare = 12

	// dialsMax is how often in a row a session may fail to be opened until the run gives up, each time after Config.Timeout.
	// Faults that last longer than that are not what a workload can tell anything about.
	dialsMax = 30

	// waitsMax is how many session timeouts the end of a run waits until the watches have come up to the last write.
	waitsMax = 6

	// streamsMax and shotsMax bound the watches of one session: each is work for every change.
	streamsMax = 3
	shotsMax   = 8

	// watchfulShotsMax and watchfulShare are for runs that are Watchful: as many one-shot watches as a session may then have,
	// and how many of a hundred operations set one.
	watchfulShotsMax = 48
	watchfulShare    = 70

	// strayMax is how many sequential nodes a worker remembers, to delete them.
	strayMax = 16

	// outcomesMax is how often the service is asked about one write. It says "open" as long as the write may still come.
	outcomesMax = 8

	// lifetime is that of TTL nodes: longer than any run, on whatever clock.
	lifetime = 10 * 365 * 24 * time.Hour

	// patienceMin and patienceMax bound how long an impatient caller waits: from less than any answer takes to more than a
	// few do.
	patienceMin = 100 * time.Microsecond
	patienceMax = 100 * time.Millisecond

	// quietMax is within which time an end of a session is short enough that its zxid is believed: a client does not ping so
	// soon, and it is hardly time for a connection to break, another to be made, and that one to break too.
	quietMax = 20 * time.Millisecond

	timeoutDefault = 10 * time.Second
	clientsDefault = 8
)
