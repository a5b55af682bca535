package main

import "time"

const (
	// sessionTimeout is that of all sessions, whoever's client: ours has it by default, and the death of a client is noticed
	// as soon everywhere. ZooKeeper takes it as a multiple of its ticks of 2 s.
	sessionTimeout = 10 * time.Second

	// dialMax is how long a client may take to have a session. A JVM that has just started needs a second for the first.
	dialMax = 20 * time.Second

	// readyMax is how long a cluster may take from the start of its processes until each server serves.
	readyMax = 60 * time.Second

	// askMax is how long one server has to answer when it is asked who leads. One that is stopped never answers.
	askMax = 500 * time.Millisecond

	// pollEvery is how often servers are asked that are waited for.
	pollEvery = 20 * time.Millisecond

	// logTailBytes of a server's log are told in an error about it.
	logTailBytes = 2 << 10

	// deletesAtOnce is how many nodes one transaction removes where ZooKeeper's tree is cleared away: 500 paths are far below
	// its limit of 1 MiB for a request.
	deletesAtOnce = 500

	// valueBytes is the data of every node that is written.
	valueBytes = 100

	// warmClients put a cluster under load for warmTime before anything is measured with it. A virtual machine has compiled
	// what is used by then; a further warm-up before each workload is as long as is asked for.
	warmClients = 64
	warmTime    = 6 * time.Second

	// rearmAfter is how long a client of ZooKeeper waits after an event until it watches again. All others have been told by
	// then: a thousand clients that read at once would delay the events of those that have not.
	rearmAfter = 25 * time.Millisecond
)
