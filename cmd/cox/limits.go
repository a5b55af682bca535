package main

import "time"

const (
	// serversDefault is a server on the same machine with default settings.
	serversDefault = "127.0.0.1:7181"

	// timeoutDefault bounds a command, or each step of one that walks a subtree. It outlasts an election several times.
	timeoutDefault = 5 * time.Second

	// reachMax is how long to look for a server that listens at all. A server that is just starting is found, and a wrong
	// address is reported within a second.
	reachMax = 750 * time.Millisecond

	// connectMin is how long a command may take to connect that then waits for others no longer than for a moment.
	connectMin = time.Second

	// closeMax bounds the end of the session when a command or a shell ends.
	closeMax = 2 * time.Second

	// completionMax bounds what the Tab key waits for.
	completionMax = 300 * time.Millisecond

	// completionNames bounds how many names the Tab key offers.
	completionNames = 200

	// pageLength is how many children a walk asks for at a time; a page of long names fits into a reply many times over.
	pageLength = 1000

	// batchDefault is how many deletes deleteall in parts makes at a time, as zkCli does by default.
	batchDefault = 1000

	// batchMax bounds deleteall -b, as scripts for zkCli have it; deletesMax is as many as it uses, which is what one
	// transaction takes.
	batchMax   = 10_000
	deletesMax = 1000

	// pageMax bounds ls --page; a server gives as many as fit into an answer.
	pageMax = 1_000_000

	// knownMax bounds what is waited for the server to tell how far it is, when many events have piled up.
	knownMax = 300 * time.Millisecond

	// restEvery is how often is looked whether all events of a burst have been taken, restMax how long. The client hands over
	// some hundred thousand in a second, and holds no more than a few thousand.
	restEvery = time.Millisecond
	restMax   = time.Second

	// closeSoon is closeMax when the servers have just shown that they do not answer.
	closeSoon = 250 * time.Millisecond

	// askedMax bounds the question who has it, of a command whose time to wait is up.
	askedMax = 500 * time.Millisecond

	// tellAfter is how long a user at a terminal waits for others until told for whom.
	tellAfter = time.Second

	// statusMax is the greatest exit status that can be chosen.
	statusMax = 255

	// reviveEvery is how often is looked whether a program that waits for the terminal can have it.
	reviveEvery = 100 * time.Millisecond

	// firstCheckEvery is how often at least a service is checked that has not passed yet.
	firstCheckEvery = time.Second

	// programEndMax is how long a program has to end after SIGTERM; then it is killed.
	programEndMax = 5 * time.Second

	// graceDivisor is the part of a session's timeout for which a program may go on under a lock that has become uncertain: half
	// of the 1/8 that is left then until anybody else can get it. The other half is for clocks that do not run alike.
	graceDivisor = 16

	// signalStatus is added to the number of the signal that has ended a program, as shells do.
	signalStatus = 128

	// ttlDefault is for how long a service passes after its newest check that has, checksPerTTL how many checks are made in that
	// time; noteMax bounds what is told of one that fails, in bytes.
	ttlDefault   = 30 * time.Second
	checksPerTTL = 3
	noteMax      = 200

	// labelShown is how many bytes of a label are shown in a line.
	labelShown = 64

	// inputMax is the most bytes that are read as data from a file or standard input. It is above what a node can hold, so
	// that the refusal can tell the size, and bounds what is read for nothing.
	inputMax = 16 << 20

	// lineMax is the longest line of a script in bytes: data of the largest size, escaped.
	lineMax = 8 << 20

	// watchesMax bounds the watches of one shell; the select over them takes time in proportion.
	watchesMax = 10_000

	// historyLines is how many lines the history file keeps.
	historyLines = 1000

	// historyLineMax is the longest line, in bytes, that is kept in the history file; longer ones are mostly pasted data.
	historyLineMax = 4096

	// historyShown is how many commands history prints, as in zkCli.
	historyShown = 11

	// typoMax is the largest edit distance at which another command is suggested.
	typoMax = 3
)
