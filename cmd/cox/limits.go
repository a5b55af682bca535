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

	// closeMax bounds the end of the session when a command or a shell ends.
	closeMax = 2 * time.Second

	// completionMax bounds what the Tab key waits for.
	completionMax = 300 * time.Millisecond

	// completionNames bounds how many names the Tab key offers.
	completionNames = 200

	// pageLength is how many children a walk asks for at a time; a page of long names fits into a reply many times over.
	pageLength = 1000

	// batchDefault is how many deletes deleteall has under way, as zkCli has by default.
	batchDefault = 1000

	// batchMax bounds deleteall -b: each delete under way is a goroutine.
	batchMax = 10_000

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
